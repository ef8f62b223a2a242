//! What a journal says about the resources that its upgrade made.

use std::collections::BTreeSet;

use cutover_core::journal::{Fact, Run, Upgrade};
use cutover_core::names::{HostName, ImageId, ImageName, InstanceId, SnapshotId};
use cutover_core::plan::Action;

/// The resources that the journal names, of those that the upgrade made.
///
/// It names a resource by its id once an answer or a reading has contained the id. Before that, a resource is named by
/// its step, if the step is on record as started and its call is under way or in doubt. The step says under which name
/// to look. It names at most one resource, and none if the id is known. Snapshots have the identifier that the plan
/// gave them, so a step that was started names its snapshot whatever the outcome of the step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownResources {
    /// Instances.
    pub instances: BTreeSet<InstanceId>,
    /// Machine images.
    pub images: BTreeSet<ImageId>,
    /// Database snapshots.
    pub snapshots: BTreeSet<SnapshotId>,
    /// The names of hosts whose launch may have worked.
    pub hosts_in_doubt: BTreeSet<HostName>,
    /// The names of images whose build may have started.
    pub images_in_doubt: BTreeSet<ImageName>,
}

impl KnownResources {
    /// The resources that the journal of an upgrade names.
    #[must_use]
    pub fn of(upgrade: &Upgrade) -> Self {
        let mut known = Self {
            instances: upgrade.launched.values().cloned().collect(),
            images: upgrade.images.values().cloned().collect(),
            snapshots: upgrade.snapshots.keys().cloned().collect(),
            ..Self::default()
        };
        for (step, run) in upgrade.runs.iter().flat_map(Run::runs) {
            known.instances.extend(run.facts.iter().filter_map(|fact| match fact {
                Fact::Builder { instance, .. } => Some(instance.clone()),
                _ => None,
            }));
            let may_have_worked = run.status.is_open() || run.in_doubt;
            match &step.action {
                Action::Launch(launch) if may_have_worked => {
                    known.hosts_in_doubt.insert(launch.name.clone());
                }
                Action::BuildImage(build) if may_have_worked => {
                    known.images_in_doubt.insert(build.name.clone());
                }
                Action::TakeSnapshot { snapshot, .. } if !run.status.is_untouched() => {
                    known.snapshots.insert(snapshot.clone());
                }
                _ => {}
            }
        }
        known
    }
}
