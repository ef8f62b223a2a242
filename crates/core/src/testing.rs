//! Steps and plans for tests of this crate's modules.

use jiff::Timestamp;

use crate::plan::{Action, Basis, Edge, Line, Order, Phase, Plan, Rule, Step};

/// A step that takes no time and needs no undo.
pub(crate) fn step(id: &str, action: Action, waits_for: &[&str]) -> Step {
    let waits_for = waits_for.iter().map(|step| Edge { step: (*step).into(), rule: Rule::Follows }).collect();
    Step { waits_for, ..Step::new(id, Line::Notify, id, action) }
}

/// A plan of a phase, made from nothing.
pub(crate) fn plan(phase: Phase, steps: Vec<Step>) -> Plan {
    Plan {
        upgrade: "u".into(),
        phase,
        order: Order::Overlapped,
        made_at: Timestamp::UNIX_EPOCH,
        basis: Basis::default(),
        pending: Vec::new(),
        steps,
    }
}
