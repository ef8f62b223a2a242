//! Conducts a phase while this process holds the lease, and tells what happens beside it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};

use cutover_core::digest::Digest;
use cutover_core::journal::Event;
use cutover_core::names::StepId;
use cutover_core::plan::{Phase, Plan};
use cutover_core::status::look_command;
use cutover_core::time::human;
use cutover_engine::drive::{Conductor, Part, Stop};
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Authority, Gate};
use cutover_engine::journal::{Journal, JournalError};
use cutover_engine::lease::{ATTEMPT, Lease, Machine, News};
use cutover_engine::phase;
use cutover_engine::ports::World;
use cutover_engine::store::StoreError;

use super::end::{ended, halted};
use super::hold::{Held, release};
use super::status::{last_status, status};
use crate::args::PhaseArgs;
use crate::error::{CommandError, with_cause};
use crate::exit::Exit;
use crate::operator::People;
use crate::session::Session;
use crate::wall::{Keyboard, interrupted, interruptions};
use crate::watch::{Now, TICK, Watcher};
use crate::{output, show};

pub(super) async fn conduct(
    args: &PhaseArgs,
    session: &Session,
    plan: Option<(Plan, Digest)>,
    (phase, part): (Phase, Part),
    held: Held,
    watcher: Watcher,
) -> Result<Exit, CommandError> {
    let Held { lease, reading, world } = held;
    let under_way = reading.upgrade.run_of(phase).map(|run| &*run.plan);
    let followed = plan.as_ref().map(|(plan, _)| plan).or(under_way).map_or_else(|| Digest::of(b""), Plan::hash);
    let (stop, abandon) = interruptions();
    let (nonce, listener) = (session.machine.nonce(), watcher.listener());
    let operator = Rc::new(people(session, followed));
    let clock = Rc::clone(&session.clock);
    let journal =
        Rc::new(Journal::open(session.store.clone(), reading, Rc::clone(&clock), lease.epoch, nonce, listener));
    let gate = gate(session, &lease, &journal, &world);
    let remind = Box::pin(remind(session, &lease, Rc::clone(&journal), stop.clone()));
    let conductor = Conductor::new(world, clock, operator, Rc::clone(&journal), gate, stop).of_part(part);
    let work = async {
        take_over(args, session, &journal).await?;
        phase::run(&conductor, plan, phase).await
    };
    let tell = |news: News<'_>| output::note(&told(&news));
    let shown = watcher.clock();
    let keep = Box::pin(lease.keep(&journal, &tell));
    let beside = select(abandon, select(Box::pin(tick(session, &shown)), remind));
    let mut watched = select(Box::pin(work), select(keep, beside)).await;
    if let Either::Left((_, beside)) = &mut watched {
        select(Box::pin(lease.settled()), beside).await;
    }
    // If a call may still be on its way, the lease is kept: a successor on another machine waits until it has lapsed.
    if conductor.gate.is_quiet() {
        release(&lease, journal.records()).await;
    }
    // Only now may the program wait for its readers.
    let leave = interrupted();
    watcher.end(&leave).await;
    match watched {
        Either::Left((Ok(ending), _)) => ended(args, session, phase, &conductor, &ending, &leave).await,
        Either::Left((Err(halt), _)) | Either::Right((Either::Left((halt, _)), _)) => {
            Err(halted(args, session, &journal, halt, &leave).await)
        }
        // The rest can only have ended because of a second signal.
        Either::Right(_) => {
            let upgrade = journal.upgrade().clone();
            let status = last_status(session, &upgrade, None);
            output::note(&show::stopped_at_once(&status));
            Ok(Exit::Stopped)
        }
    }
}

/// The gate of a conductor that holds the lease.
fn gate(session: &Session, lease: &Rc<Lease>, journal: &Rc<Journal>, world: &World) -> Gate {
    let machine = Rc::new(session.machine);
    let gate = Gate::new(Authority::Lease(Rc::clone(lease)), Rc::clone(journal), machine).with_zone(ZoneFence::of(
        session.deployment(),
        world,
        &session.clock,
    ));
    match session.embedded() {
        Some(cloud) => gate.with_faults(Rc::clone(cloud) as _),
        None => gate,
    }
}

/// How often somebody who has asked the conductor to stop is told what it waits for.
const REMIND: Duration = Duration::from_secs(30);

/// After the first signal, tells everybody that the conductor stops, and says again and again what it still waits for.
async fn remind(session: &Session, lease: &Lease, journal: Rc<Journal>, stop: Stop) -> Infallible {
    let because = stop.await;
    let mut is_told = false;
    loop {
        let status = status(session, &journal.upgrade());
        output::note(&show::stopping(&status, because));
        if !std::mem::replace(&mut is_told, true) {
            lease.stops(journal.records()).await;
        }
        session.machine.sleep(REMIND).await;
    }
}

/// What is said about a lease that is being kept.
pub(in crate::commands) fn told(news: &News<'_>) -> String {
    match news {
        News::NotRenewed(error) => not_renewed(error),
        News::StoodStill(length) => {
            format!(
                "this process was suspended for {}; nobody has taken over in the meantime, so it goes on",
                human(*length)
            )
        }
    }
}

fn not_renewed(error: &StoreError) -> String {
    format!(
        "the lease could not be renewed ({}); trying again. No new call is made once it has less than {} \
         seconds left",
        with_cause(error),
        ATTEMPT.as_secs()
    )
}

/// Records who conducts from now on, and which failed steps this operator retries or accepts.
async fn take_over(args: &PhaseArgs, session: &Session, journal: &Journal) -> Result<(), JournalError> {
    let (upgrade, identity) = (session.deployment().upgrade(), session.machine.identity());
    journal.append(Event::ConductorTookOver { upgrade, conductor: identity.to_string() }).await?;
    let retry: BTreeSet<StepId> = args.retry.iter().map(|step| step.as_str().into()).collect();
    for step in retry {
        journal.append(Event::StepRetryApproved { step, by: identity.user.clone() }).await?;
    }
    let accept: BTreeSet<StepId> = args.accept.iter().map(|step| step.as_str().into()).collect();
    for step in accept {
        let (by, because) = (identity.user.clone(), args.because.clone().unwrap_or_default());
        journal.append(Event::StepAccepted { step, by, because }).await?;
    }
    Ok(())
}

/// Updates the time that is shown, for ever.
async fn tick(session: &Session, shown: &Now) -> Infallible {
    loop {
        session.machine.sleep(TICK).await;
        shown.set(session.clock.now());
    }
}

/// The people who decide at gates, about this plan.
fn people(session: &Session, plan: Digest) -> People {
    let file = session.file();
    let look = session
        .deployment()
        .gates
        .iter()
        .filter_map(|gate| Some((gate.name.clone(), look_command(session.deployment(), &file, &gate.name)?)));
    let look = look.collect();
    People {
        store: session.store.clone(),
        clock: Rc::clone(&session.clock),
        say: Rc::new(output::note),
        keyboard: Keyboard::of_this_terminal(),
        look,
        file,
        plan,
    }
}
