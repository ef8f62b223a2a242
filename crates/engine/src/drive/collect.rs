//! What orders to hosts have left there is removed when their phase ends.

use futures_util::future::join_all;

use cutover_core::journal::{Fact, Run};
use cutover_core::names::{InstanceId, JobName};
use cutover_core::plan::Work;

use super::Conductor;
use crate::gate::Permit;
use crate::slots::StepSlot;

impl Conductor {
    /// Removes the records of orders that were given for steps of the last run that are done: the hosts have shown what
    /// came of them. Those of other steps are kept, because they may tell what went wrong, and those of which something was left to
    /// do until they have told that it is done.
    pub(crate) async fn collect_orders(&self) {
        self.collect(&self.orders_of_done_steps()).await;
    }

    /// Removes the records of these jobs. Nothing depends on it, so a host that cannot do it keeps its records.
    pub(super) async fn collect(&self, jobs: &[(InstanceId, JobName)]) {
        let collect = jobs.iter().map(async |(instance, job)| {
            let slot = StepSlot::new(&self.slots, Work::Connections);
            slot.take_to_act().await;
            let hosts = &self.world.hosts;
            hosts.reach(instance).await?;
            let collect = async |permit: &Permit| hosts.collect_job(permit, instance, job).await;
            self.gate.write("collect_job", collect).await
        });
        join_all(collect).await;
    }

    fn orders_of_done_steps(&self) -> Vec<(InstanceId, JobName)> {
        let upgrade = self.journal.upgrade();
        let runs = upgrade.current_run().into_iter().flat_map(Run::runs);
        let facts: Vec<&Fact> = runs.filter(|(_, run)| run.status.is_done()).flat_map(|(_, run)| &run.facts).collect();
        let has_left =
            |of: &JobName| facts.iter().any(|fact| matches!(fact, Fact::LeftToDo { job: Some(job), .. } if job == of));
        facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::Order { instance, job } if !has_left(job) => Some((instance.clone(), job.clone())),
                _ => None,
            })
            .collect()
    }
}
