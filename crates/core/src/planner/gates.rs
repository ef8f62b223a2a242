//! The gates of a phase, as steps that wait for a person.

use std::collections::BTreeSet;

use super::build::{GATE_LIMIT, Joined, joined, step};
use crate::deployment::{Deployment, Gate, GateBefore, Role};
use crate::plan::{Action, Decide, Line, Rule, Step};

/// The gates before a point, in the order of the file; each one waits for the one before it.
pub(super) fn gates(deployment: &Deployment, before: GateBefore, phase: &str, line: Line) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for gate in deployment.gates.iter().filter(|gate| gate.before == before) {
        let step = decide(deployment, gate, phase, line);
        let step = match steps.last() {
            Some(last) => step.after(&last.id, Rule::Decision),
            None => step,
        };
        steps.push(step);
    }
    steps
}

/// The gates of a phase, for a number of steps that each wait for all of them.
pub(super) fn decided(gates: &[Step], followers: usize, phase: &str, line: Line) -> Joined {
    let ids = gates.iter().map(|gate| gate.id.clone()).collect();
    let title = format!("all is decided: {}", line.words());
    joined(ids, followers, Rule::Decision, format!("{phase}.decided"), line, title)
}

fn decide(deployment: &Deployment, gate: &Gate, phase: &str, line: Line) -> Step {
    // The key may be added while the page is up, when a stop waits for such a session. A gate before the window must not be
    // another one then: it would be asked again.
    let unrelated = unrelated(deployment).filter(|_| gate.before == GateBefore::Migrate);
    let action = Action::Decide(Decide {
        gate: gate.name.clone(),
        question: gate.question.clone(),
        checklist: gate.checklist.iter().cloned().chain(unrelated).collect(),
    });
    step(format!("{phase}.gate.{}", gate.name), line, format!("decide: {}", gate.question), action)
        .takes(gate.expected.duration(), GATE_LIMIT)
}

/// What goes on during the migrations because the file lists it, for whoever decides before them.
fn unrelated(deployment: &Deployment) -> Option<String> {
    let services = Role::ALL.into_iter().filter_map(|role| deployment.role.services(role));
    let programs: BTreeSet<&str> =
        services.flat_map(|services| &services.unrelated_processes).map(String::as_str).collect();
    let words = programs.into_iter().collect::<Vec<_>>().join(", ");
    (!words.is_empty()).then(|| format!("what goes on in sessions of `su` writes nothing to the site: {words}"))
}
