//! What steps are conducted on: one furnished moto, and several lanes to it, each with a misbehaving network of its
//! own, on which cells of a table are tried one after the other.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;

use cutover_aws::{Connection, Limits, cloud};
use cutover_contract::{WallClock, gate, launch};
use cutover_core::deployment::{Deployment, Role};
use cutover_core::digest::Digest;
use cutover_core::journal::Event;
use cutover_core::names::{ChangeId, DnsName, ImageId, InstanceId};
use cutover_core::observation::Record;
use cutover_core::plan::{
    Action, Basis, CapturedHost, Edge, ImageRef, Launch, Line, Order, Phase, Plan, RecordTarget, Rule, Step,
};
use cutover_engine::drive::Conductor;
use cutover_engine::fence::{FenceChange, FenceRecord, ZoneFence};
use cutover_engine::gate::{Authority, Gate, Permit};
use cutover_engine::halt::WriteError;
use cutover_engine::journal::{Journal, Reading, read};
use cutover_engine::lease::OnClock;
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::{Answer, Clock, Dns, ServerAnswer, World};
use cutover_engine::store::Store;

use super::skipping::connect;
use crate::hurried::{HurriedClock, Slowness, counted};
use crate::obedient::{Approving, Obedient};
use crate::proxy::{Proxy, Trouble};
use crate::stage::{Furnished, furnish};
use crate::stand_ins::NameServer;
use crate::surroundings::Surroundings;

/// How long the impatient wait for an answer: longer than a busy machine needs for one.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A furnished moto with what is around it.
pub(super) struct Ground {
    pub(super) furnished: Furnished,
    pub(super) surroundings: Surroundings,
    /// The hosts, which stay as they are from one conductor to the next.
    hosts: Rc<Obedient>,
    /// The same world over a network without trouble: what really is.
    pub(super) truth: World,
    /// The way to change it.
    gate: Gate,
    /// A current host.
    current: InstanceId,
    /// The image that new hosts are launched from.
    newest_image: ImageId,
}

impl Ground {
    pub(super) async fn new(deployment: &Deployment) -> Self {
        let mut furnished = furnish(deployment).await;
        furnished.connection = Rc::new(connect(&furnished.moto.fact("endpoint"), Limits::default()).await);
        let surroundings = Surroundings::of(&furnished);
        let hosts = Rc::new(Obedient::default());
        let clock = Rc::new(WallClock) as Rc<dyn Clock>;
        let (of_hosts, announcer) = (Rc::clone(&hosts) as _, Rc::clone(&hosts) as _);
        let truth = surroundings.world(&furnished, Rc::clone(&clock), of_hosts, announcer);
        let gate = gate(&truth, &clock, &furnished.deployment);
        let current = truth.compute.instances().await.expect("current hosts").remove(0).id;
        let images = truth.images.images().await.expect("images");
        let newest = images.into_iter().rfind(|image| image.role == Role::Edxapp).expect("an image of the role");
        Self { furnished, surroundings, hosts, truth, gate, current, newest_image: newest.id }
    }

    /// Changes something over the network without trouble.
    pub(super) async fn write<T>(&self, call: impl AsyncFnOnce(&Permit) -> Answer<T>) -> Answer<T> {
        self.gate.write("ground", call).await.map_err(WriteError::into_failure)
    }

    /// Changes a record over the network without trouble.
    pub(super) async fn change_record(&self, record: RecordTarget) -> Answer<ChangeId> {
        self.gate.change_records(&self.deployment().dns.zone, &[record]).await.map_err(WriteError::into_failure)
    }

    pub(super) fn deployment(&self) -> &Deployment {
        &self.furnished.deployment
    }

    pub(super) fn endpoint(&self) -> String {
        self.furnished.moto.fact("endpoint")
    }

    /// A connection over a network without trouble, which has Route 53's patience for itself.
    pub(super) async fn connect(&self) -> Rc<Connection> {
        Rc::new(connect(&self.endpoint(), Limits::default()).await)
    }

    /// The world over `connection`, with hosts that obey. What the zone's servers answer is read over the other one.
    pub(super) fn world(
        &self,
        connection: &Rc<Connection>,
        without_trouble: &Rc<Connection>,
        clock: &Rc<HurriedClock>,
    ) -> World {
        let others = &self.hosts;
        let at = || Rc::clone(clock) as Rc<dyn Clock>;
        let open = |connection| {
            let vantage = self.surroundings.vantage.clone();
            cloud::world(connection, self.deployment(), at(), vantage, others.as_others())
        };
        let world = open(connection);
        let (inner, truth) = (Rc::clone(&world.dns), open(without_trouble).dns);
        let dns = Rc::new(Following { inner, truth, servers: self.surroundings.name_servers.clone() });
        counted(&World { dns, ..world }, clock, Slowness::default())
    }

    /// What to launch as a host of the first fleet under that name.
    pub(super) fn launch(&self, name: &str) -> Launch {
        let image = ImageRef::Known(self.newest_image.clone());
        Launch { image, ..launch(self.deployment(), name) }
    }

    /// A host under that name, which runs.
    pub(super) async fn host(&self, name: &str) -> CapturedHost {
        let launch = self.launch(name);
        let compute = &self.truth.compute;
        let launched = async |permit: &Permit| compute.launch(permit, &launch, &self.newest_image, name).await;
        let instance = self.write(launched).await.expect("moto launches");
        CapturedHost { name: launch.name, instance, fleet: launch.fleet, role: launch.role }
    }

    /// An image under that name, as whoever builds images leaves it behind for the release.
    pub(super) async fn image(&self, role: Role, name: &str) -> ImageId {
        self.furnished.image(&self.current, role, name).await
    }
}

/// Route 53 whose name servers answer what the zone really has, whatever became of the answers to those who changed it.
struct Following {
    inner: Rc<dyn Dns>,
    truth: Rc<dyn Dns>,
    servers: Vec<NameServer>,
}

impl Following {
    async fn follow(&self, zone: &str, name: &DnsName) {
        let records = self.truth.records(zone, std::slice::from_ref(name)).await.expect("the zone is there");
        for (name, record) in &records {
            self.servers.iter().for_each(|server| server.point(name.as_str(), record.target.as_str()));
        }
    }
}

#[async_trait(?Send)]
impl Dns for Following {
    async fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
        self.inner.records(zone, names).await
    }

    async fn fence(&self, zone: &str, name: &DnsName) -> Answer<Option<FenceRecord>> {
        self.inner.fence(zone, name).await
    }

    async fn change_records(
        &self,
        permit: &Permit,
        zone: &str,
        records: &[RecordTarget],
        fence: &FenceChange,
    ) -> Answer<ChangeId> {
        self.inner.change_records(permit, zone, records, fence).await
    }

    async fn in_sync(&self, change: &ChangeId) -> Answer<bool> {
        self.inner.in_sync(change).await
    }

    async fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<ServerAnswer>> {
        self.follow(zone, name).await;
        self.inner.ask_servers(zone, name).await
    }

    async fn ask_resolver(&self, resolver: IpAddr, name: &DnsName) -> Answer<Option<DnsName>> {
        self.inner.ask_resolver(resolver, name).await
    }
}

/// One way to the ground, through a network of its own.
pub(super) struct Lane<'a> {
    pub(super) ground: &'a Ground,
    pub(super) proxy: Proxy,
    /// A host that only this lane puts into balancers and takes out.
    pub(super) host: CapturedHost,
    pub(super) clock: Rc<HurriedClock>,
    number: usize,
    conducted: Cell<u32>,
    without_trouble: Rc<Connection>,
    /// Waits as long as a busy machine needs.
    patient: (Rc<Connection>, World),
    /// Soon has enough of silence.
    impatient: (Rc<Connection>, World),
}

impl<'a> Lane<'a> {
    pub(super) async fn open(ground: &'a Ground, number: usize) -> Self {
        let proxy = Proxy::before(&ground.endpoint());
        let clock = HurriedClock::new(ground.deployment().window.start.timestamp);
        let without_trouble = ground.connect().await;
        let open = async |limits| {
            let connection = Rc::new(connect(&proxy.endpoint, limits).await);
            let world = ground.world(&connection, &without_trouble, &clock);
            (connection, world)
        };
        let patient = open(Limits::default()).await;
        let impatient = open(Limits { attempt: PATIENCE, ..Limits::default() }).await;
        let host = ground.host(&format!("edx-lane-{number}")).await;
        Self { ground, proxy, host, clock, number, conducted: Cell::new(0), without_trouble, patient, impatient }
    }

    /// A connection and a world over it. Silence alone is waited out. All else may take as long as a busy machine
    /// needs.
    fn way(&self, trouble: Trouble) -> &(Rc<Connection>, World) {
        if trouble == Trouble::Silence { &self.impatient } else { &self.patient }
    }

    /// A connection and a world of which nobody has read anything yet.
    pub(super) fn unread(&self, trouble: Trouble) -> (&Rc<Connection>, World) {
        let (connection, _) = self.way(trouble);
        (connection, self.ground.world(connection, &self.without_trouble, &self.clock))
    }

    /// A conductor of the upgrade, of which nothing is on record yet.
    async fn conductor(&self, world: &World, store: &Store) -> Conductor {
        let (deployment, at) = (self.ground.deployment(), Rc::clone(&self.clock) as Rc<dyn Clock>);
        let open = Journal::open(store.clone(), Reading::default(), Rc::clone(&at), 1, nonce(self), Rc::new(|_| {}));
        let journal = Rc::new(open);
        // Each has a state of its own, as if it were of another upgrade than those whose marks it finds in the zone.
        let mut another = deployment.clone();
        another.release.version = journal.nonce().to_owned();
        let gate = Gate::new(Authority::Alone, Rc::clone(&journal), Rc::new(OnClock(Rc::clone(&at))))
            .with_zone(ZoneFence::of(&another, world, &at));
        let (operator, never) = (Rc::new(Approving(Rc::clone(&at))), std::future::pending().boxed_local().shared());
        let conductor = Conductor::new(world.clone(), at, operator, journal, gate, never);
        let took_over = Event::ConductorTookOver { upgrade: deployment.upgrade(), conductor: "test".to_owned() };
        conductor.journal.append(took_over).await.expect("on record");
        conductor
    }

    /// Conducts a plan of one step, with these current hosts on record; how it ended, and what is on record of the
    /// step.
    pub(super) async fn conduct(
        &self,
        trouble: Trouble,
        hosts: Vec<CapturedHost>,
        action: Action,
    ) -> (Ending, Vec<Event>) {
        let upgrade = self.ground.deployment().upgrade();
        let store = Store::memory(&upgrade);
        let (_, world) = self.way(trouble);
        let conductor = self.conductor(world, &store).await;
        let capture = step("capture", Action::Capture { hosts }, Vec::new());
        let after = Edge { step: capture.id.clone(), rule: Rule::Follows };
        let steps = vec![capture, step("the-step", action, vec![after])];
        let (phase, order, basis) = (Phase::Prepare, Order::Overlapped, Basis::default());
        let plan = Plan { upgrade, phase, order, made_at: self.clock.now(), basis, pending: Vec::new(), steps };
        let run = phase::run(&conductor, Some((plan, Digest::of(b""))), phase);
        let ending = self.clock.run(run).await.expect("the journal works");
        let records = read(&store).await.expect("it holds together").records;
        let events = records.into_iter().flat_map(|record| record.events);
        let of_the_step = |event: &Event| event.step().is_some_and(|step| step.as_str() == "the-step");
        (ending, events.filter(of_the_step).collect())
    }
}

/// What this conductor is called, and no other one of a moto: of a fence that is replaced by a value that was there
/// before moto says that it exists.
fn nonce(lane: &Lane<'_>) -> String {
    lane.conducted.set(lane.conducted.get() + 1);
    format!("lane-{}-{}", lane.number, lane.conducted.get())
}

fn step(id: &str, action: Action, waits_for: Vec<Edge>) -> Step {
    Step { line: Line::Capture, waits_for, expected: Duration::from_secs(1), ..cutover_contract::step(id, action) }
}
