//! A plan is data: the steps of a phase, what each waits for and why, how each is undone, and what the whole
//! was made from. The executor has no choices left to make.

mod action;
mod basis;
mod frontier;
mod lint;
mod rule;
mod schedule;
mod work;

pub use action::*;
pub use basis::*;
pub use frontier::*;
pub use lint::*;
pub use rule::*;
pub use schedule::*;
pub use work::*;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::names::{FleetName, StepId, UpgradeId};

/// A part of an upgrade, run by the command of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Tell people, and date the maintenance page.
    Announce,
    /// Images, next hosts, smoke tests; nothing that visitors notice.
    Prepare,
    /// From the maintenance page to the new release.
    Window,
    /// Terminate what the upgrade has replaced.
    Retire,
}

impl Phase {
    /// All phases in the order in which an upgrade runs them.
    pub const ALL: [Self; 4] = [Self::Announce, Self::Prepare, Self::Window, Self::Retire];

    /// The word that is also the command.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announce => "announce",
            Self::Prepare => "prepare",
            Self::Window => "window",
            Self::Retire => "retire",
        }
    }

    /// The phase that must be finished before this one.
    #[must_use]
    pub fn before(self) -> Option<Self> {
        Self::ALL.iter().copied().take_while(|phase| *phase < self).last()
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which edges a plan has besides those that safety demands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// None: whatever may overlap does.
    #[default]
    Overlapped,
    /// Each line of the runbook ends on all hosts before the next begins.
    Runbook,
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Overlapped => "overlapped",
            Self::Runbook => "runbook",
        })
    }
}

/// Where a step is shown: with a fleet, or with what concerns the whole deployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// What concerns the whole deployment.
    Deployment,
    /// One fleet.
    Fleet(FleetName),
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deployment => f.pad("deployment"),
            Self::Fleet(fleet) => fleet.fmt(f),
        }
    }
}

/// One action of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The step's id, the same in every resume: phase, what is done, on what.
    pub id: StepId,
    /// Where the step is shown.
    pub lane: Lane,
    /// The line of the runbook that it belongs to.
    pub line: Line,
    /// What it does, for people: `stop services on edx-...-1-v3`.
    pub title: String,
    /// What is done.
    pub action: Action,
    /// What must have ended well before, and which rule demands it.
    pub waits_for: Vec<Edge>,
    /// How it is taken back.
    pub undo: Undo,
    /// Whether the maintenance page may be lifted when this step has failed.
    pub page_may_lift: PageMayLift,
    /// How long it is expected to take.
    #[serde(rename = "expected_seconds", with = "crate::time::seconds")]
    pub expected: Duration,
    /// How long it may take before it has failed.
    #[serde(rename = "limit_seconds", with = "crate::time::seconds")]
    pub limit: Duration,
}

impl Step {
    /// Whether it sends visitors to the maintenance page.
    #[must_use]
    pub fn posts_page(&self) -> bool {
        self.line == Line::PostPage && matches!(self.action, Action::ChangeRecords(_))
    }
}

/// That a step waits for another, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The step that must have ended well.
    pub step: StepId,
    /// The rule that demands it.
    pub rule: Rule,
}

/// How a step is taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// By this action.
    By {
        /// The inverse.
        action: Box<Action>,
        /// How long it is expected to take.
        #[serde(rename = "expected_seconds", with = "crate::time::seconds")]
        expected: Duration,
    },
    /// It changed nothing that needs taking back.
    Nothing,
    /// It cannot be.
    Impossible {
        /// Why, and what the choices are.
        because: String,
    },
}

/// Whether the maintenance page may be lifted when a step has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageMayLift {
    /// The current hosts can serve again once this step's work, and that of the steps before it, is undone.
    Yes,
    /// Not without a person's decision.
    No {
        /// What would go wrong.
        because: String,
    },
}

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
        let steps = self.clone().however_late().steps;
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
    pub fn however_late(mut self) -> Self {
        for step in &mut self.steps {
            if let Action::WaitUntil { no_later_than, .. } = &mut step.action {
                *no_later_than = None;
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
