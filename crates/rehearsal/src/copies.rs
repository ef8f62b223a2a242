//! Copies of an upgrade as it stood right after a record, from which only the rest of it needs to be run: what would have
//! become of it if something had gone wrong from there on.
//!
//! What is copied is what survives a crash: the world, and the journal up to that record. What the conductor had in mind,
//! such as a call on its way, is lost. So running a copy is what happens after a crash right there: another conductor
//! takes over, which is a record of its own, and looks at every step anew that was under way. The upgrade it ends with is
//! the one that would have been, with the same hosts, images, snapshots and decisions, and visitors see nothing worse. Its
//! moments differ by the time that looking again takes, and so do the ids that are given by number or moment, such as
//! those of changes to records.

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

/// An upgrade as it stood right after a record.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The world at that moment. Faults can be added to it before the rest is run.
    pub world: WorldState,
    /// How many records were written.
    length: usize,
    /// The records of the whole rehearsal, shared by all its copies.
    records: Rc<[Record]>,
}

impl Copy {
    /// The records up to the moment of the copy.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records[..self.length]
    }

    /// Runs the rest of the upgrade. The copy can be run any number of times: this leaves it as it is.
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
) -> Result<(Rehearsed, Vec<Copy>), RehearsalError> {
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
    let copies = worlds.take().into_iter().map(|(number, world)| Copy {
        world,
        length: usize::try_from(number).unwrap_or(usize::MAX),
        records: Rc::clone(&records),
    });
    Ok((ended, copies.collect()))
}
