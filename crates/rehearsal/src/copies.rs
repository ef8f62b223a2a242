//! Copies of an upgrade right after a record, from which only the rest needs to be run. They show what would have
//! happened if something had gone wrong from that point.
//!
//! A copy consists of what survives a crash: the world, and the journal up to that record. The conductor's own state,
//! such as a call under way, is lost. So running a copy is like continuing after a crash at that point: another
//! conductor takes over, which adds a record, and observes again every step that was under way. The result is the same
//! as without the crash, with the same hosts, images, snapshots and decisions, and visitors see nothing worse. Times
//! differ by what the additional observations take, and so do ids that contain a number or a time, such as those of
//! changes to records.

use std::cell::RefCell;
use std::rc::Rc;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Record;
use cutover_core::plan::Order;
use cutover_engine::journal::Listener;
use cutover_engine::ledger::InMemory;
use cutover_engine::ports::Clock;

use crate::clock::{SimulatedClock, run};
use crate::cloud::EmbeddedCloud;
use crate::rehearse::{RehearsalError, Rehearsed, conduct_in_memory, furnished};
use crate::world::WorldState;

/// The state of an upgrade right after a record.
#[derive(Clone, Debug)]
pub struct UpgradeCopy {
    /// The world at that time. Faults can be added to it before the rest is run.
    pub world: WorldState,
    /// How many records were written.
    length: usize,
    /// The records of the whole rehearsal, shared by all its copies.
    records: Rc<[Record]>,
}

impl UpgradeCopy {
    /// The records up to the moment of the copy.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records[..self.length]
    }

    /// Runs the rest of the upgrade. This does not change the copy, so it can be run any number of times.
    ///
    /// # Errors
    /// When the rehearsal itself fails.
    pub fn run_the_rest(
        &self,
        deployment: &Deployment,
        order: Order,
        listener: Listener,
    ) -> Result<Rehearsed, RehearsalError> {
        let at = self.records().last().map_or(self.world.now, |record| record.at);
        let clock = SimulatedClock::new(at);
        let cloud = EmbeddedCloud::in_memory(self.world.clone(), Rc::clone(&clock) as Rc<dyn Clock>);
        let ledger = InMemory::new(self.records().to_vec(), |_| {});
        run(&clock, conduct_in_memory(deployment, order, &cloud, Rc::clone(&clock) as _, &ledger, listener))
    }
}

/// Rehearses an upgrade as [`rehearse`](crate::rehearse) does, and copies it after each record that is `wanted` by its
/// number.
///
/// # Errors
/// When the rehearsal itself fails.
pub fn rehearse_with_copies(
    deployment: &Deployment,
    seed: u64,
    order: Order,
    faults: impl FnOnce(&mut WorldState),
    wanted: impl Fn(u64) -> bool + 'static,
) -> Result<(Rehearsed, Vec<UpgradeCopy>), RehearsalError> {
    let (clock, cloud) = furnished(deployment, seed, faults);
    let worlds: Rc<RefCell<Vec<(u64, WorldState)>>> = Rc::default();
    let (copied, watched) = (Rc::clone(&worlds), Rc::clone(&cloud));
    let ledger = InMemory::new(Vec::new(), move |record| {
        if wanted(record.number) {
            copied.borrow_mut().push((record.number, watched.copy()));
        }
    });
    let listener: Listener = Rc::new(|_| {});
    let ended = run(&clock, conduct_in_memory(deployment, order, &cloud, Rc::clone(&clock) as _, &ledger, listener))?;
    let records: Rc<[Record]> = ended.records.clone().into();
    let copies = worlds.take().into_iter().map(|(number, world)| UpgradeCopy {
        world,
        length: usize::try_from(number).unwrap_or(usize::MAX),
        records: Rc::clone(&records),
    });
    Ok((ended, copies.collect()))
}
