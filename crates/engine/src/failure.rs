//! How a call to the world fails, in the classes that decide what may be done next.

use std::time::Duration;

use cutover_core::names::{HostName, InstanceId};
use serde::{Deserialize, Serialize};

/// What is known about the world after a call has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// Refused because of a rate limit: nothing was changed, and the same call may be made later.
    Throttled,
    /// Known not to have been applied: the same call may be made again.
    NotApplied,
    /// Refused because the resource is busy: nothing was changed, and the same call may be made once that has ended,
    /// which can take minutes.
    Busy,
    /// Refused because another conductor has written since: nothing was changed, and this conductor may not change
    /// anything more.
    Superseded,
    /// The call may or may not have worked: the world must be observed before anything else.
    InDoubt,
    /// Refused, and making the same call again would not help.
    Permanent,
}

/// A call that failed. Displayed, it is the message and the hint on one line, as a record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.in_full())]
pub struct Failure {
    /// What is known about the world now.
    pub class: FailureClass,
    /// What failed, on what, with the answer's code and request id where there is one. Never a secret.
    pub message: String,
    /// What the operator can do about it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Within what time it may pass by itself if its host runs: a host that does not answer may be booting. Zero if waiting changes
    /// nothing.
    #[serde(skip)]
    pub passes_within: Duration,
}

impl Failure {
    /// A failure of that class.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None, passes_within: Duration::ZERO }
    }

    /// A failure after which making the same call again would not help.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Permanent, message)
    }

    /// A call that may or may not have worked.
    pub fn in_doubt(message: impl Into<String>) -> Self {
        Self::new(FailureClass::InDoubt, message)
    }

    /// A call that is known not to have been applied.
    pub fn not_applied(message: impl Into<String>) -> Self {
        Self::new(FailureClass::NotApplied, message)
    }

    /// The same failure with what the operator can do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same failure, which may pass by itself within that time if its host runs.
    #[must_use]
    pub fn passes_within(self, passes_within: Duration) -> Self {
        Self { passes_within, ..self }
    }

    /// The same failure, with the name of the host besides its id. Transports know hosts by their ids alone.
    #[must_use]
    pub fn naming(self, id: &InstanceId, name: &HostName) -> Self {
        match position(&self.message, id) {
            Some(at) if !self.message.contains(name.as_str()) => {
                let (before, from) = self.message.split_at(at);
                let after = &from[id.as_str().len()..];
                Self { message: format!("{before}{name} ({id}){after}"), ..self }
            }
            _ => self,
        }
    }

    /// Whether the message is about that instance.
    #[must_use]
    pub fn is_about(&self, id: &InstanceId) -> bool {
        position(&self.message, id).is_some()
    }

    /// The same failure of a call that was repeated often enough, so that the caller does not repeat it either.
    #[must_use]
    pub fn for_good(self) -> Self {
        Self { class: FailureClass::Permanent, ..self }
    }

    fn in_full(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

/// Where a text has that id, and not only another one that begins like it.
fn position(text: &str, id: &InstanceId) -> Option<usize> {
    let ends = |at: usize| !text[at + id.as_str().len()..].starts_with(|letter: char| letter.is_ascii_alphanumeric());
    text.match_indices(id.as_str()).map(|(at, _)| at).find(|at| ends(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_a_host_that_has_only_its_id_gets_its_name() {
        let named = |message: &str| Failure::permanent(message).naming(&"i-1".into(), &"edx-1".into()).message;
        assert_eq!(named("i-1: sudo: a password is required"), "edx-1 (i-1): sudo: a password is required");
        assert_eq!(named("not listed on i-12, but on i-1"), "not listed on i-12, but on edx-1 (i-1)");
        for as_it_is in ["edx-1 (i-1) is gone", "i-12: no", "no"] {
            assert_eq!(named(as_it_is), as_it_is);
        }
    }

    #[test]
    fn a_failure_that_is_for_good_still_says_what_the_operator_can_do() {
        let failure = Failure::not_applied("no answer").with_hint("check this machine's DNS").for_good();
        assert_eq!(failure.class, FailureClass::Permanent);
        assert_eq!(failure.to_string(), "no answer; check this machine's DNS");
    }
}
