//! What readings show of the world: a write becomes visible late, as with EC2, RDS and load balancers.
//!
//! Those services answer from copies that get a write one after the other. So a reading may show the state before the
//! write, even after an earlier reading that showed the write. How old the state in a reading is depends on the seed,
//! the subject and the time; `embedded.shown_late` is the maximum.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::names::{BalancerName, DatabaseName, ImageId, InstanceId, SnapshotId};
use cutover_core::observation::{Health, Instance, MachineImage, Snapshot};
use cutover_core::time::between;

use super::chance;
use super::parts::Before;
use super::state::WorldState;

/// The copies of a balancer are quicker: their delay is this fraction of EC2's.
const BALANCERS_PART: u32 = 6;

impl WorldState {
    /// An instance is about to be written.
    pub(crate) fn writes_instance(&mut self, id: &InstanceId, was: Option<Instance>) {
        if self.shows_late() {
            self.earlier.instances.insert(id.clone(), Before { written: self.now, was });
        }
    }

    /// An image is about to be written.
    pub(crate) fn writes_image(&mut self, id: &ImageId, was: Option<MachineImage>) {
        if self.shows_late() {
            self.earlier.images.insert(id.clone(), Before { written: self.now, was });
        }
    }

    /// A snapshot is about to be started.
    pub(crate) fn writes_snapshot(&mut self, database: &DatabaseName, id: &SnapshotId) {
        if self.shows_late() {
            let before = Before { written: self.now, was: None };
            self.earlier.snapshots.entry(database.clone()).or_default().insert(id.clone(), before);
        }
    }

    /// A member of a balancer is about to be written.
    pub(crate) fn writes_member(&mut self, balancer: &BalancerName, instance: &InstanceId) {
        if self.shows_late() {
            let health = self.balancers.get(balancer).and_then(|balancer| balancer.members.get(instance));
            let before = Before { written: self.now, was: health.map(|member| member.health) };
            self.earlier.members.entry(balancer.clone()).or_default().insert(instance.clone(), before);
        }
    }

    /// The instance as a reading shows it now.
    pub(crate) fn shown_instance(&self, is: Instance) -> Option<Instance> {
        match self.earlier.instances.get(&is.id) {
            Some(before) => self.shown(before, is.id.as_str(), 1, Some(is.clone())),
            None => Some(is),
        }
    }

    /// The images as a reading shows them now, oldest first.
    pub(crate) fn shown_images(&self, are: Vec<MachineImage>) -> Vec<MachineImage> {
        if self.earlier.images.is_empty() {
            return are;
        }
        let gone = self.earlier.images.iter().filter(|(id, _)| are.iter().all(|image| image.id != **id));
        let mut shown: Vec<MachineImage> =
            gone.filter_map(|(id, before)| self.shown(before, id.as_str(), 1, None)).collect();
        shown.extend(are.into_iter().filter_map(|image| match self.earlier.images.get(&image.id) {
            Some(before) => self.shown(before, image.id.as_str(), 1, Some(image.clone())),
            None => Some(image),
        }));
        shown.sort_by_key(|image| image.created);
        shown
    }

    /// The snapshot as a reading shows it now.
    pub(crate) fn shown_snapshot(&self, database: &DatabaseName, is: Snapshot) -> Option<Snapshot> {
        match self.earlier.snapshots.get(database).and_then(|earlier| earlier.get(&is.id)) {
            Some(before) => self.shown(before, is.id.as_str(), 1, Some(is.clone())),
            None => Some(is),
        }
    }

    /// A balancer's members as a reading shows them now.
    pub(crate) fn shown_members(
        &self,
        balancer: &BalancerName,
        mut are: BTreeMap<InstanceId, Health>,
    ) -> BTreeMap<InstanceId, Health> {
        for (instance, before) in self.earlier.members.get(balancer).into_iter().flatten() {
            let is = are.remove(instance);
            let subject = format!("{balancer} {instance}");
            are.extend(self.shown(before, &subject, BALANCERS_PART, is).map(|health| (instance.clone(), health)));
        }
        are
    }

    fn shows_late(&self) -> bool {
        !self.deployment.embedded.shown_late.is_zero()
    }

    /// `subject` as shown by a copy with a random delay.
    fn shown<T: Clone>(&self, before: &Before<T>, subject: &str, part: u32, is: Option<T>) -> Option<T> {
        let longest = self.deployment.embedded.shown_late.duration() / part;
        let moment = self.now.as_millisecond().to_string();
        let late = chance::from_to(self.seed, &["shown", subject, &moment], Duration::ZERO, longest);
        if between(before.written, self.now) < late { before.was.clone() } else { is }
    }
}
