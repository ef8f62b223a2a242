//! A plan as a whole, and its hash.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Basis, Order, Phase, Step};
use crate::digest::Digest;
use crate::names::{StepId, UpgradeId};

/// The version of the planner, which is part of every plan's hash: counted up when plans of the same steps come to mean
/// something else.
pub const PLANNER_VERSION: u32 = 1;

/// The steps of a phase, in an order in which they can be done one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The upgrade that it belongs to.
    pub upgrade: UpgradeId,
    /// The phase.
    pub phase: Phase,
    /// The edges that it has.
    pub order: Order,
    /// When it was made: the time of the observation.
    pub made_at: Timestamp,
    /// What it was made from.
    pub basis: Basis,
    /// The steps, each after all that it waits for.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The hash of the plan: of what it was made from, its steps, and the planner's version. By how late a window may
    /// open it does not change: that is advice on when to begin, and says nothing of what is done.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let steps: Vec<Cow<'_, Step>> = self.steps.iter().map(opening_at_any_time).collect();
        Digest::of_json(&(PLANNER_VERSION, &self.upgrade, self.phase, self.order, &self.basis, steps))
    }

    /// The last moment at which the window may open and still end in time; nothing where it may open at any time.
    #[must_use]
    pub fn opens_by(&self) -> Option<Timestamp> {
        self.steps.iter().find_map(|step| match step.action {
            Action::WaitUntil { no_later_than, .. } => no_later_than,
            _ => None,
        })
    }

    /// The same plan, which may begin at any time.
    #[must_use]
    pub fn without_latest_start(mut self) -> Self {
        for step in &mut self.steps {
            if let Cow::Owned(later) = opening_at_any_time(step) {
                *step = later;
            }
        }
        self
    }

    /// The step of that id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }
}

/// The same step, which may begin at any time: a copy where that makes a difference.
fn opening_at_any_time(step: &Step) -> Cow<'_, Step> {
    match step.action {
        Action::WaitUntil { moment, no_later_than: Some(_) } => {
            Cow::Owned(Step { action: Action::WaitUntil { moment, no_later_than: None }, ..step.clone() })
        }
        _ => Cow::Borrowed(step),
    }
}
