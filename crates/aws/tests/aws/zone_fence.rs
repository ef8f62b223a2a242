//! The zone's fence against two conductors, on a stand-in of Route 53 that refuses a batch as Route 53 does, which moto
//! does not: where its fence is not as told, nothing of it is changed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cutover_aws::{Limits, Vantage, cloud};
use cutover_contract::WallClock;
use cutover_core::deployment::Deployment;
use cutover_core::journal::Event;
use cutover_core::plan::RecordTarget;
use cutover_engine::failure::FailureClass;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Authority, Gate};
use cutover_engine::halt::{Halt, WriteError};
use cutover_engine::journal::{Journal, read};
use cutover_engine::lease::OnClock;
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;

use crate::obedient::Obedient;
use crate::support::connect;

const ZONE: &str = "contract.edu.";
const LMS: &str = "lms.contract.edu.";

/// A record set, as a batch tells it: its type, TTL and values, all in one text.
type Sets = BTreeMap<String, String>;

/// The zone [`ZONE`].
#[derive(Clone, Default)]
struct Zone(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Record sets by name.
    sets: Sets,
    /// How many batches were made.
    made: u32,
    /// Whether the next batch is made and its answer lost.
    loses: bool,
}

/// A change of a batch.
struct Change {
    action: String,
    name: String,
    set: String,
}

impl Zone {
    /// Listens; where.
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let zone = self.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = vec![0; 65536];
                let length = stream.read(&mut bytes).unwrap_or_default();
                let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
                let (status, body) = zone.answer(&request);
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            }
        });
        endpoint
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no thread has panicked")
    }

    /// What is at a name.
    fn set(&self, name: &str) -> String {
        self.state().sets.get(name).cloned().unwrap_or_default()
    }

    fn answer(&self, request: &str) -> (u16, String) {
        if request.starts_with("GET /2013-04-01/hostedzonesbyname") {
            let zone = "<HostedZone><Id>/hostedzone/Z1</Id><Name>contract.edu.</Name></HostedZone>";
            let zones = format!("<HostedZones>{zone}</HostedZones>");
            return (200, format!("<ListHostedZonesByNameResponse>{zones}</ListHostedZonesByNameResponse>"));
        }
        let mut state = self.state();
        if request.starts_with("POST ") {
            return state.batch(request);
        }
        let name = request.split("name=").nth(1).and_then(|rest| rest.split(['&', ' ']).next()).expect("a name");
        let found =
            state.sets.get(name).map(|set| format!("<ResourceRecordSet><Name>{name}</Name>{set}</ResourceRecordSet>"));
        let sets = format!("<ResourceRecordSets>{}</ResourceRecordSets>", found.unwrap_or_default());
        let more = "<IsTruncated>false</IsTruncated>";
        (200, format!("<ListResourceRecordSetsResponse>{sets}{more}</ListResourceRecordSetsResponse>"))
    }
}

impl State {
    /// Makes all changes, or none.
    fn batch(&mut self, request: &str) -> (u16, String) {
        let (mut sets, mut reasons) = (self.sets.clone(), String::new());
        for change in changes(request) {
            if let Some(reason) = against(&mut sets, &change) {
                reasons += &format!("<Message>{reason}</Message>");
            }
        }
        if !reasons.is_empty() {
            return (400, format!("<InvalidChangeBatch><Messages>{reasons}</Messages></InvalidChangeBatch>"));
        }
        (self.sets, self.made) = (sets, self.made + 1);
        if std::mem::take(&mut self.loses) {
            return (500, String::new());
        }
        let info = "<Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2021-01-04T09:00:00Z</SubmittedAt>";
        (
            200,
            format!(
                "<ChangeResourceRecordSetsResponse><ChangeInfo>{info}</ChangeInfo></ChangeResourceRecordSetsResponse>"
            ),
        )
    }
}

fn changes(request: &str) -> Vec<Change> {
    let within = |text: &str, tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>")).expect("it is told");
        rest.split_once(&format!("</{tag}>")).expect("it ends").0.to_owned()
    };
    let told = request.split("<Change>").skip(1);
    told.map(|change| {
        let set = within(change, "ResourceRecordSet");
        let (name, rest) = set.split_once("</Name>").expect("a name");
        let name = name.trim_start_matches("<Name>").to_owned();
        Change { action: within(change, "Action"), name, set: rest.to_owned() }
    })
    .collect()
}

/// Makes one change; or what Route 53 has against it.
fn against(sets: &mut Sets, Change { action, name, set }: &Change) -> Option<String> {
    let kind = if set.contains("<Type>TXT</Type>") { "TXT" } else { "CNAME" };
    let of = format!("resource record set [name='{name}', type='{kind}']");
    if !name.ends_with(&format!(".{ZONE}")) {
        return Some(format!("RRSet with DNS name {name} is not permitted in zone {ZONE}"));
    }
    match (action.as_str(), sets.get(name)) {
        ("DELETE", None) => Some(format!("Tried to delete {of} but it was not found")),
        ("DELETE", Some(there)) if there != set => {
            Some(format!("Tried to delete {of} but the values provided do not match the current values"))
        }
        ("CREATE", Some(_)) => Some(format!("Tried to create {of} but it already exists")),
        ("DELETE", Some(_)) => sets.remove(name).and(None),
        _ => {
            sets.insert(name.clone(), set.clone());
            None
        }
    }
}

/// The gate of a conductor of that epoch.
async fn conductor(endpoint: &str, deployment: &Deployment, store: &Store, nonce: &str) -> Gate {
    let clock: Rc<dyn Clock> = Rc::new(WallClock);
    let (connection, others) = (Rc::new(connect(endpoint, Limits::default()).await), Rc::new(Obedient::default()));
    let world = cloud::world(&connection, deployment, Rc::clone(&clock), Vantage::default(), others.as_others());
    let reading = read(store).await.expect("it holds together");
    let epoch = reading.records.len() as u64 + 1;
    let (store, nonce) = (store.clone(), nonce.to_owned());
    let journal = Journal::open(store, reading, Rc::clone(&clock), epoch, nonce.clone(), Rc::new(|_| {}));
    let took_over = Event::ConductorTookOver { upgrade: deployment.upgrade(), conductor: nonce };
    journal.append(took_over).await.expect("on record");
    Gate::new(Authority::Alone, Rc::new(journal), Rc::new(OnClock(Rc::clone(&clock))))
        .with_zone(ZoneFence::of(deployment, &world, &clock))
}

fn towards(target: &str) -> [RecordTarget; 1] {
    [RecordTarget { name: LMS.into(), target: target.into(), ttl: Duration::from_secs(60) }]
}

#[tokio::test]
async fn a_conductor_that_slept_while_another_took_over_changes_no_record() {
    let (zone, deployment) = (Zone::default(), cutover_contract::deployment());
    let endpoint = zone.start();
    let store = Store::memory(&deployment.upgrade());
    let first = conductor(&endpoint, &deployment, &store, "a").await;
    first.change_records(ZONE, &towards("of-the-first.example")).await.expect("the zone is its own");
    let second = conductor(&endpoint, &deployment, &store, "b").await;
    second.write("anything", async |_| Ok(())).await.expect("it takes the zone over before it changes anything");
    let late = first.change_records(ZONE, &towards("late.example")).await;
    assert!(matches!(late, Err(WriteError::Halt(Halt::Zone(_)))), "{late:?}");
    assert!(zone.set(LMS).contains("of-the-first.example"));
    second.change_records(ZONE, &towards("of-the-second.example")).await.expect("the zone is its own");
    assert!(zone.set(LMS).contains("of-the-second.example"));
    let elsewhere = conductor(&endpoint, &deployment, &Store::memory(&deployment.upgrade()), "c").await;
    let refused = elsewhere.write("anything", async |_| Ok(())).await;
    assert!(matches!(refused, Err(WriteError::Halt(Halt::Zone(_)))), "with another state: {refused:?}");
    assert_eq!(zone.state().made, 4, "twice the fence was raised, and twice records were changed");
}

#[tokio::test]
async fn a_conductor_goes_on_after_a_batch_whose_answer_was_lost() {
    let (zone, deployment) = (Zone::default(), cutover_contract::deployment());
    let endpoint = zone.start();
    let only = conductor(&endpoint, &deployment, &Store::memory(&deployment.upgrade()), "a").await;
    // The first batch raises the fence. Until it has, the records' own batch is known not to have been made.
    for (target, class) in [("one.example", FailureClass::NotApplied), ("two.example", FailureClass::InDoubt)] {
        zone.state().loses = true;
        let lost = only.change_records(ZONE, &towards(target)).await;
        let Err(WriteError::Failed(failure)) = lost else { panic!("{lost:?}") };
        assert_eq!(failure.class, class, "{failure}");
        only.change_records(ZONE, &towards(target)).await.expect("what was lost is its own");
        assert!(zone.set(LMS).contains(target));
    }
}

#[tokio::test]
async fn a_mistake_in_a_batch_is_not_taken_for_another_conductor() {
    let (zone, deployment) = (Zone::default(), cutover_contract::deployment());
    let endpoint = zone.start();
    let only = conductor(&endpoint, &deployment, &Store::memory(&deployment.upgrade()), "a").await;
    only.write("anything", async |_| Ok(())).await.expect("the zone is its own");
    let fence = zone.set(&format!("{}.", deployment.fence()));
    assert!(fence.contains("<Type>TXT</Type><TTL>60</TTL>"), "{fence}");
    let value = format!("<Value>&quot;cutover {} 1 a 1&quot;</Value>", deployment.upgrade());
    assert!(fence.contains(&value), "{fence}");
    let [inside] = towards("a.example");
    let outside = RecordTarget { name: "www.another.example".into(), ..inside.clone() };
    let refused = only.change_records(ZONE, &[inside.clone(), outside]).await;
    let Err(WriteError::Failed(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
    assert!(failure.message.contains("www.another.example. is not permitted in zone"), "{failure}");
    assert_eq!((zone.set(LMS), zone.state().made), (String::new(), 1), "nothing was changed");
    only.change_records(ZONE, &[inside]).await.expect("the zone is still its own");
}
