//! `cutover status`: what has happened, what is next, and what going back would cost.

use cutover_core::status::{ConductorState, StatusInputs};

use super::world;
use crate::args::FileArgs;
use crate::error::{CommandError, with_cause};
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
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
        // A conductor that lives looks by itself.
        if conductor.lives() != Some(true) {
            world::find_pages(&session, &mut upgrade).await;
            world::find_lost_hosts(&session, &mut upgrade).await;
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
            status = match world::begun_elsewhere(&session).await {
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
        match status.journal_missing_since {
            Some(epoch) => Err(CommandError::JournalMissing { epoch }),
            None => damage.map_or(Ok(Exit::Done), Err),
        }
    })
}
