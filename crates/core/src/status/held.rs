//! Current hosts on which something stays held back. After a window has ended well, nothing puts it back: it could start old code
//! on the migrated databases. Before that, nothing does if the step that has held it is not in the plan any more.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::journal::{Run, RunKind, Upgrade};
use crate::names::{HostName, InstanceId};
use crate::plan::{Action, Host, InstanceRef, Phase, Purpose, Step};

/// A current host on which cron files, timers or what the file freezes stay as the window has left them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldHost {
    /// The host.
    pub host: HostName,
    /// The cron files and timers that are held back.
    pub held_back: Vec<String>,
    /// Whether the commands of `freeze` have run there.
    pub is_frozen: bool,
}

impl HeldHost {
    /// All of them: by any plan of the window once it has ended, and before that by steps that the plan has lost.
    pub(super) fn all(upgrade: &Upgrade) -> Vec<Self> {
        let current = upgrade.run_of(Phase::Window);
        let under_way = current.filter(|run| run.finished_at.is_none());
        // The step that undoes this one, as long as the window is under way.
        let now = |step: &Step| under_way.and_then(|run| run.plan.step(&step.id)).map(|step| &step.action);
        let windows = upgrade.runs.iter().filter(|run| run.kind == RunKind::Window);
        let mut hosts: BTreeMap<HostName, Self> = BTreeMap::new();
        let mut held = |host: &Host, items: &[String], is_frozen: bool| {
            let new = || Self { host: host.name.clone(), held_back: Vec::new(), is_frozen: false };
            let known = hosts.entry(host.name.clone()).or_insert_with(new);
            let new: Vec<String> = items.iter().filter(|item| !known.held_back.contains(item)).cloned().collect();
            known.held_back.extend(new);
            known.is_frozen |= is_frozen;
        };
        for (step, run) in windows.flat_map(Run::runs) {
            match &step.action {
                Action::HoldBack(back) if run.status.is_done() && is_kept(upgrade, &back.host) => {
                    let kept =
                        |item: &&String| matches!(now(step), Some(Action::HoldBack(now)) if now.items.contains(item));
                    let left: Vec<String> = back.items.iter().filter(|item| !kept(item)).cloned().collect();
                    if !left.is_empty() {
                        held(&back.host, &left, false);
                    }
                }
                Action::RunCommands(commands)
                    if commands.purpose == Purpose::Freeze
                        && run.status.is_done()
                        && now(step).is_none()
                        && is_kept(upgrade, &commands.host) =>
                {
                    held(&commands.host, &[], true);
                }
                _ => {}
            }
        }
        hosts.into_values().collect()
    }
}

/// Whether a host is a current one that exists.
fn is_kept(upgrade: &Upgrade, host: &Host) -> bool {
    let is_current = |id: &InstanceId| upgrade.captured.iter().flatten().any(|current| current.instance == *id);
    match &host.instance {
        InstanceRef::Known(id) => is_current(id) && !upgrade.terminated.contains(id),
        InstanceRef::MadeBy(_) => false,
    }
}
