//! Small functions that build steps and edges, so that the code of a phase reads like the procedure.

use std::time::Duration;

use crate::names::StepId;
use crate::plan::{Action, Edge, Lane, Line, PageMayLift, Rule, Step, Undo};

/// The expected time of a call that is answered immediately.
pub(super) const CALL: Duration = Duration::from_secs(1);
/// The time limit of a call that is answered immediately, including retries and observation in case of doubt.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(300);
/// How long a gate waits for a decision, or a step for what the operator ends. It keeps waiting through restarts of the
/// program, but not longer than this.
pub(super) const GATE_LIMIT: Duration = Duration::from_secs(30 * 86_400);

/// A step that waits for nothing and needs no undo. The methods below refine it.
pub(super) fn step(id: impl Into<StepId>, line: Line, title: impl Into<String>, action: Action) -> Step {
    Step::new(id, line, title, action).takes(CALL, CALL_LIMIT)
}

/// Up to this number of edges, steps are connected directly, because a milestone would only make the plan longer.
const FEW_EDGES: usize = 256;

/// Steps that others wait for, directly or through a milestone.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    /// What to wait for instead of the steps themselves.
    pub(super) ids: Vec<StepId>,
    /// The milestone, if there is one.
    pub(super) milestone: Option<Step>,
}

/// Prepares `steps` for `followers` steps that each wait for all of them because of `rule`. If that would need many
/// edges, the followers wait for one milestone instead, and the milestone waits for `steps`: the number of edges is
/// then a sum and not a product.
pub(super) fn joined(
    steps: Vec<StepId>,
    followers: usize,
    rule: Rule,
    id: impl Into<StepId>,
    line: Line,
    title: impl Into<String>,
) -> Joined {
    let edges = steps.len() * followers;
    if edges <= FEW_EDGES || edges <= steps.len() + followers {
        return Joined { ids: steps, milestone: None };
    }
    let milestone = step(id, line, title, Action::Milestone).after_all(&steps, rule).takes(Duration::ZERO, CALL_LIMIT);
    Joined { ids: vec![milestone.id.clone()], milestone: Some(milestone) }
}

impl Step {
    /// Shown with a fleet.
    pub(super) fn of_fleet(mut self, fleet: &crate::names::FleetName) -> Self {
        self.lane = Lane::Fleet(fleet.clone());
        self
    }

    /// Waits for `step` because of `rule`.
    pub(super) fn after(mut self, step: &StepId, rule: Rule) -> Self {
        if !self.waits_for.iter().any(|edge| edge.step == *step) {
            self.waits_for.push(Edge { step: step.clone(), rule });
        }
        self
    }

    /// Waits for all of `steps`, which must contain no duplicates and none of the steps that it already waits for.
    pub(super) fn after_all<'a>(mut self, steps: impl IntoIterator<Item = &'a StepId>, rule: Rule) -> Self {
        self.waits_for.extend(steps.into_iter().map(|step| Edge { step: step.clone(), rule }));
        self
    }

    /// Sets the expected time and the time limit.
    pub(super) fn takes(mut self, expected: Duration, limit: Duration) -> Self {
        self.expected = expected;
        self.limit = limit.max(expected);
        self
    }

    /// Is undone by `action`, which takes `expected`.
    pub(super) fn undone_by(mut self, action: Action, expected: Duration) -> Self {
        self.undo = Undo::By { action: Box::new(action), expected };
        self
    }

    /// Cannot be undone.
    pub(super) fn never_undone(mut self, because: impl Into<String>) -> Self {
        self.undo = Undo::Impossible { because: because.into() };
        self
    }

    /// If it fails, the page stays up until a person decides.
    pub(super) fn page_stays(mut self, because: Option<&str>) -> Self {
        if let Some(because) = because {
            self.page_may_lift = PageMayLift::No { because: because.to_owned() };
        }
        self
    }
}
