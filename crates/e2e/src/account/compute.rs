//! EC2: launches and terminations take effect, status checks and consoles tell what came of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::base64;
use super::http::{Request, Response};
use super::xml;
use crate::effects::{Effects, Launch};

/// What EC2 keeps besides moto.
#[derive(Default)]
pub(super) struct Compute {
    /// The answer to the first launch under each client token.
    launches: Mutex<BTreeMap<String, Response>>,
    /// When instances were launched, and what they have printed while they booted.
    consoles: Mutex<BTreeMap<String, (Instant, String)>>,
    /// How long after its launch what an instance has printed is shown.
    shown_after: Mutex<Duration>,
}

impl Compute {
    /// Launches an instance, once for each client token.
    pub(super) fn run_instances(&self, request: &Request, moto: &str, effects: &dyn Effects) -> Option<Response> {
        // Launches come one at a time, so that a repeated one finds the first.
        let mut launches = self.launches.lock().unwrap_or_else(PoisonError::into_inner);
        let token = request.field("ClientToken").unwrap_or_default();
        if let Some(first) = launches.get(&token).filter(|_| !token.is_empty()) {
            return Some(first.clone());
        }
        let answer = request.forward(moto)?;
        let text = answer.text();
        let (Some(instance), Some(address)) = (xml::first(&text, "instanceId"), xml::first(&text, "privateIpAddress"))
        else {
            return Some(answer);
        };
        let image = request.field("ImageId").unwrap_or_default();
        let tags = tags(request);
        let user_data = base64::decoded(&request.field("UserData").unwrap_or_default());
        let begin = Instant::now();
        match effects.launch(&Launch { instance: instance.clone(), image, address, tags, user_data }) {
            Ok(keys) => {
                self.consoles.lock().unwrap_or_else(PoisonError::into_inner).insert(instance, (begin, console(&keys)));
                launches.insert(token, answer.clone());
                Some(answer)
            }
            Err(why) => Some(Response::refusal(500, "InsufficientInstanceCapacity", &why)),
        }
    }

    /// Stops instances. They are down before the answer comes, because moto says so at once.
    pub(super) fn stop_instances(request: &Request, moto: &str, effects: &dyn Effects) -> Option<Response> {
        request.list("InstanceId", "").iter().for_each(|instance| effects.stop(instance));
        request.forward(moto)
    }

    /// Terminates instances.
    pub(super) fn terminate_instances(request: &Request, moto: &str, effects: &dyn Effects) -> Option<Response> {
        let answer = request.forward(moto)?;
        if answer.status() == 200 {
            request.list("InstanceId", "").iter().for_each(|instance| effects.terminate(instance));
        }
        Some(answer)
    }

    /// moto's answer, in which all checks pass, with those of instances that have not booted under way.
    pub(super) fn instance_status(request: &Request, moto: &str, effects: &dyn Effects) -> Option<Response> {
        let answer = request.forward(moto)?;
        let text = answer.text();
        let boots = xml::all(&text, "instanceId").into_iter().filter(|instance| !effects.has_booted(instance));
        let changed = boots.fold(text.clone(), |text, instance| under_way(&text, &instance));
        Some(answer.with(&changed))
    }

    /// Shows what instances have printed so long after their launch, as EC2 does after some minutes.
    pub(super) fn show_consoles_after(&self, launch: Duration) {
        *self.shown_after.lock().unwrap_or_else(PoisonError::into_inner) = launch;
    }

    /// What an instance has printed.
    pub(super) fn console_output(&self, request: &Request) -> Response {
        let instance = request.field("InstanceId").unwrap_or_default();
        let consoles = self.consoles.lock().unwrap_or_else(PoisonError::into_inner);
        let after = *self.shown_after.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = consoles.get(&instance).filter(|(begin, _)| begin.elapsed() >= after);
        let output = base64::encoded(shown.map(|(_, text)| text.as_str()).unwrap_or_default());
        let body = format!(
            "<GetConsoleOutputResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>e2e</requestId>\
             <instanceId>{instance}</instanceId><output>{output}</output></GetConsoleOutputResponse>"
        );
        Response::xml(200, &body)
    }
}

/// The tags of the instance, which are the first of the request.
fn tags(request: &Request) -> BTreeMap<String, String> {
    let all = |field: &str| request.list("TagSpecification.1.Tag", field);
    all("Key").into_iter().zip(all("Value")).collect()
}

/// The end of what cloud-init prints at the first boot of a host.
fn console(keys: &[String]) -> String {
    let keys: String = keys.iter().map(|key| format!("{key}\r\n")).collect();
    format!("-----BEGIN SSH HOST KEY KEYS-----\r\n{keys}-----END SSH HOST KEY KEYS-----\r\n")
}

/// The listing with the checks of that instance under way.
fn under_way(listing: &str, instance: &str) -> String {
    let mark = format!("<instanceId>{instance}</instanceId>");
    let Some((before, after)) = listing.split_once(&mark) else { return listing.to_owned() };
    let end = after.find("<instanceId>").unwrap_or(after.len());
    let (own, rest) = after.split_at(end);
    format!("{before}{mark}{}{rest}", own.replace("<status>ok</status>", "<status>initializing</status>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_checks_of_the_instance_that_boots_are_under_way() {
        let one = |id: &str| format!("<item><instanceId>{id}</instanceId><a><status>ok</status></a></item>");
        let listing = one("i-1") + &one("i-2") + &one("i-3");
        let expected = one("i-1") + &one("i-2").replace("ok", "initializing") + &one("i-3");
        assert_eq!(under_way(&listing, "i-2"), expected);
    }
}
