//! The status of the upgrade, and the command that runs a phase, for what this command prints.

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::plan::Phase;
use cutover_core::status::{ConductorState, Edited, Status, StatusInputs, phase_command};

use crate::commands_to_type;
use crate::session::Session;

/// The status while this process conducts the upgrade.
pub(super) fn status(session: &Session, upgrade: &Upgrade) -> Status {
    of(session, session.deployment(), upgrade, &ConductorState::AtWork, None)
}

/// The status at the end, once nobody conducts the upgrade. It follows the file as it is now: whoever types the command in
/// it gives that one.
pub(super) fn last_status(session: &Session, upgrade: &Upgrade, damage: Option<&str>) -> Status {
    of(session, &session.deployment_now(), upgrade, &ConductorState::Gone, damage)
}

fn of(
    session: &Session,
    deployment: &Deployment,
    upgrade: &Upgrade,
    conductor: &ConductorState,
    damage: Option<&str>,
) -> Status {
    let (file, now) = (session.file(), session.clock.now());
    commands_to_type::status(StatusInputs { upgrade, deployment, file: &file, now, conductor, damage })
}

/// The command that runs or continues a phase.
pub(in crate::commands) fn again(session: &Session, upgrade: &Upgrade, phase: Phase) -> String {
    let deployment = session.deployment();
    let (file, now, conductor) = (session.file(), session.clock.now(), &ConductorState::Gone);
    let inputs = StatusInputs { upgrade, deployment, file: &file, now, conductor, damage: None };
    phase_command(inputs, Edited::of(upgrade, deployment).as_ref(), phase)
}
