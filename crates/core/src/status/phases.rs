//! Where each phase is.

use crate::journal::page_was_posted;
use crate::plan::Phase;
use jiff::Timestamp;
use serde::Serialize;

use super::conductor::ConductorState;
use super::inputs::StatusInputs;
use super::refusal::only_refused;

/// The state of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseState {
    /// No plan is recorded.
    NotStarted,
    /// Running, as far as the journal knows.
    UnderWay,
    /// Its conductor has stopped or is gone.
    Stopped,
    /// Somebody has refused at a gate; nothing has failed.
    Refused,
    /// A step has failed.
    Failed,
    /// All steps have succeeded.
    Finished,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseStatus {
    /// Which.
    pub phase: Phase,
    /// Its state.
    pub state: PhaseState,
    /// How many steps it has; 0 if no plan is recorded.
    pub steps: usize,
    /// How many of them have succeeded.
    pub done: usize,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When all its steps had succeeded.
    pub finished_at: Option<Timestamp>,
}

impl PhaseStatus {
    /// Where `phase` is.
    pub(super) fn of(inputs: StatusInputs<'_>, phase: Phase) -> Self {
        let run = inputs.upgrade.run_of(phase);
        let state = match run {
            None => PhaseState::NotStarted,
            Some(run) if run.finished_at.is_some() => PhaseState::Finished,
            Some(run) if run.failed().next().is_some() => match only_refused(run, inputs.upgrade) {
                true => PhaseState::Refused,
                false => PhaseState::Failed,
            },
            Some(_) if inputs.upgrade.interrupted.is_some() || *inputs.conductor == ConductorState::Gone => {
                PhaseState::Stopped
            }
            Some(_) => PhaseState::UnderWay,
        };
        Self {
            phase,
            state,
            steps: run.map_or(0, |run| run.plan.steps.len()),
            done: run.map_or(0, |run| run.runs().filter(|(_, step)| step.status.is_done()).count()),
            started_at: run.map(|run| run.started_at),
            finished_at: run.and_then(|run| run.finished_at),
        }
    }
}

/// The phase to go on with: the first that is not finished. While visitors may see the maintenance page, an announcement
/// that was not finished is left alone.
pub(super) fn unfinished<'a>(inputs: StatusInputs<'_>, phases: &'a [PhaseStatus]) -> Option<&'a PhaseStatus> {
    let window = inputs.upgrade.run_of(Phase::Window).filter(|run| run.is_under_way());
    let is_down = window.is_some_and(page_was_posted);
    let left = |phase: &&PhaseStatus| phase.state != PhaseState::Finished;
    phases.iter().filter(left).find(|phase| !is_down || phase.phase != Phase::Announce)
}
