//! Programs that were started on next hosts: whether all of them still run right before visitors come back. People may have
//! decided about that for hours, and a host may have restarted meanwhile. Nothing is started here: who has stopped a program
//! may have had a reason.

use std::time::Duration;

use cutover_core::journal::Fact;
use cutover_core::names::ProgramName;
use cutover_core::plan::{StartServices, Work};
use cutover_core::words::some_of;
use cutover_hosts::supervisor::State;

use super::named::NAMED_WITH_WORDS;
use super::programs::{not_answering, not_running};
use super::supervised::{Subject, change_of_pids, states};
use super::unseen::{Unseen, found_and_unseen, refused_for_now};
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::ports::Answer;
use crate::slots::StepSlot;
use crate::supervisors::States;

/// How long a program may be down before that counts: whoever restarts one stops it first, and supervisor starts those of a host
/// that boots one after the other.
const PATIENCE: Duration = Duration::from_secs(60);

/// What does not run on a host as it should.
struct NotRunning<'a> {
    start: &'a StartServices,
    words: String,
    /// The programs that supervisor does not say to run, or to be starting.
    down: Vec<ProgramName>,
    /// Whether supervisor has given one of them up.
    is_given_up: bool,
}

/// Observes whether everything runs on these hosts.
pub(super) async fn still_running(context: &StepContext<'_>, hosts: &[StartServices]) -> Answer<Seen> {
    let (found, unseen) = look(context, hosts).await;
    if let Some(failure) = refused_for_now(context, &unseen) {
        return Err(beside(&found, failure));
    }
    if found.is_empty() {
        let text = format!("hosts with all services running: {}", hosts.len() - unseen.len());
        return Ok(Seen::Holds(vec![Fact::Note { text }]));
    }
    if found.iter().all(|host| host.down.is_empty()) {
        context.found.seen_since.set(None);
        return Ok(Seen::UnderWay(words(&found)));
    }
    let lasts = found.iter().any(|host| host.is_given_up) || context.has_lasted() >= PATIENCE;
    Ok(if lasts { Seen::Never(failure(&found)) } else { Seen::UnderWay(words(&found)) })
}

/// What does not run on these hosts now, in words; nothing if everything does.
///
/// # Errors
/// When a host cannot be looked at, and no operator lets the upgrade go on without that.
pub(super) async fn not_running_now(context: &StepContext<'_>, hosts: &[StartServices]) -> Answer<Option<String>> {
    let (found, unseen) = look(context, hosts).await;
    match refused_for_now(context, &unseen) {
        Some(failure) => Err(beside(&found, failure)),
        None => Ok((!found.is_empty()).then(|| words(&found))),
    }
}

/// Looks at each of these hosts with a connection of its own. One that cannot be looked at does not hide the others.
async fn look<'a>(context: &StepContext<'_>, hosts: &'a [StartServices]) -> (Vec<NotRunning<'a>>, Vec<Unseen<'a>>) {
    let looks = hosts.iter().map(async |start| {
        let slot = StepSlot::new(context.slots, Work::Connections);
        let unseen = |id, why| Unseen { host: &start.host.name, id, why };
        let subject = Subject::new(context, &start.host, &start.supervisorctl, &start.programs);
        let subject = subject.map_err(|why| unseen(None, why))?;
        let found = on_host(context, &slot, start, &subject).await;
        found.map_err(|why| unseen(Some(subject.id.clone()), why))
    });
    found_and_unseen(futures_util::future::join_all(looks).await)
}

async fn on_host<'a>(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    start: &'a StartServices,
    subject: &Subject<'_>,
) -> Answer<Option<NotRunning<'a>>> {
    let states = states(context, slot, subject).await?;
    let changed = change_of_pids(context, subject, &states);
    let down: Vec<ProgramName> = are_down(&states).map(|(program, _)| program.clone()).collect();
    let mut words = not_running(&states, &changed, start.steady);
    if !down.is_empty() {
        let states: Vec<String> = are_down(&states).map(|(program, state)| format!("{program} {state}")).collect();
        words = states.join(", ");
    } else if words.is_empty() {
        words = not_answering(context, slot, start, subject).await?;
    }
    let is_given_up = states.values().any(|status| status.state == State::Fatal);
    Ok((!words.is_empty()).then_some(NotRunning { start, words, down, is_given_up }))
}

fn are_down(states: &States) -> impl Iterator<Item = (&ProgramName, State)> {
    let states = states.iter().map(|(program, status)| (program, status.state));
    states.filter(|(_, state)| state.is_down() || *state == State::Unknown)
}

/// `lms STOPPED, cms FATAL on edx-0`, for each host.
fn words(found: &[NotRunning<'_>]) -> String {
    let hosts: Vec<String> = found.iter().map(|host| format!("{} on {}", host.words, host.start.host.name)).collect();
    some_of(&hosts, NAMED_WITH_WORDS)
}

fn failure(found: &[NotRunning<'_>]) -> Failure {
    let down = found.iter().find(|host| !host.down.is_empty());
    let start = down.map_or_else(String::new, |host| {
        let programs: Vec<&str> = host.down.iter().map(ProgramName::as_str).collect();
        let command = format!("{} start {}", host.start.supervisorctl, programs.join(" "));
        format!("start them, on {} with `{command}`, and ", host.start.host.name)
    });
    let why = format!("started before, and not running now: {}; visitors stay on the maintenance page", words(found));
    Failure::permanent(why)
        .with_hint(format!("read their logs there, which say what has ended them, {start}run the phase again"))
}

/// Why hosts could not be looked at, with what was found on the others.
fn beside(found: &[NotRunning<'_>], failure: Failure) -> Failure {
    match found.is_empty() {
        true => failure,
        false => Failure { message: format!("{}; not running: {}", failure.message, words(found)), ..failure },
    }
}
