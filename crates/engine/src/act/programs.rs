//! Programs under supervisor: stopped, started and killed by orders, which are jobs on the host.
//!
//! What an order prints is for people. Only the states of the programs, and the processes on the host, tell what came of
//! it. A program is stopped if supervisor says so *and* none of its processes is left.

use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Fact;
use cutover_core::names::ProgramName;
use cutover_core::plan::{StartServices, StopServices};
use cutover_core::time::human;
use cutover_hosts::answers::{self, NotAsked};
use cutover_hosts::supervisor::{ProgramStatus, State, Verb};

use super::again::note_after_snapshot;
use super::first_contact::{is_held, words};
use super::gone::stopped_for_good;
use super::kept_down::{down_for_good, held_files, note_held_files};
use super::orders::{OrderState, complaint_in_brackets, order, state_of_last_order};
use super::supervised::{Subject, change_of_pids, states, trace, up};
use super::unlisted::not_past;
use super::{Seen, StepContext, requests, supervised, tasks};
use crate::failure::Failure;
use crate::halt::WriteError;
use crate::ports::{Answer, World};
use crate::slots::StepSlot;
use crate::supervisors::States;

pub(super) async fn stopped(context: &StepContext<'_>, stop: &StopServices) -> Answer<Seen> {
    let subject = Subject::to_stop(context, stop)?;
    let up = match up(context, &context.slot, &subject).await {
        Ok(up) => up,
        Err(failure) => return stopped_for_good(context, &stop.host, &subject.id, failure).await,
    };
    if stop.for_good {
        note_held_files(context, &subject).await;
    }
    if up.is_empty() {
        return if stop.for_good { down_for_good(context, &subject).await } else { Ok(Seen::holds()) };
    }
    note_after_snapshot(context, &stop.host.name, &up);
    let is_past_limit = is_past_limit(context, stop);
    if !is_past_limit || stop.past_stop_limit == PastStopLimit::Wait {
        // A program runs that was not told, or runs again.
        if !up.is_told() && state_of_last_order(context, &context.slot, &subject.id).await? != OrderState::Running {
            return Ok(Seen::NotYet);
        }
        are_told(context);
    }
    let elapsed = since_told(context);
    let is_late = elapsed >= context.step.expected.min(stop.stop_limit);
    let what =
        if is_late { up.words(&subject) + &tasks::words(context, stop, &subject).await } else { up.words(&subject) };
    if !is_past_limit {
        let waits = if up.only_sessions().is_some() {
            "stopped, and waiting for what may be left: "
        } else {
            "still stopping: "
        };
        return Ok(Seen::UnderWay([waits, &what].concat()));
    }
    let name = &stop.host.name;
    if let Some(sessions) = up.only_sessions() {
        return Ok(Seen::Never(not_past(name, sessions, &stop.unrelated)));
    }
    match stop.past_stop_limit {
        PastStopLimit::Kill if up.is_of_strangers() => Ok(Seen::never(
            format!(
                "{} on {name}: not killed, because nothing shows that it belongs to a program that was to be stopped",
                up.words(&subject)
            ),
            "find out what it is, end it by hand, and run the phase again",
        )),
        PastStopLimit::Kill if elapsed >= stop.stop_limit + KILLED_WITHIN && up.is_told() => Ok(Seen::never(
            format!("{what} on {name}: still there after they were killed"),
            "a process that waits for a disk or a network file system cannot be killed: look there, or restart the host",
        )),
        // The next call kills them: see `stop`.
        PastStopLimit::Kill if elapsed < stop.stop_limit + KILLED_WITHIN => Ok(Seen::NotYet),
        PastStopLimit::Wait => {
            let words = format!("past the limit of {}, and waiting for: {what}", human(stop.stop_limit));
            Ok(Seen::UnderWay(words))
        }
        PastStopLimit::Kill | PastStopLimit::Abort => Ok(Seen::never(
            format!("still running on {name} after {}: {what}", human(elapsed)),
            match up.kill_command(&stop.supervisorctl) {
                Some(kill) => format!("let them end, or kill them there with `{kill}`; then run the phase again"),
                None => "let them end, or end them by hand; then run the phase again".to_owned(),
            },
        )),
    }
}

/// How long after the stop limit killed processes may still be there. They are killed again every ten seconds.
const KILLED_WITHIN: Duration = Duration::from_secs(60);

/// Tells programs to stop. Those that have not stopped in time are killed, if the deployment file says so. If the host
/// goes away meanwhile, nothing is left to stop.
pub(super) async fn stop(context: &StepContext<'_>, stop: &StopServices) -> Result<(), WriteError> {
    let subject = Subject::to_stop(context, stop)?;
    match stop_there(context, stop, &subject).await {
        Err(WriteError::Failed(failure)) => {
            Ok(stopped_for_good(context, &stop.host, &subject.id, failure).await.map(|_| ())?)
        }
        answer => answer,
    }
}

async fn stop_there(context: &StepContext<'_>, stop: &StopServices, subject: &Subject<'_>) -> Result<(), WriteError> {
    let up = up(context, &context.slot, subject).await?;
    let (stopping, left) = (up.stopping(), up.left());
    let may_kill = stop.past_stop_limit == PastStopLimit::Kill && is_past_limit(context, stop);
    if may_kill && !(stopping.is_empty() && left.is_empty()) {
        // Recorded before the kill: its answer may be lost, or this process may end, and interrupted tasks must be
        // reported.
        let tasks = tasks::about_to_end(context, stop, subject).await?;
        context.learn(Fact::Killed { host: stop.host.name.clone(), programs: stopping.clone(), tasks }).await?;
        return order(context, "kill", Verb::Kill, subject, stopping, left).await;
    }
    requests::put_on_record(context, stop, subject).await?;
    trace(context, &context.slot, subject).await?;
    tasks::put_on_record(context, stop, subject, up.running().len()).await?;
    let verb = if stop.for_good { Verb::StopForGood } else { Verb::Stop };
    let answer = order(context, "stop", verb, subject, stop.programs.clone(), Vec::new()).await;
    are_told(context);
    answer
}

/// The programs have their time to stop from now on, unless it has begun: an order that is given again does not prolong it.
fn are_told(context: &StepContext<'_>) {
    let begun = context.found.told_to_stop.get().unwrap_or_else(|| context.clock.moment());
    context.found.told_to_stop.set(Some(begun));
}

/// How long programs have had to stop. What an earlier process did is on record with dates of a clock that may have been
/// wrong, so they get their whole time again from a process that takes the step up.
fn since_told(context: &StepContext<'_>) -> Duration {
    context.found.told_to_stop.get().map(|told| told.at_least_until(context.clock.moment())).unwrap_or_default()
}

/// Whether programs that were told to stop have had the time that the deployment file gives them.
fn is_past_limit(context: &StepContext<'_>, stop: &StopServices) -> bool {
    context.found.told_to_stop.get().is_some() && since_told(context) >= stop.stop_limit
}

pub(super) async fn started(context: &StepContext<'_>, start: &StartServices) -> Answer<Seen> {
    let subject = Subject::new(context, &start.host, &start.supervisorctl, &start.programs)?;
    let mut states = states(context, &context.slot, &subject).await?;
    if !given_up(&states).is_empty() {
        match state_of_last_order(context, &context.slot, &subject.id).await? {
            OrderState::Unknown => return Ok(Seen::NotYet),
            OrderState::Running => {
                let words = format!("told to start, and not started yet: {}", given_up(&states).join(", "));
                return Ok(Seen::UnderWay(words));
            }
            // It may have ended since the states were read.
            OrderState::Ended => states = supervised::states(context, &context.slot, &subject).await?,
        }
    }
    let changed = change_of_pids(context, &subject, &states);
    let given_up = given_up(&states);
    if !given_up.is_empty() {
        let why = format!("{} on {} could not be kept running", given_up.join(", "), start.host.name);
        return Ok(Seen::never(why, "read their logs there"));
    }
    if states.values().any(|status| matches!(status.state, State::Stopped | State::Exited | State::Unknown)) {
        return Ok(Seen::NotYet);
    }
    let mut words = not_running(&states, &changed, start.steady);
    if words.is_empty() {
        words = not_answering(context, &context.slot, start, &subject).await?;
    }
    if !words.is_empty() {
        return Ok(Seen::UnderWay(words));
    }
    if start.autostart && is_held(context, &subject).await? {
        still_held(context, start, &subject).await
    } else {
        Ok(Seen::holds())
    }
}

/// What it means that programs run which supervisor would not start when the host boots. The order that starts them sees to that.
/// If it could not, visitors need not wait for it: people have until the host boots again.
async fn still_held(context: &StepContext<'_>, start: &StartServices, subject: &Subject<'_>) -> Answer<Seen> {
    let name = subject.name;
    match state_of_last_order(context, &context.slot, &subject.id).await? {
        OrderState::Unknown => return Ok(Seen::NotYet),
        OrderState::Running => {
            return Ok(Seen::UnderWay(format!("running, and not yet started again whenever {name} boots")));
        }
        OrderState::Ended => {}
    }
    let said = complaint_in_brackets(context, &subject.id).await?;
    let files = held_files(context, subject).await?;
    let files = if files.is_empty() { "supervisor's files".to_owned() } else { files.join(", ") };
    let text = format!(
        "{name} will boot without {}: `autostart` is still off for them in {files} there{said}. Take the lines \
         `; held by cutover` and `autostart=false` out, and run `{} reread`",
        words(&start.programs),
        start.supervisorctl
    );
    context.note(Fact::LeftToDo { host: name.clone(), text, job: None });
    Ok(Seen::holds())
}

/// The programs that supervisor does not start again by itself.
fn given_up(states: &States) -> Vec<&str> {
    let given_up = states.iter().filter(|(_, status)| status.state == State::Fatal);
    given_up.map(|(program, _)| program.as_str()).collect()
}

/// The addresses that must answer and do not; nothing if all do.
pub(super) async fn not_answering(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    start: &StartServices,
    subject: &Subject<'_>,
) -> Answer<String> {
    if start.answers.is_empty() {
        return Ok(String::new());
    }
    let question = answers::ask(&start.answers);
    let ask = async |world: &World| {
        let said = world.hosts.ask(&subject.id, &context.in_time(&question)).await?;
        answers::read(&start.answers, &said).map_err(|why| {
            let message = format!("it is not known what answers on {}: {why}", subject.name);
            match why {
                NotAsked::TimedOut => Failure::not_applied(message),
                NotAsked::Failed(_) | NotAsked::NotSaid(_) => {
                    Failure::permanent(message).with_hint("`answers` in the deployment file needs python3 there")
                }
            }
        })
    };
    let silent = context.ask_with(slot, ask).await?;
    let words = silent.iter().map(|silent| format!("{} ({})", silent.address, silent.why));
    let words = words.collect::<Vec<_>>().join(", ");
    Ok(if words.is_empty() { words } else { format!("running, and not answering: {words}") })
}

/// What programs do that do not count as running; nothing if all do. `changed` are those that have another process than at
/// the last look.
pub(super) fn not_running(states: &States, changed: &[ProgramName], steady: Duration) -> String {
    let mut words = String::with_capacity(24 * states.len());
    let mut tell = |what: &str, which: &dyn Fn(&ProgramName, &ProgramStatus) -> bool| {
        for (nth, (program, status)) in states.iter().filter(|(program, status)| which(program, status)).enumerate() {
            match (nth, words.is_empty()) {
                (0, true) => words.push_str(what),
                (0, false) => words.extend(["; ", what]),
                _ => words.push_str(", "),
            }
            words.push_str(program.as_str());
            if status.state == State::Backoff {
                words.extend([" (", &status.description, ")"]);
            }
        }
    };
    let is_short = |status: &ProgramStatus| status.uptime.is_none_or(|uptime| uptime < steady);
    tell("still stopping: ", &|_, status| status.state == State::Stopping);
    tell("starting: ", &|_, status| status.state == State::Starting);
    tell("ended at once, and started again by supervisor: ", &|_, status| status.state == State::Backoff);
    let too_short = ["running for less than ", &human(steady), ": "].concat();
    tell(&too_short, &|_, status| status.state == State::Running && is_short(status));
    tell("running with another process than before: ", &|program, _| changed.contains(program));
    words
}

pub(super) async fn start(context: &StepContext<'_>, start: &StartServices) -> Result<(), WriteError> {
    let subject = Subject::new(context, &start.host, &start.supervisorctl, &start.programs)?;
    let verb = if start.autostart { Verb::StartAlways } else { Verb::Start };
    order(context, "start", verb, &subject, start.programs.clone(), Vec::new()).await
}
