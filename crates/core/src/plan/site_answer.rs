//! What the answer to a check of a site means.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::deployment::SiteCheck;

/// What is wrong with an answer to `check`; nothing if it is as it must be. Status 0 means that no answer came, for the reason
/// in `body`.
#[must_use]
pub fn what_is_wrong(check: &SiteCheck, status: u16, body: &str) -> Option<String> {
    let path = &check.path;
    if status == 0 {
        return Some(format!("{path}: {body}"));
    }
    let services = check.is_heartbeat().then(|| services(body));
    if let Some(Some(services)) = &services {
        let dead: Vec<String> = services.iter().filter_map(Service::complaint).collect();
        if !dead.is_empty() {
            return Some(format!("{path} answers {status} and says: {}", dead.join("; ")));
        }
    }
    if status != check.status {
        return Some(format!("{path} answers {status} instead of {}", check.status));
    }
    if services == Some(None) {
        let why = "is no heartbeat, which would name services in JSON; if it need not be one, its check needs";
        return Some(format!("{path} {why} `heartbeat = false`"));
    }
    let text = check.contains.as_ref().filter(|text| !body.contains(text.as_str()))?;
    Some(format!("{path} lacks the text `{text}`"))
}

/// Whether a page is a heartbeat of edx-platform.
#[must_use]
pub fn is_heartbeat(body: &str) -> bool {
    services(body).is_some()
}

/// A service that a heartbeat names, such as `sql`.
#[derive(Debug, PartialEq, Eq)]
struct Service {
    name: String,
    works: bool,
    message: String,
}

impl Service {
    fn complaint(&self) -> Option<String> {
        (!self.works).then(|| format!("{} does not work ({})", self.name, self.message))
    }
}

/// The services in a heartbeat, in the order of their names; nothing if it is no heartbeat. edx-platform prints for each an
/// object with `status`, which is true or false, and `message`.
fn services(body: &str) -> Option<Vec<Service>> {
    let named: BTreeMap<String, Value> = serde_json::from_str(body).ok()?;
    let services = named.into_iter().filter_map(|(name, value)| {
        let works = value.get("status")?.as_bool()?;
        let message = value.get("message").and_then(Value::as_str).unwrap_or("it says nothing more").to_owned();
        Some(Service { name, works, message })
    });
    let services: Vec<Service> = services.collect();
    (!services.is_empty()).then_some(services)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str) -> SiteCheck {
        SiteCheck { path: path.to_owned(), status: 200, contains: None, heartbeat: None }
    }

    const WELL: &str =
        r#"{"modulestore": {"message": "OK", "status": true}, "sql": {"message": "OK", "status": true}}"#;
    const DEAD: &str =
        r#"{"modulestore": {"message": "OK", "status": true}, "sql": {"message": "gone away", "status": false}}"#;

    #[test]
    fn a_heartbeat_with_a_dead_service_fails_whatever_its_status_and_names_the_service() {
        assert_eq!(what_is_wrong(&check("/heartbeat"), 200, WELL), None);
        for status in [200, 503] {
            let wrong = what_is_wrong(&check("/heartbeat"), status, DEAD).expect("a complaint");
            assert_eq!(wrong, format!("/heartbeat answers {status} and says: sql does not work (gone away)"));
        }
    }

    #[test]
    fn what_is_no_heartbeat_is_not_taken_for_a_good_one() {
        for body in ["OK", "", "[]", "{}", "<h1>Welcome to nginx!</h1>", r#"{"sql": "fine"}"#, r#"{"sql": {}}"#] {
            let wrong = what_is_wrong(&check("/heartbeat"), 200, body).expect("a complaint");
            assert!(wrong.contains("is no heartbeat") && wrong.contains("heartbeat = false"), "{body}: {wrong}");
        }
        assert_eq!(
            what_is_wrong(&check("/heartbeat"), 502, "<h1>Bad Gateway</h1>").as_deref(),
            Some("/heartbeat answers 502 instead of 200")
        );
    }

    #[test]
    fn a_path_that_ends_in_heartbeat_is_one_unless_the_file_says_otherwise() {
        let is_heartbeat = |path: &str, told| SiteCheck { heartbeat: told, ..check(path) }.is_heartbeat();
        for path in ["/heartbeat", "/heartbeat/", "/heartbeat?extended", "/api/heartbeat"] {
            assert!(is_heartbeat(path, None) && !is_heartbeat(path, Some(false)), "{path}");
        }
        for path in ["/", "/heartbeats", "/?next=/heartbeat"] {
            assert!(!is_heartbeat(path, None) && is_heartbeat(path, Some(true)), "{path}");
        }
        let plain = SiteCheck { heartbeat: Some(false), ..check("/heartbeat") };
        assert_eq!(what_is_wrong(&plain, 200, "OK"), None);
    }

    #[test]
    fn no_answer_is_told_with_its_reason_and_not_as_a_status() {
        let wrong = what_is_wrong(&check("/"), 0, "elb.example.com does not answer: connection refused");
        assert_eq!(wrong.as_deref(), Some("/: elb.example.com does not answer: connection refused"));
    }
}
