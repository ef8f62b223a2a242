//! From the plan to the end of a phase.
//!
//! Everything that can be refused is refused before the lease is claimed and before anything is recorded.

use cutover_core::plan::Phase;
use cutover_engine::drive::Part;
use cutover_engine::journal::Reading;

use super::conduct::conduct;
use super::hold::hold;
use super::refuse::{check_accept, check_resume, check_retry};
use crate::args::PhaseArgs;
use crate::commands::world;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::wall::interrupted;
use crate::watch::{Watch, Watcher};
use crate::{absent, planning};

pub(in crate::commands) fn run(args: &PhaseArgs, phase: Phase) -> Result<Exit, CommandError> {
    if args.dry_run {
        return crate::commands::dry_run::run(args, phase);
    }
    run_part(args, phase, Part::Whole)
}

/// The same for a part of a phase.
pub(in crate::commands) fn run_part(args: &PhaseArgs, phase: Phase, part: Part) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    crate::commands::block_on(async {
        let session = Session::open(loaded, Access::Change).await?;
        let reading = session.read().await?;
        refuse_without_journal(&session, &reading).await?;
        // The journal itself is continued as it was read.
        let mut upgrade = reading.upgrade.clone();
        world::find_pages_for_certain(&session, &mut upgrade).await?;
        let under_way = upgrade.run_under_way().filter(|run| run.kind == phase.into());
        check_retry(args, &session, &upgrade, phase)?;
        check_accept(args, phase, under_way)?;
        let plan = match under_way.filter(|_| !args.replan) {
            Some(run) => {
                check_resume(args, &session, &upgrade, run)?;
                if session.embedded().is_none() {
                    absent::refuse(&run.plan)?;
                }
                let late = match phase {
                    Phase::Window => planning::resumed_window(args, &session, &upgrade, run).await?,
                    _ => None,
                };
                late.map(|plan| (plan, run.deployment.clone()))
            }
            None => Some(planning::plan_to_run(args, &session, &upgrade, phase).await?),
        };
        // Before the claim: what is said while the lease is held must not wait for whoever reads it.
        let watch = if args.json { Watch::Json } else { Watch::People };
        let watcher = Watcher::begin(watch, &reading.upgrade, session.deployment(), Some(&session.file()));
        match hold(args, &session, phase, reading).await {
            Ok(held) => conduct(args, &session, plan, (phase, part), held, watcher).await,
            Err(error) => {
                watcher.end(&interrupted()).await;
                Err(error)
            }
        }
    })
}

/// Refuses to begin an upgrade that has begun already and whose journal is missing: it would be begun anew.
pub(in crate::commands) async fn refuse_without_journal(
    session: &Session,
    reading: &Reading,
) -> Result<(), CommandError> {
    if !reading.records.is_empty() {
        return Ok(());
    }
    match world::begun_elsewhere_for_certain(session).await? {
        Some(epoch) => {
            let missing = CommandError::JournalMissing { epoch };
            Err(CommandError::refused(missing.to_string(), missing.hint()))
        }
        None => Ok(()),
    }
}
