//! Steps and plans for tests of this crate's modules.

use std::time::Duration;

use jiff::Timestamp;

use crate::plan::{Action, Basis, Edge, Lane, Line, Order, PageMayLift, Phase, Plan, Rule, Step, Undo};

/// A step that takes no time and needs no undo.
pub(crate) fn step(id: &str, action: Action, waits_for: &[&str]) -> Step {
    Step {
        id: id.into(),
        lane: Lane::Deployment,
        line: Line::Notify,
        title: id.to_owned(),
        action,
        waits_for: waits_for.iter().map(|step| Edge { step: (*step).into(), rule: Rule::Follows }).collect(),
        undo: Undo::Nothing,
        page_may_lift: PageMayLift::Yes,
        expected: Duration::ZERO,
        limit: Duration::ZERO,
    }
}

/// A plan of a phase, made from nothing.
pub(crate) fn plan(phase: Phase, steps: Vec<Step>) -> Plan {
    Plan {
        upgrade: "u".into(),
        phase,
        order: Order::Overlapped,
        made_at: Timestamp::UNIX_EPOCH,
        basis: Basis::default(),
        steps,
    }
}
