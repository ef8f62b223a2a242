//! `cutover status`: what has happened, what is next, and what going back would cost.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use cutover_core::journal::Upgrade;
use cutover_core::names::InstanceId;
use cutover_core::plan::Phase;
use cutover_core::status::{ConductorState, StatusInputs};
use cutover_engine::fence::Mark;

use crate::args::FileArgs;
use crate::error::{CommandError, with_cause};
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::wall::sleep;
use crate::{commands_to_type, output, show};

pub(super) fn run(args: &FileArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    super::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let (reading, damage) = session.read_to_look().await;
        // The journal says who conducted last; only the lease says whether somebody still does.
        let (conductor, damage) = match session.conductor().await {
            Ok(conductor) => (conductor, damage),
            Err(error) => (ConductorState::Unknown, damage.or(Some(error))),
        };
        let mut upgrade = reading.upgrade;
        if waits_for_retire(&upgrade) && conductor.lives() != Some(true) {
            upgrade.gone.extend(in_time(lost_hosts(&session, &upgrade)).await.unwrap_or_default());
        }
        let words = damage.as_ref().map(ToString::to_string);
        let file = session.file();
        let mut status = commands_to_type::status(StatusInputs {
            upgrade: &upgrade,
            deployment: session.deployment(),
            file: &file,
            now: session.clock.now(),
            conductor: &conductor,
            damage: words.as_deref(),
        });
        if status.has_stopped_without_reason() {
            status.unwritable = session.store.probe().await.err().map(|error| with_cause(&error));
        }
        if reading.records.is_empty() && words.is_none() {
            status = match in_time(begun_elsewhere(&session)).await {
                Some(epoch) => status.without_journal(epoch),
                None => status,
            };
        }
        if args.json {
            output::json(&status)?;
        } else {
            output::result(&show::status_text(&status))?;
        }
        // The status itself says it first, and standard error says it last.
        damage.map_or(Ok(Exit::Done), Err)
    })
}

/// How long a status looks at the world. It is shown without that, such as where there are no credentials.
const LOOK: Duration = Duration::from_secs(3);

/// What a look at the world finds, if it ends in time.
async fn in_time<T>(look: impl Future<Output = Option<T>>) -> Option<T> {
    match select(pin!(look), sleep(LOOK)).await {
        Either::Left((found, _)) => found,
        Either::Right(_) => None,
    }
}

/// The epoch of a conductor of this upgrade that has changed the zone, as far as the zone's fence can be seen, while nothing is
/// on record here.
async fn begun_elsewhere(session: &Session) -> Option<u64> {
    let (dns, deployment) = (session.world().await.ok()?.dns, session.deployment());
    let record = dns.fence(&deployment.dns.zone, &deployment.fence()).await.ok()??;
    let mark = Mark::of(&record).filter(|mark| mark.is_unknown(&deployment.upgrade(), |_| false));
    mark.map(|mark| mark.epoch)
}

/// Whether the window has ended, so that nobody would notice that next hosts are lost before they are needed.
fn waits_for_retire(upgrade: &Upgrade) -> bool {
    upgrade.finished(Phase::Window) && !upgrade.finished(Phase::Retire)
}

/// The next hosts that are gone, as far as that can be seen.
async fn lost_hosts(session: &Session, upgrade: &Upgrade) -> Option<Vec<InstanceId>> {
    let listed = session.world().await.ok()?.compute.instances().await.ok()?;
    let lives = |id: &InstanceId| listed.iter().any(|instance| instance.id == *id && instance.lives());
    // With the wrong region, every host would seem to be gone.
    let lost = upgrade.launched.values().filter(|id| !listed.is_empty() && !lives(id));
    Some(lost.cloned().collect())
}
