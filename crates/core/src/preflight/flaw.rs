//! Something that is wrong with a host, or with what was seen from there.

use super::CheckState;

/// Something that is wrong with a host.
#[derive(Clone)]
pub(super) struct Flaw {
    pub(super) kind: Kind,
    /// What was seen of it.
    pub(super) seen: String,
}

/// Flaws of the same kind are one item, however many hosts have them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) state: CheckState,
    pub(super) subject: &'static str,
    pub(super) consequence: &'static str,
    pub(super) remedy: String,
}

impl Flaw {
    pub(super) fn problem(
        subject: &'static str,
        seen: impl Into<String>,
        consequence: &'static str,
        remedy: &str,
    ) -> Self {
        let kind = Kind { state: CheckState::Problem, subject, consequence, remedy: remedy.to_owned() };
        Self { kind, seen: seen.into() }
    }

    #[cfg(test)]
    pub(super) const fn state(&self) -> CheckState {
        self.kind.state
    }

    pub(super) fn warning(
        subject: &'static str,
        seen: impl Into<String>,
        consequence: &'static str,
        remedy: &str,
    ) -> Self {
        let problem = Self::problem(subject, seen, consequence, remedy);
        Self { kind: Kind { state: CheckState::Warning, ..problem.kind }, ..problem }
    }
}
