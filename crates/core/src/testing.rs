//! Steps and plans for tests of this crate's modules.

use jiff::Timestamp;

use crate::deployment::PastLimit;
use crate::plan::{Action, Basis, Edge, Host, InstanceRef, Line, Migrate, Order, Phase, Plan, Rule, Step};

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

/// A migration of the fleet `live` by job `migrate-lms` on host `edx-0`.
pub(crate) fn migrate(schema: &str) -> Migrate {
    Migrate {
        job: "migrate-lms".into(),
        host: Host { name: "edx-0".into(), instance: InstanceRef::Known("i-1".into()) },
        fleet: "live".into(),
        service: "lms".to_owned(),
        database: "default".into(),
        schema: schema.into(),
        instance: "db".into(),
        command: Vec::new(),
        sequence: None,
        is_locked: false,
        list_command: Vec::new(),
        sql_command: Vec::new(),
        schema_command: Vec::new(),
        directory: String::new(),
        user: String::new(),
        warn_after: None,
        past_limit: PastLimit::Abort,
        backward_compatible: false,
    }
}
