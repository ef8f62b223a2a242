//! The zone's own servers and the resolvers: whether they can be asked from here, days before the window has to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::CheckItem;
use crate::names::DnsName;
use crate::planner::Inputs;

/// What name servers say of one name, or why they could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAnswers {
    /// The name.
    pub name: DnsName,
    /// What each of the zone's own servers has as its CNAME.
    pub servers: Result<Vec<Option<DnsName>>, String>,
    /// What each resolver of the file has as its CNAME.
    pub resolvers: BTreeMap<IpAddr, Result<Option<DnsName>, String>>,
}

const CONSEQUENCE: &str = "the window could not tell whether a change of records has arrived";

/// Whether everybody can be asked whom the window will ask, and what they say now.
#[must_use]
pub fn name_servers(inputs: Inputs<'_>, answers: &NameAnswers) -> Vec<CheckItem> {
    let target = inputs.observation.records.get(&answers.name).map(|record| &record.target);
    let subject = format!("name servers of {}", inputs.deployment.dns.zone.trim_end_matches('.'));
    let servers = match &answers.servers {
        Err(why) => CheckItem::ok(subject, format!("cannot be asked: {why}"))
            .problem(CONSEQUENCE, "open port 53 from here, UDP and TCP, or run cutover where it is open"),
        Ok(servers) => {
            let behind = servers.iter().filter(|answer| !is_answer(answer.as_ref(), target)).count();
            let item = CheckItem::ok(
                subject,
                format!("{} of {} answer as the zone has it", servers.len() - behind, servers.len()),
            );
            match behind {
                0 => item,
                _ => item.warning("a change is still on its way to them", "look again in a minute"),
            }
        }
    };
    let resolvers = answers.resolvers.iter().map(|(resolver, answer)| of_resolver(*resolver, answer, target));
    std::iter::once(servers).chain(resolvers).collect()
}

/// Whether a name server says what the zone does.
fn is_answer(answer: Option<&DnsName>, target: Option<&DnsName>) -> bool {
    match (answer, target) {
        (Some(answer), Some(target)) => answer.is_same(target),
        (answer, target) => answer.is_none() && target.is_none(),
    }
}

fn of_resolver(resolver: IpAddr, answer: &Result<Option<DnsName>, String>, target: Option<&DnsName>) -> CheckItem {
    let subject = format!("resolver {resolver}");
    match answer {
        Err(why) => CheckItem::ok(subject, format!("cannot be asked: {why}"))
            .problem(CONSEQUENCE, "open port 53 from here, UDP and TCP, or take it out of `dns.resolvers`"),
        Ok(answer) if is_answer(answer.as_ref(), target) => CheckItem::ok(subject, "answers as the zone has it"),
        Ok(answer) => {
            let seen =
                answer.as_ref().map_or("does not know the name".to_owned(), |answer| format!("answers {answer}"));
            CheckItem::ok(subject, seen)
                .warning("it keeps an old answer, or has another view of the zone", "look again after the TTL")
        }
    }
}
