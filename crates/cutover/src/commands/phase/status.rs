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

/// The status at the end, once nobody conducts the upgrade, and the command that runs `phase` again. Both follow the file
/// as it is now: whoever types the command gives that one.
pub(super) fn last_status(
    session: &Session,
    upgrade: &Upgrade,
    phase: Phase,
    damage: Option<&str>,
) -> (Status, String) {
    let deployment = session.deployment_now();
    let status = of(session, &deployment, upgrade, &ConductorState::Gone, damage);
    (status, command(session, &deployment, upgrade, phase))
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
    command(session, session.deployment(), upgrade, phase)
}

fn command(session: &Session, deployment: &Deployment, upgrade: &Upgrade, phase: Phase) -> String {
    let (file, now, conductor) = (session.file(), session.clock.now(), &ConductorState::Gone);
    let inputs = StatusInputs { upgrade, deployment, file: &file, now, conductor, damage: None };
    phase_command(inputs, Edited::of(upgrade, deployment).as_ref(), phase)
}
