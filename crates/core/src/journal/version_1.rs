//! The first format of records, found in journals of older versions: it is still read, and never written.
//!
//! It had phases where there are runs now, marked steps that were already done with a flag, and allowed an outcome
//! without a start. Each of its events is converted to today's events with the same meaning, which depends on the
//! status of the step.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Decision, Event as Today, Fact, IllegalTransition, Record as TodaysRecord, Upgrade};
use crate::digest::Digest;
use crate::names::{GateName, StepId, UpgradeId};
use crate::plan::{Action, Phase, Plan};

/// The version of this format.
pub const VERSION: u32 = 1;

/// A record of the first format.
#[derive(Clone, Debug, Deserialize)]
pub struct Record {
    /// The format, [`VERSION`].
    pub version: u32,
    /// The record's number in the journal, from 1.
    pub number: u64,
    /// The writer's lease epoch.
    pub epoch: u64,
    /// A value that no other writer uses.
    pub nonce: String,
    /// The digest of the bytes of the record before; nothing in the first record.
    pub previous: Option<Digest>,
    /// When it was written, by the upgrade's clock.
    pub at: Timestamp,
    events: Vec<Event>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event {
    ConductorTookOver {
        upgrade: UpgradeId,
        conductor: String,
    },
    PhaseStarted {
        plan: Arc<Plan>,
        deployment: Digest,
    },
    StepStarted {
        step: StepId,
    },
    StepDone {
        step: StepId,
        #[serde(default)]
        facts: Vec<Fact>,
    },
    StepInDoubt {
        step: StepId,
        error: String,
    },
    StepRetried {
        step: StepId,
        error: String,
    },
    StepFailed {
        step: StepId,
        error: String,
    },
    StepRetryApproved {
        step: StepId,
        by: String,
    },
    GateOpened {
        gate: GateName,
    },
    GateDecided(Decision),
    Interrupted {
        because: String,
    },
    PhaseFinished {
        phase: Phase,
    },
}

/// Applies a record of the first format, and returns it converted to today's format.
///
/// # Errors
/// When one of its events cannot follow what has happened.
pub fn replay(upgrade: &mut Upgrade, record: Record) -> Result<TodaysRecord, IllegalTransition> {
    let mut events = Vec::new();
    for event in record.events {
        for event in todays(upgrade, event) {
            upgrade.apply(record.at, &event)?;
            events.push(event);
        }
    }
    let Record { version, number, epoch, nonce, previous, at, .. } = record;
    Ok(TodaysRecord { version, number, epoch, nonce, previous, at, events })
}

/// Today's events with the same meaning.
fn todays(upgrade: &Upgrade, event: Event) -> Vec<Today> {
    let status = |step: &StepId| upgrade.current_run().map(|run| run.status(step).clone()).unwrap_or_default();
    vec![match event {
        Event::ConductorTookOver { upgrade, conductor } => Today::ConductorTookOver { upgrade, conductor },
        Event::PhaseStarted { plan, deployment } => {
            Today::RunStarted { run: upgrade.next_run(), kind: plan.phase.into(), plan, deployment }
        }
        // The first format did not count attempts that failed without a start.
        Event::StepStarted { step } => {
            let attempt = status(&step).attempts() + 1;
            Today::StepStarted { step, attempt }
        }
        Event::StepDone { step, facts } if status(&step).is_open() => Today::StepDone { step, facts },
        // It was found already done, whether or not it had failed before.
        Event::StepDone { step, facts } => Today::StepHeld { step, facts },
        Event::StepInDoubt { step, error } => Today::StepInDoubt { step, error },
        Event::StepRetried { step, error } => Today::StepRetried { step, error },
        Event::StepFailed { step, error } if status(&step).is_open() => {
            let job = job(upgrade, &step).map(|fact| Today::StepLearned { step: step.clone(), facts: vec![fact] });
            return job
                .into_iter()
                .chain([Today::StepFailed { step, error, in_doubt: false, changed_nothing: false }])
                .collect();
        }
        Event::StepFailed { step, error } => {
            let attempt = status(&step).attempts() + 1;
            return vec![
                Today::StepStarted { step: step.clone(), attempt },
                Today::StepFailed { step, error, in_doubt: false, changed_nothing: false },
            ];
        }
        Event::StepRetryApproved { step, by } => Today::StepRetryApproved { step, by },
        Event::GateOpened { gate } => Today::GateOpened { gate },
        Event::GateDecided(decision) => {
            Today::GateDecided { decision: on_todays_plan(upgrade, decision), object: None }
        }
        Event::Interrupted { because } => Today::Interrupted { because },
        Event::PhaseFinished { phase } => {
            let run = upgrade.run_of(phase).map_or_else(|| upgrade.next_run(), |run| run.number);
            Today::RunFinished { run }
        }
    }]
}

/// The job that a failed migration may have started, which the first format did not record.
fn job(upgrade: &Upgrade, step: &StepId) -> Option<Fact> {
    let run = upgrade.current_run()?;
    match &run.plan.step(step)?.action {
        Action::Migrate(migrate) => Some(Fact::Job {
            host: migrate.host.name.clone(),
            job: migrate.job_of_run(run.run(step).retries),
            started: true,
        }),
        _ => None,
    }
}

/// Converts the plan hash in a decision, which in the first format covered only the plan's basis.
fn on_todays_plan(upgrade: &Upgrade, decision: Decision) -> Decision {
    let plan = upgrade.current_run().map(|run| &run.plan);
    match plan.filter(|plan| decision.plan.as_ref() == Some(&hash(plan))) {
        Some(plan) => Decision { plan: Some(plan.hash()), ..decision },
        None => decision,
    }
}

/// A plan's hash in the first format.
fn hash(plan: &Plan) -> Digest {
    plan.basis.digest(&plan.upgrade, plan.phase, plan.order)
}
