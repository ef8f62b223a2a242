//! What people have decided.

use std::collections::BTreeMap;

use cutover_core::journal::{Event, unseen};
use cutover_core::names::{HostName, StepId};

use super::parts::ReportInputs;
use crate::show::text::prose;

/// A line for each decision at a gate, and for each step that a person has let go on.
pub(super) fn decisions(inputs: ReportInputs<'_>) -> Vec<String> {
    let events = inputs.records.iter().flat_map(|record| record.events.iter().map(|event| (record.at, event)));
    // The hosts that the last attempt of each step could not look at: a consent goes on without them.
    let mut named: BTreeMap<&StepId, Vec<&str>> = BTreeMap::new();
    let decisions = events.filter_map(|(at, event)| match event {
        Event::GateDecided { decision, .. } => {
            let word = if decision.approved { "approved" } else { "REFUSED" };
            let note = decision.note.as_ref().map_or_else(String::new, |note| format!(": \"{}\"", prose(note)));
            let at = inputs.clock().show(decision.at);
            Some(format!("{at} `{}` {word} by {}{note}", decision.gate, prose(&decision.by)))
        }
        Event::StepRetryApproved { step, by } => {
            let hosts = named.get(step).filter(|hosts| !hosts.is_empty());
            let without = hosts.map_or_else(String::new, |hosts| format!(", without a look at {}", hosts.join(", ")));
            Some(format!("{} {} approved another attempt: {step}{without}", inputs.clock().show(at), prose(by)))
        }
        Event::StepAccepted { step, by, because } => {
            let (at, by, because) = (inputs.clock().show(at), prose(by), prose(because));
            Some(format!("{at} {by} accepted as done, \"{because}\": {step}"))
        }
        Event::StepStarted { step, .. } => {
            named.remove(step);
            None
        }
        other => {
            let hosts = unseen(other.facts()).map(HostName::as_str);
            named.entry(other.step()?).or_default().extend(hosts);
            None
        }
    });
    decisions.collect()
}
