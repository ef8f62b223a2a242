//! The part below a plan's table: whether the window fits, the point of no return, the way back, the critical path, and
//! the linter's findings.

use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::names::StepId;
use cutover_core::plan::{Finding, Line, Plan, Severity, WindowForecast};
use cutover_core::time::human;

use super::soak;
use super::text::{WIDTH, count, hang, since};

/// The forecast of the window. `row` gives the row of the table that contains a step.
pub(super) fn window(
    plan: &Plan,
    deployment: &Deployment,
    known: &WindowForecast,
    row: &dyn Fn(&StepId) -> Option<usize>,
) -> String {
    let lines = [
        hang("Length     ", &length(deployment, known), WIDTH),
        hang("Start      ", &start(deployment, known), WIDTH),
        hang("No return  ", &no_return(plan, known, row), WIDTH),
        hang("Way back   ", &back(known), WIDTH),
        hang("Critical   ", &critical(plan, known), WIDTH),
    ];
    lines.into_iter().chain(soak::after_the_window(plan)).collect::<Vec<String>>().join("\n")
}

fn length(deployment: &Deployment, known: &WindowForecast) -> String {
    let window = &deployment.window;
    let whole = window.whole_length();
    let until_back = known.point_of_no_return.as_ref().map_or(known.expected, |point| point.after + known.back);
    let verdict = if known.fits {
        format!("It fits, with {} to spare.", human(known.spare))
    } else {
        format!("IT DOES NOT FIT: {} too long.", human(known.expected.max(until_back).saturating_sub(whole)))
    };
    format!(
        "{} expected of the window's {}, {} to {}. {verdict}",
        human(known.expected),
        human(whole),
        window.start.show(window.start.timestamp),
        window.start.show_beside(window.start.timestamp, window.ends().timestamp),
    )
}

fn start(deployment: &Deployment, known: &WindowForecast) -> String {
    format!("no later than {} to end in time", deployment.window.start.show(known.latest_safe_start))
}

fn no_return(plan: &Plan, known: &WindowForecast, row: &dyn Fn(&StepId) -> Option<usize>) -> String {
    let Some(point) = &known.point_of_no_return else { return "none: every step can be undone".to_owned() };
    let title = plan.step(&point.step).map_or(point.step.as_str(), |step| step.title.as_str());
    let row = row(&point.step).map_or_else(String::new, |row| format!("row {row}, "));
    format!("{row}{title}, at {}: {}", since(point.after), point.because)
}

fn back(known: &WindowForecast) -> String {
    match &known.point_of_no_return {
        Some(_) => format!("takes {} from just before the point of no return", human(known.back)),
        None => format!("takes {} from the end", human(known.back)),
    }
}

fn critical(plan: &Plan, known: &WindowForecast) -> String {
    let path = known.critical_path.iter().filter_map(|id| plan.step(id));
    chain(path.map(|step| (step.line, step.expected)))
}

/// A chain of steps by the runbook's lines: `post the page 2m 35s > migrate 20m > verify 10s`. Lines that take less
/// than a second are left out.
pub(super) fn chain(path: impl Iterator<Item = (Line, Duration)>) -> String {
    let mut parts: Vec<(Line, Duration)> = Vec::new();
    for (line, length) in path {
        match parts.last_mut() {
            Some((last, sum)) if *last == line => *sum += length,
            _ => parts.push((line, length)),
        }
    }
    let parts = parts.iter().filter(|(_, length)| *length >= Duration::from_secs(1));
    parts.map(|(line, length)| format!("{} {}", line.words(), human(*length))).collect::<Vec<String>>().join(" > ")
}

/// The linter's findings, errors first; nothing if there are none.
pub(super) fn findings(findings: &[Finding]) -> Option<String> {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let title = match (errors, warnings) {
        (0, 0) => return None,
        (0, warnings) => format!("{}: the plan can be run, if you accept this", count(warnings, "warning")),
        (errors, 0) => format!("{}: the plan is refused", count(errors, "error")),
        (errors, warnings) => {
            format!("{} and {}: the plan is refused", count(errors, "error"), count(warnings, "warning"))
        }
    };
    let lines = findings.iter().map(|finding| {
        let word = match finding.severity {
            Severity::Error => "ERROR    ",
            Severity::Warning => "warning  ",
        };
        hang(word, &format!("{}: {}", finding.step, finding.message), WIDTH)
    });
    Some(std::iter::once(title).chain(lines).collect::<Vec<String>>().join("\n"))
}
