//! The tasks that celery's workers run: named when a worker does not stop in time. Nothing depends on them: if celery does
//! not tell, that is said, and the stop goes on.
//!
//! A worker that was told to stop does not answer any more. So it is asked right before, and what it said is put on
//! record. A worker that was told to stop ends the processes of tasks that have ended, which tells which of them still run.
//! A worker that hangs is just missing from the answer, so the workers that answer are compared with the programs that run.

use std::collections::BTreeMap;

use cutover_core::journal::{Fact, RunningTask};
use cutover_core::names::HostName;
use cutover_core::plan::StopServices;
use cutover_core::time::{between, earlier, human};
use cutover_hosts::{celery, processes};

use super::StepContext;
use super::named::NAMED;
use super::supervised::Subject;
use crate::halt::WriteError;

/// The tasks of a host, as far as they are known.
struct Known {
    tasks: Vec<RunningTask>,
    /// How many programs there have not answered. What they were running is not known.
    silent: usize,
}

/// Asks which tasks run on a host, where so many programs run, and puts the answer on record, unless it is there.
pub(super) async fn put_on_record(
    context: &StepContext<'_>,
    stop: &StopServices,
    subject: &Subject<'_>,
    running: usize,
) -> Result<(), WriteError> {
    if stop.running_tasks.is_empty() || recorded(context, subject.name).is_some() {
        return Ok(());
    }
    let question = celery::ask(&stop.running_tasks);
    let fact = match context.ask(async |world| world.hosts.ask(&subject.id, &question).await).await {
        Ok(said) => celery::read(&said).map_err(|why| why.to_string()),
        Err(failure) => Err(failure.to_string()),
    };
    let now = context.clock.now();
    let fact = match fact {
        Ok(active) => {
            let silent = running.saturating_sub(active.workers);
            let begun = if active.tasks.is_empty() { None } else { ids(context, subject).await };
            let begun = |process| begun.as_ref().and_then(|ids| ids.get(&process).copied().flatten());
            let tasks = active.tasks.into_iter().map(|task| RunningTask {
                since: task.running.map(|running| earlier(now, running)),
                name: task.name,
                id: task.id,
                process: task.process,
                process_begun: task.process.and_then(begun),
            });
            Fact::RunningTasks { host: subject.name.clone(), tasks: tasks.collect(), silent }
        }
        Err(why) => Fact::Note { text: format!("which tasks run on {} is not known: celery says {why}", subject.name) },
    };
    Ok(context.learn(fact).await?)
}

/// The tasks of a host that are on record of this attempt; `None` if celery has not told.
fn recorded(context: &StepContext<'_>, host: &HostName) -> Option<Known> {
    context.run().facts.iter().rev().find_map(|fact| match fact {
        Fact::RunningTasks { host: on, tasks, silent } if on == host => {
            Some(Known { tasks: tasks.clone(), silent: *silent })
        }
        _ => None,
    })
}

/// The tasks that were running when their worker was told to stop, and whose processes are still there; `None` if they
/// are not known.
async fn left(context: &StepContext<'_>, subject: &Subject<'_>) -> Option<Known> {
    let known = recorded(context, subject.name)?;
    if known.tasks.is_empty() {
        return Some(known);
    }
    let running = ids(context, subject).await;
    let runs = |task: &RunningTask| match (&running, task.process) {
        (Some(running), Some(process)) => {
            running.get(&process).is_some_and(|begun| task.process_begun.is_none_or(|seen| *begun == Some(seen)))
        }
        _ => true,
    };
    Some(Known { tasks: known.tasks.into_iter().filter(runs).collect(), ..known })
}

/// The processes of a host, and when each began; `None` if they could not be listed.
async fn ids(context: &StepContext<'_>, subject: &Subject<'_>) -> Option<BTreeMap<u32, Option<u64>>> {
    let question = processes::ask(subject.supervisorctl);
    let said = context.ask(async |world| world.hosts.ask(&subject.id, &question).await).await;
    said.ok().and_then(|said| processes::ids(&said).ok())
}

/// The tasks that end with the programs that are about to be killed. That they are not known is put on record.
pub(super) async fn about_to_end(
    context: &StepContext<'_>,
    stop: &StopServices,
    subject: &Subject<'_>,
) -> Result<Vec<RunningTask>, WriteError> {
    if stop.running_tasks.is_empty() {
        return Ok(Vec::new());
    }
    let (tasks, why) = match left(context, subject).await {
        Some(Known { tasks, silent: 0 }) => return Ok(tasks),
        Some(Known { tasks, silent }) => (tasks, did_not_answer(silent)),
        None => (Vec::new(), "celery did not tell".to_owned()),
    };
    let which = if tasks.is_empty() { "which tasks" } else { "which other tasks" };
    let text = format!("{which} end with the programs that are killed on {} is not known: {why}", subject.name);
    context.learn(Fact::Note { text }).await?;
    Ok(tasks)
}

fn did_not_answer(silent: usize) -> String {
    match silent {
        1 => "the worker of 1 program did not answer celery".to_owned(),
        _ => format!("the workers of {silent} programs did not answer celery"),
    }
}

/// What is known about the tasks of a host whose stop is late, for people, to follow the programs; empty if the file does
/// not say how to ask for them.
pub(super) async fn words(context: &StepContext<'_>, stop: &StopServices, subject: &Subject<'_>) -> String {
    if stop.running_tasks.is_empty() {
        return String::new();
    }
    let Some(Known { tasks, silent }) = left(context, subject).await else {
        return "; which tasks run there is not known, celery did not tell".to_owned();
    };
    match (tasks.is_empty(), silent) {
        (true, 0) => "; all tasks that ran before the stop have ended".to_owned(),
        (true, _) => format!("; which tasks run there is not known, {}", did_not_answer(silent)),
        (false, 0) => named(context, &tasks),
        (false, _) => {
            format!("{}; whether others run is not known, {}", named(context, &tasks), did_not_answer(silent))
        }
    }
}

/// These tasks, with the time for which each has been running.
fn named(context: &StepContext<'_>, tasks: &[RunningTask]) -> String {
    let now = context.clock.now();
    let named = tasks.iter().take(NAMED).map(|task| {
        let running = task.since.map(|since| format!(" for {}", human(between(since, now))));
        format!("{task}{}", running.unwrap_or_default())
    });
    let more = if tasks.len() > NAMED { format!(" and {} more", tasks.len() - NAMED) } else { String::new() };
    format!("; tasks that run there: {}{more}", named.collect::<Vec<_>>().join(", "))
}
