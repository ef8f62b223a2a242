//! The tasks that wait in the queues of a fleet. Those that run are waited for when their worker stops.

use std::cell::Cell;
use std::time::Duration;

use cutover_core::deployment::Role;
use cutover_core::journal::Fact;
use cutover_core::names::FleetName;
use cutover_core::plan::{CapturedHost, CountTasks, Host};
use cutover_core::words::count as counted;
use cutover_hosts::command::{Ask, Command};
use cutover_hosts::queues::{self, NotCounted};

use super::fate::is_gone;
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::ports::{Answer, World};

/// For how long there must be no more tasks than that. A task that has just ended may have queued another one, and a worker that
/// stops puts back what it had reserved.
const SETTLE: Duration = Duration::from_secs(5);

/// Observes whether no task waits any more, or no more than an operator leaves to the next hosts. After the step's time
/// limit, somebody has to decide about those that do.
pub(super) async fn drained(context: &StepContext<'_>, fleet: &FleetName, count: Option<&CountTasks>) -> Answer<Seen> {
    let Some(count) = count else {
        let why = format!("this plan does not say how the tasks of {fleet} are counted");
        return Ok(Seen::never(why, "plan the window again"));
    };
    let tasks = tasks(context, fleet, count).await?;
    let accepted = context.journal.upgrade().accepted_tasks.get(fleet).copied().unwrap_or_default();
    if tasks <= accepted {
        return Ok(match context.has_lasted() < SETTLE {
            true => Seen::UnderWay(format!("{tasks} tasks of {fleet} are waiting; they are counted again")),
            false => settled(fleet, tasks, accepted),
        });
    }
    context.found.seen_since.set(None);
    if context.in_this_process() < context.step.limit {
        return Ok(Seen::UnderWay(format!("{tasks} tasks of {fleet} are waiting")));
    }
    context.note(Fact::TasksLeft { fleet: fleet.clone(), tasks });
    Ok(Seen::Never(left(context, fleet, tasks)))
}

fn settled(fleet: &FleetName, tasks: u64, accepted: u64) -> Seen {
    if tasks == 0 {
        return Seen::holds();
    }
    let text = format!("{} of {fleet} left to the next hosts, of {accepted} accepted", shown(tasks));
    Seen::Holds(vec![Fact::Note { text }])
}

fn left(context: &StepContext<'_>, fleet: &FleetName, tasks: u64) -> Failure {
    let why = format!("the queues of {fleet} hold {}, and what old code has queued may fail on new code", shown(tasks));
    let hint = format!(
        "let the old workers empty them, or remove what is in them, and run `cutover window` again; or leave it to the next hosts: \
         --retry {}",
        context.step.id
    );
    Failure::permanent(why).with_hint(hint)
}

fn shown(tasks: u64) -> String {
    counted(usize::try_from(tasks).unwrap_or(usize::MAX), "task")
}

async fn tasks(context: &StepContext<'_>, fleet: &FleetName, count: &CountTasks) -> Answer<u64> {
    let id = context.instance(&count.host)?;
    let question = Ask::new(Command::as_root(count.command.iter().cloned()));
    let has_answered = Cell::new(false);
    let ask = async |world: &World| {
        let said = world.hosts.ask(&id, &context.in_time(&question)).await?;
        has_answered.set(true);
        queues::count(&said).map_err(|why| not_counted(fleet, &count.host, &why))
    };
    let ask = async |world: &World| {
        // What was not counted may have been anything meanwhile.
        ask(world).await.inspect_err(|_| context.found.seen_since.set(None))
    };
    match context.ask(ask).await {
        Err(_) if !has_answered.get() && is_gone(context, &id).await => Err(gone(context, fleet, &count.host).await),
        answer => answer,
    }
}

/// What to do about a worker that is gone. It is on record, so that `cutover status` knows it.
async fn gone(context: &StepContext<'_>, fleet: &FleetName, host: &Host) -> Failure {
    let why = format!("the tasks of {fleet} cannot be counted on {}, which is gone", host.name);
    let hint = match note_lost_workers(context, fleet).await {
        Lost::Some => "run `cutover window` again with --replan, which counts them on another worker".to_owned(),
        Lost::All => format!(
            "no worker of {fleet} is left that could count them: look at its queues yourself, take `count_queues` out of the \
             deployment file, and run `cutover window` again with --replan"
        ),
    };
    Failure::permanent(why).with_hint(hint)
}

/// Which of the current workers of a fleet are gone.
enum Lost {
    Some,
    All,
}

/// Keeps for the record which current workers of a fleet are gone, up to the first that may live.
async fn note_lost_workers(context: &StepContext<'_>, fleet: &FleetName) -> Lost {
    let captured = context.journal.upgrade().captured.clone();
    let is_worker = |host: &&CapturedHost| host.fleet == *fleet && host.role == Role::Worker;
    for CapturedHost { name, instance, .. } in captured.iter().flatten().filter(is_worker) {
        if !is_gone(context, instance).await {
            return Lost::Some;
        }
        context.note(Fact::Gone { host: name.clone(), instance: instance.clone() });
    }
    Lost::All
}

fn not_counted(fleet: &FleetName, host: &Host, why: &NotCounted) -> Failure {
    let message = format!("the tasks of {fleet} could not be counted on {}: {why}", host.name);
    // The broker may be unreachable for a moment, or say that it is loading its data.
    Failure::not_applied(message)
        .with_hint("run `count_queues` of [role.worker] there, and correct it in the deployment file")
}
