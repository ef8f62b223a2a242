//! The state of an upgrade in a bucket that a team shares, on moto, over a network that misbehaves: no record is lost
//! or there twice, of two conductors one goes on, and lists do not end at the first page.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, join, select};
use futures_util::stream::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use cutover_aws::{Connection, Limits};
use cutover_core::journal::{Decision, Event, Upgrade};
use cutover_core::names::UpgradeId;
use cutover_core::time::{between, later};
use cutover_engine::inbox::{drop_in, undelivered};
use cutover_engine::journal::{Journal, JournalError, read};
use cutover_engine::lease::{self, ATTEMPT, Claim, Identity, LEASE, Lease, LeaseError, Machine, News, Origin};
use cutover_engine::store::{Created, Store, StoreError, number_of};

use crate::moto::Moto;
use crate::proxy::{Proxy, Trouble};
use crate::support::{Hasty, Renewing, connect, connect_as};

/// The bucket that moto is started with.
const BUCKET: &str = "page";

/// moto with a bucket, and a network before it that misbehaves on order.
struct Shared {
    moto: Moto,
    proxy: Proxy,
    /// Soon has enough of silence.
    impatient: Connection,
    patient: Connection,
}

impl Shared {
    async fn new() -> Self {
        let moto = Moto::run_with("serve.py", "");
        let proxy = Proxy::before(&moto.fact("endpoint"));
        let impatient = Limits { attempt: Duration::from_millis(700), ..Limits::default() };
        let (impatient, patient) =
            (connect(&proxy.endpoint, impatient).await, connect(&proxy.endpoint, Limits::default()).await);
        Self { moto, proxy, impatient, patient }
    }

    /// The state of an upgrade of that name, over the bad network.
    fn store(&self, upgrade: &str, trouble: Trouble) -> Store {
        on(if trouble == Trouble::Silence { &self.impatient } else { &self.patient }, upgrade)
    }

    /// The same over a network without trouble.
    async fn truth(&self) -> Connection {
        connect(&self.moto.fact("endpoint"), Limits::default()).await
    }
}

fn on(connection: &Connection, upgrade: &str) -> Store {
    let bucket = Arc::new(connection.bucket(BUCKET).expect("a bucket"));
    Store::on(bucket, "cutover", &UpgradeId::from(upgrade), format!("s3://{BUCKET}/cutover"))
}

/// The line of a request that writes a record.
fn put(upgrade: &str, record: u32) -> String {
    format!("PUT /{BUCKET}/cutover/{upgrade}/journal/{record:08}.json")
}

/// The journal of a conductor who has read what is on record.
async fn open(store: &Store, epoch: u64, nonce: &str) -> Journal {
    let reading = read(store).await.expect("it holds together");
    Journal::open(store.clone(), reading, Rc::new(Hasty), epoch, nonce.to_owned(), Rc::new(|_| {}))
}

fn said(words: &str) -> Event {
    Event::Interrupted { because: words.to_owned() }
}

async fn on_record(store: &Store) -> Vec<Event> {
    let records = read(store).await.expect("it holds together").records;
    records.into_iter().flat_map(|record| record.events).collect()
}

/// Appends three events, the second of which gets into trouble; what is broken, if anything.
async fn append_in_trouble(shared: &Shared, truth: &Connection, name: &str, trouble: Trouble) -> Result<(), String> {
    let store = shared.store(name, trouble);
    let journal = open(&store, 1, "a").await;
    shared.proxy.order(&put(name, 2), trouble);
    for words in ["one", "two", "three"] {
        journal.append(said(words)).await.map_err(|error| format!("{words}: {error}"))?;
    }
    let left = shared.proxy.withdraw();
    let events = on_record(&on(truth, name)).await;
    // What reached the bucket without the writer knowing is written once more, and meets itself.
    let passed = if trouble.goes_through() && !trouble.is_answered() { 2 } else { 1 };
    match (shared.proxy.passed(&put(name, 2)), left) {
        (count, 0) if count == passed && events == ["one", "two", "three"].map(said) => Ok(()),
        (count, left) => Err(format!("{count} writes instead of {passed}, {left} orders left, on record: {events:?}")),
    }
}

async fn a_record_that_gets_into_any_trouble_is_in_the_bucket_once(shared: &Shared) {
    let truth = shared.truth().await;
    let mut broken = Vec::new();
    for (name, trouble) in Trouble::ALL {
        let tried = append_in_trouble(shared, &truth, name, trouble).await;
        broken.extend(tried.err().map(|why| format!("{name}: {why}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

async fn a_journal_is_read_through_any_trouble(shared: &Shared) {
    let written = shared.store("read", Trouble::Drop);
    let journal = open(&written, 1, "a").await;
    for words in ["one", "two"] {
        journal.append(said(words)).await.expect("on record");
    }
    for (name, trouble) in Trouble::ALL {
        for words in ["list-type=2", "GET /page/cutover/read/journal/00000002.json"] {
            shared.proxy.order(words, trouble);
            let reading = read(&shared.store("read", trouble)).await;
            let records = reading.unwrap_or_else(|error| panic!("{name} at {words}: {error:?}")).records;
            assert_eq!((records.len(), shared.proxy.withdraw()), (2, 0), "{name} at {words}");
        }
    }
}

async fn what_no_attempt_gets_through_stops_the_conductor_and_the_next_one_goes_on(shared: &Shared) {
    let store = shared.store("out", Trouble::Drop);
    let journal = open(&store, 1, "a").await;
    journal.append(said("one")).await.expect("on record");
    // The first attempt gets there, and nobody hears of it.
    shared.proxy.order(&put("out", 2), Trouble::LoseAnswer);
    for _ in 0..3 {
        shared.proxy.order(&put("out", 2), Trouble::Drop);
    }
    let error = journal.append(said("two")).await.expect_err("no answer came");
    assert!(error.to_string().contains("journal/00000002.json could not be written in s3://page/cutover"), "{error}");
    assert!(matches!(journal.append(said("more")).await, Err(JournalError::Broken)));
    let next = open(&store, 2, "b").await;
    next.append(said("three")).await.expect("it goes on after what is there");
    assert_eq!(on_record(&store).await, ["one", "two", "three"].map(said));
}

async fn of_two_conductors_in_a_bucket_one_goes_on_and_the_other_is_fenced(shared: &Shared) {
    // Whoever loses the answer to its write, whoever writes later is the one who is fenced.
    for (name, trouble) in [("plain", Trouble::Delay(Duration::ZERO)), ("lost", Trouble::LoseAnswer)] {
        let store = shared.store(name, trouble);
        let (first, second) = (open(&store, 1, "a").await, open(&store, 2, "b").await);
        shared.proxy.order(&put(name, 1), trouble);
        first.append(said("first")).await.expect("the number is free");
        shared.proxy.order(&put(name, 1), trouble);
        let error = second.append(said("second")).await.expect_err("the number is taken");
        assert!(matches!(error, JournalError::Fenced { number: 1, .. }), "{name}: {error:?}");
        assert_eq!(on_record(&store).await, [said("first")], "{name}");
    }
    for round in 0..8 {
        let store = shared.store(&format!("race-{round}"), Trouble::Drop);
        let (first, second) = (open(&store, 1, "a").await, open(&store, 2, "b").await);
        let ends = join(first.append(said("first")), second.append(said("second"))).await;
        let winner = match ends {
            (Ok(()), Err(JournalError::Fenced { .. })) => "first",
            (Err(JournalError::Fenced { .. }), Ok(())) => "second",
            other => panic!("{other:?}"),
        };
        assert_eq!(on_record(&store).await, [said(winner)]);
    }
}

/// S3 says 409 while another write of the object is under way, which may come to nothing.
const CONFLICT: Trouble = Trouble::Refuse(409, "ConditionalRequestConflict");

async fn a_conflict_at_a_place_that_is_free_is_no_damage_and_the_record_is_written_again(shared: &Shared) {
    let store = shared.store("conflict", CONFLICT);
    for _ in 0..2 {
        shared.proxy.order(&put("conflict-seen", 1), CONFLICT);
    }
    let seen = shared.store("conflict-seen", CONFLICT).create("journal/00000001.json", b"one".to_vec()).await;
    assert!(matches!(seen, Err(StoreError::Contended { .. })), "{seen:?}");
    shared.proxy.withdraw();
    let journal = open(&store, 1, "a").await;
    for (words, record) in [("one", 1), ("two", 2)] {
        shared.proxy.order(&put("conflict", record), CONFLICT);
        journal.append(said(words)).await.expect("on record");
    }
    assert_eq!(shared.proxy.withdraw(), 0, "each was refused once");
    assert_eq!(on_record(&store).await, ["one", "two"].map(said));
}

async fn a_conflict_that_hides_a_record_shows_whose_it_is(shared: &Shared) {
    let store = shared.store("hidden", CONFLICT);
    let (first, second) = (open(&store, 1, "a").await, open(&store, 2, "b").await);
    // The record is there, and its writer does not know; what it hears of the second attempt is the conflict.
    for trouble in [Trouble::LoseAnswer, CONFLICT] {
        shared.proxy.order(&put("hidden", 1), trouble);
    }
    first.append(said("first")).await.expect("it is its own");
    shared.proxy.order(&put("hidden", 1), CONFLICT);
    let error = second.append(said("second")).await.expect_err("the number is taken");
    assert!(matches!(error, JournalError::Fenced { number: 1, .. }), "{error:?}");
    assert_eq!((shared.proxy.withdraw(), on_record(&store).await), (0, vec![said("first")]));
}

async fn a_journal_goes_on_with_renewed_credentials_when_they_have_expired(shared: &Shared) {
    let whoever = Renewing::default();
    let connection = connect_as(&shared.proxy.endpoint, Limits::default(), whoever.provider()).await;
    let store = on(&connection, "expired");
    let journal = open(&store, 1, "a").await;
    // Of the record before S3 is asked by a HEAD, to which it gives no code.
    for (number, request) in [(1, "PUT"), (2, "HEAD"), (3, "PUT")] {
        let words = format!("{request} /{BUCKET}/cutover/expired/journal/");
        shared.proxy.order(&words, Trouble::Refuse(400, "ExpiredToken"));
        journal.append(said(&number.to_string())).await.expect("on record");
        assert_eq!((whoever.asked(), shared.proxy.withdraw()), (number + 1, 0), "{words}");
    }
    shared.proxy.order("GET /page/cutover/expired/journal/", Trouble::Refuse(400, "ExpiredToken"));
    assert_eq!(on_record(&store).await, ["1", "2", "3"].map(said));
    assert_eq!((whoever.asked(), shared.proxy.withdraw()), (5, 0));
}

/// One moto serves all that the journal promises: to start one takes longer than any of it.
#[tokio::test]
async fn the_journal_keeps_its_promises_in_a_bucket() {
    let shared = Shared::new().await;
    a_record_that_gets_into_any_trouble_is_in_the_bucket_once(&shared).await;
    a_journal_is_read_through_any_trouble(&shared).await;
    what_no_attempt_gets_through_stops_the_conductor_and_the_next_one_goes_on(&shared).await;
    of_two_conductors_in_a_bucket_one_goes_on_and_the_other_is_fenced(&shared).await;
    a_conflict_at_a_place_that_is_free_is_no_damage_and_the_record_is_written_again(&shared).await;
    a_conflict_that_hides_a_record_shows_whose_it_is(&shared).await;
    a_journal_goes_on_with_renewed_credentials_when_they_have_expired(&shared).await;
}

/// A process of the one machine, on a time that passes with its sleeps.
struct Process {
    identity: Identity,
    time: Cell<Timestamp>,
    /// How many more sleeps end.
    sleeps: Cell<u32>,
}

/// When any process was started, and when time begins.
const STARTED: u64 = 7;

fn beginning() -> Timestamp {
    "2021-01-04T09:00:00Z".parse().expect("a moment")
}

impl Process {
    fn of(user: &str, process: u32) -> Rc<Self> {
        let (boot, pid_namespace) = ("boot".to_owned(), "pids".to_owned());
        let origin = Some(Origin { boot, pid_namespace, started: STARTED });
        let identity = Identity { user: user.to_owned(), machine: "shared".to_owned(), process, origin };
        Rc::new(Self { identity, time: Cell::new(beginning()), sleeps: Cell::new(0) })
    }

    async fn claim(self: &Rc<Self>, store: &Store) -> Result<Lease, LeaseError> {
        let claim = Claim { machine: Rc::clone(self) as _, records: 0, epoch: 0, take_over: None, say: &|_| {} };
        lease::claim(store, claim).await
    }

    /// Lets the lease be renewed so many times; what was said meanwhile.
    async fn keep(&self, lease: &Lease, journal: &Journal, times: u32) -> Vec<String> {
        self.sleeps.set(times);
        let complaints: RefCell<Vec<String>> = RefCell::default();
        let complain = |news: News<'_>| {
            complaints.borrow_mut().push(match news {
                News::NotRenewed(error) => error.to_string(),
                News::StoodStill(length) => format!("it stood still for {length:?}"),
            });
        };
        let done = async {
            while self.sleeps.get() < u32::MAX {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let is_kept = matches!(select(pin!(lease.keep(journal, &complain)), pin!(done)).await, Either::Right(_));
        assert!(is_kept, "it is kept for ever");
        complaints.take()
    }
}

#[async_trait(?Send)]
impl Machine for Process {
    fn now(&self) -> Timestamp {
        self.time.get()
    }

    fn up(&self) -> Duration {
        between(beginning(), self.time.get())
    }

    async fn sleep(&self, length: Duration) {
        // The time limit of a call. Calls to the real server end before it, so it never passes.
        if length == ATTEMPT {
            return std::future::pending().await;
        }
        let Some(left) = self.sleeps.get().checked_sub(1) else {
            self.sleeps.set(u32::MAX);
            return std::future::pending().await;
        };
        self.sleeps.set(left);
        self.time.set(later(self.time.get(), length));
    }

    fn lives(&self, _process: u32, _started: u64) -> bool {
        true
    }

    fn is_suspended(&self, _process: u32, _started: u64) -> bool {
        false
    }

    fn nonce(&self) -> String {
        self.identity.to_string()
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }
}

async fn a_lease_in_a_bucket_keeps_others_out_is_renewed_through_an_outage_and_given_up(shared: &Shared) {
    let store = shared.store("leased", Trouble::Drop);
    let (ada, bob) = (Process::of("ada", 10), Process::of("bob", 11));
    let lease = ada.claim(&store).await.expect("it is free");
    assert!(matches!(bob.claim(&store).await, Err(LeaseError::Held { .. })));
    for _ in 0..2 {
        shared.proxy.order("PUT /page/cutover/leased/lease/", Trouble::Drop);
    }
    let journal = open(&store, lease.epoch, "a").await;
    let complaints = ada.keep(&lease, &journal, 4).await;
    assert_eq!(complaints.len(), 1, "one for each outage: {complaints:?}");
    let (epoch, holder) = lease::last(&store).await.expect("it can be read").expect("there is one");
    assert_eq!((epoch, holder.until), (1, later(ada.now(), LEASE)), "it is renewed after all");
    lease.release(0).await.expect("it is given up");
    assert_eq!(bob.claim(&store).await.expect("it is free").epoch, 2);
    let race = join(bob.claim(&store), bob.claim(&store)).await;
    let epochs = (race.0.expect("its own").epoch, race.1.expect("its own").epoch);
    assert!(epochs.0 != epochs.1, "nobody shares an epoch: {epochs:?}");
}

async fn a_decision_in_a_bucket_is_found_whoever_dropped_it_in(shared: &Shared) {
    let store = shared.store("decided", Trouble::Drop);
    let decision = |gate: &str, approved, second: i64| Decision {
        gate: gate.into(),
        approved,
        by: "ada".to_owned(),
        at: Timestamp::from_second(1_609_750_800 + second).expect("a moment"),
        note: Some("ä <&> \"".to_owned()),
        plan: None,
    };
    let dropped = [decision("go", false, 3), decision("lift", true, 2), decision("go", true, 1)];
    let mut objects = Vec::new();
    for one in &dropped {
        objects.push(drop_in(&store, &Upgrade::default(), one).await.expect("it can be written"));
    }
    let waiting = undelivered(&store, &Upgrade::default()).await.expect("it can be read");
    // As they were dropped in, whatever the clocks say that they came from.
    assert_eq!(waiting.iter().map(|one| &one.decision).collect::<Vec<_>>(), dropped.iter().collect::<Vec<_>>());
    let mut upgrade = Upgrade::default();
    let (last, object) = (dropped[2].clone(), Some(objects[2].clone()));
    upgrade.apply(last.at, &Event::GateDecided { decision: last, object }).expect("it can follow");
    let waiting = undelivered(&store, &upgrade).await.expect("it can be read");
    assert_eq!(waiting.iter().map(|one| &one.decision).collect::<Vec<_>>(), [&dropped[1]]);
}

/// S3 lists a thousand objects in a page.
async fn a_list_of_more_than_a_page_is_whole_and_in_order(shared: &Shared) {
    const COUNT: usize = 1_003;
    let truth = shared.truth().await;
    let bucket = truth.bucket(BUCKET).expect("a bucket");
    let name = |number: usize| format!("journal/{number:08}.json");
    let writes = (1..=COUNT).map(|number| {
        let (bucket, path) = (bucket.clone(), Path::from(format!("cutover/long/{}", name(number))));
        async move { bucket.put(&path, "x".into()).await.map(|_| ()) }
    });
    let written: Result<Vec<()>, _> = futures_util::stream::iter(writes).buffer_unordered(8).try_collect().await;
    written.expect("they can be written");
    let store = shared.store("long", Trouble::Drop);
    assert_eq!(store.create("journals/1", b"of something else".to_vec()).await.expect("written"), Created::New);
    // The second page is lost once on its way.
    shared.proxy.order("continuation-token=", Trouble::LoseAnswer);
    let listed = store.list("journal", |name| number_of(name).is_some()).await.expect("it can be listed");
    assert_eq!(shared.proxy.withdraw(), 0, "there is a second page");
    assert_eq!(listed, (1..=COUNT).map(name).collect::<Vec<_>>());
}

#[tokio::test]
async fn leases_decisions_and_long_lists_work_in_a_bucket() {
    let shared = Shared::new().await;
    a_lease_in_a_bucket_keeps_others_out_is_renewed_through_an_outage_and_given_up(&shared).await;
    a_decision_in_a_bucket_is_found_whoever_dropped_it_in(&shared).await;
    a_list_of_more_than_a_page_is_whole_and_in_order(&shared).await;
}
