//! A plan as a whole, and its hash.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Basis, Order, Phase, Step};
use crate::digest::Digest;
use crate::names::{StepId, UpgradeId};
use crate::observation::PendingMigrations;

/// The version of the planner, which is part of every plan's hash. It is increased when the meaning of plans with the
/// same steps changes.
pub const PLANNER_VERSION: u32 = 1;

/// The steps of a phase, in an order in which they could be done one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The upgrade that it belongs to.
    pub upgrade: UpgradeId,
    /// The phase.
    pub phase: Phase,
    /// Which edges it has.
    pub order: Order,
    /// When it was made: the time of the observation.
    pub made_at: Timestamp,
    /// What it was made from.
    pub basis: Basis,
    /// The migrations that the window would apply, as next hosts listed them when the plan was made. They are for people and
    /// do not belong to the plan's hash: each step applies what is pending then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingMigrations>,
    /// The steps, each after all steps that it waits for.
    pub steps: Vec<Step>,
}

impl Plan {
    /// How long the longest of its soaks takes, with visitors on the new site; nothing if it has none.
    #[must_use]
    pub fn soak_length(&self) -> Option<Duration> {
        let soaks = self.steps.iter().filter(|step| matches!(step.action, Action::Soak(_)));
        soaks.map(|step| step.expected).max()
    }

    /// The hash of the plan: of what it was made from, its steps, and the planner's version. It does not depend on how
    /// late the window may open, because that is advice on when to start and does not change what is done.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let steps: Vec<Cow<'_, Step>> = self.steps.iter().map(opening_at_any_time).collect();
        Digest::of_json(&(PLANNER_VERSION, &self.upgrade, self.phase, self.order, &self.basis, steps))
    }

    /// The latest time at which the window may open and still end in time; `None` if it may open at any time.
    #[must_use]
    pub fn opens_by(&self) -> Option<Timestamp> {
        self.steps.iter().find_map(|step| match step.action {
            Action::WaitUntil { no_later_than, .. } => no_later_than,
            _ => None,
        })
    }

    /// The start of the window that this plan opens; nothing for the plan of another phase.
    #[must_use]
    pub fn window_start(&self) -> Option<Timestamp> {
        let waits = self.steps.iter().filter_map(|step| match step.action {
            Action::WaitUntil { moment, .. } => Some(moment),
            _ => None,
        });
        waits.max()
    }

    /// The same plan for a window that opens although it will not end in time. Who approved that it opens in time has not
    /// approved this: the gates before it get another item in their checklists, so they and the plan are others, and
    /// people are asked again. A plan that was made late already stays the same.
    #[must_use]
    pub fn opening_late(self) -> Self {
        let mut plan = self.without_latest_start();
        let opening = plan.steps.iter().rfind(|step| matches!(step.action, Action::WaitUntil { .. }));
        let before = opening.map(|step| step.waits_for.clone()).unwrap_or_default();
        for step in plan.steps.iter_mut().filter(|step| before.iter().any(|edge| edge.step == step.id)) {
            if let Action::Decide(question) = &mut step.action
                && !question.checklist.iter().any(|item| item == LATE)
            {
                question.checklist.push(LATE.to_owned());
            }
        }
        plan
    }

    /// Whether its window opens although it will not end in time.
    #[must_use]
    pub fn opens_late(&self) -> bool {
        let is_late = |step: &Step| match &step.action {
            Action::Decide(question) => question.checklist.iter().any(|item| item == LATE),
            _ => false,
        };
        self.steps.iter().any(is_late)
    }

    /// The same plan without a limit on when it may start.
    #[must_use]
    pub fn without_latest_start(mut self) -> Self {
        for step in &mut self.steps {
            if let Cow::Owned(later) = opening_at_any_time(step) {
                *step = later;
            }
        }
        self
    }

    /// The step with that id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }
}

/// What somebody who decides on a window has to know in addition if it opens late.
const LATE: &str = "the window opens later than its latest safe start: it will not end as announced, or could not be ended \
                    in time by going back";

/// The same step without a limit on when it may start: a copy if the step has such a limit.
fn opening_at_any_time(step: &Step) -> Cow<'_, Step> {
    match step.action {
        Action::WaitUntil { moment, no_later_than: Some(_) } => {
            Cow::Owned(Step { action: Action::WaitUntil { moment, no_later_than: None }, ..step.clone() })
        }
        _ => Cow::Borrowed(step),
    }
}
