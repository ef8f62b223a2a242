//! Data for the tests of this module: a small deployment, an observation of its world, plans for it, and journals of
//! phases that went as expected.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_core::deployment::{Deployment, Role, parse};
use cutover_core::digest::Digest;
use cutover_core::journal::{Decision, Event, Fact, RECORD_VERSION, Record as JournalRecord, RunNumber, Upgrade};
use cutover_core::names::StepId;
use cutover_core::observation::{
    BalancerState, DatabaseState, Distribution, Health, HealthCheck, Instance, InstanceState, MachineImage,
    Observation, Record,
};
use cutover_core::plan::{Action, Order, Phase, Plan, Schedule, Step};
use cutover_core::planner::{Inputs, forecast};
use cutover_core::progress::{EventNumber, Progress};
use cutover_core::time::{between, earlier, later};
use cutover_rehearsal::{Seen, Segment, Shares, SiteTimeline, VisitorReport};
use jiff::Timestamp;

/// The text of the small deployment.
pub(super) const SMALL: &str = include_str!("small.toml");

/// The examples with real topologies: everything that is printed must also fit for them.
pub(super) const EXAMPLES: [&str; 2] =
    [include_str!("../../../../examples/mitx-production.toml"), include_str!("../../../../examples/mitx-qa.toml")];

pub(super) fn deployment() -> Deployment {
    parse(SMALL).expect("the small deployment is right")
}

pub(super) fn examples() -> Vec<Deployment> {
    EXAMPLES.iter().map(|text| parse(text).expect("the examples are right")).collect()
}

/// The world that `deployment` describes, four days before the window.
pub(super) fn observation(deployment: &Deployment) -> Observation {
    let at = earlier(deployment.window.start.timestamp, Duration::from_secs(4 * 86_400));
    let instances = instances(deployment, at);
    let balancers = deployment.balancers.iter().map(|balancer| {
        let fleet = deployment.fleet_behind(&balancer.name).map(|fleet| &fleet.name);
        let members = instances.iter().filter(|host| Some(&host.fleet) == fleet && host.role == Role::Edxapp);
        let state = BalancerState {
            kind: balancer.kind,
            health_check: HealthCheck {
                interval: Duration::from_secs(30),
                healthy_threshold: 3,
                unhealthy_threshold: 2,
            },
            draining: Duration::from_secs(300),
            members: members.map(|host| (host.id.clone(), Health::InService)).collect(),
        };
        (balancer.name.clone(), state)
    });
    let sites = || deployment.sites.iter().map(|site| site.host.clone()).collect();
    Observation {
        at,
        records: deployment
            .sites
            .iter()
            .filter_map(|site| Some((site, deployment.balancer(&site.balancer)?.domain.clone())))
            .map(|(site, target)| (site.host.clone(), Record { target, ttl: deployment.dns.ttl.duration() }))
            .collect(),
        distribution: Some(Distribution {
            domain: deployment.maintenance_page.domain.clone(),
            deployed: true,
            aliases: sites(),
            certified: sites(),
            uncertain: None,
            errors_show_page: true,
            enabled: true,
            origins: vec![format!("{}.s3.amazonaws.com", deployment.maintenance_page.bucket)],
        }),
        page: None,
        balancers: balancers.collect(),
        instances,
        images: images(at),
        bases: BTreeMap::new(),
        branches: BTreeMap::new(),
        databases: deployment
            .databases
            .iter()
            .map(|database| (database.name.clone(), DatabaseState { available: true, snapshots: Vec::new() }))
            .collect(),
        pending: Vec::new(),
        certificates: BTreeMap::new(),
        credentials_until: None,
        unseen: Vec::new(),
    }
}

fn instances(deployment: &Deployment, at: Timestamp) -> Vec<Instance> {
    let groups =
        deployment.fleets.iter().flat_map(|fleet| fleet.groups().map(move |(role, group)| (fleet, role, group)));
    let hosts = groups.flat_map(|(fleet, role, group)| {
        let version = &deployment.release.current_version;
        (0..group.current_count.unwrap_or(group.count)).map(move |n| Instance {
            id: format!("i-{}-{role}-{n}", fleet.name).into(),
            name: group.host_name(deployment.name.as_str(), &fleet.name, n, version),
            fleet: fleet.name.clone(),
            role,
            version: version.clone(),
            launched: at,
            upgrade: None,
            state: InstanceState::Running,
            image: format!("ami-{role}-4").into(),
        })
    });
    hosts.collect()
}

fn images(at: Timestamp) -> Vec<MachineImage> {
    let images = Role::ALL.into_iter().flat_map(|role| {
        (1..=4).map(move |n| MachineImage {
            id: format!("ami-{role}-{n}").into(),
            name: format!("{role}_base_release_{n}").into(),
            role,
            codename: "juniper".into(),
            version: "3".into(),
            commit: None,
            available: true,
            failed: None,
            created: at,
        })
    });
    images.collect()
}

/// The plan of a phase, made as if all phases before it had succeeded.
pub(super) fn plan(deployment: &Deployment, phase: Phase, order: Order) -> Plan {
    let (observation, upgrade) = (observation(deployment), Upgrade::default());
    forecast(Inputs { deployment, observation: &observation, upgrade: &upgrade }, phase, order)
}

/// When each phase starts in the journals below.
pub(super) fn begins(deployment: &Deployment, phase: Phase) -> Timestamp {
    let start = deployment.window.start.timestamp;
    match phase {
        Phase::Announce => earlier(start, Duration::from_secs(4 * 86_400)),
        Phase::Prepare => earlier(start, Duration::from_secs(2 * 86_400)),
        Phase::Window => earlier(start, Duration::from_secs(1800)),
        Phase::Retire => later(start, Duration::from_secs(3 * 86_400)),
    }
}

/// A journal in which `phases` went exactly as expected.
pub(super) fn journal(deployment: &Deployment, phases: &[Phase], order: Order) -> Vec<JournalRecord> {
    let upgrade = deployment.upgrade();
    let conductor = "ops@bastion".to_owned();
    let mut moments = Vec::new();
    for (number, phase) in (1..).zip(phases) {
        let begins = begins(deployment, *phase);
        let plan = plan(deployment, *phase, order);
        moments.push((begins, Event::ConductorTookOver { upgrade: upgrade.clone(), conductor: conductor.clone() }));
        let (run, kind, file) = (RunNumber(number), (*phase).into(), Digest::of_json(deployment));
        let event = Event::RunStarted { run, kind, plan: Arc::new(plan.clone()), deployment: file };
        moments.push((begins, event));
        let mut steps = run_steps(deployment, &plan, begins);
        steps.sort_by_key(|(at, _)| *at);
        let ended = steps.last().map_or(begins, |(at, _)| *at);
        moments.extend(steps);
        moments.push((ended, Event::RunFinished { run }));
    }
    records(moments)
}

/// Records of one event each.
pub(super) fn records(moments: Vec<(Timestamp, Event)>) -> Vec<JournalRecord> {
    let records = (1..).zip(moments).map(|(number, (at, event))| JournalRecord {
        version: RECORD_VERSION,
        number,
        epoch: 1,
        nonce: format!("n{number}"),
        previous: None,
        at,
        events: vec![event],
    });
    records.collect()
}

/// The records of `journal` until `after` the start of the window.
pub(super) fn until(deployment: &Deployment, journal: &[JournalRecord], after: Duration) -> Vec<JournalRecord> {
    let end = later(deployment.window.start.timestamp, after);
    journal.iter().filter(|record| record.at <= end).cloned().collect()
}

pub(super) fn fold(records: &[JournalRecord]) -> Upgrade {
    Upgrade::fold(records).expect("the journal is sound")
}

/// The id of the first step whose id starts with `start`.
pub(super) fn step_id(plan: &Plan, start: &str) -> StepId {
    plan.steps.iter().find(|step| step.id.as_str().starts_with(start)).expect("a step of that id").id.clone()
}

fn run_steps(deployment: &Deployment, plan: &Plan, begins: Timestamp) -> Vec<(Timestamp, Event)> {
    let start = deployment.window.start.timestamp;
    // The wait for the window takes until its start; every other step takes its expected time.
    let ready = Schedule::of(&plan.steps, |step| step.expected);
    let opening = plan.steps.iter().rposition(|step| matches!(step.action, Action::WaitUntil { .. }));
    let waited =
        opening.map(|index| later(begins, ready.spans[index].0)).map_or(Duration::ZERO, |at| between(at, start));
    let schedule = Schedule::of(&plan.steps, |step| match step.action {
        Action::WaitUntil { moment, .. } if moment == start => waited,
        _ => step.expected,
    });
    let mut moments = Vec::new();
    for (step, span) in plan.steps.iter().zip(&schedule.spans) {
        let (from, to) = (later(begins, span.0), later(begins, span.1));
        moments.push((from, Event::StepStarted { step: step.id.clone(), attempt: 1 }));
        moments.extend(decision(step, from, to));
        moments.push((to, Event::StepDone { step: step.id.clone(), facts: facts(step) }));
    }
    moments
}

fn decision(step: &Step, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Event)> {
    let Action::Decide(decide) = &step.action else { return Vec::new() };
    let decision = Decision {
        gate: decide.gate.clone(),
        approved: true,
        by: "Alex Doe".to_owned(),
        at: to,
        note: Some("all green".to_owned()),
        plan: None,
    };
    vec![(from, Event::GateOpened { gate: decide.gate.clone() }), (to, Event::GateDecided { decision, object: None })]
}

fn facts(step: &Step) -> Vec<Fact> {
    match &step.action {
        Action::Migrate(migrate) => vec![Fact::Migrated {
            fleet: migrate.fleet.clone(),
            service: migrate.service.clone(),
            database: migrate.database.clone(),
            applied: 24,
            ran: Vec::new(),
            moved: Vec::new(),
            peak_memory: None,
        }],
        Action::Launch(launch) => {
            let instance = format!("i-next-{}", launch.name).into();
            vec![Fact::Launched { host: launch.name.clone(), instance }]
        }
        Action::TakeSnapshot { database, snapshot } => {
            vec![Fact::SnapshotTaken { database: database.clone(), snapshot: snapshot.clone() }]
        }
        Action::BuildImage(image) => {
            vec![Fact::ImageBuilt { name: image.name.clone(), image: format!("ami-next-{}", image.role).into() }]
        }
        Action::Terminate { host, .. } => {
            let instance = format!("i-{}", host.name).into();
            vec![Fact::Terminated { host: host.name.clone(), instance }]
        }
        _ => Vec::new(),
    }
}

/// Fails if a line of `text` is longer than `width` columns or not ASCII, and shows that line.
pub(super) fn assert_fits(text: &str, width: usize) {
    for line in text.lines() {
        assert!(super::text::length(line) <= width, "{} columns: {line}", super::text::length(line));
        assert!(line.is_ascii(), "not ASCII: {line}");
        assert_eq!(line.trim_end(), line, "blanks at the end");
    }
}

/// What visitors of every site would have seen in a window of 34 minutes: the page from its second minute on.
pub(super) fn visitors(deployment: &Deployment) -> VisitorReport {
    let at = |minutes: u64| later(deployment.window.start.timestamp, Duration::from_secs(60 * minutes));
    let site = Shares { site: 1_000_000, ..Shares::default() };
    let page = Shares { maintenance: 1_000_000, ..Shares::default() };
    let stale = Shares { maintenance: 980_000, error_stale_resolver: 20_000, ..Shares::default() };
    let timelines = deployment.sites.iter().map(|of| SiteTimeline {
        site: of.name.clone(),
        segments: vec![
            segment(at(0), at(2), site),
            segment(at(2), at(3), page),
            segment(at(3), at(20), stale),
            segment(at(20), at(34), page),
            segment(at(34), at(120), site),
        ],
    });
    let timelines = timelines.collect();
    VisitorReport { site: 104_220, maintenance: 59_876, error: 0, error_stale_resolver: 412, timelines }
}

pub(super) fn segment(from: Timestamp, to: Timestamp, shares: Shares) -> Segment {
    let seen = Seen::ALL.into_iter().max_by_key(|seen| shares.of(*seen)).expect("something is seen");
    Segment { from, to, seen, shares }
}

/// The progress that readers receive for a record.
pub(super) fn progress(record: &JournalRecord) -> impl Iterator<Item = Progress> {
    record.events.iter().zip(1..).map(|(event, position)| Progress::Recorded {
        number: EventNumber { record: record.number, position },
        at: record.at,
        event: event.clone(),
    })
}

/// Progress for an event whose number does not matter.
pub(super) fn recorded(at: Timestamp, event: Event) -> Progress {
    Progress::Recorded { number: EventNumber { record: 9999, position: 1 }, at, event }
}

/// A buffer that a test can read while it is written.
#[derive(Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("nobody panicked").clone()).expect("text")
    }
}
