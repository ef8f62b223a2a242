//! `cutover announce`, `prepare`, `window` and `retire`: runs a phase, or goes on with one that was begun.
//!
//! Everything that can be refused is refused before the lease is claimed and before anything is on record.

use std::rc::Rc;

use futures_util::future::{Either, select};

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, PhaseRun};
use cutover_core::plan::{Phase, Plan};
use cutover_engine::conductor::{self, Ending};
use cutover_engine::drive::Crew;
use cutover_engine::journal::Journal;
use cutover_engine::lease::{self, Lease, Machine};
use cutover_engine::store::StoreError;

use crate::args::PhaseArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::operator::People;
use crate::planning;
use crate::session::{Access, Loaded, Session};
use crate::wall::interruptions;
use crate::watch::{TICK, Watch, Watcher, watcher};
use crate::{output, show};

pub(super) fn run(args: &PhaseArgs, phase: Phase) -> Result<Exit, CommandError> {
    let session = Session::open(Loaded::read(&args.file)?, Access::Change)?;
    super::block_on(async {
        if let Some(pace) = args.pace {
            session.cloud.set_pace(pace)?;
        }
        let reading = session.read().await?;
        let begun = reading.upgrade.phases.get(&phase).filter(|run| run.finished_at.is_none() && !args.replan);
        let plan = match begun {
            Some(run) => {
                may_resume(args, &session, run)?;
                None
            }
            None => Some(planning::plan_to_run(args, &session, &reading.upgrade, phase).await?),
        };
        let lease = lease::claim(&session.store, &session.machine).await?;
        let ending = conduct(args, &session, &lease, phase, plan, reading.records.len()).await;
        // A lease that cannot be given up lapses by itself.
        let _ = lease.release(&session.store, &session.machine).await;
        ending
    })
}

/// Whether a phase that was begun can go on: the file must be the one it was planned from, and what failed for
/// good must have been looked at.
fn may_resume(args: &PhaseArgs, session: &Session, run: &PhaseRun) -> Result<(), CommandError> {
    let phase = run.plan.phase;
    if run.deployment != Digest::of_json(session.deployment()) {
        return Err(CommandError::refused(
            format!("{} has changed since `{phase}` was begun", args.file.display()),
            format!("put it back as it was, or make a new plan: cutover {phase} {} --replan", args.file.display()),
        ));
    }
    if let Some(hash) = &args.plan
        && !run.plan.hash().as_str().starts_with(hash.as_str())
    {
        return Err(CommandError::refused(
            format!("`{phase}` was begun with plan {}, not {hash}", run.plan.hash().short()),
            format!("go on with that one: cutover {phase} {}", args.file.display()),
        ));
    }
    let unseen = run.failed().find(|(step, _)| {
        matches!(step.undo, cutover_core::plan::Undo::Impossible { .. })
            && !args.retry.iter().any(|retry| retry == step.id.as_str())
    });
    match unseen {
        None => Ok(()),
        Some((step, error)) => Err(CommandError::refused(
            format!("{} has failed and cannot be undone:\n  {error}", step.id),
            format!("look at it, then: cutover {phase} {} --retry {}", args.file.display(), step.id),
        )),
    }
}

async fn conduct(
    args: &PhaseArgs,
    session: &Session,
    lease: &Lease,
    phase: Phase,
    plan: Option<(Plan, Digest)>,
    records: usize,
) -> Result<Exit, CommandError> {
    // Another conductor may have been at work between the plan and the lease.
    let reading = session.read().await?;
    if reading.records.len() != records {
        return Err(CommandError::refused(
            "another conductor has just worked on this upgrade",
            format!("run `cutover {phase} {}` again", args.file.display()),
        ));
    }
    let (stop, abandon) = interruptions();
    let watch = if args.json { Watch::Json } else { Watch::People };
    let watcher = watcher(watch, &reading.upgrade, session.deployment(), &args.file.display().to_string());
    let begun = reading.upgrade.phases.get(&phase).map(|run| &run.plan);
    let followed = plan.as_ref().map(|(plan, _)| plan).or(begun).map_or_else(|| Digest::of(b""), Plan::hash);
    let clock = Rc::clone(&session.clock);
    let (nonce, listener) = (session.machine.nonce(), Rc::clone(&watcher.listener));
    let crew = Crew {
        world: session.cloud.world(),
        clock: Rc::clone(&clock),
        operator: Rc::new(people(args, session, followed, &watcher)),
        journal: Journal::open(session.store.clone(), reading, clock, lease.epoch, nonce, listener),
        stop,
    };
    let upgrade = session.deployment().upgrade();
    let conductor = session.machine.identity().to_string();
    crew.journal.append(Event::ConductorTookOver { upgrade, conductor }).await?;
    let work = Box::pin(conductor::run(&crew, plan, phase));
    let keep = Box::pin(lease.keep(&session.store, &session.machine));
    let abandon = Box::pin(select(abandon, Box::pin(tick(session, &watcher))));
    let watched = select(work, select(abandon, keep)).await;
    match watched {
        Either::Left((ending, _)) => ended(args, session, phase, &crew, ending?).await,
        Either::Right((Either::Left(_), _)) => {
            output::note("stopped at once; what was under way is on record as begun, and the same command goes on");
            Ok(Exit::Stopped)
        }
        Either::Right((Either::Right((kept, _)), work)) => {
            let error: StoreError = match kept {
                Err(error) => error,
            };
            output::note(&format!("the lease could not be renewed ({error}); going on, the journal is the fence"));
            let ending = work.await?;
            ended(args, session, phase, &crew, ending).await
        }
    }
}

/// Shows that time passes, for ever.
async fn tick(session: &Session, watcher: &Watcher) {
    loop {
        session.machine.sleep(TICK).await;
        (watcher.tick)(session.clock.now());
    }
}

/// Who decides at gates: people, about the plan that is followed.
fn people(args: &PhaseArgs, session: &Session, plan: Digest, watcher: &Watcher) -> People {
    People {
        store: session.store.clone(),
        clock: Rc::clone(&session.clock),
        say: Rc::clone(&watcher.say),
        file: args.file.display().to_string(),
        plan,
    }
}

/// Says how the phase ended and what is next.
async fn ended(
    args: &PhaseArgs,
    session: &Session,
    phase: Phase,
    crew: &Crew,
    ending: Ending,
) -> Result<Exit, CommandError> {
    let file = args.file.display();
    let upgrade = crew.journal.upgrade().clone();
    let status = show::Status::of(show::StatusInputs {
        upgrade: &upgrade,
        deployment: session.deployment(),
        file: &file.to_string(),
        now: session.clock.now(),
        conductor_lives: Some(false),
    });
    if args.json {
        output::json(&status)?;
    } else {
        output::result(&show::status_text(&status))?;
    }
    Ok(match ending {
        Ending::Finished => Exit::Done,
        Ending::Failed(_) => {
            output::note(&format!("`{phase}` stopped at a failed step; after looking at it: cutover {phase} {file}"));
            Exit::StepFailed
        }
        Ending::Stopped => Exit::Stopped,
    })
}
