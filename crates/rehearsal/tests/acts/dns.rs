//! Records of the zone: when a change counts as made, and how long resolvers and connections are waited for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::journal::{DnsAnswer, DnsServer, Fact};
use cutover_core::names::{ChangeId, DnsName};
use cutover_core::observation::Record;
use cutover_core::plan::{Action, AwaitResolvers, ChangeRecords, RecordTarget, Step};
use cutover_core::time::{between, later};
use cutover_engine::failure::Failure;
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Dns, ServerAnswer, World};

use super::stage::{SET_BY, Stage, step};

const OLD: &str = "old.example.org";
const NEW: &str = "new.example.org";

/// A zone with two servers of its own and one resolver, each of which answers with the new target from some second on.
pub(crate) struct Zone {
    clock: Rc<dyn Clock>,
    start: Timestamp,
    records: RefCell<BTreeMap<DnsName, Record>>,
    fence: RefCell<Option<FenceRecord>>,
    /// The second from which a change is in sync, and those from which each server has it.
    pub(crate) in_sync: Cell<u64>,
    servers: [Cell<u64>; 2],
    /// The seconds from which the resolver has the new target, and those from which it has the old one again.
    resolver: RefCell<Vec<(u64, &'static str)>>,
    /// The calls, with the seconds at which they were made.
    calls: RefCell<Vec<(&'static str, u64)>>,
}

impl Zone {
    pub(crate) fn of(stage: &mut Stage) -> Rc<Self> {
        let zone = Rc::new(Self {
            clock: Rc::clone(&stage.clock) as _,
            start: stage.clock.now(),
            records: RefCell::default(),
            fence: RefCell::default(),
            in_sync: Cell::new(0),
            servers: Default::default(),
            resolver: RefCell::default(),
            calls: RefCell::default(),
        });
        stage.world = World { dns: Rc::clone(&zone) as _, ..stage.world.clone() };
        stage.has_zone = true;
        zone
    }

    fn second(&self) -> u64 {
        between(self.start, self.clock.now()).as_secs()
    }

    fn called(&self, call: &'static str) {
        self.calls.borrow_mut().push((call, self.second()));
    }

    /// The seconds at which a call was made.
    pub(crate) fn seconds_of(&self, wanted: &str) -> Vec<u64> {
        self.calls.borrow().iter().filter(|(call, _)| *call == wanted).map(|(_, second)| *second).collect()
    }

    /// The record is as wanted, whoever has changed it.
    fn has_changed(&self) {
        let record = target();
        self.records.borrow_mut().insert(record.name, Record { target: record.target, ttl: record.ttl });
    }
}

#[async_trait(?Send)]
impl Dns for Zone {
    async fn records(&self, _: &str, _: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
        Ok(self.records.borrow().clone())
    }

    async fn fence(&self, _: &str, _: &DnsName) -> Answer<Option<FenceRecord>> {
        Ok(self.fence.borrow().clone())
    }

    async fn change_records(
        &self,
        _: &Permit,
        _: &str,
        records: &[RecordTarget],
        fence: &FenceChange,
    ) -> Answer<ChangeId> {
        if *self.fence.borrow() != fence.was {
            return Err(Failure::permanent("the fence is another one"));
        }
        self.fence.replace(Some(fence.next.clone()));
        if !records.is_empty() {
            self.called("change");
            self.has_changed();
        }
        Ok("C1".into())
    }

    async fn in_sync(&self, _: &ChangeId) -> Answer<bool> {
        Ok(self.second() >= self.in_sync.get())
    }

    async fn ask_servers(&self, _: &str, _: &DnsName) -> Answer<Vec<ServerAnswer>> {
        let answer = |from: &Cell<u64>| if self.second() >= from.get() { NEW } else { OLD };
        let servers = ["ns-1", "ns-2"].iter().zip(&self.servers);
        let answer = |(server, from): (&&str, _)| ServerAnswer {
            server: (*server).to_owned(),
            target: Some(answer(from).into()),
        };
        Ok(servers.map(answer).collect())
    }

    async fn ask_resolver(&self, _: IpAddr, _: &DnsName) -> Answer<Option<DnsName>> {
        self.called("resolver");
        let answers = self.resolver.borrow();
        let answer = answers.iter().rev().find(|(from, _)| *from <= self.second()).map_or(OLD, |(_, answer)| answer);
        Ok(Some(answer.into()))
    }
}

fn target() -> RecordTarget {
    RecordTarget { name: "lms.example.org".into(), target: NEW.into(), ttl: Duration::from_secs(60) }
}

/// A server's answer for the name, as it is on record.
fn answer(by: DnsServer, at: Timestamp, target: &str) -> Fact {
    Fact::DnsAnswer(DnsAnswer { by, at, targets: [(target.to_owned(), 1)].into(), is_new: target == NEW })
}

pub(crate) fn change() -> Step {
    step("change", Action::ChangeRecords(ChangeRecords { zone: "example.org".to_owned(), records: vec![target()] }))
}

#[test]
fn a_change_is_made_once_it_is_in_sync_and_every_server_of_the_zone_has_it() {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    zone.in_sync.set(9);
    zone.servers[0].set(15);
    zone.servers[1].set(21);
    assert_eq!(stage.conduct(vec![change()]), Ending::Finished);
    assert_eq!((zone.seconds_of("change"), stage.elapsed()), (vec![0], 21));
    let behind = |servers: &str| format!("of the zone's servers still answer with the old target: {servers}");
    let behind = ["name server ns-1, name server ns-2", "name server ns-2"].map(behind);
    let told = stage.mentioned.borrow();
    assert_eq!(told[0], "change C1 is pending on the zone's servers");
    assert_eq!(told[1..], [format!("2 {}", behind[0]), format!("1 {}", behind[1])]);
    let at = |second| later(zone.start, Duration::from_secs(second));
    let answered = |server: &str, second| answer(DnsServer::NameServer(server.to_owned()), at(second), NEW);
    let change = ChangeId::from("C1");
    assert_eq!(
        stage.facts_of("change"),
        [
            Fact::RecordsChanged { change: change.clone() },
            Fact::InSync { change },
            answered("ns-1", 15),
            answered("ns-2", 21),
        ],
        "each on record once, with its time"
    );
}

#[test]
fn records_that_are_as_wanted_are_not_changed_again_and_their_servers_are_waited_for() {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    zone.has_changed();
    zone.servers[1].set(6);
    stage.was_begun(vec![change()], Vec::new());
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!((zone.seconds_of("change"), stage.elapsed()), (Vec::new(), 6));
}

#[test]
fn a_record_that_has_the_target_and_another_ttl_is_changed() {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    let longer = Record { target: NEW.into(), ttl: Duration::from_secs(3600) };
    zone.records.borrow_mut().insert(target().name, longer);
    assert_eq!(stage.conduct(vec![change()]), Ending::Finished);
    assert_eq!(zone.seconds_of("change"), [0]);
}

/// Waits for the resolver, with this much time for those that are not asked and for open connections.
fn forget(forget: u64, settle: u64) -> Step {
    let (forget, settle) = (Duration::from_secs(forget), Duration::from_secs(settle));
    let wait = AwaitResolvers { records: vec![target()], resolvers: vec![[9, 9, 9, 9].into()], forget, settle };
    step("forget", Action::AwaitResolvers(wait))
}

#[test]
fn resolvers_that_are_not_asked_have_the_whole_time_to_forget_the_old_answer() {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    zone.resolver.borrow_mut().push((0, NEW));
    assert_eq!(stage.conduct(vec![forget(60, 0)]), Ending::Finished);
    assert_eq!((zone.seconds_of("resolver"), stage.elapsed()), (vec![60], 60));
    let left: Vec<String> =
        [60, 50, 40].map(|left| format!("resolvers may keep the old answer for {left}s more")).into();
    let told = stage.mentioned.borrow()[..3].to_vec();
    assert_eq!(told, left.iter().map(|words| words.replace("60s", "1m")).collect::<Vec<_>>());
}

#[test]
fn a_clock_that_is_set_neither_shortens_nor_lengthens_the_time_for_resolvers_and_connections() {
    for by in SET_BY {
        for after in [30, 75] {
            let mut stage = Stage::new();
            stage.set_clock(after, by);
            let zone = Zone::of(&mut stage);
            zone.resolver.borrow_mut().push((0, NEW));
            assert_eq!(stage.conduct(vec![forget(60, 30)]), Ending::Finished);
            assert_eq!((zone.seconds_of("resolver")[0], stage.elapsed()), (60, 90), "set by {by} s after {after} s");
        }
    }
}

#[test]
fn another_process_gives_resolvers_the_whole_time_again_because_only_dates_are_on_record() {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    zone.resolver.borrow_mut().push((0, NEW));
    stage.was_begun(vec![forget(60, 0)], Vec::new());
    stage.pass(45);
    // This machine's clock is ahead of that of the earlier process.
    stage.set_clock(0, 3600);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!((zone.seconds_of("resolver"), stage.elapsed()), (vec![105], 105));
    assert_eq!(stage.starts_of("forget"), 1);
}

#[test]
fn connections_have_time_to_close_from_when_the_resolver_has_the_new_answer_for_good() {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    zone.resolver.borrow_mut().extend([(6, NEW), (12, OLD), (18, NEW)]);
    assert_eq!(stage.conduct(vec![forget(0, 30)]), Ending::Finished);
    assert_eq!(stage.elapsed(), 48);
    let told = stage.mentioned.borrow();
    assert_eq!(told[0], "resolver 9.9.9.9 still has the old answer for lms.example.org");
    assert_eq!(
        told[1..3],
        ["30s", "27s"].map(|left| format!("connections that browsers hold open have {left} to close"))
    );
    let at = |second| later(zone.start, Duration::from_secs(second));
    let answered = |second, target| answer(DnsServer::Resolver([9, 9, 9, 9].into()), at(second), target);
    let facts = stage.facts_of("forget");
    assert_eq!(facts[0], Fact::TtlPassed { ttl: Duration::ZERO });
    assert_eq!(facts[1..4], [answered(6, NEW), answered(12, OLD), answered(18, NEW)], "each change of an answer");
    assert_eq!(facts.len(), 5, "and nothing for looks that show the same: {facts:?}");
}
