//! The outcome of a run, as it is printed.

use serde::Serialize;

use crate::visitors::{Counts, Habit, Seen};

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// `succeeded`, or what went wrong.
    pub outcome: String,
    /// How many hosts there were.
    pub hosts: Hosts,
    /// The kind of hosts: `machines`, which are systems that boot, or `plain`, which are processes on loopback.
    pub kind: String,
    /// What visitors have seen who keep an address no longer than its TTL says.
    pub visitors: Visitors,
    /// What those have seen who keep it longer, or keep a connection open.
    pub stale_visitors: Visitors,
    /// How long the window should have taken, in seconds.
    pub forecast_seconds: f64,
    /// How long it took.
    pub measured_seconds: f64,
    /// The tasks of workers.
    pub tasks: Tasks,
    /// The migrations that were applied, as `SCHEMA APP NAME`.
    pub migrations: Vec<String>,
    /// The lines of the runbook, and whether things are as they ask for.
    pub as_runbook: Vec<Line>,
}

/// Hosts before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Hosts {
    /// Those of the old release.
    pub current: usize,
    /// Those of the new one.
    pub next: usize,
}

/// Tasks that workers were given right before the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tasks {
    /// So many were given.
    pub submitted: usize,
    /// So many are done.
    pub done: usize,
}

/// How many answers visitors have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Visitors {
    /// Pages of the old release.
    pub old: u64,
    /// The maintenance page.
    pub page: u64,
    /// Pages of the new release.
    pub new: u64,
    /// Everything else.
    pub error: u64,
}

/// A line of the runbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The line, in the runbook's words.
    pub line: String,
    /// Whether things are as it asks for.
    pub holds: bool,
    /// What was seen.
    pub seen: String,
}

impl Visitors {
    /// What visitors have seen who keep an address no longer than its TTL says, and what the others have seen.
    #[must_use]
    pub fn of(seen: &Seen) -> [Self; 2] {
        let sum = |follows: bool| {
            let habits = seen.counts.iter().filter(|(habit, _)| (**habit == Habit::Resolves) == follows);
            habits.fold(Counts::default(), |sum, (_, counts)| sum + *counts).into()
        };
        [sum(true), sum(false)]
    }
}

impl From<Counts> for Visitors {
    fn from(Counts { old, page, new, error }: Counts) -> Self {
        Self { old, page, new, error }
    }
}
