//! Requests of visitors that still arrive at current hosts when their services stop.

use serde::{Deserialize, Serialize};

use crate::names::HostName;
use crate::words::{count, some_of};

/// How many requests had arrived at a host in the minute before its services were told to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateRequests {
    /// The host.
    pub host: HostName,
    /// How many, if they could be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Why they could not be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_because: Option<String>,
}

/// How many hosts are named.
const SHOWN: usize = 3;

impl LateRequests {
    /// What arrived at these hosts, in words; nothing if nobody has counted.
    #[must_use]
    pub fn words<'a>(counted: impl IntoIterator<Item = &'a Self>) -> Option<String> {
        let counted: Vec<&Self> = counted.into_iter().collect();
        let with = |counted: &&&Self| counted.requests.is_none_or(|requests| requests > 0);
        let named: Vec<String> = counted.iter().filter(with).map(|counted| counted.of_host()).collect();
        match (counted.is_empty(), named.is_empty()) {
            (true, _) => None,
            (_, true) => Some("no request in the last minute".to_owned()),
            (_, false) => Some(some_of(&named, SHOWN)),
        }
    }

    fn of_host(&self) -> String {
        match self.requests {
            Some(requests) => {
                let requests = count(usize::try_from(requests).unwrap_or(usize::MAX), "request");
                format!("{requests} in the last minute on {} ({CAUSES})", self.host)
            }
            None => format!("how many requests still arrived at {} is not known", self.host),
        }
    }
}

/// Where such requests come from.
const CAUSES: &str = "a resolver that ignores TTLs, or a client that keeps its connection";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_requests_and_those_that_could_not_count_are_named_and_others_are_not() {
        let of = |host: &str, requests| LateRequests { host: host.into(), requests, unknown_because: None };
        assert_eq!(LateRequests::words([]), None);
        let none = [of("edx-0", Some(0)), of("edx-1", Some(0))];
        assert_eq!(LateRequests::words(&none).as_deref(), Some("no request in the last minute"));
        let some = [of("edx-0", Some(0)), of("edx-1", Some(3)), of("edx-2", None)];
        let words = "3 requests in the last minute on edx-1 (a resolver that ignores TTLs, or a client that keeps its connection), \
                     how many requests still arrived at edx-2 is not known";
        assert_eq!(LateRequests::words(&some).as_deref(), Some(words));
    }
}
