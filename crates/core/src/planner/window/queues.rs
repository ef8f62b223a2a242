//! The tasks in the fleets' queues: workers empty them before they stop, if the file says so, and what is left is counted
//! once they have stopped.
//!
//! Tasks that old code has queued can fail on new code. Somebody decides about those that are left, and before the migrations:
//! until then the old workers could still do them.

use std::time::Duration;

use super::Window;
use super::ids::tasks_id;
use crate::deployment::{Fleet, Role};
use crate::names::StepId;
use crate::plan::{Action, CountTasks, Host, InstanceRef, Line, Rule, Step};
use crate::planner::build::step;
use crate::planner::hosts::living;

/// How long it takes to see that the queues stay empty: they are counted twice.
const COUNTED: Duration = Duration::from_secs(6);
/// How long tasks of workers that have stopped may take to arrive in the queues again, or to leave them, until somebody has to
/// decide about them.
const SETTLING: Duration = Duration::from_secs(20);

impl<'a> Window<'a> {
    /// Waits until the queues are empty, once nobody fills them any more and before the workers stop.
    pub(super) fn drain(&self, fleet: &Fleet, edxapp_stops: &[StepId]) -> Option<Step> {
        let limit = self.deployment.role.worker.as_ref()?.drain_queues?.duration().max(2 * COUNTED);
        let id = format!("window.drain.{}", fleet.name);
        let drain = step(id, Line::StopCurrent, "wait for empty task queues", self.count_tasks(fleet)?)
            .of_fleet(&fleet.name)
            .after_all(edxapp_stops, Rule::Follows)
            .takes(self.deployment.expected.drain_queues.duration().min(limit), limit);
        Some(drain)
    }

    /// Counts what is left when the workers have stopped, and nothing adds to it any more.
    pub(super) fn settle_tasks(&self, fleet: &Fleet) -> Option<Step> {
        let title = "count the tasks that are left";
        let settle = step(tasks_id(fleet), Line::StopCurrent, title, self.count_tasks(fleet)?)
            .of_fleet(&fleet.name)
            .after_all(&self.stopped(fleet), Rule::WritersStopped)
            .takes(COUNTED, SETTLING);
        Some(settle)
    }

    /// The step that counts what is left, if there is one.
    pub(super) fn tasks_settled(&self, fleet: &Fleet) -> Option<StepId> {
        self.counting(fleet).map(|_| tasks_id(fleet))
    }

    /// The command that counts, and the current workers that could run it. Nothing without either.
    fn counting(&self, fleet: &Fleet) -> Option<(&[String], &[Host])> {
        let command = self.deployment.role.worker.as_ref()?.count_queues.as_slice();
        let workers = self.current.of(&fleet.name, Role::Worker);
        (!command.is_empty() && !workers.is_empty()).then_some((command, workers))
    }

    fn count_tasks(&self, fleet: &Fleet) -> Option<Action> {
        let count = Some(self.counted_on_current(fleet)?);
        Some(Action::DrainQueues { fleet: fleet.name.clone(), count })
    }

    /// How a current worker counts the tasks.
    pub(super) fn counted_on_current(&self, fleet: &Fleet) -> Option<CountTasks> {
        let (command, workers) = self.counting(fleet)?;
        // One that is gone cannot count, if it was lost before the window is planned again.
        let living = living(self.inputs);
        let lives = |host: &&Host| matches!(&host.instance, InstanceRef::Known(id) if living.contains(id));
        let host = workers.iter().find(lives).or_else(|| workers.first())?.clone();
        Some(CountTasks { host, command: command.to_vec() })
    }
}
