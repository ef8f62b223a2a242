//! What this cutover cannot do on AWS yet: reach hosts, and send messages. Phases that would need it are refused before
//! anything is begun; whoever comes this far all the same is told so.

use std::collections::BTreeMap;

use async_trait::async_trait;

use cutover_core::deployment::SmokeTest;
use cutover_core::names::{FleetName, InstanceId, JobName, ProgramName};
use cutover_core::plan::{Action, Announce, Migrate, Plan};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Announcer, Answer, Hosts, JobProgress, JobStart, ProgramState};

use crate::error::CommandError;

/// Hosts that nobody can reach.
pub struct NoHosts;

/// Messages that nobody can send.
pub struct NoAnnouncer;

/// Refuses a plan with steps that this cutover cannot carry out on AWS. Nothing to carry out is no reason.
///
/// # Errors
/// Refused, with how many steps need what.
pub fn refuse(plan: Option<&Plan>) -> Result<(), CommandError> {
    let Some(plan) = plan else { return Ok(()) };
    let count = |needs: fn(&Action) -> bool| plan.steps.iter().filter(|step| needs(&step.action)).count();
    let (hosts, messages) = (count(needs_hosts), count(|action| matches!(action, Action::Announce(_))));
    let builds = count(|action| matches!(action, Action::BuildImage(_)));
    let all = [
        (hosts, "stop, start, test or migrate on hosts, which this cutover cannot reach on AWS yet"),
        (messages, "send messages, which this cutover cannot do on AWS yet: send them, and take them out of the file"),
        (builds, "build images, which this cutover cannot do on AWS yet: build and tag them as `--dry-run` says"),
    ];
    let absent: Vec<String> = all
        .into_iter()
        .filter(|(steps, _)| *steps > 0)
        .map(|(steps, what)| format!("  - {steps} of {} steps {what}", plan.steps.len()))
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(CommandError::refused(
        format!("`{}` cannot be carried out:\n{}", plan.phase, absent.join("\n")),
        "nothing was changed; what it would do: the same command with --dry-run, or `cutover rehearse`",
    ))
}

fn needs_hosts(action: &Action) -> bool {
    matches!(
        action,
        Action::SmokeTest { .. }
            | Action::StopServices(_)
            | Action::StartServices(_)
            | Action::DrainQueues { .. }
            | Action::ConfirmStopped { .. }
            | Action::Migrate(_)
    )
}

fn unreachable<T>(host: &InstanceId) -> Answer<T> {
    Err(Failure::permanent(format!("{host} cannot be reached: this cutover has no way to hosts on AWS yet")))
}

#[async_trait(?Send)]
impl Hosts for NoHosts {
    async fn programs(
        &self,
        host: &InstanceId,
        _programs: &[ProgramName],
    ) -> Answer<BTreeMap<ProgramName, ProgramState>> {
        unreachable(host)
    }

    async fn stop(
        &self,
        _permit: &Permit,
        host: &InstanceId,
        _supervisorctl: &str,
        _programs: &[ProgramName],
    ) -> Answer<()> {
        unreachable(host)
    }

    async fn start(
        &self,
        _permit: &Permit,
        host: &InstanceId,
        _supervisorctl: &str,
        _programs: &[ProgramName],
    ) -> Answer<()> {
        unreachable(host)
    }

    async fn kill(&self, _permit: &Permit, host: &InstanceId, _programs: &[ProgramName]) -> Answer<()> {
        unreachable(host)
    }

    async fn smoke_test(&self, host: &InstanceId, _test: &SmokeTest) -> Answer<(i32, String)> {
        unreachable(host)
    }

    async fn queued_tasks(&self, fleet: &FleetName) -> Answer<u32> {
        Err(Failure::permanent(format!("the queues of {fleet} cannot be counted: there is no way to hosts on AWS yet")))
    }

    async fn pending_migrations(&self, _host: &InstanceId, _migrate: &Migrate) -> Answer<Option<u32>> {
        Ok(None)
    }

    async fn start_job(&self, _permit: &Permit, host: &InstanceId, _migrate: &Migrate) -> Answer<JobStart> {
        unreachable(host)
    }

    async fn job(&self, host: &InstanceId, _job: &JobName, _offset: u64) -> Answer<Option<JobProgress>> {
        unreachable(host)
    }
}

#[async_trait(?Send)]
impl Announcer for NoAnnouncer {
    async fn announce(&self, _permit: &Permit, message: &Announce, _token: &str) -> Answer<()> {
        let why = format!("`{}` was not sent: this cutover cannot send messages on AWS yet", message.announcement);
        Err(Failure::permanent(why))
    }

    async fn announced(&self, _token: &str) -> Answer<Option<bool>> {
        Ok(Some(false))
    }
}
