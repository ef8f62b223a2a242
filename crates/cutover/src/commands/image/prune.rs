//! `cutover image prune`: shows which images go and why the others stay, asks, and removes them under the upgrade's lease.

use cutover_core::inventory::{Pruning, prune};
use cutover_core::journal::Upgrade;
use cutover_core::observation::Part;
use cutover_engine::gate::Gate;
use cutover_engine::hints::SAME_COMMAND;
use cutover_engine::removals::{Removal, Remover, unfinished};
use futures_util::FutureExt;

use super::consent::consent;
use super::lease::{refuse_beside_a_conductor, under_lease};
use super::look::{Looked, around, look};
use crate::args::image::PruneArgs;
use crate::commands::phase::refuse_without_journal;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::wall::interrupted;
use crate::{output, show};

/// What there is to do.
struct ToDo {
    pruning: Pruning,
    /// Removals that an earlier process has begun and not ended.
    left: Vec<Removal>,
    looked: Looked,
}

impl ToDo {
    fn is_nothing(&self) -> bool {
        self.pruning.removed.is_empty() && self.left.is_empty()
    }

    fn is_same(&self, other: &Self) -> bool {
        self.pruning.ids() == other.pruning.ids() && self.left == other.left
    }
}

pub(super) fn run(args: &PruneArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    crate::commands::block_on(async {
        let access = if args.dry_run { Access::Look } else { Access::Change };
        let session = Session::open(loaded, access).await?;
        let reading = session.read().await?;
        refuse_without_journal(&session, &reading).await?;
        let to_do = to_do(args, &session, &reading.upgrade).await?;
        if !args.json {
            let around = around(&session, &to_do.looked);
            output::result(&show::image::prune_text(&to_do.pruning, &to_do.left, &around))?;
        }
        let exit = match args.dry_run || to_do.is_nothing() {
            true => Exit::Done,
            false => {
                refuse_beside_a_conductor(&session, args).await?;
                consent(args).await?;
                let work = async |gate: &Gate, upgrade: &Upgrade| remove(args, &session, gate, upgrade, &to_do).await;
                under_lease(&session, args, &reading, work).await?
            }
        };
        if args.json {
            let is_done = exit == Exit::Done && !args.dry_run;
            output::json(&show::image::prune_json(&to_do.pruning, &to_do.left, is_done))?;
        }
        Ok(exit)
    })
}

async fn to_do(args: &PruneArgs, session: &Session, upgrade: &Upgrade) -> Result<ToDo, CommandError> {
    let looked = look(session, upgrade).await?;
    let base = looked.unseen.iter().find(|one| matches!(one.part, Part::BaseImage(_)));
    if let Some(base) = base {
        return Err(CommandError::refused(
            format!("it is not known which image is the {}: {}", base.part, base.why),
            "nothing was changed; correct that first, because that image must stay",
        ));
    }
    let left = unfinished(&session.store).await?;
    Ok(ToDo { pruning: prune(&looked.inventory, args.keep), left, looked })
}

/// Removes what was shown, if it still is what there is to do.
async fn remove(
    args: &PruneArgs,
    session: &Session,
    gate: &Gate,
    upgrade: &Upgrade,
    shown: &ToDo,
) -> Result<Exit, CommandError> {
    let now = to_do(args, session, upgrade).await?;
    if !now.is_same(shown) {
        return Err(CommandError::refused(
            "what is to be removed has changed since it was shown",
            format!("nothing was changed; look at it again with --dry-run, and then {SAME_COMMAND}"),
        ));
    }
    let remover = Remover { images: &*now.looked.world.images, clock: &*session.clock, gate, store: &session.store };
    let stop = interrupted();
    let is_stopped = || stop.clone().now_or_never().is_some();
    for removal in &now.left {
        if is_stopped() {
            return Ok(stopped());
        }
        let called = format!("{} ({})", removal.name, removal.image);
        remover.finish(removal).await.map_err(|error| CommandError::of_removal(&called, error))?;
        output::note(&format!("removed what was left of {called}"));
    }
    for one in &now.pruning.removed {
        if is_stopped() {
            return Ok(stopped());
        }
        let called = format!("{} ({})", one.image.name, one.image.id);
        let removed = remover.remove(&one.image.id, &one.image.name).await;
        let removed = removed.map_err(|error| CommandError::of_removal(&called, error))?;
        output::note(&format!("removed {called}, {}", show::image::snapshots(&removed.disks)));
    }
    Ok(Exit::Done)
}

fn stopped() -> Exit {
    output::note("Stopped before the next image. The same command goes on.");
    Exit::Stopped
}
