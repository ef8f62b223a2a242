//! Changes outside of any phase, while this process holds the upgrade's lease: no conductor is at work meanwhile, and none begins.

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};

use cutover_core::journal::Upgrade;
use cutover_engine::gate::{Authority, Gate};
use cutover_engine::journal::{Journal, Reading};
use cutover_engine::lease::{self, Claim, Lease, LeaseError, Machine, News};

use crate::args::image::PruneArgs;
use crate::commands::phase::{release, told};
use crate::error::CommandError;
use crate::output;
use crate::session::Session;

/// Refuses while a conductor seems to be at work, before anybody is asked anything. Whether one is, the claim decides.
pub(super) async fn refuse_beside_a_conductor(session: &Session, args: &PruneArgs) -> Result<(), CommandError> {
    let last = lease::last(&session.store).await?.map(|(_, holder)| holder);
    match last.filter(|holder| args.take_over.is_none() && holder.state(&session.machine).lives() == Some(true)) {
        Some(holder) => {
            let why = "no image is removed meanwhile, because it may need any of them";
            Err(LeaseError::Held { holder: Box::new(holder), why }.into())
        }
        None => Ok(()),
    }
}

/// Does `work` with a gate, and the upgrade as it is on record under the lease.
///
/// # Errors
/// When the lease cannot be claimed or is lost, when a conductor has worked since `before`, and those of `work`.
pub(super) async fn under_lease<T>(
    session: &Session,
    args: &PruneArgs,
    before: &Reading,
    work: impl AsyncFnOnce(&Gate, &Upgrade) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let records = before.records.len() as u64;
    let epoch = before.records.last().map_or(0, |last| last.epoch);
    let machine = Rc::new(session.machine);
    let claim = Claim { machine, records, epoch, take_over: args.take_over.as_deref(), say: &output::note };
    let lease = Rc::new(lease::claim(&session.store, claim).await?);
    let (result, is_quiet) = match read_again(session, records).await {
        Ok(reading) => held(session, &lease, reading, work).await,
        Err(error) => (Err(error), true),
    };
    // If a call may still be on its way, the lease is kept until it lapses.
    if is_quiet {
        release(&lease, records).await;
    }
    result
}

/// The journal, which no conductor has continued between the look and the lease.
async fn read_again(session: &Session, records: u64) -> Result<Reading, CommandError> {
    let reading = session.read().await?;
    match reading.records.len() as u64 == records {
        true => Ok(reading),
        false => Err(CommandError::refused(
            "another conductor has just worked on this upgrade",
            "nothing was changed; look at the images again: `cutover image list`",
        )),
    }
}

/// Does the work while the lease is renewed. Also says whether each call that was sent has been answered.
async fn held<T>(
    session: &Session,
    lease: &Rc<Lease>,
    reading: Reading,
    work: impl AsyncFnOnce(&Gate, &Upgrade) -> Result<T, CommandError>,
) -> (Result<T, CommandError>, bool) {
    let (clock, nonce, upgrade) = (Rc::clone(&session.clock), session.machine.nonce(), reading.upgrade.clone());
    // Nothing is written to the journal; the gate looks whether anybody else does.
    let journal = Journal::open(session.store.clone(), reading, clock, lease.epoch, nonce, Rc::new(|_| {}));
    let journal = Rc::new(journal);
    let gate = Gate::new(Authority::Lease(Rc::clone(lease)), Rc::clone(&journal), Rc::new(session.machine));
    let gate = match session.embedded() {
        Some(cloud) => gate.with_faults(Rc::clone(cloud) as _),
        None => gate,
    };
    let tell = |news: News<'_>| output::note(&told(&news));
    let keep = pin!(lease.keep(&journal, &tell));
    let result = match select(pin!(work(&gate, &upgrade)), keep).await {
        Either::Left((result, keep)) => {
            select(pin!(lease.settled()), keep).await;
            result
        }
        Either::Right((halt, _)) => Err(CommandError::Halted(Box::new(halt))),
    };
    (result, gate.is_quiet())
}
