//! What must never happen, as far as anybody has looked.

use std::collections::BTreeSet;

use cutover_core::journal::{Fact, Run, unseen};
use cutover_core::names::{HostName, StepId};
use cutover_core::plan::{Action, Phase};

use super::parts::{ReportInputs, item, paragraph, section};
use crate::show::found;
use crate::show::summary::Broken;
use crate::show::text::{count, prose};

/// What must never happen, as far as it is known. Where nobody watches all the time, that says what was looked at.
pub(super) fn never(inputs: ReportInputs<'_>) -> String {
    const TITLE: &str = "What must never happen";
    let happened: Vec<String> = old_code(inputs).into_iter().chain(broken(inputs)).collect();
    let unrelated = unrelated(inputs);
    if inputs.violations.is_some() {
        let watched = section(TITLE, &happened, "None of it happened, as far as it was watched.");
        return [watched].into_iter().chain(unrelated).collect::<Vec<String>>().join("\n\n");
    }
    let looks = looks(inputs);
    let about = match looks.is_empty() {
        true => "Nobody watches a real account all the time, and no host was looked at for old code so far.",
        false => "Nobody watches a real account all the time. Hosts were looked at for old code:",
    };
    let looks: Vec<String> = looks.iter().map(|look| item(look)).collect();
    let parts = [section(TITLE, &happened, "None of it was found."), paragraph(about), looks.join("\n")];
    parts.into_iter().chain(unrelated).filter(|part| !part.is_empty()).collect::<Vec<String>>().join("\n\n")
}

/// What went on because the deployment file lists it; nothing if nothing did.
fn unrelated(inputs: ReportInputs<'_>) -> Option<String> {
    const ABOUT: &str = "In sessions of `su` that the file lists as not belonging to the site, this went on:";
    let facts = inputs.upgrade.run_of(Phase::Window).into_iter().flat_map(Run::runs).flat_map(|(_, run)| &run.facts);
    let found = facts.filter_map(|fact| match fact {
        Fact::UnrelatedSessions { host, sessions } => Some((host, sessions)),
        _ => None,
    });
    let found: BTreeSet<String> = found
        .flat_map(|(host, sessions)| sessions.iter().map(move |session| item(&format!("{host}: {}", prose(session)))))
        .collect();
    let lines: Vec<String> = found.into_iter().collect();
    (!lines.is_empty()).then(|| [paragraph(ABOUT), lines.join("\n")].join("\n\n"))
}

/// Old code that was found on migrated schemas.
fn old_code(inputs: ReportInputs<'_>) -> Vec<String> {
    let found = &inputs.upgrade.old_code;
    found.iter().map(|old| format!("{} {}", inputs.clock().show(old.at), found::old_code(old))).collect()
}

/// The looks of the window at hosts on which nothing may run, that have ended well.
fn looks(inputs: ReportInputs<'_>) -> Vec<String> {
    let steps = inputs.upgrade.run_of(Phase::Window).into_iter().flat_map(Run::runs);
    let looks = steps.filter(|(_, run)| run.status.is_done()).filter_map(|(step, run)| {
        let Action::ConfirmStopped { hosts, .. } = &step.action else { return None };
        let unseen: Vec<&str> = unseen(&run.facts).map(HostName::as_str).collect();
        let without = match unseen.is_empty() {
            true => String::new(),
            false => format!(", without a look at {}: an operator let it go on", unseen.join(", ")),
        };
        let (at, title) = (inputs.clock().show(run.ended_at?), prose(&step.title));
        Some(format!("{at} {title} ({}): {}{without}", step.lane, count(hosts.len(), "host")))
    });
    looks.collect()
}

fn broken(inputs: ReportInputs<'_>) -> Vec<String> {
    let broken = inputs.violations.into_iter().flatten().map(|violation| {
        let broken = Broken::of(violation, inputs.upgrade);
        let during: Vec<&str> = broken.during.iter().map(StepId::as_str).collect();
        let during = if during.is_empty() { String::new() } else { format!(" During {}.", during.join(", ")) };
        format!("{} {}: {}.{during}", inputs.clock().show(broken.at), prose(&broken.invariant), prose(&broken.detail))
    });
    broken.collect()
}
