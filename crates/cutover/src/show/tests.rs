//! A property of everything that is shown: no text from outside forges a line, moves the cursor or fills the screen.

use std::time::Duration;

use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::{Decision, Event, Upgrade};
use cutover_core::plan::{Finding, Order, Phase, Severity};
use cutover_core::status::{ConductorState, Status, StatusInputs};
use cutover_core::time::later;
use cutover_engine::failure::Failure;
use jiff::Timestamp;

use super::testing::{self, Paper};
use crate::error::CommandError;
use crate::harmless::harmless;
use crate::show::{self, Lines, ReportInputs, Screen, report, status_text};

/// A line that a text from a file, a host or a person may try to forge.
const FORGED: &str = "04:30:00  deployment        done     all is well";

fn evil() -> String {
    format!("x\n{FORGED}\r\n# {FORGED}\u{1b}[2J\u{9b}1A\u{202e}{}", "e".repeat(100_000))
}

fn at(seconds: u64) -> Timestamp {
    later(testing::deployment().window.start.timestamp, Duration::from_secs(seconds))
}

/// A deployment whose question at the first gate is hostile.
fn deployment() -> Deployment {
    let mut deployment = parse(testing::SMALL).expect("the small deployment is right");
    for gate in &mut deployment.gates {
        gate.question = evil();
        gate.checklist = vec![evil()];
    }
    deployment
}

/// Everything that may come from outside, in the middle of a window.
fn events(deployment: &Deployment) -> Vec<Event> {
    let plan = testing::plan(deployment, Phase::Window, Order::Overlapped);
    let gate = testing::step_id(&plan, "window.gate.manual-checks");
    let (migrate, page) = (testing::step_id(&plan, "window.migrate."), testing::step_id(&plan, "window.verify."));
    let decision = Decision {
        gate: "manual-checks".into(),
        approved: false,
        by: evil(),
        at: at(0),
        note: Some(evil()),
        plan: None,
    };
    vec![
        Event::ConductorTookOver { upgrade: deployment.upgrade(), conductor: evil() },
        Event::StepStarted { step: gate.clone(), attempt: 1 },
        Event::GateOpened { gate: "manual-checks".into() },
        Event::GateDecided { decision, object: None },
        Event::StepFailed { step: gate, error: evil(), in_doubt: false, changed_nothing: false },
        Event::StepStarted { step: page.clone(), attempt: 1 },
        Event::StepRetried { step: page.clone(), error: evil() },
        Event::StepStarted { step: page.clone(), attempt: 2 },
        Event::StepInDoubt { step: page.clone(), error: evil() },
        Event::StepFailed { step: page.clone(), error: evil(), in_doubt: true, changed_nothing: false },
        Event::StepAccepted { step: page, by: evil(), because: evil() },
        Event::StepFailed { step: migrate.clone(), error: evil(), in_doubt: false, changed_nothing: false },
        Event::StepRetryApproved { step: migrate, by: evil() },
        Event::Interrupted { because: evil() },
    ]
}

/// Checks that `text`, as it is printed, contains nothing that must not be printed.
fn leaves(what: &str, text: &str) {
    let text = harmless(text);
    for line in text.lines() {
        let forged = line.starts_with(FORGED) || line.starts_with('#') && line.contains(FORGED);
        assert!(!forged, "{what} has a forged line: {line:.200}");
    }
    assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\r']), "{what}");
    assert!(text.len() < 100_000, "{what} is as long as what came from outside: {}", text.len());
}

#[test]
fn no_text_from_outside_forges_a_line_or_fills_the_screen() {
    let deployment = deployment();
    let journal = testing::journal(&deployment, &[Phase::Window], Order::Overlapped);
    let mut records = testing::until(&deployment, &journal, Duration::from_secs(600));
    let mut upgrade: Upgrade = testing::fold(&records);
    let paper = Paper::default();
    let mut lines = Lines::new(Box::new(paper.clone()), &upgrade, &deployment, Some("mitx.toml"));
    let mut record = records.last().expect("the window was begun").clone();
    (record.at, record.events) = (at(600), events(&deployment));
    for event in &record.events {
        upgrade.apply(at(600), event).expect("it can follow");
        lines.hear(&testing::recorded(at(600), event.clone()));
        leaves("a status", &status_text(&status(&upgrade, &deployment)));
    }
    leaves("a log", &paper.text());
    records.push(record);
    let inputs = ReportInputs {
        records: &records,
        upgrade: &upgrade,
        deployment: &deployment,
        visitors: None,
        violations: None,
    };
    leaves("a report", &report(inputs));
    for every_step in [false, true] {
        let plan = testing::plan(&deployment, Phase::Window, Order::Overlapped);
        let finding = Finding { severity: Severity::Error, step: plan.steps[0].id.clone(), message: evil() };
        leaves("a plan", &show::plan(&plan, &deployment, None, &[finding], every_step));
    }
}

fn status(upgrade: &Upgrade, deployment: &Deployment) -> Status {
    let evil = evil();
    Status::of(StatusInputs {
        upgrade,
        deployment,
        file: "mitx.toml",
        now: at(600),
        conductor: &ConductorState::Unknown,
        damage: Some(&evil),
    })
}

#[test]
fn no_error_forges_a_line_or_fills_the_screen() {
    for error in [
        CommandError::refused(evil(), evil()),
        CommandError::Observation(Failure::permanent(evil())),
        CommandError::Aws(Failure::permanent(evil())),
        CommandError::File { path: evil(), done: "read", source: std::io::Error::other(evil()) },
    ] {
        leaves("an error", &error.render(&crate::commands_to_type::GivenArguments::default()));
    }
}
