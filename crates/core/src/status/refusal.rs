//! Distinguishes a refusal at a gate from a failure: at a refusal, somebody decided and nothing was done.

use crate::journal::{Decision, Run, Upgrade};
use crate::names::GateName;
use crate::plan::{Action, Step};
use serde::Serialize;

/// Somebody's refusal at a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The gate.
    pub gate: GateName,
    /// Who refused.
    pub by: String,
    /// Their note.
    pub note: Option<String>,
}

impl Refusal {
    /// `refused by bob: "not now"; the same command asks again`.
    pub fn words(&self) -> String {
        let note = self.note.as_ref().map_or_else(String::new, |note| format!(": \"{note}\""));
        format!("refused by {}{note}; the same command asks again", self.by)
    }
}

/// The refusal that made a step of `run` fail; nothing if the step has failed for another reason, such as a gate for which
/// nobody made a decision in time. Such a gate has been opened since the last decision, and still waits for one.
pub fn refusal_of(run: &Run, step: &Step, upgrade: &Upgrade) -> Option<Refusal> {
    let Action::Decide(question) = &step.action else { return None };
    if upgrade.waiting_gates.contains_key(&question.gate) {
        return None;
    }
    let decision = upgrade.decisions.get(&question.gate).filter(|decision| !decision.approved)?;
    let Decision { by, note, .. } = decision;
    let refusal = || Refusal { gate: question.gate.clone(), by: by.clone(), note: note.clone() };
    decision.is_about(&run.plan).then(refusal)
}

/// Whether all failed steps of a phase are refusals.
pub fn only_refused(run: &Run, upgrade: &Upgrade) -> bool {
    run.failed().all(|(step, _)| refusal_of(run, step, upgrade).is_some())
}
