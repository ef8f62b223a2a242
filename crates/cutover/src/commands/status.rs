//! `cutover status`: what has happened, what is next, and what going back would cost.

use std::time::Duration;

use futures_util::future::{Either, select};

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
        let upgrade = &reading.upgrade;
        // The journal says who conducted last; only the lease says whether somebody still does.
        let (conductor, damage) = match session.conductor().await {
            Ok(conductor) => (conductor, damage),
            Err(error) => (ConductorState::Unknown, damage.or(Some(error))),
        };
        let words = damage.as_ref().map(ToString::to_string);
        let file = session.file();
        let mut status = commands_to_type::status(StatusInputs {
            upgrade,
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
            status = match begun_elsewhere(&session).await {
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

/// How long a status waits for the zone's fence. It is shown without it, such as where there are no credentials.
const FENCE: Duration = Duration::from_secs(3);

/// The epoch of a conductor of this upgrade that has changed the zone, as far as the zone's fence can be seen, while nothing is
/// on record here.
async fn begun_elsewhere(session: &Session) -> Option<u64> {
    let look = Box::pin(async {
        let (dns, deployment) = (session.world().await.ok()?.dns, session.deployment());
        let record = dns.fence(&deployment.dns.zone, &deployment.fence()).await.ok()??;
        Mark::of(&record).filter(|mark| mark.is_unknown(&deployment.upgrade(), |_| false))
    });
    match select(look, sleep(FENCE)).await {
        Either::Left((mark, _)) => mark.map(|mark| mark.epoch),
        Either::Right(_) => None,
    }
}
