//! Tasks that celery's workers run.

use serde::{Deserialize, Serialize};

/// A task that a worker was running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningTask {
    /// Its name, such as `lms.djangoapps.instructor_task.tasks.calculate_grades_csv`.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The process on the host that runs it, if celery has named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// When that process began, in the kernel's ticks since boot: another one may get its id later. (Journals of earlier versions
    /// do not have it.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_begun: Option<u64>,
    /// When it began, if celery has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<jiff::Timestamp>,
}

impl std::fmt::Display for RunningTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}
