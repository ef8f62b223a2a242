//! What did not work at the first attempt.

use cutover_core::journal::{Event, Fact, warning};

use super::parts::ReportInputs;
use crate::show::found::{killed, ran_again, unknown_sessions};
use crate::show::text::{count, prose};

/// Everything that did not work at the first attempt, and every change of conductor.
pub(super) fn trouble(inputs: ReportInputs<'_>) -> Vec<String> {
    let mut conductors = 0;
    let mut lines = Vec::new();
    for record in inputs.records {
        let at = inputs.clock().show(record.at);
        for event in &record.events {
            conductors += usize::from(matches!(event, Event::ConductorTookOver { .. }));
            lines.extend(happened(event).into_iter().map(|words| format!("{at} {words}")));
        }
    }
    if conductors > inputs.upgrade.last_runs().count() {
        lines.push(format!(
            "{} in {}",
            count(conductors, "conductor"),
            count(inputs.upgrade.last_runs().count(), "phase")
        ));
    }
    lines
}

fn happened(event: &Event) -> Vec<String> {
    match event {
        Event::StepInDoubt { step, error } => vec![format!("in doubt: {step}: {}", prose(error))],
        Event::StepRetried { step, error } => vec![format!("tried again: {step}: {}", prose(error))],
        Event::StepFailed { step, error, .. } => vec![format!("FAILED: {step}: {}", prose(error))],
        Event::Interrupted { because } => vec![format!("stopped: {}", prose(because))],
        other => other.facts().iter().filter_map(|fact| learned(other, fact)).collect(),
    }
}

/// What is trouble in a fact. One record may be about many hosts.
fn learned(event: &Event, fact: &Fact) -> Option<String> {
    match warning(fact) {
        Some(words) => Some(format!("{}: {words}", event.step()?)),
        None => killed(fact).or_else(|| ran_again(fact)).or_else(|| unknown_sessions(fact)),
    }
}
