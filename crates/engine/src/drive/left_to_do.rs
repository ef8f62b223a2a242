//! What was left to do on hosts is looked at again when a phase is taken up, because people may have done it since, and when it ends.

use futures_util::future::join_all;

use cutover_core::journal::{Event, Fact, Run, Upgrade};
use cutover_core::names::{HostName, InstanceId, JobName};
use cutover_core::plan::{Action, StartServices, Work};
use cutover_hosts::supervisor::autostart;

use super::Conductor;
use crate::journal::JournalError;
use crate::ports::Answer;
use crate::slots::StepSlot;

/// Something that was left to do on a host, with what shows whether it is done.
struct Left {
    host: HostName,
    instance: InstanceId,
    text: String,
    shown_by: ShownBy,
}

impl Left {
    const fn job(&self) -> Option<&JobName> {
        match &self.shown_by {
            ShownBy::Job(job) => Some(job),
            ShownBy::Boot(_) => None,
        }
    }
}

enum ShownBy {
    /// Nothing of the job goes on.
    Job(JobName),
    /// Supervisor starts all programs when the host boots, as it has read its files.
    Boot(StartServices),
}

impl Conductor {
    /// Puts on record what is not left to do any more, and removes what was kept to tell so. A host that does not tell keeps what is
    /// on record.
    pub(crate) async fn look_what_is_left_to_do(&self) -> Result<(), JournalError> {
        let left = left_to_do(&self.journal.upgrade());
        let looks = left.iter().map(async |left| self.is_done(left).await.is_ok_and(|done| done).then_some(left));
        let done: Vec<&Left> = join_all(looks).await.into_iter().flatten().collect();
        for Left { host, text, .. } in &done {
            self.journal.append(Event::FoundDone { host: host.clone(), text: text.clone() }).await?;
        }
        let jobs: Vec<_> =
            done.iter().filter_map(|left| left.job().map(|job| (left.instance.clone(), job.clone()))).collect();
        self.collect(&jobs).await;
        Ok(())
    }

    async fn is_done(&self, left: &Left) -> Answer<bool> {
        let slot = StepSlot::new(&self.slots, Work::Connections);
        slot.take_to_look().await;
        let hosts = &self.world.hosts;
        Ok(match &left.shown_by {
            // A host that has no record of the job does not tell.
            ShownBy::Job(job) => {
                let report = hosts.job(&left.instance, job, 0).await?;
                report.is_some_and(|report| report.go_on.is_empty())
            }
            ShownBy::Boot(start) => {
                let said = hosts.ask(&left.instance, &autostart::ask_loaded(&start.supervisorctl)).await?;
                autostart::not_started_at_boot(&start.programs, &said).is_ok_and(|left| left.is_empty())
            }
        })
    }
}

/// What is left to do and can be looked at.
fn left_to_do(upgrade: &Upgrade) -> Vec<Left> {
    let left = upgrade.left_to_do.iter().filter_map(|(host, text)| {
        let shown_by = match job_of(upgrade, host, text) {
            Some(job) => ShownBy::Job(job.clone()),
            None => ShownBy::Boot(start_of(upgrade, host)?.clone()),
        };
        Some(Left { host: host.clone(), instance: upgrade.instance(host)?.clone(), text: text.clone(), shown_by })
    });
    left.collect()
}

/// The job of which something goes on, if that is what is left.
fn job_of<'a>(upgrade: &'a Upgrade, host: &HostName, text: &str) -> Option<&'a JobName> {
    let steps = upgrade.runs.iter().flat_map(Run::runs);
    steps.flat_map(|(_, run)| &run.facts).find_map(|fact| match fact {
        Fact::LeftToDo { host: on, text: what, job } if on == host && what == text => job.as_ref(),
        _ => None,
    })
}

/// The step that starts the programs of a host.
fn start_of<'a>(upgrade: &'a Upgrade, host: &HostName) -> Option<&'a StartServices> {
    let steps = upgrade.runs.iter().rev().flat_map(|run| &run.plan.steps);
    steps
        .filter_map(|step| if let Action::StartServices(start) = &step.action { Some(start) } else { None })
        .find(|start| start.host.name == *host)
}
