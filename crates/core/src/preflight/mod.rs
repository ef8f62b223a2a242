//! The preflight: holds an observation against what the plans rely on, days before the window. Read-only.

mod account;
mod hosts;
mod page;
mod platform;
mod traffic;

pub use account::{StillToMake, account, still_to_make};

use serde::{Deserialize, Serialize};

use crate::planner::Inputs;

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// The upgrade would fail, or harm somebody.
    Problem,
    /// It would go on, but somebody should know.
    Warning,
    /// As it should be.
    Ok,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckItem {
    /// What was looked at, such as `record lms.mitx.mit.edu`.
    pub subject: String,
    /// How it stands.
    pub state: CheckState,
    /// What was seen.
    pub seen: String,
    /// What it would do to the upgrade; empty when it is as it should be.
    pub consequence: String,
    /// What to do about it; empty when it is as it should be.
    pub remedy: String,
}

impl CheckItem {
    /// As it should be.
    pub fn ok(subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            state: CheckState::Ok,
            seen: seen.into(),
            consequence: String::new(),
            remedy: String::new(),
        }
    }

    /// The same thing as a problem, with what it would do and what to do about it.
    #[must_use]
    pub fn problem(mut self, consequence: &str, remedy: &str) -> Self {
        self.state = CheckState::Problem;
        consequence.clone_into(&mut self.consequence);
        remedy.clone_into(&mut self.remedy);
        self
    }

    /// The same thing as a warning, with what it would do and what to do about it.
    #[must_use]
    pub fn warning(self, consequence: &str, remedy: &str) -> Self {
        Self { state: CheckState::Warning, ..self.problem(consequence, remedy) }
    }
}

/// Looks at everything that the plans rely on; problems first, otherwise in the order of the runbook. What the upgrade
/// needs of the [`account()`] beside that is looked at there.
#[must_use]
pub fn check(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let mut items =
        [traffic::check(inputs), page::check(inputs), hosts::check(inputs), platform::check(inputs)].concat();
    items.sort_by_key(|item| item.state);
    items
}

/// Everything that is wrong with a thing, or the thing as it should be.
fn or_flaws(fine: CheckItem, flaws: Vec<CheckItem>) -> Vec<CheckItem> {
    if flaws.is_empty() { vec![fine] } else { flaws }
}
