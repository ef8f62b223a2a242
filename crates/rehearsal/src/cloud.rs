//! The embedded cloud as a whole: how it is created, opened, saved and called, and how its observations are read.
//!
//! The ports are in `ports`, and the effects of calls on the world in `world`. This file has what all calls have in
//! common: a call takes time, a fault may be injected into it, it acts on the world as it is after that time, and the
//! result is saved.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use async_trait::async_trait;
use cutover_core::deployment::Deployment;
use cutover_core::names::InstanceId;
use cutover_core::time::{earlier, later};
use cutover_engine::failure::Failure;
use cutover_engine::gate::{FaultSource, InjectedFault, Permit};
use cutover_engine::ports::{Answer, Clock, World};
use cutover_hosts::command::Ask;

use crate::file::{CloudError, WorldFile};
use crate::pace::Pace;
use crate::paced::{PacedClock, WallTime};
use crate::world::{FaultKind, KnownResources, Made, Question, Violation, VisitorReport, WorldState};

/// A world behind the engine's ports. Each call first advances it to the current time of its clock.
pub struct EmbeddedCloud {
    world: RefCell<WorldState>,
    clock: Rc<dyn Clock>,
    /// The file of the world, if several processes share it.
    file: Option<Rc<WorldFile>>,
    wall: Option<WallTime>,
    /// The number of writes from this process.
    writes: Cell<u64>,
    /// Calls that take effect later than they were made, in the order in which they were made.
    on_their_way: RefCell<Vec<OnItsWay>>,
}

/// A call that takes effect later than it was made: when, and what it does then. Its answer is lost.
type OnItsWay = (Timestamp, Box<dyn FnOnce(&mut WorldState)>);

impl EmbeddedCloud {
    /// The world that `deployment` describes at the time `at`: current hosts are serving, and no upgrade was started.
    #[must_use]
    pub fn furnish(deployment: &Deployment, seed: u64, at: Timestamp) -> WorldState {
        WorldState::furnish(deployment, seed, at)
    }

    /// A cloud for one process, which is not saved.
    #[must_use]
    pub fn in_memory(state: WorldState, clock: Rc<dyn Clock>) -> Rc<Self> {
        let (world, writes, on_their_way) = (RefCell::new(state), Cell::default(), RefCell::default());
        Rc::new(Self { world, clock, file: None, wall: None, writes, on_their_way })
    }

    /// The cloud that is saved in `folder`, with its clock. If there is none, it is created, a day before the window
    /// must be announced. Its time passes at the pace that the deployment states.
    ///
    /// # Errors
    /// When the file cannot be read or written, or contains another deployment's world.
    pub fn open(
        folder: &Path,
        deployment: &Deployment,
        seed: u64,
        wall: WallTime,
    ) -> Result<(Rc<Self>, Rc<PacedClock>), CloudError> {
        Self::open_file(folder, deployment, seed, wall, true)
    }

    /// The same, for commands that only read: nothing is ever written, and changes are refused.
    ///
    /// # Errors
    /// When the file cannot be read, or contains another deployment's world.
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
            builders: Rc::clone(self) as _,
            packers: Rc::clone(self) as _,
            databases: Rc::clone(self) as _,
            pages: Rc::clone(self) as _,
            hosts: Rc::clone(self) as _,
            outside: Rc::clone(self) as _,
            account: Rc::clone(self) as _,
            announcer: Rc::clone(self) as _,
            branches: Rc::clone(self) as _,
            aws_options: String::new(),
        }
    }

    /// The violated invariants, in the order in which they were violated.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.present(|world| world.violations().to_vec())
    }

    /// What visitors have seen since the world was created.
    #[must_use]
    pub fn visitors(&self) -> VisitorReport {
        self.present(|world| world.visitors_between(world.furnished_at, world.now))
    }

    /// What visitors saw from `from` until `to`, or until now.
    #[must_use]
    pub fn visitors_between(&self, from: Timestamp, to: Timestamp) -> VisitorReport {
        self.present(|world| world.visitors_between(from, to.min(world.now)))
    }

    /// The current state of the world, including all scheduled events.
    #[must_use]
    pub fn copy(&self) -> WorldState {
        self.world.borrow().clone()
    }

    /// The number of writes from this process, successful or not.
    #[must_use]
    pub const fn writes(&self) -> u64 {
        self.writes.get()
    }

    /// How often each call was made since the first fault was added, by the name of its port's method. The fence's own
    /// change of records is `raise_fence`.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u32> {
        self.present(|world| world.calls.clone())
    }

    /// Which calls of each name had a fault injected, counted from 1.
    #[must_use]
    pub fn failed_calls(&self) -> BTreeMap<String, BTreeSet<u32>> {
        self.present(|world| world.failed_calls.clone())
    }

    /// A host goes down now, and boots again. The jobs that run on it end.
    ///
    /// # Errors
    /// When the world cannot be saved.
    pub fn restart_host(&self, host: &InstanceId) -> Answer<()> {
        self.locked("restart_host", |world| {
            world.restart(host);
            Ok(())
        })
    }

    /// What is asked of a host.
    pub(crate) fn question(&self, ask: &Ask) -> Question {
        self.world.borrow().question(ask)
    }

    /// How many resources were made since the world was created.
    #[must_use]
    pub fn made(&self) -> Made {
        self.present(WorldState::made)
    }

    /// The invariants that are violated at the end of an upgrade whose journal names `known`.
    #[must_use]
    pub fn check_end(&self, known: &KnownResources) -> Vec<Violation> {
        self.present(|world| world.check_end(known))
    }

    /// Resources that exist but that the journal does not name, at any point of an upgrade whose journal names `known`.
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

    /// How many seconds of its time pass in one second of wall time; nothing for a cloud in memory.
    #[must_use]
    pub fn pace(&self) -> Option<u32> {
        self.file.as_ref().map(|file| file.pace().seconds())
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

    /// A port call that reads the world, and that the world records.
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

    /// A port call that changes the world, which is saved before the call returns. Like every change, it takes a
    /// permit.
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
            return Err(Failure::in_doubt(format!("{call}: no answer yet (injected fault)")));
        }
        self.locked(call, effect)
    }

    /// Processes all events up to now, including calls that take effect late.
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

    /// Lets an answer come later.
    pub(crate) async fn delay(&self, length: Duration) {
        if !length.is_zero() {
            self.clock.sleep(length).await;
        }
    }

    /// Reads the changes that another process has made to the world.
    fn refresh(&self) -> Answer<()> {
        if let Some(file) = &self.file
            && let Some(world) = file.read_if_changed().map_err(|error| not_applied(&error))?
        {
            self.world.replace(world);
        }
        Ok(())
    }

    /// The current state of the world, or the last known one if its file cannot be read.
    fn present<T>(&self, answer: impl FnOnce(&WorldState) -> T) -> T {
        let _ = self.refresh();
        let mut world = self.world.borrow_mut();
        self.bring_to_the_present(&mut world);
        answer(&world)
    }
}

/// The faults for writes are injected at the gate.
#[async_trait(?Send)]
impl FaultSource for EmbeddedCloud {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if self.world.borrow().faults.is_empty() {
            return None;
        }
        // Counted for all processes that share the world. A world that cannot be read has no faults.
        self.locked(call, |world| Ok(world.count_call(call))).ok().flatten().map(FaultKind::injected)
    }
}

fn not_applied(error: &CloudError) -> Failure {
    Failure::not_applied(error.to_string())
}
