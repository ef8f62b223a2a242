//! The tasks that the workers of a host run: `celery inspect active --json`, as a command of the deployment file.
//!
//! They are named to the operator when a worker does not stop in time. Nothing else depends on them. A worker answers only
//! until it is told to stop, so it has to be asked before. All workers of the broker answer, so those of other hosts are
//! left out, by the name of the host. A worker that does not answer in time is just missing from the answer.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::python::dictionary;
use crate::command::{Ask, Command, EXIT_TIMED_OUT, Said};
use crate::failed::CommandFailed;

/// A task that a worker runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The worker, such as `celery@edx-worker-1`.
    pub worker: String,
    /// The task's name, such as `lms.djangoapps.instructor_task.tasks.calculate_grades_csv`.
    pub name: String,
    /// The task's id.
    pub id: String,
    /// The process that runs it. Its worker ends it when the task has ended, if it was told to stop.
    pub process: Option<u32>,
    /// For how long it has been running.
    pub running: Option<Duration>,
}

/// What the workers of a host have answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// How many workers have answered; at least one.
    pub workers: usize,
    /// The tasks that these run.
    pub tasks: Vec<Task>,
}

/// Why the tasks are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// The command failed. celery does so when no worker answers.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// It did not end in time.
    #[error("no answer within the limit")]
    TimedOut,
    /// Workers of other hosts have answered, and none of this one.
    #[error("no worker of {host} answered, only {others}")]
    NoWorker {
        /// The host's name, as `uname -n` prints it.
        host: String,
        /// The workers that have answered.
        others: String,
    },
    /// It printed something else.
    #[error("`{0}` was not understood")]
    NotUnderstood(String),
}

/// Prints the host's name, its clock and the time since it was started, and then what the command prints.
const SCRIPT: &str = "uname -n; date +%s; cut -d' ' -f1 /proc/uptime; exec \"$@\"";

/// The question for the tasks, with the command of the deployment file. root asks it.
#[must_use]
pub fn ask(command: &[String]) -> Ask {
    Ask::new(Command { run_as: crate::command::RunAs::root(), ..Command::script(SCRIPT, command.iter().cloned()) })
}

/// Whether a question is the one for tasks with that command, for a simulation.
#[must_use]
pub fn is_asked(ask: &Ask, command: &[String]) -> bool {
    matches!(ask.command.arguments.as_slice(), [_, _, script, _, asked @ ..] if script == SCRIPT && asked == command)
}

/// A task in celery's JSON. It has more keys, which do not matter here.
#[derive(Serialize, Deserialize)]
struct TaskInJson {
    id: String,
    name: String,
    time_start: Option<f64>,
    worker_pid: Option<u32>,
}

/// What is printed on a host for workers of its own and their tasks, for a simulation.
#[must_use]
pub fn answer(host: &str, workers: &[(&str, &[Task])]) -> String {
    let task = |task: &Task| {
        let time_start = task.running.map(|running| 2e9 - running.as_secs_f64());
        TaskInJson { id: task.id.clone(), name: task.name.clone(), time_start, worker_pid: task.process }
    };
    let of_worker =
        |(worker, tasks): &(&str, &[Task])| ((*worker).to_owned(), tasks.iter().map(task).collect::<Vec<TaskInJson>>());
    let active: BTreeMap<String, Vec<TaskInJson>> = workers.iter().map(of_worker).collect();
    let active = serde_json::to_string(&active).unwrap_or_default();
    [host, "\n2000000000\n1000.0\n", &active, "\n"].concat()
}

/// The tasks that workers of the host run.
///
/// celery 4.0 and later print JSON with `--json`: an object with a list of tasks for each worker. Without the option they
/// print Python's notation, as earlier ones always do.
///
/// # Errors
/// When the answer does not tell.
pub fn read(said: &Said) -> Result<Active, NotTold> {
    match said.exit {
        0 => {}
        EXIT_TIMED_OUT => return Err(NotTold::TimedOut),
        _ => return Err(CommandFailed::of(said).into()),
    }
    let not_understood = || NotTold::NotUnderstood(said.last_line().chars().take(100).collect());
    let (clock, printed) = Clock::read(&said.stdout).ok_or_else(not_understood)?;
    let workers = of_json(printed, &clock).or_else(|| of_text(printed, &clock)).ok_or_else(not_understood)?;
    let (own, others): (Workers, Workers) = workers.into_iter().partition(|(worker, _)| clock.is_of_host(worker));
    if own.is_empty() {
        let others = others.into_iter().map(|(worker, _)| worker).collect::<Vec<_>>().join(", ");
        return Err(NotTold::NoWorker { host: clock.host, others });
    }
    Ok(Active { workers: own.len(), tasks: own.into_iter().flat_map(|(_, tasks)| tasks).collect() })
}

/// Workers and their tasks.
type Workers = Vec<(String, Vec<Task>)>;

/// The host that was asked, and its clocks, in seconds.
struct Clock {
    host: String,
    date: f64,
    up: f64,
}

impl Clock {
    /// Reads the head of an answer, and returns the rest of it.
    fn read(text: &str) -> Option<(Self, &str)> {
        let (host, text) = text.split_once('\n')?;
        let (date, text) = text.split_once('\n')?;
        let (up, text) = text.split_once('\n')?;
        let clock = Self { host: host.trim().to_owned(), date: date.parse().ok()?, up: up.parse().ok()? };
        (!clock.host.is_empty()).then_some((clock, text))
    }

    /// For how long a task has been running. celery 3 counts from the start of the host, and later ones give the date.
    fn since(&self, started: f64) -> Option<Duration> {
        let now = if started < 1e9 { self.up } else { self.date };
        Duration::try_from_secs_f64((now - started).max(0.0)).ok()
    }

    /// Whether a worker runs on the host: `lms@HOST`, or `celery@edx.lms.core.default.HOST` as Open edX names them. Behind
    /// another prefix than that, a short name may be the domain of another host.
    fn is_of_host(&self, worker: &str) -> bool {
        let Some((_, name)) = worker.rsplit_once('@') else { return false };
        let prefix = name.strip_suffix(self.host.as_str()).and_then(|prefix| prefix.strip_suffix('.'));
        name == self.host || prefix.is_some_and(|prefix| self.host.contains('.') || prefix.starts_with("edx."))
    }
}

fn of_json(printed: &str, clock: &Clock) -> Option<Workers> {
    let workers: BTreeMap<String, Vec<TaskInJson>> = serde_json::from_str(&printed[printed.find('{')?..]).ok()?;
    let of_worker = |(worker, tasks): (String, Vec<TaskInJson>)| {
        let task = |task: TaskInJson| Task {
            worker: worker.clone(),
            name: task.name,
            id: task.id,
            process: task.worker_pid,
            running: task.time_start.and_then(|started| clock.since(started)),
        };
        let tasks = tasks.into_iter().map(task).collect();
        (worker, tasks)
    };
    Some(workers.into_iter().map(of_worker).collect())
}

/// `->  celery@host: OK`, followed by `- empty -` or by a line for each task.
fn of_text(printed: &str, clock: &Clock) -> Option<Workers> {
    let mut workers = Workers::new();
    for line in printed.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix("->") {
            workers.push((head.trim().strip_suffix(": OK")?.to_owned(), Vec::new()));
        } else if let (Some((worker, tasks)), Some(task)) = (workers.last_mut(), line.strip_prefix("* ")) {
            let mut known = dictionary(task);
            tasks.push(Task {
                worker: worker.clone(),
                name: known.remove("name")?,
                id: known.remove("id")?,
                process: known.get("worker_pid").and_then(|pid| pid.parse().ok()),
                running: known.get("time_start").and_then(|started| clock.since(started.parse().ok()?)),
            });
        }
    }
    (!workers.is_empty()).then_some(workers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str) -> Said {
        Said { stdout: stdout.to_owned(), ..Said::default() }
    }

    /// As celery 5.4.0 prints two tasks, of which one has arguments that look like tasks.
    const JSON: &str = include_str!("recorded/active-5.4.0.json");
    const TEXT: &str = include_str!("recorded/active-5.4.0.txt");

    #[test]
    fn tasks_are_read_from_what_celery_really_prints() {
        let task = |name: &str, id: &str, process| Task {
            worker: "edx-worker-1@vm".to_owned(),
            name: name.to_owned(),
            id: id.to_owned(),
            process: Some(process),
            running: Some(Duration::from_secs(8)),
        };
        let overview = "openedx.core.djangoapps.content.course_overviews.tasks.async_course_overview_update";
        let grades = "lms.djangoapps.instructor_task.tasks.calculate_grades_csv";
        let expected = [
            task(overview, "bf9e1b6c-72e4-4f01-a239-86f801b189d1", 13762),
            task(grades, "e08b928a-12cb-488c-8928-60a83b2b80f3", 13761),
        ];
        for printed in [JSON, TEXT] {
            let Active { workers, mut tasks } = read(&said(printed)).expect("it tells");
            assert_eq!(workers, 1);
            for task in &mut tasks {
                task.running = task.running.map(|running| Duration::from_secs(running.as_secs()));
            }
            assert_eq!(tasks, expected);
        }
    }

    #[test]
    fn tasks_of_other_hosts_are_left_out_and_a_host_whose_workers_are_silent_is_not_idle() {
        let of = |worker: &str| {
            let printed =
                format!("edx-worker-1\n2000\n100.0\n{{\"{worker}\": [{{\"id\": \"7\", \"name\": \"grades\"}}]}}\n");
            read(&said(&printed)).map(|active| active.tasks.len())
        };
        for own in ["celery@edx-worker-1", "celery@edx.lms.core.default.edx-worker-1"] {
            assert_eq!(of(own), Ok(1), "{own}");
        }
        for other in ["celery@edx-worker-11", "celery@an-edx-worker-1", "celery@edx-worker-2", "x@a.edx-worker-1"] {
            let no_worker = NotTold::NoWorker { host: "edx-worker-1".to_owned(), others: other.to_owned() };
            assert_eq!(of(other), Err(no_worker), "{other}");
        }
        let whole =
            |name: &str| read(&said(&format!("w1.edx.org\n2000\n100.0\n->  {name}: OK\n    - empty -\n"))).is_ok();
        assert_eq!([whole("a@w1.edx.org"), whole("celery@lms.w1.edx.org"), whole("a@w2.edx.org")], [true, true, false]);
    }

    #[test]
    fn how_many_workers_of_a_host_have_answered_is_known_also_if_they_are_idle() {
        let idle = Ok(Active { workers: 1, tasks: Vec::new() });
        assert_eq!(read(&said("w1\n2000\n100.0\n->  a@w1: OK\n    - empty -\n\n1 node online.\n")), idle);
        let two = answer("w1", &[("a@w1", &[]), ("b@w1", &[]), ("a@w2", &[])]);
        assert_eq!(read(&said(&two)).map(|active| active.workers), Ok(2));
    }

    #[test]
    fn celery_3_counts_from_the_start_of_the_host() {
        let printed = "w1\n1795960612\n8900.5\n-> a@w1: OK\n    * {u'args': u'[]', u'time_start': 8712.5, u'name': u'grades', \
                       u'id': u'7-f', u'worker_pid': 71}\n";
        let tasks = read(&said(printed)).expect("it tells").tasks;
        assert_eq!((tasks[0].running, tasks[0].process), (Some(Duration::from_secs(188)), Some(71)));
    }

    #[test]
    fn an_answer_that_does_not_tell_is_not_no_tasks() {
        for text in ["", "[]", "{\"celery@w1\": 3}", "w1\n2000\n100.0\n", "w1\n2000\n100.0\n[]\n", "w1\n2000\nx\n{}\n"]
        {
            assert!(matches!(read(&said(text)), Err(NotTold::NotUnderstood(_))), "{text}");
        }
        let wrong = "w1\n2000\n100.0\n->  a@w1: {'error': 'no such command'}\n";
        assert!(matches!(read(&said(wrong)), Err(NotTold::NotUnderstood(_))), "its worker has not told");
        let failed = |exit| Said { exit, stdout: JSON.to_owned(), stderr: "Error: No nodes replied\n".to_owned() };
        let printed = "Error: No nodes replied".to_owned();
        assert_eq!(read(&failed(69)), Err(CommandFailed { exit: 69, printed }.into()));
        assert_eq!(read(&failed(124)), Err(NotTold::TimedOut));
    }

    #[test]
    fn what_a_simulation_answers_is_read_as_it_was_meant() {
        let task = Task {
            worker: "celery@w1".to_owned(),
            name: "grades".to_owned(),
            id: "7".to_owned(),
            process: Some(71),
            running: Some(Duration::from_secs(90)),
        };
        let printed = answer("w1", &[("celery@w1", std::slice::from_ref(&task))]);
        assert_eq!(read(&said(&printed)), Ok(Active { workers: 1, tasks: vec![task] }));
    }
}
