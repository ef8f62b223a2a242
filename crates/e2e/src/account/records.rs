//! Route 53: batches under its own rules, and changes that are pending until the name servers have them.

use std::sync::{Mutex, PoisonError};

use super::http::{Request, Response};
use super::{xml, zone};
use crate::effects::{Effects, Served};

/// What Route 53 keeps besides moto.
#[derive(Default)]
pub(super) struct Records {
    /// What each change has changed, in the order of their ids.
    changes: Mutex<Vec<Vec<Served>>>,
}

/// The path of a change, before its id.
const CHANGE: &str = "/2013-04-01/change/";

/// Whether a request changes records.
pub(super) fn is_batch(method: &str, path: &str) -> bool {
    method == "POST" && path.trim_end_matches('/').ends_with("/rrset")
}

/// Whether a request asks for a change.
pub(super) fn is_get_change(method: &str, path: &str) -> bool {
    method == "GET" && path.starts_with(CHANGE)
}

impl Records {
    /// Changes records, all or none.
    pub(super) fn change(&self, request: &Request, moto: &str, effects: &dyn Effects) -> Option<Response> {
        // Batches come one at a time.
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.line().1.trim_end_matches('/').to_owned();
        let listing = Request::get("route53", &path).forward(moto)?.text();
        let name = Request::get("route53", path.trim_end_matches("/rrset")).forward(moto)?.text();
        let name = xml::first(&name, "Name").unwrap_or_default();
        match zone::apply(&name, &zone::listed(&listing), &zone::changes(&request.text())) {
            Err(reasons) => Some(refusal(&reasons)),
            Ok(changed) => {
                let answer = request.forward(moto)?;
                if answer.status() != 200 {
                    return Some(answer);
                }
                effects.serve(&changed);
                changes.push(changed);
                Some(pending(answer, changes.len()))
            }
        }
    }

    /// Tells whether a change has arrived everywhere.
    pub(super) fn get_change(&self, request: &Request, moto: &str, effects: &dyn Effects) -> Option<Response> {
        let answer = request.forward(moto)?;
        let id = request.line().1.trim_start_matches(CHANGE);
        let number = id.trim_start_matches(['/', 'C']).parse::<usize>().unwrap_or(0);
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = number.checked_sub(1).map(|index| latest(&changes[index.min(changes.len())..]));
        let arrived = wanted.is_some_and(|wanted| effects.is_served(&wanted));
        Some(if arrived { answer } else { pending(answer, number) })
    }
}

/// The records of the first change, or what later ones have made of them.
fn latest(changes: &[Vec<Served>]) -> Vec<Served> {
    let key = |set: &Served| (set.name.clone(), set.kind.clone());
    let last = |set: &Served| {
        let mut same = changes.iter().flatten().filter(|other| key(other) == key(set));
        same.next_back().cloned().unwrap_or_else(|| set.clone())
    };
    changes.first().into_iter().flatten().map(last).collect()
}

/// The answer with the id of a change, which is pending. moto has one id for all.
fn pending(answer: Response, number: usize) -> Response {
    let text = answer.text();
    let id = xml::parts(&text, "Id").first().map(|id| format!("<Id>{id}</Id>")).unwrap_or_default();
    let text = text.replace(&id, &format!("<Id>/change/C{number:013}</Id>"));
    answer.with(&text.replace("INSYNC", "PENDING"))
}

fn refusal(reasons: &[String]) -> Response {
    let body = format!(
        "<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type>\
         <Code>InvalidChangeBatch</Code><Message>[{}]</Message></Error><RequestId>e2e</RequestId></ErrorResponse>",
        xml::escaped(&reasons.join(", "))
    );
    Response::xml(400, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Served {
        Served { name: name.to_owned(), kind: "CNAME".to_owned(), ttl: 60, values: vec![value.to_owned()] }
    }

    #[test]
    fn a_change_that_a_later_one_has_overtaken_waits_for_what_is_served_now() {
        let changes = [vec![set("a.", "1"), set("b.", "1")], vec![set("a.", "2"), set("c.", "1")]];
        assert_eq!(latest(&changes), [set("a.", "2"), set("b.", "1")]);
    }
}
