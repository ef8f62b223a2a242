//! A step of a plan: what it does, what it waits for, and how it is undone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Action, Lane, Line, Rule};
use crate::names::StepId;

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
    /// The steps that must have succeeded before, and the rules that require that.
    pub waits_for: Vec<Edge>,
    /// How it is undone.
    pub undo: Undo,
    /// Whether the maintenance page may be lifted after this step has failed.
    pub page_may_lift: PageMayLift,
    /// How long it is expected to take.
    #[serde(rename = "expected_seconds", with = "crate::time::seconds")]
    pub expected: Duration,
    /// The time limit after which it has failed.
    #[serde(rename = "limit_seconds", with = "crate::time::seconds")]
    pub limit: Duration,
}

impl Step {
    /// A step of the whole deployment that waits for nothing, needs no undo and takes no time. Callers change the rest.
    pub fn new(id: impl Into<StepId>, line: Line, title: impl Into<String>, action: Action) -> Self {
        Self {
            id: id.into(),
            lane: Lane::Deployment,
            line,
            title: title.into(),
            action,
            waits_for: Vec::new(),
            undo: Undo::Nothing,
            page_may_lift: PageMayLift::Yes,
            expected: Duration::ZERO,
            limit: Duration::ZERO,
        }
    }

    /// Whether it sends visitors to the maintenance page.
    #[must_use]
    pub fn posts_page(&self) -> bool {
        self.line == Line::PostPage && matches!(self.action, Action::ChangeRecords(_))
    }

    /// Whether it sends visitors back to the sites.
    #[must_use]
    pub fn lifts_page(&self) -> bool {
        self.line == Line::LiftPage && matches!(self.action, Action::ChangeRecords(_))
    }

    /// Whether it is among the looks that first say that nothing of the current hosts writes any more. What has begun after
    /// them cannot have been left by programs that were stopped.
    #[must_use]
    pub fn looks_at_first(&self) -> bool {
        self.line == Line::StopCurrent
    }

    /// Whether it checks right before visitors come back what holds only as long as nothing is changed: that no old code runs, that
    /// everything new does, and that the new site answers.
    #[must_use]
    pub fn checks_before_lift(&self) -> bool {
        self.looks_before_lift() || self.line == Line::Verify && matches!(self.action, Action::CheckSite(_))
    }

    /// Whether it looks at programs right before visitors come back: at those that must not run, or at those that must.
    #[must_use]
    pub fn looks_before_lift(&self) -> bool {
        self.line == Line::Verify
            && matches!(self.action, Action::ConfirmStopped { .. } | Action::ConfirmRunning { .. })
    }
}

/// An edge of the plan: a step that another one waits for, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The step that must have succeeded.
    pub step: StepId,
    /// The rule that requires it.
    pub rule: Rule,
}

/// How a step is undone.
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
    /// It changed nothing that needs to be undone.
    Nothing,
    /// It cannot be undone.
    Impossible {
        /// Why, and what the choices are.
        because: String,
    },
}

/// Whether the maintenance page may be lifted after a step has failed.
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
