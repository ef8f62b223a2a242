//! `cutover announce`, `prepare`, `window` and `retire`: runs a phase, or goes on with one that was begun.
//!
//! Everything that can be refused is refused before the lease is claimed and before anything is on record.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::rc::Rc;

use futures_util::future::{Either, select};
use serde::Serialize;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, PhaseRun, downtime_began};
use cutover_core::names::StepId;
use cutover_core::plan::{Action, Phase, Plan};
use cutover_engine::conductor::{self, Ending};
use cutover_engine::drive::Crew;
use cutover_engine::journal::{Journal, JournalError};
use cutover_engine::lease::{self, Lease, Machine};
use cutover_engine::store::StoreError;

use crate::absent;
use crate::args::PhaseArgs;
use crate::error::{CommandError, of_bucket};
use crate::exit::Exit;
use crate::operator::People;
use crate::planning;
use crate::session::{Access, Loaded, Session};
use crate::wall::{Keyboard, interruptions};
use crate::watch::{TICK, Watch, Watcher, watcher};
use crate::{output, show};

pub(super) fn run(args: &PhaseArgs, phase: Phase) -> Result<Exit, CommandError> {
    if args.dry_run {
        return super::dry_run::run(args, phase);
    }
    let loaded = Loaded::read(&args.file)?;
    super::block_on(async {
        let session = Session::open(loaded, Access::Change).await?;
        let reading = session.read().await?;
        let begun = reading.upgrade.phases.get(&phase).filter(|run| run.finished_at.is_none());
        has_failed(args, phase, begun)?;
        let plan = match begun.filter(|_| !args.replan) {
            Some(run) => {
                may_resume(args, &session, run)?;
                // The same plan, which may begin at any time: what is done of it is done.
                let late = args.late && phase == Phase::Window;
                late.then(|| (run.plan.clone().however_late(), run.deployment.clone()))
            }
            None => Some(planning::plan_to_run(args, &session, &reading.upgrade, phase).await?),
        };
        if session.embedded().is_none() {
            absent::refuse(plan.as_ref().map(|(plan, _)| plan).or(begun.map(|run| &run.plan)))?;
        }
        let lease = lease::claim(&session.store, &session.machine).await?;
        let ending = conduct(args, &session, &lease, phase, plan, reading.records.len()).await;
        // A lease that cannot be given up lapses by itself.
        let _ = lease.release(&session.store, &session.machine).await;
        ending
    })
}

/// Whether all steps that are to be tried again have failed.
fn has_failed(args: &PhaseArgs, phase: Phase, begun: Option<&PhaseRun>) -> Result<(), CommandError> {
    let failed: Vec<&str> = begun.into_iter().flat_map(PhaseRun::failed).map(|(step, _)| step.id.as_str()).collect();
    let Some(other) = args.retry.iter().find(|step| !failed.contains(&step.as_str())) else { return Ok(()) };
    let hint = match failed.is_empty() {
        true => format!("nothing has failed: cutover {phase} {}", args.file.display()),
        false => format!("what has failed: {}", failed.join(", ")),
    };
    Err(CommandError::refused(format!("`{other}` is not a failed step of `{phase}`"), hint))
}

/// Whether a phase that was begun can go on: the file must be the one that it was planned from, and a window that
/// no visitor has noticed yet must still fit.
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
    if phase == Phase::Window && downtime_began(run).is_none() && !args.late {
        planning::fits(session, &run.plan)?;
    }
    Ok(())
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
    set_pace(args, session)?;
    let watch = if args.json { Watch::Json } else { Watch::People };
    let watcher = watcher(watch, &reading.upgrade, session.deployment(), Some(&args.file.display().to_string()));
    let begun = reading.upgrade.phases.get(&phase).map(|run| &run.plan);
    let followed = plan.as_ref().map(|(plan, _)| plan).or(begun).map_or_else(|| Digest::of(b""), Plan::hash);
    let say = Rc::clone(&watcher.say);
    let (stop, abandon) = interruptions(move || say(STOPPING));
    let clock = Rc::clone(&session.clock);
    let (nonce, listener) = (session.machine.nonce(), Rc::clone(&watcher.listener));
    let operator = Rc::new(people(args, session, followed, &watcher));
    let journal = Journal::open(session.store.clone(), reading, Rc::clone(&clock), lease.epoch, nonce, listener);
    let crew = Crew::new(session.world().await?, clock, operator, journal, stop);
    let work = async {
        take_over(args, session, &crew.journal).await?;
        conductor::run(&crew, plan, phase).await
    };
    let complain = |error: &StoreError| (watcher.say)(&not_renewed(error));
    let keep = Box::pin(lease.keep(&session.store, &session.machine, &complain));
    let beside = select(Box::pin(tick(session, &watcher)), keep);
    let watched = select(Box::pin(work), select(abandon, beside)).await;
    (watcher.finish)();
    match watched {
        Either::Left((ending, _)) => ended(args, session, phase, &crew, ending?).await,
        // Only the operator ends what goes on beside the work.
        Either::Right(_) => {
            output::note("stopped at once; what was under way is on record as begun, and the same command goes on");
            Ok(Exit::Stopped)
        }
    }
}

/// Lets an embedded cloud's time pass at the pace that was asked for. AWS's cannot be hurried.
fn set_pace(args: &PhaseArgs, session: &Session) -> Result<(), CommandError> {
    match (args.pace, session.embedded()) {
        (Some(pace), Some(cloud)) => Ok(cloud.set_pace(pace)?),
        (Some(_), None) => {
            let hint = "leave --pace out; `cutover rehearse` shows the upgrade in simulated time";
            Err(CommandError::refused("time on AWS has no pace", hint))
        }
        (None, _) => Ok(()),
    }
}

const STOPPING: &str = "stopping: what is under way ends first; Ctrl-C once more stops at once";

fn not_renewed(error: &StoreError) -> String {
    let source = || std::error::Error::source(error).map(ToString::to_string);
    let because = of_bucket(error).or_else(source).map_or_else(String::new, |why| format!(": {why}"));
    format!("the lease could not be renewed ({error}{because}); going on and trying again, the journal is the fence")
}

/// Puts on record who conducts from here on, and which failed steps this operator wants tried again.
async fn take_over(args: &PhaseArgs, session: &Session, journal: &Journal) -> Result<(), JournalError> {
    let (upgrade, identity) = (session.deployment().upgrade(), session.machine.identity());
    journal.append(Event::ConductorTookOver { upgrade, conductor: identity.to_string() }).await?;
    let retry: BTreeSet<StepId> = args.retry.iter().map(|step| step.as_str().into()).collect();
    for step in retry {
        journal.append(Event::StepRetryApproved { step, by: identity.user.clone() }).await?;
    }
    Ok(())
}

/// Shows that time passes, for ever.
async fn tick(session: &Session, watcher: &Watcher) -> Infallible {
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
        keyboard: Keyboard::of_this_terminal(),
        file: args.file.display().to_string(),
        plan,
    }
}

/// The last line of `--json`: how things stand once no more progress follows.
#[derive(Serialize)]
#[serde(tag = "progress", rename = "ended")]
struct Ended {
    status: show::Status,
}

/// Says how the phase ended and what is next.
async fn ended(
    args: &PhaseArgs,
    session: &Session,
    phase: Phase,
    crew: &Crew,
    ending: Ending,
) -> Result<Exit, CommandError> {
    let file = args.file.display().to_string();
    let upgrade = crew.journal.upgrade().clone();
    let status = show::Status::of(show::StatusInputs {
        upgrade: &upgrade,
        deployment: session.deployment(),
        file: &file,
        now: session.clock.now(),
        conductor_lives: Some(false),
    });
    if args.json {
        output::json_line(&Ended { status })?;
    } else {
        output::result(&show::status_text(&status))?;
    }
    if let Some(line) = session.connection().and_then(|aws| show::calls(&aws.calls())) {
        output::note(&line);
    }
    Ok(match ending {
        Ending::Finished => Exit::Done,
        Ending::Failed(_) => {
            output::note(&after_failure(phase, &file, upgrade.phases.get(&phase)));
            Exit::StepFailed
        }
        Ending::Stopped => Exit::Stopped,
    })
}

/// What to type after a failure: a migration is never begun again without a word from the operator.
fn after_failure(phase: Phase, file: &str, run: Option<&PhaseRun>) -> String {
    let failed = run.into_iter().flat_map(PhaseRun::failed).map(|(step, _)| step);
    let migrations: Vec<_> = failed.filter(|step| matches!(step.action, Action::Migrate(_))).collect();
    if migrations.is_empty() {
        return format!("`{phase}` stopped at a failed step; after looking at it: cutover {phase} {file}");
    }
    let retries: String = migrations.iter().map(|step| format!(" --retry {}", step.id)).collect();
    format!(
        "`{phase}` stopped at a failed migration\n  \
           to see how it stands now: cutover {phase} {file}\n  \
           once the schema is mended: cutover {phase} {file}{retries}"
    )
}
