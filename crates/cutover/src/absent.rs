//! What this version of cutover cannot do on AWS yet: reach hosts, and send messages. Phases that need it are refused
//! before anything is started; these ports return an error if they are called all the same.

use async_trait::async_trait;

use cutover_core::names::{InstanceId, JobName};
use cutover_core::plan::{Action, Announce, Plan};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Announcer, Answer, Hosts};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};

use crate::error::CommandError;

/// The port for hosts, which fails every call: hosts cannot be reached.
pub struct NoHosts;

/// The port for messages, which fails every call: messages cannot be sent.
pub struct NoAnnouncer;

/// Refuses a plan with steps that this version cannot carry out on AWS. No plan, or a plan without such steps, passes.
///
/// # Errors
/// When the plan has such steps: how many steps need what.
pub fn refuse(plan: Option<&Plan>) -> Result<(), CommandError> {
    let Some(plan) = plan else { return Ok(()) };
    let count = |needs: fn(&Action) -> bool| plan.steps.iter().filter(|step| needs(&step.action)).count();
    let (hosts, messages) = (count(needs_hosts), count(|action| matches!(action, Action::Announce(_))));
    let builds = count(|action| matches!(action, Action::BuildImage(_)));
    let all = [
        (hosts, "stop, start, test or migrate on hosts, which cutover cannot reach"),
        (messages, "send messages: send them yourself, and remove them from the file"),
        (builds, "build images: build and tag them yourself, as `--dry-run` shows"),
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
        format!("`{}` cannot be run on AWS yet:\n{}", plan.phase, absent.join("\n")),
        "nothing was changed; --dry-run or `cutover rehearse` shows what it would do",
    ))
}

fn needs_hosts(action: &Action) -> bool {
    matches!(
        action,
        Action::SmokeTest { .. }
            | Action::HoldBack(_)
            | Action::PutBack(_)
            | Action::RunCommands(_)
            | Action::StopServices(_)
            | Action::StartServices(_)
            | Action::DrainQueues { .. }
            | Action::ConfirmStopped { .. }
            | Action::Migrate(_)
    )
}

fn unreachable<T>(host: &InstanceId) -> Answer<T> {
    Err(Failure::permanent(format!("{host} cannot be reached: cutover cannot reach hosts on AWS yet")))
}

#[async_trait(?Send)]
impl Hosts for NoHosts {
    async fn ask(&self, host: &InstanceId, _ask: &Ask) -> Answer<Said> {
        unreachable(host)
    }

    async fn start_job(&self, _permit: &Permit, host: &InstanceId, _job: &Job) -> Answer<JobStart> {
        unreachable(host)
    }

    async fn job(&self, host: &InstanceId, _name: &JobName, _offset: u64) -> Answer<Option<JobReport>> {
        unreachable(host)
    }

    async fn signal_job(&self, _permit: &Permit, host: &InstanceId, _name: &JobName, _signal: Signal) -> Answer<bool> {
        unreachable(host)
    }

    async fn collect_job(&self, _permit: &Permit, host: &InstanceId, _name: &JobName) -> Answer<()> {
        unreachable(host)
    }
}

#[async_trait(?Send)]
impl Announcer for NoAnnouncer {
    async fn announce(&self, _permit: &Permit, message: &Announce, _token: &str) -> Answer<()> {
        let why = format!("`{}` was not sent: cutover cannot send messages on AWS yet", message.announcement);
        Err(Failure::permanent(why))
    }

    async fn announced(&self, _token: &str) -> Answer<Option<bool>> {
        Ok(Some(false))
    }
}
