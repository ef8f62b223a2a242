//! Two conductors of one upgrade at the same time: the first one is suspended at some point, the second one takes over
//! and finishes the upgrade, and then the first one continues as if nothing had happened. It must not change anything
//! any more.
//!
//! The first one is suspended at any record, when its next call has passed the gate and only the world can refuse it,
//! and between any record and the check of the gate.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use jiff::Timestamp;

use cutover_core::journal::{Event, Record};
use cutover_core::plan::{Order, Phase};
use cutover_core::progress::Progress;
use cutover_core::time::{between, later};
use cutover_engine::drive::Conductor;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Authority, FaultSource, Gate, InjectedFault};
use cutover_engine::halt::Halt;
use cutover_engine::journal::{Journal, JournalError, Listener, read};
use cutover_engine::lease::{Claim, Identity, LeaseLost, Machine, Origin, claim};
use cutover_engine::ports::Clock;
use cutover_rehearsal::{KnownResources, RehearsalError, ScriptedOperator, SimulatedClock, conduct_phase, run};

use cutover_hosts::supervisor;

use super::stage::{Stage, qa_with_few_migrations};

/// A machine of its own for each conductor, on the one simulated clock.
struct Elsewhere {
    clock: Rc<SimulatedClock>,
    name: &'static str,
}

#[async_trait(?Send)]
impl Machine for Elsewhere {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn up(&self) -> Duration {
        between(Timestamp::UNIX_EPOCH, self.clock.now())
    }

    async fn sleep(&self, length: Duration) {
        self.clock.sleep(length).await;
    }

    fn lives(&self, _process: u32, _started: u64) -> bool {
        false
    }

    fn is_suspended(&self, _process: u32, _started: u64) -> bool {
        false
    }

    fn nonce(&self) -> String {
        self.name.to_owned()
    }

    fn identity(&self) -> Identity {
        let origin = Origin { boot: self.name.to_owned(), pid_namespace: "pid:[1]".to_owned(), started: 1 };
        Identity { user: self.name.to_owned(), machine: self.name.to_owned(), process: 1, origin: Some(origin) }
    }
}

/// Work that is not polled while it sleeps: what SIGSTOP does to a process.
struct Suspendable<'a, T> {
    work: Pin<Box<dyn Future<Output = T> + 'a>>,
    asleep: Rc<Cell<bool>>,
}

impl<T> Future for Suspendable<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if self.asleep.get() { Poll::Pending } else { self.work.as_mut().poll(context) }
    }
}

/// The point at which the first conductor is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Falls {
    /// Once so many events are on record: its next call has passed the gate.
    AtRecord(u64),
    /// At its call of that number, before the gate has looked.
    BeforeCall(u64),
    Never,
}

/// Puts a conductor to sleep before one of its calls.
struct Sleepy {
    left: Cell<u64>,
    asleep: Rc<Cell<bool>>,
}

#[async_trait(?Send)]
impl FaultSource for Sleepy {
    async fn before(&self, _call: &'static str) -> Option<InjectedFault> {
        if self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            if self.left.get() == 0 {
                self.asleep.set(true);
                // Not polled again before it is woken.
                let mut slept = false;
                std::future::poll_fn(
                    |_| if std::mem::replace(&mut slept, true) { Poll::Ready(()) } else { Poll::Pending },
                )
                .await;
            }
        }
        None
    }
}

/// A world and a store for two conductors, a few hours before the window.
struct Overlap {
    stage: Stage,
    attempts: Cell<u64>,
}

impl Overlap {
    fn new() -> Self {
        let stage = Stage::before_window(Duration::from_secs(5 * 3600), qa_with_few_migrations(), 1, |_| {});
        Self { stage, attempts: Cell::default() }
    }

    /// Takes the upgrade over and conducts it to its end.
    async fn conduct(&self, name: &'static str, falls: Falls, asleep: Rc<Cell<bool>>) -> Result<(), RehearsalError> {
        let (machine, clock) = (Rc::new(Elsewhere { clock: Rc::clone(&self.stage.clock), name }), self.stage.clock());
        let claiming = Claim { machine: Rc::clone(&machine) as _, records: 0, epoch: 0, take_over: None, say: &|_| {} };
        let lease = Rc::new(claim(&self.stage.store, claiming).await.expect("nobody is alive"));
        let reading = read(&self.stage.store).await?;
        let listener = falling(falls, Rc::clone(&asleep));
        let (store, nonce) = (self.stage.store.clone(), machine.nonce());
        let journal = Rc::new(Journal::open(store, reading, Rc::clone(&clock), lease.epoch, nonce, listener));
        let left = Cell::new(if let Falls::BeforeCall(number) = falls { number } else { 0 });
        let world = self.stage.cloud.world();
        let gate = Gate::new(Authority::Lease(Rc::clone(&lease)), Rc::clone(&journal), machine)
            .with_faults(Rc::new(Sleepy { left, asleep }))
            .with_zone(ZoneFence::of(&self.stage.deployment, &world, &clock));
        let operator = Rc::new(ScriptedOperator::new(&self.stage.deployment, Rc::clone(&clock)));
        let stop = std::future::pending().boxed_local().shared();
        let conductor = Conductor::new(world, clock, operator, Rc::clone(&journal), gate, stop);
        let work = Box::pin(self.phases(&conductor, name));
        let ended = match select(work, Box::pin(lease.keep(&journal, &|_| {}))).await {
            Either::Left((ended, _)) => ended,
            Either::Right((halt, _)) => Err(halt.into()),
        };
        self.attempts.set(conductor.gate.attempts().values().sum());
        ended
    }

    async fn phases(&self, conductor: &Conductor, name: &str) -> Result<(), RehearsalError> {
        let (upgrade, name) = (self.stage.deployment.upgrade(), name.to_owned());
        conductor.journal.append(Event::ConductorTookOver { upgrade, conductor: name }).await?;
        for phase in Phase::ALL {
            if conductor.journal.upgrade().finished(phase) {
                continue;
            }
            if phase == Phase::Retire {
                let end = self.stage.deployment.window.ends().timestamp;
                conductor.clock.wait_for_date(later(end, Duration::from_secs(60))).await;
            }
            let ended =
                conduct_phase(&self.stage.deployment, Order::Overlapped, phase, conductor, &mut Vec::new()).await?;
            assert_eq!(ended, None, "{phase} ends well");
        }
        Ok(())
    }

    /// What can be seen of the world: records, fence, balancers, hosts and their programs, images, databases, the page.
    /// Messages, invalidations and jobs are not in it; the cloud's count of writes has those too.
    async fn fingerprint(&self) -> String {
        let (world, dns) = (self.stage.cloud.world(), &self.stage.deployment.dns);
        let hosts: Vec<_> = self.stage.deployment.sites.iter().map(|site| site.host.clone()).collect();
        let balancers: Vec<_> = self.stage.deployment.balancers.iter().map(|balancer| balancer.name.clone()).collect();
        let databases: Vec<_> = self.stage.deployment.databases.iter().map(|database| database.name.clone()).collect();
        let page = &self.stage.deployment.maintenance_page;
        let instances = world.compute.instances().await.expect("listed");
        let mut programs = Vec::new();
        for instance in instances.iter().filter(|instance| instance.lives()) {
            let services = self.stage.deployment.role.services(instance.role).expect("its role");
            let question = supervisor::ask(&services.supervisorctl, &services.programs);
            let said = world.hosts.ask(&instance.id, &question).await.expect("seen");
            let states = supervisor::read(&services.programs, &said).expect("every program");
            programs.push(states.into_iter().map(|(program, status)| (program, status.state)).collect::<Vec<_>>());
        }
        let (records, fence) = (world.dns.records(&dns.zone, &hosts).await, self.stage.deployment.fence());
        let (fence, health) = (world.dns.fence(&dns.zone, &fence).await, world.balancers.balancers(&balancers).await);
        let (images, databases) = (world.images.images().await, world.databases.databases(&databases).await);
        let page = world.pages.page(&page.bucket, &page.key).await;
        format!("{records:?}\n{fence:?}\n{health:?}\n{instances:?}\n{programs:?}\n{images:?}\n{databases:?}\n{page:?}")
    }

    /// The first conductor falls asleep, a second ends the upgrade, and the first wakes up. Whether it fell asleep at
    /// all.
    fn overlap(&self, falls: Falls) -> bool {
        let what = format!("{falls:?}");
        run(&self.stage.clock, async {
            let asleep = Rc::new(Cell::new(false));
            let first = Suspendable {
                work: Box::pin(self.conduct("ada", falls, Rc::clone(&asleep))),
                asleep: Rc::clone(&asleep),
            };
            let fell_asleep = async {
                while !asleep.get() {
                    self.stage.clock.sleep(Duration::from_secs(1)).await;
                }
            };
            let first = match select(first, Box::pin(fell_asleep)).await {
                Either::Left((ended, _)) => {
                    ended.expect("nobody disturbs it");
                    return false;
                }
                Either::Right(((), first)) => first,
            };
            self.conduct("eve", Falls::Never, Rc::new(Cell::new(false))).await.expect("the second ends it");
            self.assert_well(&what).await;
            let (records, world) = (read(&self.stage.store).await.expect("readable").records, self.fingerprint().await);
            let writes = self.stage.cloud.writes();

            asleep.set(false);
            let ended = first.await;
            let Err(RehearsalError::Halted(halt)) = ended else { panic!("{what}: it was to be stopped: {ended:?}") };
            assert!(tells_of_a_successor(&halt), "{what}: {halt}");
            self.stage.clock.sleep(Duration::from_secs(3600)).await;
            self.assert_well(&what).await;
            assert_eq!(self.stage.cloud.writes(), writes, "{what}: no write passes the gate any more");
            let now = read(&self.stage.store).await.expect("readable").records;
            assert_eq!(now.len(), records.len(), "{what}: nothing is put on record any more");
            assert_eq!(self.fingerprint().await, world, "{what}: nothing is changed any more");
            true
        })
    }

    async fn assert_well(&self, what: &str) {
        let reading = read(&self.stage.store).await.expect("it holds together");
        let mut violations = self.stage.cloud.violations();
        violations.extend(self.stage.cloud.check_end(&KnownResources::of(&reading.upgrade)));
        assert_eq!(violations, [], "{what}");
        assert_eq!(self.stage.cloud.visitors().error, 0, "{what}");
        assert!(Phase::ALL.iter().all(|phase| reading.upgrade.finished(*phase)), "{what}");
    }
}

/// Calls that were past the gate when their conductor fell asleep, and which Route 53 and hosts refused.
static REFUSED_BY_ZONE: AtomicUsize = AtomicUsize::new(0);
static REFUSED_BY_HOSTS: AtomicUsize = AtomicUsize::new(0);

/// Whether a conductor was stopped because another one has continued the upgrade, and not by another failure.
fn tells_of_a_successor(halt: &Halt) -> bool {
    match halt {
        Halt::Journal(error) => matches!(error, JournalError::Fenced { .. }),
        Halt::Lease(lost) => matches!(lost, LeaseLost::Superseded { .. }),
        Halt::Zone(_) => {
            REFUSED_BY_ZONE.fetch_add(1, Ordering::Relaxed);
            true
        }
        Halt::Superseded(_) => {
            REFUSED_BY_HOSTS.fetch_add(1, Ordering::Relaxed);
            true
        }
    }
}

/// Listens to events, and suspends its conductor at one of them.
fn falling(falls: Falls, asleep: Rc<Cell<bool>>) -> Listener {
    let left = RefCell::new(if let Falls::AtRecord(number) = falls { number } else { 0 });
    Rc::new(move |progress| {
        let mut left = left.borrow_mut();
        if matches!(progress, Progress::Recorded { .. }) && *left > 0 {
            *left -= 1;
            if *left == 0 {
                asleep.set(true);
            }
        }
    })
}

#[test]
fn two_overlapping_conductors_over_a_whole_upgrade_suspended_at_any_record_and_between_record_and_call() {
    let whole = Overlap::new();
    assert!(!whole.overlap(Falls::Never));
    let records = whole.stage.reading().records;
    let count = |records: &[Record]| records.iter().map(|record| record.events.len() as u64).sum::<u64>();
    let (events, calls) = (count(&records), whole.attempts.get());
    assert!(events > 100 && calls > 30, "{events} events, {calls} calls");
    // What comes after its last wait it does in one go: there it is through before it can be suspended.
    let last_wait = records.last().expect("it has records").at;
    let after = count(&records[records.partition_point(|record| record.at < last_wait)..]);
    assert!(after < 10, "{after} events");
    let is_last = |falls: &Falls| matches!(falls, Falls::AtRecord(number) if *number > events - after);
    let points: Vec<Falls> = (1..=events).map(Falls::AtRecord).chain((1..=calls).map(Falls::BeforeCall)).collect();
    std::thread::scope(|threads| {
        for half in 0..2 {
            let points = points.iter().skip(half).step_by(2);
            threads.spawn(move || {
                points.for_each(|falls| assert!(Overlap::new().overlap(*falls) || is_last(falls), "{falls:?}"));
            });
        }
    });
    let refused = [&REFUSED_BY_ZONE, &REFUSED_BY_HOSTS].map(|count| count.load(Ordering::Relaxed));
    assert!(!refused.contains(&0), "no call was past the gate when its conductor fell asleep: {refused:?}");
}
