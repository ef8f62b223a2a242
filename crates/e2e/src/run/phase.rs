//! One phase by the real program. Whoever it asks at a gate approves at once.

use serde_json::Value;

use crate::stage::{Conductor, Program};

/// Who is told what happens, a line at a time.
pub type Tell<'a> = &'a dyn Fn(&str);

/// What came of a phase, or of a part of it.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// Everything that it has printed, in order.
    pub progress: Vec<Value>,
    /// Its exit code; -1 if it was killed.
    pub code: i32,
    /// What it has printed to standard error.
    pub said: String,
}

impl Phase {
    /// When the first of the steps was started whose names begin so, in seconds since 1970.
    #[must_use]
    pub fn start_of(&self, prefix: &str) -> Option<f64> {
        self.times_of(|event| event["event"] == "step-started" && is_of(event, prefix)).next()
    }

    /// When the last of the steps ended well whose names begin so, in seconds since 1970.
    #[must_use]
    pub fn end_of_all(&self, prefix: &str) -> Option<f64> {
        self.times_of(|event| ended_well(event) && is_of(event, prefix)).last()
    }

    fn times_of(&self, is_it: impl Fn(&Value) -> bool) -> impl Iterator<Item = f64> {
        let found = self.progress.iter().filter(move |one| is_it(&one["event"]));
        found
            .filter_map(|one| one["at"].as_str()?.parse::<jiff::Timestamp>().ok())
            .map(|at| at.as_duration().as_secs_f64())
    }
}

fn is_of(event: &Value, prefix: &str) -> bool {
    event["step"].as_str().is_some_and(|name| name.starts_with(prefix))
}

fn ended_well(event: &Value) -> bool {
    event["event"] == "step-done" || event["event"] == "step-held"
}

/// Runs a phase to its end.
///
/// # Panics
/// When the program cannot be started.
pub fn conduct(program: &Program, words: &[&str], tell: Tell<'_>) -> Phase {
    follow(program, &mut program.start(words), tell, |_| false)
}

/// Follows a phase to its end, or until `enough` says so of what it has printed; then it is killed as by `kill -9`. A gate is approved
/// once `enough` has seen that it is open.
///
/// # Panics
/// When a decision is refused.
pub fn follow(
    program: &Program,
    conductor: &mut Conductor,
    tell: Tell<'_>,
    mut enough: impl FnMut(&Value) -> bool,
) -> Phase {
    let mut phase = Phase::default();
    while let Some(progress) = conductor.next() {
        told(&progress, tell);
        let is_enough = enough(&progress);
        let event = &progress["event"];
        if event["event"] == "gate-opened" && !is_enough {
            let gate = event["gate"].as_str().unwrap_or_default();
            let _ = program.run(&["approve", gate, "--by", "ada"]).ended(0);
        }
        phase.progress.push(progress);
        if is_enough {
            conductor.kill();
            break;
        }
    }
    (phase.code, phase.said) = conductor.ended();
    phase
}

/// Tells of steps that have begun or ended or wait for something, and of gates.
fn told(progress: &Value, tell: Tell<'_>) {
    if progress["progress"] == "waiting" {
        let text = |key: &str| progress[key].as_str().unwrap_or_default();
        tell(&format!("{}: {}", text("step"), text("detail")));
    }
    let event = &progress["event"];
    let about = ["step", "gate", "because"].iter().find_map(|key| event[key].as_str());
    let Some(kind) = event["event"].as_str() else { return };
    if kind.starts_with("step-") || kind.starts_with("gate-") || kind.starts_with("run-") || kind == "interrupted" {
        tell(&format!("{kind} {}", about.unwrap_or_default()));
    }
    if kind == "step-failed" {
        tell(&event.to_string());
    }
}
