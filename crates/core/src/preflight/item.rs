//! What a check says about one thing.

use serde::{Deserialize, Serialize};

use crate::observation::Part;
use crate::planner::Inputs;

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// The upgrade would fail or do harm.
    Problem,
    /// The upgrade would work, but somebody should know this.
    Warning,
    /// It cannot be known yet, and that is normal.
    Unknown,
    /// As it should be.
    Ok,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckItem {
    /// What was checked, such as `record lms.mitx.mit.edu`.
    pub subject: String,
    /// How it stands.
    pub state: CheckState,
    /// What was seen.
    pub seen: String,
    /// The consequence for the upgrade; empty when it is as it should be.
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

    /// It cannot be known yet; `seen` says until when.
    pub fn unknown(subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { state: CheckState::Unknown, ..Self::ok(subject, seen) }
    }

    /// The same item as a problem, with its consequence and the remedy.
    #[must_use]
    pub fn problem(mut self, consequence: &str, remedy: &str) -> Self {
        self.state = CheckState::Problem;
        consequence.clone_into(&mut self.consequence);
        remedy.clone_into(&mut self.remedy);
        self
    }

    /// The same item as a warning, with its consequence and the remedy.
    #[must_use]
    pub fn warning(self, consequence: &str, remedy: &str) -> Self {
        Self { state: CheckState::Warning, ..self.problem(consequence, remedy) }
    }
}

/// The items about a part of the world or, if it could not be observed, one item that says so.
pub(super) fn of_part(inputs: Inputs<'_>, part: &Part, items: impl FnOnce() -> Vec<CheckItem>) -> Vec<CheckItem> {
    let Some(why) = inputs.observation.why_unseen(part) else { return items() };
    let item = CheckItem::ok(part.to_string(), format!("cannot be seen: {why}"));
    if matches!(part, Part::Certificate(_)) {
        return vec![certificate_unseen(item)];
    }
    let remedy =
        "fix that and run this again; if permissions are missing, `cutover policy` prints those that are needed";
    vec![item.problem("nobody knows whether the upgrade can rely on it", remedy)]
}

/// The item for a certificate that could not be observed.
pub(super) fn certificate_unseen(item: CheckItem) -> CheckItem {
    item.problem("nobody knows whether browsers accept it", "run this again from a machine that can reach it")
}

/// Everything that is wrong with a thing or, if nothing is, the item that says it is as it should be.
pub(super) fn or_flaws(fine: CheckItem, flaws: Vec<CheckItem>) -> Vec<CheckItem> {
    if flaws.is_empty() { vec![fine] } else { flaws }
}
