//! Commands of the deployment file that freeze and release hosts. They are one job, which is started at most once for each
//! attempt of the step, and whose end tells whether they have succeeded.

use cutover_core::journal::Fact;
use cutover_core::names::{InstanceId, JobName};
use cutover_core::plan::{Host, RunCommands};
use cutover_hosts::commands;
use cutover_hosts::job::{JobReport, JobState};

use super::orders::give;
use super::output::{and_goes_on, goes_on, left_behind, whole};
use super::{Seen, StepContext};
use crate::halt::WriteError;
use crate::ports::Answer;

pub(super) async fn ran(context: &StepContext<'_>, run: &RunCommands) -> Answer<Seen> {
    let (host, name, key) = (context.instance(&run.host)?, name_of(context, context.failures), run.purpose.as_str());
    let Some(report) = whole(context, &host, &name).await? else {
        return before(context, &run.host, &format!("the commands of `{key}`")).await;
    };
    if report.has_succeeded() {
        let left = left_behind(&run.host.name, &format!("a command of `{key}`"), &name, &report);
        return Ok(Seen::Holds(left.into_iter().collect()));
    }
    let told = match (&report.state, report.exit()) {
        (JobState::HostRestarted, _) => "the host was restarted meanwhile".to_owned(),
        (JobState::Vanished, _) => "somebody has killed them".to_owned(),
        (_, None) => return Ok(Seen::UnderWay(format!("the commands of `{key}` are running"))),
        (_, Some(_)) if report.was_interrupted => format!("a signal has ended them{}", and_goes_on(&report)),
        (_, Some(exit)) => why(&report, exit) + &and_goes_on(&report),
    };
    let why = format!("the commands of `{key}` on {}: {told}", run.host.name);
    Ok(Seen::never(why, "correct them in the deployment file, or do by hand what they do; then run the phase again"))
}

/// What attempts before have left behind that took too long: `what` may still run, and must not run twice at once. It does not any
/// more if it has succeeded, too late: somebody is told what it has left. Attempts that have failed without starting it have no job, and those of
/// an earlier plan have jobs with other names.
pub(super) async fn before(context: &StepContext<'_>, host: &Host, what: &str) -> Answer<Seen> {
    let id = context.instance(host)?;
    for job in ordered(context, &id) {
        let Some(report) = whole(context, &id, &job).await? else { continue };
        if report.has_succeeded() {
            left_behind(&host.name, what, &job, &report).into_iter().for_each(|left| context.note(left));
        } else if report.state == JobState::Running {
            return Ok(Seen::UnderWay(format!("still running since an attempt before: {what}{}", goes_on(&report))));
        }
    }
    Ok(Seen::NotYet)
}

/// The jobs that this step has ordered on a host, in any plan.
fn ordered(context: &StepContext<'_>, host: &InstanceId) -> Vec<JobName> {
    let orders = |fact: &Fact| match fact {
        Fact::Order { instance, job } if instance == host => Some(job.clone()),
        _ => None,
    };
    context.run().facts.iter().rev().filter_map(orders).collect()
}

/// Why commands have failed that have ended with this status.
fn why(report: &JobReport, exit: i32) -> String {
    let failures = commands::failures(&String::from_utf8_lossy(&report.output));
    match (failures.is_empty(), report.is_cut) {
        (false, _) => failures.join("; "),
        (true, true) => format!("exit status {exit}; they printed so much that the end of it is lost"),
        (true, false) => format!("exit status {exit}"),
    }
}

pub(super) async fn run(context: &StepContext<'_>, run: &RunCommands) -> Result<(), WriteError> {
    let host = context.instance(&run.host)?;
    give(context, run.purpose.as_str(), &host, name_of(context, context.failures), commands::command(&run.commands))
        .await
}

/// The same in every process: a job that an earlier one has started is found. After each failure that the operator has seen it
/// is another one.
pub(super) fn name_of(context: &StepContext<'_>, failures: u32) -> JobName {
    let upgrade = context.journal.upgrade();
    let upgrade = upgrade.id.as_ref().map_or("upgrade", |id| id.as_str());
    format!("{upgrade}-{}-{}-{}", context.step.id, &context.token()[..8], failures).into()
}
