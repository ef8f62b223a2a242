//! The status of the upgrade, and the command that runs a phase, for what this command prints.

use cutover_core::journal::Upgrade;
use cutover_core::plan::Phase;
use cutover_core::status::{ConductorState, Edited, Status, StatusInputs, phase_command};

use crate::commands_to_type;
use crate::session::Session;

/// The status while this process conducts the upgrade, or once nobody does.
pub(super) fn status(session: &Session, upgrade: &Upgrade, conductor: &ConductorState, damage: Option<&str>) -> Status {
    commands_to_type::status(StatusInputs { damage, ..inputs(session, &session.file(), upgrade, conductor) })
}

fn inputs<'a>(
    session: &'a Session,
    file: &'a str,
    upgrade: &'a Upgrade,
    conductor: &'a ConductorState,
) -> StatusInputs<'a> {
    let (deployment, now) = (session.deployment(), session.clock.now());
    StatusInputs { upgrade, deployment, file, now, conductor, damage: None }
}

/// The command that runs or continues a phase.
pub(in crate::commands) fn again(session: &Session, upgrade: &Upgrade, phase: Phase) -> String {
    let edited = Edited::of(upgrade, session.deployment());
    phase_command(inputs(session, &session.file(), upgrade, &ConductorState::Gone), edited.as_ref(), phase)
}
