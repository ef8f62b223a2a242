//! What was left to do on hosts is looked at again by each process that takes up a phase: people may have done it since.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use cutover_core::journal::{Event, Run};
use cutover_core::names::{HostName, InstanceId};
use cutover_core::plan::{Action, InstanceRef, StartServices, Work};
use cutover_hosts::supervisor::autostart;

use super::Conductor;
use crate::journal::JournalError;
use crate::slots::StepSlot;

impl Conductor {
    /// Puts on record on which hosts nothing is left to do: supervisor starts all programs when they boot, as it has read its files.
    /// A host that does not tell keeps what is on record.
    pub(crate) async fn look_what_is_left_to_do(&self) -> Result<(), JournalError> {
        let hosts = self.hosts_with_something_left();
        let looks = hosts.iter().map(async |(host, (instance, start))| {
            let slot = StepSlot::new(&self.slots, Work::Connections);
            slot.take_to_look().await;
            let said = self.world.hosts.ask(instance, &autostart::ask_loaded(&start.supervisorctl)).await.ok()?;
            let left = autostart::not_started_at_boot(&start.programs, &said).ok()?;
            left.is_empty().then_some(host)
        });
        for host in join_all(looks).await.into_iter().flatten() {
            self.journal.append(Event::FoundDone { host: host.clone() }).await?;
        }
        Ok(())
    }

    fn hosts_with_something_left(&self) -> BTreeMap<HostName, (InstanceId, StartServices)> {
        let upgrade = self.journal.upgrade();
        let steps = upgrade.runs.iter().flat_map(Run::runs);
        let started = steps.filter_map(|(step, _)| match &step.action {
            Action::StartServices(start) if upgrade.left_to_do.iter().any(|(host, _)| *host == start.host.name) => {
                let instance = match &start.host.instance {
                    InstanceRef::Known(id) => id.clone(),
                    InstanceRef::MadeBy(_) => upgrade.launched.get(&start.host.name)?.clone(),
                };
                Some((start.host.name.clone(), (instance, start.clone())))
            }
            _ => None,
        });
        started.collect()
    }
}
