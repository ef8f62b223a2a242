//! The embedded cloud as a whole: furnished, opened, saved, called, and asked what it saw.
//!
//! The ports are in `ports`, and what calls do to the world in `world`. Here is what every call has in common:
//! it takes a moment, it may be made to fail, it finds the world as it is by then, and it is saved.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use async_trait::async_trait;
use cutover_core::deployment::Deployment;
use cutover_core::time::{earlier, later};
use cutover_engine::failure::Failure;
use cutover_engine::gate::{Mishap, Permit, Weather};
use cutover_engine::ports::{Answer, Clock, World};

use crate::file::{CloudError, WorldFile};
use crate::pace::Pace;
use crate::paced::{PacedClock, WallTime};
use crate::world::{FaultKind, KnownResources, Made, Violation, VisitorReport, WorldState};

/// A world behind the engine's ports. It moves whenever it is looked at, up to its clock's present.
pub struct EmbeddedCloud {
    world: RefCell<WorldState>,
    clock: Rc<dyn Clock>,
    /// Where the world is kept, when several processes share it.
    file: Option<Rc<WorldFile>>,
    wall: Option<WallTime>,
    /// How many writes have come here, from this process.
    writes: Cell<u64>,
    /// Calls that take effect later than they were made, in the order in which they were.
    on_their_way: RefCell<Vec<OnItsWay>>,
}

/// A call that takes effect later than it was made: when, and what it does then. Nobody hears of its answer.
type OnItsWay = (Timestamp, Box<dyn FnOnce(&mut WorldState)>);

impl EmbeddedCloud {
    /// The world that `deployment` describes, as it stands at `at`: current hosts serving, nothing begun.
    #[must_use]
    pub fn furnish(deployment: &Deployment, seed: u64, at: Timestamp) -> WorldState {
        WorldState::furnish(deployment, seed, at)
    }

    /// A cloud of one process, which nobody saves.
    #[must_use]
    pub fn in_memory(state: WorldState, clock: Rc<dyn Clock>) -> Rc<Self> {
        let (world, writes, on_their_way) = (RefCell::new(state), Cell::default(), RefCell::default());
        Rc::new(Self { world, clock, file: None, wall: None, writes, on_their_way })
    }

    /// The cloud that is kept in `folder`, with its clock. A folder without one gets it now, furnished a day before
    /// people must be told of the window; its time passes at the pace that the deployment states.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds another deployment's world.
    pub fn open(
        folder: &Path,
        deployment: &Deployment,
        seed: u64,
        wall: WallTime,
    ) -> Result<(Rc<Self>, Rc<PacedClock>), CloudError> {
        Self::open_file(folder, deployment, seed, wall, true)
    }

    /// The same, for commands that only look: nothing is ever written, and changes are refused.
    ///
    /// # Errors
    /// When the file cannot be read, or holds another deployment's world.
    pub fn open_read_only(
        folder: &Path,
        deployment: &Deployment,
        seed: u64,
        wall: WallTime,
    ) -> Result<(Rc<Self>, Rc<PacedClock>), CloudError> {
        Self::open_file(folder, deployment, seed, wall, false)
    }

    fn open_file(
        folder: &Path,
        deployment: &Deployment,
        seed: u64,
        wall: WallTime,
        writable: bool,
    ) -> Result<(Rc<Self>, Rc<PacedClock>), CloudError> {
        let told = earlier(deployment.window.start.timestamp, deployment.window.notice.duration());
        let start = earlier(told, Duration::from_secs(86_400));
        let pace = Pace::new(start, (wall.now)(), deployment.embedded.pace);
        let file = Rc::new(WorldFile::new(folder, writable, pace));
        let lock = file.lock()?;
        let world = match file.read_if_changed()? {
            Some(world) if world.deployment.name != deployment.name => {
                return Err(CloudError::OtherDeployment {
                    path: file.path().to_owned(),
                    found: world.deployment.name,
                    wanted: deployment.name.clone(),
                });
            }
            Some(world) => world,
            None => {
                let mut world = Self::furnish(deployment, seed, start);
                file.write(&mut world)?;
                world
            }
        };
        drop(lock);
        let clock = PacedClock::new(Rc::clone(&file), wall.clone());
        let cloud = Self {
            world: RefCell::new(world),
            clock: Rc::clone(&clock) as _,
            file: Some(file),
            wall: Some(wall),
            writes: Cell::default(),
            on_their_way: RefCell::default(),
        };
        Ok((Rc::new(cloud), clock))
    }

    /// The ports to this world.
    #[must_use]
    pub fn world(self: &Rc<Self>) -> World {
        World {
            dns: Rc::clone(self) as _,
            balancers: Rc::clone(self) as _,
            compute: Rc::clone(self) as _,
            images: Rc::clone(self) as _,
            databases: Rc::clone(self) as _,
            pages: Rc::clone(self) as _,
            hosts: Rc::clone(self) as _,
            outside: Rc::clone(self) as _,
            account: Rc::clone(self) as _,
            announcer: Rc::clone(self) as _,
        }
    }

    /// What must never happen and has, in the order in which it did.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.present(|world| world.violations().to_vec())
    }

    /// What visitors have seen since the world was furnished.
    #[must_use]
    pub fn visitors(&self) -> VisitorReport {
        self.present(|world| world.visitors_between(world.furnished_at, world.now))
    }

    /// What visitors saw from `from` until `to`, or until now.
    #[must_use]
    pub fn visitors_between(&self, from: Timestamp, to: Timestamp) -> VisitorReport {
        self.present(|world| world.visitors_between(from, to.min(world.now)))
    }

    /// The world as it is, with everything that is going to happen in it by itself.
    #[must_use]
    pub fn copy(&self) -> WorldState {
        self.world.borrow().clone()
    }

    /// How many writes have come to this world from this process, whatever became of them.
    #[must_use]
    pub const fn writes(&self) -> u64 {
        self.writes.get()
    }

    /// How often each call was made since the first fault was ordered, by the name of its port's method. The fence's own
    /// change of records is `raise_fence`.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u32> {
        self.present(|world| world.calls.clone())
    }

    /// Which calls of each name were made to fail by ordered faults, counted from 1.
    #[must_use]
    pub fn failed_calls(&self) -> BTreeMap<String, BTreeSet<u32>> {
        self.present(|world| world.failed_calls.clone())
    }

    /// How much has been made since the world was furnished.
    #[must_use]
    pub fn made(&self) -> Made {
        self.present(WorldState::made)
    }

    /// What is wrong with the world at the end of an upgrade whose journal names `known`.
    #[must_use]
    pub fn check_end(&self, known: &KnownResources) -> Vec<Violation> {
        self.present(|world| world.check_end(known))
    }

    /// What is there and cannot be named, wherever an upgrade stands whose journal names `known`.
    #[must_use]
    pub fn check_named(&self, known: &KnownResources) -> Vec<Violation> {
        self.present(|world| world.check_named(known))
    }

    /// Sets how many seconds of the cloud pass in one second of wall time, from now on and for every process.
    /// Simulated time has no pace: nothing changes there.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub fn set_pace(&self, pace: u32) -> Result<(), CloudError> {
        match (&self.file, &self.wall) {
            (Some(file), Some(wall)) => {
                let wall_now = (wall.now)();
                file.change_pace(|before| *before = before.with_pace(pace, wall_now))
            }
            _ => Ok(()),
        }
    }

    /// A port call that reads the world.
    pub(crate) async fn look<T>(&self, call: &'static str, answer: impl FnOnce(&WorldState) -> Answer<T>) -> Answer<T> {
        self.take_a_moment(call).await;
        self.refresh()?;
        let mut world = self.world.borrow_mut();
        self.bring_to_the_present(&mut world);
        match world.count_call(call) {
            Some(kind) => Err(kind.of_reading(call)),
            None => answer(&world),
        }
    }

    /// A port call that reads the world, of which the world takes note.
    pub(crate) async fn look_and_note<T>(
        &self,
        call: &'static str,
        answer: impl FnOnce(&mut WorldState) -> T,
    ) -> Answer<T> {
        self.take_a_moment(call).await;
        self.locked(call, |world| match world.count_call(call) {
            Some(kind) => Err(kind.of_reading(call)),
            None => Ok(answer(world)),
        })
    }

    /// A port call that changes the world, which is saved before the answer is given. It takes a permit, as everything does
    /// that changes anything.
    pub(crate) async fn change<T>(
        &self,
        call: &'static str,
        permit: &Permit,
        effect: impl FnOnce(&mut WorldState) -> Answer<T> + 'static,
    ) -> Answer<T> {
        if permit.is_dry() {
            return Err(Failure::permanent(format!("{call}: a dry run changes nothing")));
        }
        self.writes.set(self.writes.get() + 1);
        self.take_a_moment(call).await;
        if let Some(length) = permit.late_by() {
            let unheard = |world: &mut WorldState| drop(effect(world));
            self.on_their_way.borrow_mut().push((later(self.clock.now(), length), Box::new(unheard)));
            return Err(Failure::in_doubt(format!("{call}: no answer yet (ordered fault)")));
        }
        self.locked(call, effect)
    }

    /// Lets everything happen that happens by now, calls that take effect late among it.
    fn bring_to_the_present(&self, world: &mut WorldState) {
        let now = self.clock.now();
        loop {
            let mut on_their_way = self.on_their_way.borrow_mut();
            let due = on_their_way.iter().enumerate().filter(|(_, (at, _))| *at <= now);
            let Some((index, at)) = due.map(|(index, (at, _))| (index, *at)).min_by_key(|(_, at)| *at) else { break };
            let (_, effect) = on_their_way.remove(index);
            drop(on_their_way);
            world.advance(at);
            effect(world);
            world.settle();
        }
        world.advance(now);
    }

    /// Changes the world, and saves it, while no other process does.
    fn locked<T>(&self, call: &'static str, effect: impl FnOnce(&mut WorldState) -> Answer<T>) -> Answer<T> {
        let _lock = match &self.file {
            Some(file) if !file.is_writable() => {
                return Err(Failure::permanent(format!("{call}: this embedded cloud was opened for reading only")));
            }
            Some(file) => file.lock().map_err(|error| not_applied(&error))?,
            None => None,
        };
        self.refresh()?;
        let mut world = self.world.borrow_mut();
        self.bring_to_the_present(&mut world);
        let answer = effect(&mut world);
        world.settle();
        if let Some(file) = &self.file {
            file.write(&mut world).map_err(|error| Failure::in_doubt(format!("{call}: {error}")))?;
        }
        answer
    }

    async fn take_a_moment(&self, call: &'static str) {
        let length = self.world.borrow().call_length(call, self.clock.now());
        self.clock.sleep(length).await;
    }

    /// Takes over what another process has done to the world.
    fn refresh(&self) -> Answer<()> {
        if let Some(file) = &self.file
            && let Some(world) = file.read_if_changed().map_err(|error| not_applied(&error))?
        {
            self.world.replace(world);
        }
        Ok(())
    }

    /// The world as it is now, or as this process last knew it when its file cannot be read.
    fn present<T>(&self, answer: impl FnOnce(&WorldState) -> T) -> T {
        let _ = self.refresh();
        let mut world = self.world.borrow_mut();
        self.bring_to_the_present(&mut world);
        answer(&world)
    }
}

/// The faults that were ordered for writes are met at the gate.
#[async_trait(?Send)]
impl Weather for EmbeddedCloud {
    async fn before(&self, call: &'static str) -> Option<Mishap> {
        if self.world.borrow().faults.is_empty() {
            return None;
        }
        // Counted for every process that shares the world; one that cannot be reached has no faults of its own.
        self.locked(call, |world| Ok(world.count_call(call))).ok().flatten().map(FaultKind::mishap)
    }
}

fn not_applied(error: &CloudError) -> Failure {
    Failure::not_applied(error.to_string())
}
