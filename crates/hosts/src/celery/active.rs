//! The tasks that celery's workers are running: `celery inspect active --json`, as a command of the deployment file.
//!
//! They are named to the operator when a worker does not stop. Nothing depends on them, so an answer that cannot be read
//! gives no tasks, and says so.

use serde_json::Value;

use crate::command::Said;

/// A task that a worker is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The worker, such as `celery@edx-worker-1`.
    pub worker: String,
    /// The task's name, such as `lms.djangoapps.instructor_task.tasks.calculate_grades_csv`.
    pub name: String,
    /// The task's id.
    pub id: String,
}

/// The tasks that run; `None` if the answer does not tell.
///
/// Celery 4.4 and later print JSON with `--json`: an object with a list of tasks for each worker. Without the option they
/// print Python's notation, from which only names and ids are taken.
#[must_use]
pub fn active(said: &Said) -> Option<Vec<Task>> {
    let json = said.stdout.find('{').and_then(|start| serde_json::from_str::<Value>(said.stdout[start..].trim()).ok());
    match json {
        Some(Value::Object(workers)) => workers.into_iter().map(|(worker, tasks)| of_worker(&worker, &tasks)).try_fold(
            Vec::new(),
            |mut all, tasks| {
                all.extend(tasks?);
                Some(all)
            },
        ),
        _ => of_text(&said.stdout),
    }
}

fn of_worker(worker: &str, tasks: &Value) -> Option<Vec<Task>> {
    let text = |task: &Value, key: &str| task.get(key).and_then(Value::as_str).map(str::to_owned);
    let task = |task| Some(Task { worker: worker.to_owned(), name: text(task, "name")?, id: text(task, "id")? });
    tasks.as_array()?.iter().map(task).collect()
}

/// `->  celery@host: OK`, followed by `- empty -` or by a line for each task.
fn of_text(text: &str) -> Option<Vec<Task>> {
    let (mut worker, mut tasks) = (None, Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix("->") {
            worker = head.trim().strip_suffix(": OK").map(str::to_owned);
        } else if let (Some(worker), Some(task)) = (&worker, line.strip_prefix("* {")) {
            let (name, id) = (quoted(task, "name")?, quoted(task, "id")?);
            tasks.push(Task { worker: worker.clone(), name, id });
        }
    }
    worker.map(|_| tasks)
}

/// The value of `'key': 'value'` in Python's notation.
fn quoted(text: &str, key: &str) -> Option<String> {
    let rest = text.split_once(&format!("'{key}': '"))?.1;
    rest.split_once('\'').map(|(value, _)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str) -> Said {
        Said { stdout: stdout.to_owned(), ..Said::default() }
    }

    #[test]
    fn tasks_are_read_from_json_and_from_text() {
        let json =
            r#"{"celery@w1": [{"id": "7-f", "name": "grades.csv", "args": [], "time_start": 1.5}], "celery@w2": []}"#;
        let text = "->  celery@w1: OK\n    * {'id': '7-f', 'name': 'grades.csv', 'args': [], 'time_start': 1.5}\n\
                    ->  celery@w2: OK\n    - empty -\n\n2 nodes online.\n";
        let task = Task { worker: "celery@w1".to_owned(), name: "grades.csv".to_owned(), id: "7-f".to_owned() };
        assert_eq!(active(&said(json)), Some(vec![task.clone()]));
        assert_eq!(active(&said(text)), Some(vec![task]));
    }

    #[test]
    fn an_answer_that_does_not_tell_is_not_no_tasks() {
        for text in ["", "Error: No nodes replied within time constraint\n", "[]", "{\"celery@w1\": 3}"] {
            assert_eq!(active(&said(text)), None, "{text}");
        }
    }
}
