//! Orders to a host: jobs of which nothing is waited for, because the host itself shows what came of them.

use cutover_core::journal::Fact;
use cutover_core::names::{InstanceId, JobName, ProgramName};
use cutover_hosts::command::Command;
use cutover_hosts::job::{Job, JobState};
use cutover_hosts::supervisor::{Order, Verb, autostart};

use super::StepContext;
use super::output::{last_lines, whole};
use super::supervised::Subject;
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::ports::Answer;
use crate::slots::StepSlot;

/// What has become of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderState {
    /// It was not given, was put on record and not sent, the host knows nothing of it, or it was interrupted.
    Unknown,
    /// The host is carrying it out, so what the host shows may be from before.
    Running,
    /// The host has carried it out, whatever came of it.
    Ended,
}

/// What has become of the last order that this step gave a host, whichever process did.
pub(super) async fn state_of_last_order(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    host: &InstanceId,
) -> Answer<OrderState> {
    let Some(name) = context.last_order(host) else { return Ok(OrderState::Unknown) };
    let report = context.ask_with(slot, async |world| world.hosts.job(host, &name, 0).await).await?;
    Ok(match report.map(|report| report.state) {
        None | Some(JobState::HostRestarted | JobState::Vanished) => OrderState::Unknown,
        Some(JobState::Running) => OrderState::Running,
        Some(JobState::Ended { .. }) => OrderState::Ended,
    })
}

/// What a host complained about while it carried out the last order of this step: its last line that tells of no success.
pub(super) async fn complaint(context: &StepContext<'_>, host: &InstanceId) -> Answer<Option<String>> {
    let Some(name) = context.last_order(host) else { return Ok(None) };
    let report = whole(context, host, &name).await?;
    let ended = report.filter(|report| report.state != JobState::Running);
    let lines = ended.map(|report| last_lines(&report.output, usize::MAX)).unwrap_or_default();
    Ok(lines.into_iter().rfind(|line| !tells_of_success(line)))
}

/// Whether supervisorctl tells that it has done something, or that nothing was to be done: `lms: stopped`. In which files
/// `autostart` is off is no complaint either.
fn tells_of_success(line: &str) -> bool {
    const ENDS: [&str; 8] = [
        ": stopped",
        ": started",
        ": available",
        ": changed",
        ": disappeared",
        ": ERROR (not running)",
        ": ERROR (already started)",
        "No config updates to processes",
    ];
    ENDS.iter().any(|end| line.ends_with(end)) || !autostart::held_files(line).is_empty()
}

/// The same as a part of a message; nothing if there was no complaint.
pub(super) async fn complaint_in_brackets(context: &StepContext<'_>, host: &InstanceId) -> Answer<String> {
    Ok(complaint(context, host).await?.map_or_else(String::new, |line| format!(" (`{line}`)")))
}

/// Gives a supervisor an order. Its job has a name of its own: under the name of an earlier order, nothing would be done.
pub(super) async fn order(
    context: &StepContext<'_>,
    call: &'static str,
    verb: Verb,
    subject: &Subject<'_>,
    programs: Vec<ProgramName>,
    left: Vec<(u32, u64)>,
) -> Result<(), WriteError> {
    let order = Order { verb, supervisorctl: subject.supervisorctl.to_owned(), programs, left };
    give(context, call, &subject.id, context.name_of_order(), order.command()).await
}

/// Gives a host an order: a job of which nothing is waited for, because the host itself shows what came of it.
pub(super) async fn give(
    context: &StepContext<'_>,
    call: &'static str,
    host: &InstanceId,
    name: JobName,
    command: Command,
) -> Result<(), WriteError> {
    let job = Job::new(name, command);
    // Recorded before it is sent, whether or not its sender lives to hear the answer: a successor asks what came of it, and the
    // host's record of it is removed once the step is done.
    context.learn(Fact::Order { instance: host.clone(), job: job.name.clone() }).await?;
    let hosts = &context.world.hosts;
    context.write_on_host(call, host, async |permit: &Permit| hosts.start_job(permit, host, &job).await).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_an_order_names_are_no_complaint() {
        let held = autostart::held_file("/etc/supervisor/conf.d/cms.conf");
        for line in ["lms: stopped", held.trim_end()] {
            assert!(tells_of_success(line), "{line}");
        }
        assert!(!tells_of_success("sed: couldn't open temporary file: Read-only file system"));
    }
}
