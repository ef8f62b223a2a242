//! A whole upgrade of mitx-production on moto, from the announcement to the last old host: that the ports carry it to
//! its end, what it asks of AWS, and that the policy of each phase lets it.
//!
//! Hosts do as they are told, and hours pass while nobody waits for the network; what AWS takes its time for takes it
//! here too. What is asked is counted by the connection, and S3 at a proxy. To read the figures: `cargo nextest run -p
//! cutover-aws upgrade --no-capture`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cutover_aws::Limits;
use cutover_aws::operations::{Effect, ec2, table};
use cutover_aws::policy::{allows, policy};
use cutover_aws::service::Service;
use cutover_contract::{conductor, planned};
use cutover_core::deployment::{Aws, Cloud, Deployment, Role, parse};
use cutover_core::digest::Digest;
use cutover_core::journal::Run as Conducted;
use cutover_core::plan::{Action, Phase, Plan, lint};
use cutover_engine::drive::Conductor;
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;

use crate::hurried::{HurriedClock, Slowness, counted};
use crate::obedient::{Approving, Obedient};
use crate::proxy::Proxy;
use crate::stage::{Furnished, furnish};
use crate::support::connect;
use crate::surroundings::Surroundings;

const PRODUCTION: &str = include_str!("../../../../examples/mitx-production.toml");

/// Calls by service and operation.
type Calls = BTreeMap<(Service, &'static str), u64>;

/// What a phase came to.
struct Run {
    plan: Plan,
    calls: Calls,
    /// Requests to S3.
    objects: u64,
}

fn production() -> Deployment {
    let mut deployment = parse(PRODUCTION).expect("no mistakes");
    deployment.cloud = Cloud::Aws;
    deployment.aws = Some(Aws::default());
    deployment
}

/// Images of the new release, as whoever builds them leaves them behind.
async fn build_images(furnished: &Furnished) {
    let running = furnished.connection.call(&ec2::DescribeInstances::default()).await.expect("moto lists");
    let instance = running.reservations[0].instances[0].instance_id.as_str().into();
    for role in Role::ALL {
        furnished.image(&instance, role, &format!("{role}-new")).await;
    }
}

/// Runs all phases, and says what each asked of AWS.
async fn upgraded() -> (Deployment, BTreeMap<Phase, Run>) {
    let mut furnished = furnish(&production()).await;
    build_images(&furnished).await;
    let proxy = Proxy::before(&furnished.moto.fact("endpoint"));
    furnished.connection = Rc::new(connect(&proxy.endpoint, Limits::default()).await);
    let surroundings = Surroundings::of(&furnished);
    let deployment = furnished.deployment.clone();
    let start = deployment.window.start.timestamp.checked_sub(Duration::from_secs(4 * 86_400)).expect("in range");
    let clock = HurriedClock::new(start);
    let others = Rc::new(Obedient::default());
    let at = Rc::clone(&clock) as Rc<dyn Clock>;
    let world = surroundings.world(&furnished, Rc::clone(&at), Rc::clone(&others) as _, others);
    let world = counted(&world, &clock, slowness(&deployment));
    let store = Store::memory(&deployment.upgrade());
    let conductor = conductor(world, Rc::clone(&at), Rc::new(Approving(at)), store, &deployment).await;
    let mut runs = BTreeMap::new();
    for phase in Phase::ALL {
        let (before, objects) = (furnished.connection.calls(), requests_to_s3(&proxy, &deployment));
        let plan = clock.run(run_phase(&conductor, &deployment, phase)).await;
        let calls = since(&before, &furnished.connection.calls());
        runs.insert(phase, Run { plan, calls, objects: requests_to_s3(&proxy, &deployment) - objects });
    }
    (deployment, runs)
}

/// What AWS takes, as the file expects it. Draining is the balancers' default, and so is the way into service.
fn slowness(deployment: &Deployment) -> Slowness {
    let expected = &deployment.expected;
    Slowness {
        boot: expected.boot.duration(),
        dns_sync: expected.dns_sync.duration(),
        invalidation: expected.invalidation.duration(),
        snapshot: expected.incremental_snapshot.duration(),
        in_service: Duration::from_secs(300),
        draining: Duration::from_secs(300),
    }
}

async fn run_phase(conductor: &Conductor, deployment: &Deployment, phase: Phase) -> Plan {
    let plan = planned(conductor, deployment, phase).await.expect("observed");
    assert_eq!(lint(&plan, deployment), []);
    let ending = phase::run(conductor, Some((plan.clone(), Digest::of(b""))), phase).await.expect("the journal works");
    let upgrade = conductor.journal.upgrade().clone();
    let failed = upgrade.run_of(phase).into_iter().flat_map(Conducted::failed);
    let failed: Vec<_> = failed.map(|(step, error)| format!("{}: {error}", step.id)).collect();
    assert_eq!(ending, Ending::Finished, "{phase}: {failed:?}");
    plan
}

fn requests_to_s3(proxy: &Proxy, deployment: &Deployment) -> u64 {
    proxy.passed(&format!(" /{}/", deployment.maintenance_page.bucket)) as u64
}

fn since(before: &Calls, after: &Calls) -> Calls {
    let count = |call: &(Service, &'static str), now: u64| now - before.get(call).copied().unwrap_or_default();
    after.iter().map(|(call, now)| (*call, count(call, *now))).filter(|(_, count)| *count > 0).collect()
}

fn is_write(service: Service, name: &str) -> bool {
    table().iter().any(|entry| (entry.service, entry.name, entry.effect) == (service, name, Effect::Write))
}

/// The fewest calls that could change what a plan changes: each action as few as its API lets.
fn fewest_writes(plan: &Plan) -> u64 {
    let calls = plan.steps.iter().map(|step| match &step.action {
        // The page itself goes to S3.
        Action::PublishPage(_)
        | Action::ChangeRecords(_)
        | Action::Launch(_)
        | Action::TakeSnapshot { .. }
        | Action::Register(_)
        | Action::Deregister(_)
        | Action::Terminate { .. } => 1,
        // The image and its snapshot.
        Action::RemoveImage { .. } => 2,
        _ => 0,
    });
    calls.sum()
}

/// What each phase asked, and what that comes to for each service.
fn figures(runs: &BTreeMap<Phase, Run>) -> String {
    let mut text = String::new();
    let mut services: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (phase, run) in runs {
        text += &format!("{phase}: {} steps, s3 {}\n", run.plan.steps.len(), run.objects);
        for ((service, name), count) in &run.calls {
            text += &format!("    {count:>4} {} {name}\n", service.command());
            let (reads, writes) = services.entry(service.command()).or_default();
            *if is_write(*service, name) { writes } else { reads } += count;
        }
    }
    for (service, (reads, writes)) in services {
        text += &format!("{service}: {reads} reads, {writes} writes\n");
    }
    text
}

#[tokio::test]
async fn an_upgrade_of_mitx_production_changes_nothing_twice_asks_little_and_stays_within_its_policy() {
    let (deployment, runs) = upgraded().await;
    println!("{}", figures(&runs));
    for (phase, run) in &runs {
        let writes: u64 =
            run.calls.iter().filter(|((service, name), _)| is_write(*service, name)).map(|(_, count)| count).sum();
        // The one conductor of all phases makes the zone's fence its own before it changes anything.
        let raised = u64::from(*phase == Phase::Announce);
        assert_eq!(writes, fewest_writes(&run.plan) + raised, "{phase}: {:?}", run.calls);
        let allowed = policy(&deployment, &[*phase], None, None);
        for (service, name) in run.calls.keys() {
            assert!(allows(&allowed, service.name(), name), "{phase}: the policy does not allow {service:?} {name}");
        }
    }
    let reads = |service: Service| -> u64 {
        let calls = runs.values().flat_map(|run| &run.calls);
        calls.filter(|((of, name), _)| *of == service && !is_write(*of, name)).map(|(_, count)| count).sum()
    };
    // Route 53 takes five requests a second of the whole account: an upgrade must leave room for others. Most reads of
    // balancers and databases are waits of minutes: one every five seconds for each of them.
    for (service, most) in [(Service::Route53, 60), (Service::Elb, 300), (Service::Rds, 60), (Service::Ec2, 120)] {
        assert!(reads(service) <= most, "{} reads of {service:?}", reads(service));
    }
    // One listing serves all hosts.
    let listings: u64 = runs.values().filter_map(|run| run.calls.get(&(Service::Ec2, "DescribeInstances"))).sum();
    let hosts = runs[&Phase::Prepare].plan.steps.iter().filter(|step| matches!(step.action, Action::Launch(_))).count();
    assert!(listings < 3 * hosts as u64, "{listings} listings for {hosts} hosts");
}
