//! Write checks: commands of the deployment file that write on the new site before visitors do. Each is a job, which is started
//! at most once for each attempt of the step, and never beside one of an attempt before.

use cutover_core::journal::Fact;
use cutover_core::names::JobName;
use cutover_core::plan::WriteCheck;
use cutover_hosts::job::{JobReport, JobState};

use super::commands::{before, name_of};
use super::orders::give;
use super::output::{and_goes_on, last_lines, left_behind, whole};
use super::{Seen, StepContext};
use crate::halt::WriteError;
use crate::pending::of_service;
use crate::ports::Answer;

/// How many of the last lines that a check has printed are told.
const LINES_TOLD: usize = 5;

pub(super) async fn passed(context: &StepContext<'_>, check: &WriteCheck) -> Answer<Seen> {
    let (host, what) = (context.instance(&check.host)?, format!("the write check `{}`", check.name));
    let name = name_of(context, context.failures);
    let Some(report) = whole(context, &host, &name).await? else { return before(context, &check.host, &what).await };
    // It has written what it writes, whatever it has left.
    if report.has_succeeded() {
        return Ok(holds(check, &what, &name, &report));
    }
    let told = match (&report.state, report.exit()) {
        (JobState::HostRestarted, _) => "was cut off when its host was restarted".to_owned(),
        (JobState::Vanished, _) => format!("was killed; {}", said_last(&report)),
        (_, None) => return Ok(Seen::UnderWay(format!("{what} is running"))),
        (_, Some(exit)) => {
            format!("{}{}; {}", how_it_ended(&report, exit), and_goes_on(&report), said_last(&report))
        }
    };
    let why = format!(
        "{what} of {} on {} {told}. The site may show its pages and refuse every write, so the maintenance page stays up",
        check.fleet, check.host.name
    );
    Ok(Seen::never(why, HINT))
}

/// A check that has succeeded, with what it has left.
fn holds(check: &WriteCheck, what: &str, job: &JobName, report: &JobReport) -> Seen {
    let left = left_behind(&check.host.name, what, job, report);
    let (fleet, check) = (check.fleet.clone(), check.name.clone());
    Seen::Holds([Fact::WriteChecked { fleet, check }].into_iter().chain(left).collect())
}

fn how_it_ended(report: &JobReport, exit: i32) -> String {
    if report.was_interrupted { "was ended by a signal".to_owned() } else { format!("ended with exit status {exit}") }
}

/// What to do about a write that has failed. What is typed then depends on what other steps do meanwhile.
const HINT: &str = "find out there why the write fails, and remove what it has left behind; then run `cutover window` again, which \
                    makes the check again";

fn said_last(report: &JobReport) -> String {
    let lines = last_lines(&report.output, LINES_TOLD);
    if lines.is_empty() { "it printed nothing".to_owned() } else { format!("it printed last: {}", lines.join(" | ")) }
}

pub(super) async fn make(context: &StepContext<'_>, check: &WriteCheck) -> Result<(), WriteError> {
    let host = context.instance(&check.host)?;
    let command = of_service(&check.command, &check.directory, &check.user);
    give(context, "write_check", &host, name_of(context, context.failures), command).await
}
