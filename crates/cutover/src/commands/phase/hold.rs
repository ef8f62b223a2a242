//! Claims the lease and gets everything ready, and releases it at the end.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::select;

use cutover_core::plan::Phase;
use cutover_engine::journal::Reading;
use cutover_engine::lease::{self, Claim, Lease, Machine};
use cutover_engine::ports::World;

use super::status::again;
use crate::args::PhaseArgs;
use crate::error::CommandError;
use crate::output;
use crate::session::Session;
use crate::wall::{ThisMachine, interrupted};

/// What a conductor has once it holds the lease: the lease, the journal as it was read under it, and the world.
pub(super) struct Held {
    pub(super) lease: Rc<Lease>,
    pub(super) reading: Reading,
    pub(super) world: World,
}

/// Claims the lease, and gets everything ready.
pub(super) async fn hold(
    args: &PhaseArgs,
    session: &Session,
    phase: Phase,
    before: Reading,
) -> Result<Held, CommandError> {
    let records = before.records.len() as u64;
    let machine = Rc::new(session.machine);
    let epoch = before.records.last().map_or(0, |last| last.epoch);
    let claim = Claim { machine, records, epoch, take_over: args.take_over.as_deref(), say: &output::note };
    let lease = Rc::new(lease::claim(&session.store, claim).await?);
    match ready(args, session, phase, records).await {
        Ok((reading, world)) => Ok(Held { lease, reading, world }),
        Err(error) => {
            // Nothing was started, so the next conductor need not wait.
            release(&lease, records).await;
            Err(error)
        }
    }
}

/// Reads the journal again under the lease, and reaches the world.
async fn ready(
    args: &PhaseArgs,
    session: &Session,
    phase: Phase,
    records: u64,
) -> Result<(Reading, World), CommandError> {
    // Another conductor may have been at work between the plan and the lease.
    let reading = session.read().await?;
    if reading.records.len() as u64 != records {
        return Err(CommandError::refused(
            "another conductor has just worked on this upgrade",
            format!("run it again: {}", again(session, &reading.upgrade, phase)),
        ));
    }
    set_pace(args, session)?;
    tell_pace(session);
    Ok((reading, session.world().await?))
}

/// Sets the pace of an embedded cloud's time. AWS has no such setting.
fn set_pace(args: &PhaseArgs, session: &Session) -> Result<(), CommandError> {
    match (args.pace, session.embedded()) {
        (Some(pace), Some(cloud)) => Ok(cloud.set_pace(pace)?),
        (Some(_), None) => {
            let hint = "leave out --pace; `cutover rehearse` shows the upgrade in simulated time";
            Err(CommandError::refused("--pace cannot be used on AWS", hint))
        }
        (None, _) => Ok(()),
    }
}

/// Tells at which pace an embedded cloud's time passes, if an earlier `--pace` has set another one than the file.
fn tell_pace(session: &Session) {
    let Some(pace) = session.embedded().and_then(|cloud| cloud.pace()) else { return };
    let of_file = session.deployment().embedded.pace;
    if pace != of_file {
        output::note(&format!(
            "The embedded cloud's time passes {pace} times as fast as yours, as --pace has set it; the file says {of_file}."
        ));
    }
}

/// How long the release of a lease may take.
const RELEASE: Duration = Duration::from_secs(5);

/// Releases the lease. One that cannot be released lapses, so nobody waits long for a state that does not answer, and
/// not at all after another signal.
pub(in crate::commands) async fn release(lease: &Lease, records: u64) {
    let released = Box::pin(lease.release(records));
    let _ = select(released, select(interrupted(), ThisMachine.sleep(RELEASE))).await;
}
