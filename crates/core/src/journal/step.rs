//! The status of a step, and the one transition function: which events may happen in which status.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Event, Fact};
use crate::names::{HostName, JobName, StepId};

/// The status of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum StepStatus {
    /// Not started.
    #[default]
    Waiting,
    /// Started: its call may have been made.
    Running {
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// Started, and it is not known whether its call took effect.
    InDoubt {
        /// The attempt with the unknown outcome.
        attempt: u32,
        /// The answer.
        error: String,
    },
    /// The call is known not to have been applied; another attempt follows.
    Retrying {
        /// The attempt that was not applied.
        attempt: u32,
        /// The answer.
        error: String,
    },
    /// Done by this upgrade.
    Done,
    /// Already done when it was first observed: nothing was changed.
    Held,
    /// Failed. Running the phase again tries it again.
    Failed {
        /// How many attempts were made.
        attempts: u32,
        /// What failed.
        error: String,
        /// Whether the step may have been done all the same, and nothing can be observed that would show it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
    },
    /// Done before, and undone since.
    Undone,
    /// Nobody can tell whether it was done, and a person has decided to treat it as done.
    Accepted {
        /// Who decided.
        by: String,
        /// Why.
        because: String,
    },
}

/// An event that cannot follow what has happened. The journal is damaged, or another program wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow {status} ({subject})")]
pub struct IllegalTransition {
    pub(super) subject: String,
    pub(super) status: String,
    pub(super) event: String,
}

impl IllegalTransition {
    pub(super) fn new(subject: impl Into<String>, status: impl Into<String>, event: &Event) -> Self {
        let event = serde_json::to_string(event).unwrap_or_default();
        Self { subject: subject.into(), status: status.into(), event }
    }
}

/// The one transition function of steps. An outcome needs a start: a step that was not started can only be found
/// already done.
///
/// # Errors
/// When `event` cannot happen to a step that is in `status`.
pub fn next_status(step: &StepId, status: &StepStatus, event: &Event) -> Result<StepStatus, IllegalTransition> {
    use StepStatus::{Accepted, Done, Failed, Held, InDoubt, Retrying, Running, Undone, Waiting};
    let attempts = status.attempts();
    match (status, event) {
        (
            Waiting | Running { .. } | InDoubt { .. } | Retrying { .. } | Failed { .. } | Undone,
            Event::StepStarted { attempt, .. },
        ) if *attempt == attempts + 1 => Ok(Running { attempt: *attempt }),
        (Waiting | Failed { .. } | Undone, Event::StepHeld { .. }) => Ok(Held),
        (Running { .. } | InDoubt { .. } | Retrying { .. }, Event::StepLearned { .. }) => Ok(status.clone()),
        (Running { .. } | InDoubt { .. } | Retrying { .. }, Event::StepDone { .. }) => Ok(Done),
        (Running { attempt }, Event::StepInDoubt { error, .. }) => {
            Ok(InDoubt { attempt: *attempt, error: error.clone() })
        }
        (Running { attempt }, Event::StepRetried { error, .. }) => {
            Ok(Retrying { attempt: *attempt, error: error.clone() })
        }
        (Running { .. } | InDoubt { .. } | Retrying { .. }, Event::StepFailed { error, in_doubt, .. }) => {
            Ok(Failed { attempts, error: error.clone(), in_doubt: *in_doubt })
        }
        (Failed { .. }, Event::StepRetryApproved { .. }) => Ok(status.clone()),
        (Failed { in_doubt: true, .. }, Event::StepAccepted { by, because, .. }) => {
            Ok(Accepted { by: by.clone(), because: because.clone() })
        }
        (Done | Held | Accepted { .. }, Event::StepUndone { .. } | Event::StepOutdated { .. }) => Ok(Undone),
        _ => Err(IllegalTransition::new(format!("step {step}"), format!("{status:?}"), event)),
    }
}

impl StepStatus {
    /// How many attempts have been started since the step was last waiting.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        match self {
            Self::Waiting | Self::Done | Self::Held | Self::Undone | Self::Accepted { .. } => 0,
            Self::Running { attempt } | Self::InDoubt { attempt, .. } | Self::Retrying { attempt, .. } => *attempt,
            Self::Failed { attempts, .. } => *attempts,
        }
    }

    /// Whether the step has succeeded: it was done, was already done before, or a person has accepted it as done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done | Self::Held | Self::Accepted { .. })
    }

    /// Whether the step was started and its end is not recorded.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::InDoubt { .. } | Self::Retrying { .. })
    }

    /// Whether the step has no effect: it was not started, or it was undone.
    #[must_use]
    pub const fn is_untouched(&self) -> bool {
        matches!(self, Self::Waiting | Self::Undone)
    }
}

/// A step's status with its times, and what it has learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    /// Its status.
    #[serde(flatten)]
    pub status: StepStatus,
    /// When it was first started.
    pub started_at: Option<Timestamp>,
    /// When it succeeded or failed.
    pub ended_at: Option<Timestamp>,
    /// How often it has failed.
    pub failures: u32,
    /// The number of operator-approved retries.
    pub retries: u32,
    /// Whether an operator has approved another attempt that has not been made yet, or was refused before its call.
    #[serde(default)]
    pub retry_approved: bool,
    /// Whether one of its calls may have taken effect, and this has not been found out since.
    #[serde(default)]
    pub in_doubt: bool,
    /// Whether attempts that have ended may have changed something.
    #[serde(default)]
    pub acted: Acted,
    /// The hosts that an operator lets it go on without a look at, because they could not be looked at.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub goes_without: BTreeSet<HostName>,
    /// What it has learned, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
}

/// Whether attempts of a step that have ended may have changed something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acted {
    /// No: there was none, it is known that they changed nothing, or the step was undone.
    #[default]
    No,
    /// All that is known is that a conductor of an earlier plan started the step, and ended.
    OnlyStarted,
    /// They may have, or have.
    Perhaps,
}

/// A step that was not started.
pub(super) static WAITING: StepRun = StepRun {
    status: StepStatus::Waiting,
    started_at: None,
    ended_at: None,
    failures: 0,
    retries: 0,
    retry_approved: false,
    in_doubt: false,
    acted: Acted::No,
    goes_without: BTreeSet::new(),
    facts: Vec::new(),
};

impl StepRun {
    /// Since when the step may have changed something; nothing when it is known to have changed nothing.
    #[must_use]
    pub fn acts_since(&self) -> Option<Timestamp> {
        self.started_at.filter(|_| self.may_stand())
    }

    /// Whether something may have to be undone: a step whose end is not recorded may have done its work, and so may one that
    /// a plan before has done and that is observed again. One that has failed and is known to have changed nothing has not.
    pub(super) fn may_stand(&self) -> bool {
        self.status.is_open() || self.acted != Acted::No
    }

    /// Whether a job of the step was started, or may have been, so that another one needs an operator's consent. That an attempt
    /// was begun is not enough: if its conductor ended before the answer came, the next conductor looks for the job on the host.
    #[must_use]
    pub fn has_begun_job(&self) -> bool {
        self.in_doubt || self.facts.iter().any(|fact| matches!(fact, Fact::Job { .. }))
    }

    /// Whether a job of the step has failed for good, and no operator has consented to another one: whoever runs the phase again
    /// finds it failed.
    #[must_use]
    pub fn waits_for_consent(&self) -> bool {
        let has_failed = matches!(self.status, StepStatus::Failed { .. }) && !self.in_doubt;
        has_failed && self.has_begun_job() && self.open_job().is_none() && !self.retry_approved
    }

    /// The last job that was started, or may have been.
    #[must_use]
    pub fn last_job(&self) -> Option<(&HostName, &JobName)> {
        self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Job { host, job, .. } => Some((host, job)),
            _ => None,
        })
    }

    /// The last job that was started, or may have been, if nothing is on record of how it ended: it may still run.
    #[must_use]
    pub fn open_job(&self) -> Option<(&HostName, &JobName)> {
        let failed = |host: &HostName, job: &JobName| {
            let is_it =
                |fact: &Fact| matches!(fact, Fact::JobFailed { host: on, job: name } if on == host && name == job);
            self.facts.iter().any(is_it)
        };
        self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Job { host, job, .. } if !failed(host, job) => Some((host, job)),
            _ => None,
        })
    }

    /// The hosts that the last attempt could not look at, and that no operator lets the step go on without.
    pub fn unseen_without_consent(&self) -> impl Iterator<Item = &HostName> {
        unseen(&self.facts).filter(|host| !self.goes_without.contains(*host))
    }

    /// Applies an event that has led to `status`.
    pub(super) fn follow(&mut self, at: Timestamp, status: StepStatus, event: &Event) {
        let goes_on = self.status.is_open();
        self.status = status;
        if matches!(event, Event::StepStarted { .. }) {
            // What an attempt before was refused for says nothing about this one, and workers have run other tasks since.
            self.facts.retain(|fact| match fact {
                _ if fact.is_of_one_attempt() => false,
                Fact::RunningTasks { .. } => goes_on,
                _ => true,
            });
        }
        for fact in event.facts() {
            // A consent covers one start of a job. Until that job is on record, another attempt is still the same start.
            self.retry_approved &= !matches!(fact, Fact::Job { .. });
            if !self.facts.contains(fact) {
                self.facts.push(fact.clone());
            }
        }
        match event {
            // A consent covers the failures that were known when it was given, and not that of a job that may still run.
            Event::StepRetryApproved { .. } if self.open_job().is_some() => {}
            Event::StepRetryApproved { .. } => {
                self.retries += 1;
                self.retry_approved = true;
                self.in_doubt = false;
                self.goes_without.extend(unseen(&self.facts).cloned());
            }
            Event::StepUndone { .. } => {
                self.ended_at = Some(at);
                self.acted = Acted::No;
                self.goes_without.clear();
            }
            Event::StepLearned { .. } => {}
            Event::StepOutdated { .. } => {
                self.started_at = None;
                self.ended_at = Some(at);
                self.acted = Acted::No;
            }
            Event::StepFailed { in_doubt, changed_nothing, .. } => {
                self.ended_at = Some(at);
                // That nothing was changed is said only after a look for what attempts before may have done.
                self.acted = if *changed_nothing { Acted::No } else { Acted::Perhaps };
                self.failures += 1;
                // A step can fail because nobody could look: then what its call has done is still not known.
                self.in_doubt |= *in_doubt;
            }
            Event::StepDone { .. } | Event::StepHeld { .. } | Event::StepAccepted { .. } => {
                self.started_at.get_or_insert(at);
                self.ended_at = Some(at);
                self.in_doubt = false;
                self.retry_approved = false;
                self.acted = Acted::Perhaps;
            }
            _ => {
                // A step that has changed nothing so far counts as started with its next attempt.
                let begins_anew = self.ended_at.is_some() && self.acted == Acted::No;
                self.started_at = self.started_at.filter(|_| !begins_anew).or(Some(at));
                self.ended_at = None;
                let came_into_doubt = matches!(event, Event::StepInDoubt { .. });
                self.in_doubt |= came_into_doubt;
                if came_into_doubt || self.in_doubt && self.acted == Acted::No {
                    self.acted = Acted::Perhaps;
                }
                self.retry_approved &= !came_into_doubt;
            }
        }
    }
}

/// The hosts that could not be looked at according to these facts.
pub fn unseen<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> impl Iterator<Item = &'a HostName> {
    facts.into_iter().filter_map(|fact| match fact {
        Fact::Unseen { host, .. } => Some(host),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
