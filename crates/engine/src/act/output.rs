//! What a job has printed, read to its end: an answer of a host holds only a part of a long output, the first one.

use cutover_core::journal::Fact;
use cutover_core::names::{HostName, InstanceId, JobName};
use cutover_hosts::job::{JobReport, JobState};

use super::StepContext;
use crate::ports::Answer;

/// The state of a job, with all of its output if its command has ended; `None` if it was never started, or has been collected.
pub(super) async fn whole(context: &StepContext<'_>, host: &InstanceId, name: &JobName) -> Answer<Option<JobReport>> {
    let part = async |offset| context.ask(async |world| world.hosts.job(host, name, offset).await).await;
    let Some(mut whole) = part(0).await? else { return Ok(None) };
    while (whole.state != JobState::Running || whole.left.is_some()) && whole.next < whole.size {
        let Some(mut more) = part(whole.next).await?.filter(|more| !more.output.is_empty()) else { break };
        more.output.splice(0..0, whole.output);
        whole = more;
    }
    Ok(Some(whole))
}

/// What to add to the words on a job that runs, or is taken for one, if its command has ended.
pub(super) fn goes_on(report: &JobReport) -> String {
    let told = |status| format!("; its command has ended with exit status {status}, and {}", processes(report));
    report.exit().map(told).unwrap_or_default()
}

/// What to add to the words on a command that has failed.
pub(super) fn and_goes_on(report: &JobReport) -> String {
    if report.state == JobState::Running { format!(", and {}", processes(report)) } else { String::new() }
}

/// What a command that has succeeded has left behind, for somebody to look at: it is waited for by nobody.
pub(super) fn left_behind(host: &HostName, what: &str, job: &JobName, report: &JobReport) -> Option<Fact> {
    let text = || format!("{what} has succeeded on {host}, and {}", processes(report));
    (!report.go_on.is_empty()).then(|| Fact::LeftToDo { host: host.clone(), text: text(), job: Some(job.clone()) })
}

/// What goes on of a job whose command has ended, and what to do about it.
fn processes(report: &JobReport) -> String {
    let pids: Vec<String> = report.go_on.iter().map(u32::to_string).collect();
    // cutover or systemd has sent TERM already.
    let ends_with_unit = report.state == JobState::Running && report.left == Some(0);
    let has_ignored_term = report.was_signalled || report.was_interrupted || ends_with_unit;
    let kill = if has_ignored_term { "kill -KILL" } else { "kill" };
    match pids.is_empty() {
        true => "what it has started goes on".to_owned(),
        false => format!(
            "what it has started goes on: see `ps -fp {}` there, and end it with `{kill} {}` if nobody needs it",
            pids.join(","),
            pids.join(" ")
        ),
    }
}

/// The last lines with anything on them, up to `most`, in their order.
pub(super) fn last_lines(output: &[u8], most: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let mut lines: Vec<&str> = text.lines().rev().map(str::trim).filter(|line| !line.is_empty()).take(most).collect();
    lines.reverse();
    lines.into_iter().map(str::to_owned).collect()
}
