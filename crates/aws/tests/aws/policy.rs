//! The policy of least privilege, held against what the ports and the store really ask AWS, and against AWS's models.
//!
//! Every method runs on moto, for what is there and for what is not, behind a proxy that sees what goes to S3. What the
//! answers are is no matter here: a question that moto refuses has been asked all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cutover_aws::policy::{Method, When, allows, methods, policy};
use cutover_aws::ports::AwsBalancers;
use cutover_aws::{Connection, Limits, Vantage, cloud};
use cutover_contract::{WallClock, launch};
use cutover_core::deployment::{BalancerKind, Base, Builder, Deployment, Packer, Role};
use cutover_core::names::{BalancerName, DnsName, ImageId, InstanceId};
use cutover_core::packing::{PackerMade, PackerRest};
use cutover_core::plan::{BuildImage, Launch, Phase, RecordTarget};
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Account, Balancers, Builders, Compute, Databases, Dns, Images, Pages};
use cutover_engine::store::Store;
use serde_json::Value;

use crate::proxy::Proxy;
use crate::stage::{Furnished, furnish};
use crate::support::{by_permit, connect, from_environment};

/// Where a service's model is, by IAM's name for the service.
const MODELS: [(&str, &[&str]); 10] = [
    ("ssm", &["ssm"]),
    ("sts", &["sts"]),
    ("ec2", &["ec2"]),
    ("elasticloadbalancing", &["elb", "elbv2"]),
    ("rds", &["rds"]),
    ("route53", &["route53"]),
    ("cloudfront", &["cloudfront"]),
    ("servicequotas", &["service-quotas"]),
    ("s3", &["s3"]),
    ("iam", &["iam"]),
];

/// Actions that are no operations: what they let through is.
const NO_OPERATIONS: [&str; 2] = ["iam:PassRole", "s3:ListBucket"];

/// What was asked so far, by method, and what is wrong with it.
struct Asked {
    furnished: Furnished,
    proxy: Proxy,
    connection: Rc<Connection>,
    seen: BTreeSet<String>,
    tried: BTreeSet<&'static str>,
    wrong: BTreeSet<String>,
}

impl Asked {
    async fn begin() -> Self {
        let furnished = furnish(&cutover_contract::deployment()).await;
        let proxy = Proxy::before(&furnished.moto.fact("endpoint"));
        let connection = Rc::new(connect(&proxy.endpoint, Limits::default()).await);
        let (seen, tried, wrong) = Default::default();
        Self { furnished, proxy, connection, seen, tried, wrong }
    }

    fn deployment(&self) -> Deployment {
        self.furnished.deployment.clone()
    }

    /// How often each action was asked for so far.
    fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for ((service, operation), count) in self.connection.calls() {
            *counts.entry(format!("{}:{operation}", service.name())).or_default() += count;
        }
        let bucket = &self.furnished.deployment.maintenance_page.bucket;
        let listings = self.proxy.passed("list-type=2");
        let heads = self.proxy.passed(&format!("HEAD /{bucket}/"));
        let gets = self.proxy.passed(&format!("GET /{bucket}")) - listings + heads;
        let puts = self.proxy.passed(&format!("PUT /{bucket}/"));
        let all = self.proxy.passed("/s3/aws4_request");
        assert_eq!(all, listings + gets + puts, "S3 was asked something else");
        for (action, count) in [("s3:ListBucket", listings), ("s3:GetObject", gets), ("s3:PutObject", puts)] {
            counts.insert(action.to_owned(), count as u64);
        }
        counts
    }

    /// Runs a method and holds what it asked for against its row, and against the policy of every phase that uses it.
    async fn run<T>(&mut self, name: &'static str, work: impl Future<Output = T>) -> T {
        let before = self.counts();
        let answer = work.await;
        let after = self.counts();
        let new = after.into_iter().filter(|(action, count)| *count > before.get(action).copied().unwrap_or_default());
        let asked: BTreeSet<String> = new.map(|(action, _)| action).collect();
        self.judge(name, &asked);
        self.tried.insert(name);
        self.seen.extend(asked);
        answer
    }

    fn judge(&mut self, name: &str, asked: &BTreeSet<String>) {
        let Some(method) = methods().iter().find(|method| method.name == name) else {
            self.wrong.insert(format!("{name} is not in the table"));
            return;
        };
        for action in asked.iter().filter(|action| !method.calls.contains(&action.as_str())) {
            self.wrong.insert(format!("{name} asked for {action}, which its row lacks"));
        }
        let phases = match method.when {
            When::Always => Phase::ALL.map(|phase| vec![phase]).to_vec(),
            When::In(phases) => phases.iter().map(|phase| vec![*phase]).collect(),
        };
        let mut deployment = self.deployment();
        deployment.state.location = "s3://state/cutover".to_owned();
        // The base is of another form than the ones that have an owner.
        deployment.role.edxapp.image.base = "/aws/service/canonical/ubuntu/id".to_owned();
        deployment.role.edxapp.image.builder = Some(builder(&deployment));
        let (template, program) = ("worker.json".to_owned(), "packer".to_owned());
        let packer = Packer { template, only: None, program, variables: BTreeMap::new(), identity: Vec::new() };
        deployment.role.worker.as_mut().expect("it has workers").image.packer = Some(packer);
        for phases in phases {
            let policy = policy(&deployment, &phases, None, None);
            let allowed =
                |action: &str| action.split_once(':').is_some_and(|(service, name)| allows(&policy, service, name));
            let missing = asked.iter().filter(|action| !allowed(action));
            self.wrong.extend(missing.map(|action| format!("{name} asks for {action}, not allowed in {phases:?}")));
        }
    }
}

async fn account(asked: &mut Asked) {
    let port = cloud::account(&asked.connection, &asked.deployment());
    let group = asked.deployment().fleets[0].edxapp.clone();
    let _ = asked.run("account.identity", port.identity()).await;
    let _ = asked.run("account.subnets", port.subnets(&group.subnets)).await;
    let _ = asked.run("account.security_groups", port.security_groups(&group.security_groups)).await;
    let launches = BTreeMap::from([(group.instance_type, 2)]);
    let _ = asked.run("account.quotas", port.quotas(&launches, 2)).await;
    // Where the launches cannot be counted, the snapshots are not looked at any more.
    let _ = asked.run("account.quotas", port.quotas(&BTreeMap::new(), 2)).await;
}

async fn dns(asked: &mut Asked, vantage: &Rc<Vantage>) {
    let deployment = asked.deployment();
    let zone = deployment.dns.zone.as_str();
    let port = || cloud::dns(&asked.connection, &deployment, vantage);
    let ports = [port(), port(), port(), port(), port()];
    let host = deployment.sites[0].host.clone();
    let record = RecordTarget { name: host.clone(), target: "page.example.com".into(), ttl: Duration::from_secs(60) };
    let _ = asked.run("dns.records", ports[0].records(zone, std::slice::from_ref(&host))).await;
    let next = FenceRecord { values: vec!["cutover policy 1 a 1".to_owned()], ttl: Duration::from_secs(60) };
    let fence = FenceChange { name: deployment.fence(), was: None, next };
    let _ = asked.run("dns.fence", ports[4].fence(zone, &fence.name)).await;
    let change = async |permit: &Permit| ports[1].change_records(permit, zone, &[record], &fence).await;
    let change = asked.run("dns.change_records", by_permit(change)).await;
    let _ = asked.run("dns.in_sync", ports[2].in_sync(&change.expect("moto changes it"))).await;
    let _ = asked.run("dns.ask_servers", ports[3].ask_servers(zone, &host)).await;
    let _ = asked.run("dns.records", ports[3].records("nowhere.example", &[host])).await;
}

async fn balancers(asked: &mut Asked) {
    let deployment = asked.deployment();
    let instances: Vec<InstanceId> = vec!["i-0123456789abcdef0".into()];
    let known: Vec<BalancerName> = deployment.balancers.iter().map(|balancer| balancer.name.clone()).collect();
    for kind in [BalancerKind::Classic, BalancerKind::TargetGroup] {
        assert!(deployment.balancers.iter().any(|balancer| balancer.kind == kind), "balancers of both kinds");
    }
    // Each is asked for by its right kind, by the other, and when it is not there.
    let mut confused = deployment.clone();
    for balancer in &mut confused.balancers {
        balancer.kind = match balancer.kind {
            BalancerKind::Classic => BalancerKind::TargetGroup,
            BalancerKind::TargetGroup => BalancerKind::Classic,
        };
    }
    for deployment in [&deployment, &confused] {
        let port = || cloud::balancers(&asked.connection, deployment);
        let ports: Vec<AwsBalancers> = (0..=4).map(|_| port()).collect();
        let unknown = [known.clone(), vec!["nobody".into()]].concat();
        let _ = asked.run("balancers.balancers", ports[0].balancers(&known)).await;
        let _ = asked.run("balancers.balancers", ports[1].balancers(&unknown)).await;
        for name in &unknown {
            let _ = asked.run("balancers.health", ports[2].health(name)).await;
            let register = async |permit: &Permit| ports[3].register(permit, name, &instances).await;
            let _ = asked.run("balancers.register", by_permit(register)).await;
            let deregister = async |permit: &Permit| ports[4].deregister(permit, name, &instances).await;
            let _ = asked.run("balancers.deregister", by_permit(deregister)).await;
        }
    }
}

async fn hosts_and_images(asked: &mut Asked) {
    let deployment = asked.deployment();
    let images = cloud::images(&asked.connection, &deployment);
    let found = asked.run("images.images", images.images()).await.expect("images are listed");
    let oldest = found.first().expect("the deployment has images").id.clone();
    let build = BuildImage {
        name: "not-there".into(),
        role: Role::Edxapp,
        base: String::new(),
        repository: String::new(),
        branch: String::new(),
        commit: None,
        builder: None,
        packer: None,
        tags: BTreeMap::new(),
    };
    let _ = asked.run("images.build", by_permit(async |permit| images.build(permit, &build).await)).await;
    builders(asked, &deployment, &oldest).await;
    packer_rests(asked, &deployment, &oldest).await;
    let compute = cloud::compute(&asked.connection, &deployment);
    let _ = asked.run("compute.instances", compute.instances()).await;
    // A host that boots stopped is launched with user data.
    let launch = Launch { boot_stopped: true, ..launch(&deployment, "edx-policy") };
    let launched = async |permit: &Permit| compute.launch(permit, &launch, &oldest, "token").await;
    let launched = asked.run("compute.launch", by_permit(launched)).await;
    let launched = launched.expect("moto launches it");
    let _ = asked.run("compute.lives", compute.lives(&launched)).await;
    let inventory = cloud::inventory(&asked.connection, &deployment);
    let _ = asked.run("inventory.location", inventory.location(&launched)).await;
    let _ = asked.run("inventory.console", inventory.console(&launched)).await;
    let terminate = async |permit: &Permit| compute.terminate(permit, &launched).await;
    let _ = asked.run("compute.terminate", by_permit(terminate)).await;
    let disks = asked.run("images.disks", images.disks(&oldest)).await.expect("it is ours");
    let _ = asked.run("images.remove", by_permit(async |permit| images.remove(permit, &oldest).await)).await;
    let remove = async |permit: &Permit| images.remove_disk(permit, &disks[0]).await;
    let _ = asked.run("images.remove_disk", by_permit(remove)).await;
}

fn builder(deployment: &Deployment) -> Builder {
    let group = &deployment.fleets[0].edxapp;
    Builder {
        instance_type: group.instance_type.clone(),
        subnet: group.subnets[0].clone(),
        security_groups: group.security_groups.clone(),
        profile: None,
        root_volume: None,
        provision: vec![vec!["true".to_owned()]],
        identity: Vec::new(),
    }
}

fn build(deployment: &Deployment, name: &str, builder: &Builder, base: &ImageId) -> BuildImage {
    let tags = [("environment", deployment.name.as_str()), ("role", deployment.role_tag(Role::Edxapp))];
    BuildImage {
        name: name.into(),
        role: Role::Edxapp,
        base: base.to_string(),
        repository: String::new(),
        branch: String::new(),
        commit: None,
        builder: Some(builder.clone()),
        packer: None,
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

async fn builders(asked: &mut Asked, deployment: &Deployment, base: &ImageId) {
    let port = cloud::builders(&asked.connection, deployment);
    for base in [Base::Id(base.as_str()), Base::Newest { name: "*", owner: "self" }, Base::Parameter("/aws/none")] {
        let _ = asked.run("builders.base", port.base(base)).await;
    }
    let builder = builder(deployment);
    let build = build(deployment, "built", &builder, base);
    let limit = Duration::from_secs(600);
    let launch = async |permit: &Permit| port.launch_builder(permit, &build, &builder, "build", limit).await;
    let id = asked.run("builders.launch_builder", by_permit(launch)).await.expect("moto launches it");
    let listed = asked.run("builders.builders", port.builders(&build.name)).await.expect("they are listed");
    assert_eq!(listed.iter().map(|one| (&one.id, one.token.as_str())).collect::<Vec<_>>(), [(&id, "build")]);
    let all = asked.run("builders.all_builders", port.all_builders()).await.expect("they are listed");
    assert_eq!(all, listed);
    assert_eq!(all[0].image, build.name);
    let stop = async |permit: &Permit| port.stop_builder(permit, &id).await;
    let _ = asked.run("builders.stop_builder", by_permit(stop)).await;
    // Moto tags no snapshots in this call, and knows nothing of tokens. Of a name that is taken, the image is looked for.
    let make = async |permit: &Permit| port.make_image(permit, &build, &id).await;
    let _ = asked.run("builders.make_image", by_permit(make)).await;
    let tokens = async |permit: &Permit| port.require_tokens(permit, base).await;
    let _ = asked.run("builders.require_tokens", by_permit(tokens)).await;
    let discard = async |permit: &Permit| port.discard_builder(permit, &id).await;
    asked.run("builders.discard_builder", by_permit(discard)).await.expect("it is ours");
}

/// What a build by Packer that was killed has left: an instance with its tag, a key pair, a group, and an image.
async fn packer_rests(asked: &mut Asked, deployment: &Deployment, base: &ImageId) {
    let (builders, port) = (cloud::builders(&asked.connection, deployment), cloud::packer_rests(&asked.connection));
    let builder = builder(deployment);
    let build = build(deployment, "packed", &builder, base);
    let limit = Duration::from_secs(600);
    let launch = async |permit: &Permit| builders.launch_builder(permit, &build, &builder, "packer-0", limit).await;
    let id = asked.run("builders.launch_builder", by_permit(launch)).await.expect("moto launches it");
    let made = PackerMade {
        instances: [id.clone()].into(),
        key_pairs: ["packer_1".to_owned()].into(),
        security_groups: ["packer_2".to_owned()].into(),
        images: [ImageId::from("ami-00000000000000000")].into(),
    };
    let rests = asked.run("packers.packer_rests", port.rests("packer-0", &made)).await.expect("they are listed");
    assert_eq!(rests, [PackerRest::Instance(id.clone())]);
    let group = PackerRest::SecurityGroup { id: "sg-00000000000000000".to_owned(), name: "packer_2".to_owned() };
    for rest in [PackerRest::KeyPair("packer_1".to_owned()), group, PackerRest::Instance(id)] {
        let remove = async |permit: &Permit| port.remove(permit, "packer-0", &rest).await;
        asked.run("packers.remove_packer_rest", by_permit(remove)).await.expect("it is gone");
    }
    assert_eq!(asked.run("packers.packer_rests", port.rests("packer-0", &made)).await, Ok(Vec::new()));
}

async fn databases(asked: &mut Asked) {
    let deployment = asked.deployment();
    let port = cloud::databases(&asked.connection, &deployment, Rc::new(WallClock));
    let names: Vec<_> = deployment.databases.iter().map(|database| database.name.clone()).collect();
    let _ = asked.run("databases.databases", port.databases(&names)).await;
    let id = "cutover-policy".into();
    let begin = async |permit: &Permit| port.begin_snapshot(permit, &names[0], &id).await;
    let _ = asked.run("databases.begin_snapshot", by_permit(begin)).await;
    let _ = asked.run("databases.snapshot", port.snapshot(&names[0], &id)).await;
}

async fn pages(asked: &mut Asked, vantage: &Rc<Vantage>) {
    let deployment = asked.deployment();
    let port = cloud::pages(&asked.connection, &deployment, vantage);
    let page = &deployment.maintenance_page;
    let _ = asked.run("pages.page", port.page(&page.bucket, "not-there")).await;
    let there = asked.run("pages.page", port.page(&page.bucket, &page.key)).await.expect("moto has it");
    for version in [there.map(|there| there.version), None] {
        let put =
            async |permit: &Permit| port.put_page(permit, &page.bucket, &page.key, "back soon", version.as_ref()).await;
        let _ = asked.run("pages.put_page", by_permit(put)).await;
    }
    let _ = asked.run("pages.distribution", port.distribution(&page.distribution)).await;
    let invalidate = async |permit: &Permit| port.invalidate(permit, &page.distribution, "once").await;
    let made = asked.run("pages.invalidate", by_permit(invalidate)).await;
    let made = made.expect("moto invalidates");
    let _ = asked.run("pages.invalidated", port.invalidated(&page.distribution, &made)).await;
}

/// The state, kept in the page's bucket: the only one there is.
async fn store(asked: &mut Asked) {
    let bucket = asked.connection.bucket(&asked.furnished.deployment.maintenance_page.bucket).expect("a bucket");
    let store = Store::on(Arc::new(bucket), "cutover", &asked.deployment().upgrade(), "a bucket".to_owned());
    asked.run("store.create", store.create("journal/1", "a".into())).await.expect("it is created");
    asked.run("store.create", store.create("journal/1", "b".into())).await.expect("it was there");
    asked.run("store.replace", store.replace("lease/1", "c".into())).await.expect("it is written");
    asked.run("store.list", store.list("journal", |_| true)).await.expect("it is listed");
    asked.run("store.exists", store.exists("journal/1")).await.expect("it is there");
    for name in ["journal/1", "journal/2"] {
        asked.run("store.read", store.read(name)).await.expect("it is read, or not there");
    }
}

/// Nobody outside is asked: names lead to where nobody listens.
fn nowhere(deployment: &Deployment) -> Rc<Vantage> {
    let domain: DnsName = deployment.maintenance_page.domain.clone();
    let connect_to = [(domain, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))].into();
    Rc::new(Vantage { connect_to, dns_port: 1, limit: Duration::from_millis(300), ..Vantage::default() })
}

#[tokio::test]
async fn what_the_ports_ask_is_allowed_and_what_is_allowed_is_asked() {
    let mut asked = Asked::begin().await;
    let vantage = nowhere(&asked.deployment());
    account(&mut asked).await;
    dns(&mut asked, &vantage).await;
    balancers(&mut asked).await;
    hosts_and_images(&mut asked).await;
    databases(&mut asked).await;
    pages(&mut asked, &vantage).await;
    store(&mut asked).await;
    assert_eq!(asked.wrong, BTreeSet::new());
    let all: BTreeSet<&str> = methods().iter().map(|method| method.name).collect();
    assert_eq!(asked.tried, all, "each method of the table was tried");
    let calls: BTreeSet<String> =
        methods().iter().flat_map(|method| method.calls).map(|&call| call.to_owned()).collect();
    assert_eq!(asked.seen, calls, "each call of the table was made");
}

#[test]
fn every_action_is_an_operation_that_aws_has() {
    let folder = from_environment("CUTOVER_BOTOCORE", "the folder botocore/data of a Python that has botocore");
    let actions: BTreeSet<&str> = methods().iter().flat_map(Method::actions).collect();
    let mut operations = BTreeSet::new();
    for (service, models) in MODELS {
        for model in models {
            operations.extend(operations_of(&Path::new(&folder).join(model)).map(|name| format!("{service}:{name}")));
        }
    }
    let unknown = actions.into_iter().filter(|action| !operations.contains(*action));
    assert_eq!(unknown.collect::<Vec<_>>(), NO_OPERATIONS);
}

/// The operations of a service, as its newest model has them.
fn operations_of(service: &Path) -> impl Iterator<Item = String> {
    let versions = std::fs::read_dir(service).expect("botocore has the service").flatten();
    let newest = versions.map(|version| version.path()).max().expect("it has a version");
    let packed = std::fs::File::open(newest.join("service-2.json.gz")).expect("the version has a model");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("a model is packed text");
    let model: Value = serde_json::from_str(&text).expect("a model is JSON");
    let operations = model["operations"].as_object().expect("a model has operations").clone();
    operations.into_iter().map(|(name, _)| name)
}
