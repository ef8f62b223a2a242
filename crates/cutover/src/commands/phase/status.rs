//! The status of the upgrade, and the command that runs a phase, for what this command prints.

use cutover_core::journal::Upgrade;
use cutover_core::plan::Phase;
use cutover_core::status::{Status, StatusInputs, phase_command};

use crate::commands_to_type;
use crate::session::Session;

/// The status while this process conducts the upgrade, or once nobody does.
pub(super) fn status(session: &Session, upgrade: &Upgrade, lives: bool, damage: Option<&str>) -> Status {
    let file = session.file();
    commands_to_type::status(StatusInputs {
        conductor_lives: Some(lives),
        ..status_inputs(session, &file, upgrade, damage)
    })
}

fn status_inputs<'a>(
    session: &'a Session,
    file: &'a str,
    upgrade: &'a Upgrade,
    damage: Option<&'a str>,
) -> StatusInputs<'a> {
    let (deployment, now) = (session.deployment(), session.clock.now());
    StatusInputs { upgrade, deployment, file, now, conductor_lives: None, damage }
}

/// The command that runs or continues a phase.
pub(super) fn again(session: &Session, upgrade: &Upgrade, phase: Phase) -> String {
    phase_command(status_inputs(session, &session.file(), upgrade, None), phase)
}
