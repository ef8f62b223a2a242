//! The kinds of change that the engine makes on AWS: for each, which request makes it, a step that wants it of
//! something that no other step touches, and how to see that it is there once.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_aws::operations::ec2;
use cutover_core::deployment::{BalancerKind, Role};
use cutover_core::names::{BalancerName, DnsName, InstanceId};
use cutover_core::observation::Health;
use cutover_core::plan::{
    Action, CapturedHost, ChangeRecords, Host, InstanceRef, Membership, PublishPage, RecordTarget,
};

use cutover_engine::gate::Permit;

use super::lane::{Ground, Lane};
use crate::support::write;

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Launch,
    Terminate,
    Register(BalancerKind),
    Deregister(BalancerKind),
    Records,
    Fence,
    Snapshot,
    Page,
    Invalidation,
    Image,
    ImageSnapshot,
}

/// A step that wants a change, and what is there before.
pub(super) struct Wanted {
    pub(super) action: Action,
    /// The current hosts that have to be on record.
    pub(super) hosts: Vec<CapturedHost>,
    /// The snapshot behind an image.
    snapshot: Option<String>,
}

impl Change {
    pub(super) const ALL: [(&str, Self); 13] = [
        ("launch", Self::Launch),
        ("terminate", Self::Terminate),
        ("register", Self::Register(BalancerKind::Classic)),
        ("register-in-group", Self::Register(BalancerKind::TargetGroup)),
        ("deregister", Self::Deregister(BalancerKind::Classic)),
        ("deregister-from-group", Self::Deregister(BalancerKind::TargetGroup)),
        ("records", Self::Records),
        ("fence", Self::Fence),
        ("snapshot", Self::Snapshot),
        ("page", Self::Page),
        ("invalidation", Self::Invalidation),
        ("image", Self::Image),
        ("image-snapshot", Self::ImageSnapshot),
    ];

    /// What the request that makes it contains, and no other one of its step.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Launch => "Action=RunInstances",
            Self::Terminate => "Action=TerminateInstances",
            Self::Register(BalancerKind::Classic) => "Action=RegisterInstancesWithLoadBalancer",
            Self::Register(BalancerKind::TargetGroup) => "Action=RegisterTargets",
            Self::Deregister(BalancerKind::Classic) => "Action=DeregisterInstancesFromLoadBalancer",
            Self::Deregister(BalancerKind::TargetGroup) => "Action=DeregisterTargets",
            // The zone's fence is raised before, and is in the batch too.
            Self::Records => "<Action>UPSERT</Action>",
            Self::Fence => "POST /2013-04-01/hostedzone",
            Self::Snapshot => "Action=CreateDBSnapshot",
            Self::Page => "PUT /",
            Self::Invalidation => "POST /2020-05-31/distribution",
            Self::Image => "Action=DeregisterImage",
            Self::ImageSnapshot => "Action=DeleteSnapshot",
        }
    }

    /// Whether a look at the world does not show it, so that it is asked for again, which changes nothing: an
    /// invalidation is given back, a disk is gone, and the fence is this conductor's already.
    pub(super) fn does_not_show(self) -> bool {
        matches!(self, Self::Invalidation | Self::ImageSnapshot | Self::Fence)
    }

    /// A step that wants it, under `name`.
    pub(super) async fn wanted(self, lane: &Lane<'_>, name: &str) -> Wanted {
        let (ground, deployment) = (lane.ground, lane.ground.deployment());
        let mut hosts = Vec::new();
        let mut snapshot = None;
        let action = match self {
            Self::Launch => Action::Launch(ground.launch(name)),
            Self::Terminate => {
                hosts.push(ground.host(name).await);
                let balancers = vec![balancer(ground, BalancerKind::Classic)];
                Action::Terminate { host: named(&hosts[0]), balancers }
            }
            Self::Register(kind) => {
                let member = member(ground, kind, &lane.host);
                let instance = std::slice::from_ref(&lane.host.instance);
                let balancers = &ground.truth.balancers;
                let out = async |permit: &Permit| balancers.deregister(permit, &member.balancer, instance).await;
                ground.write(out).await.expect("it can be taken out");
                Action::Register(member)
            }
            Self::Deregister(kind) => {
                hosts.push(lane.host.clone());
                let member = member(ground, kind, &lane.host);
                let instance = std::slice::from_ref(&lane.host.instance);
                let balancers = &ground.truth.balancers;
                let into = async |permit: &Permit| balancers.register(permit, &member.balancer, instance).await;
                ground.write(into).await.expect("it can be registered");
                Action::Deregister(member)
            }
            Self::Records => {
                let zone = deployment.dns.zone.clone();
                let record = format!("{name}.{}", zone.trim_end_matches('.'));
                let target = DnsName::from(format!("{name}.target.example"));
                let records = vec![RecordTarget { name: record.into(), target, ttl: Duration::from_secs(60) }];
                Action::ChangeRecords(ChangeRecords { zone, records })
            }
            // Whatever a conductor changes first.
            Self::Snapshot | Self::Fence => {
                Action::TakeSnapshot { database: deployment.databases[0].name.clone(), snapshot: name.into() }
            }
            Self::Page | Self::Invalidation => Action::PublishPage(PublishPage {
                bucket: deployment.maintenance_page.bucket.clone(),
                key: format!("{name}.html"),
                distribution: deployment.maintenance_page.distribution.clone(),
                body: format!("<p>{name}</p>"),
            }),
            Self::Image | Self::ImageSnapshot => {
                let image = ground.image(Role::Edxapp, name).await;
                snapshot = Some(snapshot_of(ground, image.as_str()).await);
                Action::RemoveImage { image, name: name.into() }
            }
        };
        Wanted { action, hosts, snapshot }
    }
}

fn named(host: &CapturedHost) -> Host {
    Host { name: host.name.clone(), instance: InstanceRef::Known(host.instance.clone()) }
}

fn balancer(ground: &Ground, kind: BalancerKind) -> BalancerName {
    let balancers = &ground.deployment().balancers;
    balancers.iter().find(|balancer| balancer.kind == kind).expect("one of each kind").name.clone()
}

fn member(ground: &Ground, kind: BalancerKind, host: &CapturedHost) -> Membership {
    Membership { balancer: balancer(ground, kind), kind, hosts: vec![named(host)] }
}

async fn snapshot_of(ground: &Ground, image: &str) -> String {
    let request = ec2::DescribeImages { image_ids: vec![image.to_owned()], ..Default::default() };
    let images = ground.furnished.connection.call(&request).await.expect("the image is listed").images;
    let mut disks = images.into_iter().flat_map(|image| image.block_device_mappings);
    disks.find_map(|disk| disk.ebs?.snapshot_id).expect("the image has a snapshot")
}

impl Wanted {
    /// Whether what was wanted is there, once.
    pub(super) async fn is_there_once(&self, ground: &Ground) -> Result<(), String> {
        let truth = &ground.truth;
        let holds = match &self.action {
            Action::Launch(launch) => instances(ground, "tag:Name", launch.name.as_str()).await.len() == 1,
            Action::Terminate { host, .. } => {
                let found = instances(ground, "instance-id", id(host).as_str()).await;
                found.iter().all(|one| one.state.name == "terminated")
            }
            Action::Register(members) => is_member(ground, members).await,
            Action::Deregister(members) => !is_member(ground, members).await,
            Action::ChangeRecords(change) => {
                let wanted = &change.records[0];
                let records = truth.dns.records(&change.zone, std::slice::from_ref(&wanted.name)).await;
                records.expect("the zone is there").get(&wanted.name).is_some_and(|one| one.target == wanted.target)
            }
            Action::TakeSnapshot { database, snapshot } => {
                truth.databases.snapshot(database, snapshot).await.expect("RDS answers").is_some()
            }
            Action::PublishPage(page) => {
                let there = truth.pages.page(&page.bucket, &page.key).await.expect("S3 answers");
                there.is_some_and(|there| there.text == page.body)
            }
            Action::RemoveImage { image, .. } => {
                let images = truth.images.images().await.expect("images");
                images.iter().all(|one| one.id != *image) && self.snapshot_is_gone(ground).await
            }
            other => return Err(format!("nobody looks after {other:?}")),
        };
        if holds { Ok(()) } else { Err("what was wanted is not there once".to_owned()) }
    }

    /// Takes hosts of a cell that has ended out of the deployment: listings grow slow with them.
    pub(super) async fn put_away(&self, ground: &Ground, name: &str) {
        if let Action::Launch(_) | Action::Terminate { .. } = self.action {
            let found = instances(ground, "tag:Name", name).await;
            let resources = found.into_iter().map(|one| one.instance_id).collect();
            let tags = vec![ec2::NewTag { key: "environment".to_owned(), value: "done".to_owned() }];
            let put = write(&ground.furnished.connection, &ec2::CreateTags { resources, tags }).await;
            put.expect("moto puts tags on instances");
        }
    }

    /// A snapshot that is not there cannot be deleted.
    async fn snapshot_is_gone(&self, ground: &Ground) -> bool {
        let snapshot_id = self.snapshot.clone().expect("an image has one");
        let deleted = write(&ground.furnished.connection, &ec2::DeleteSnapshot { snapshot_id }).await;
        deleted.is_err_and(|error| error.is_not_found())
    }
}

fn id(host: &Host) -> &InstanceId {
    match &host.instance {
        InstanceRef::Known(id) => id,
        InstanceRef::MadeBy(step) => panic!("{step} has not run"),
    }
}

async fn instances(ground: &Ground, filter: &str, value: &str) -> Vec<ec2::Instance> {
    let filters = vec![ec2::Filter { name: filter.to_owned(), values: vec![value.to_owned()] }];
    let listed = ground.furnished.connection.call(&ec2::DescribeInstances { filters, ..Default::default() }).await;
    listed.expect("EC2 answers").reservations.into_iter().flat_map(|one| one.instances).collect()
}

async fn is_member(ground: &Ground, members: &Membership) -> bool {
    let health = ground.truth.balancers.health(&members.balancer).await.expect("the balancer is there");
    health.get(id(&members.hosts[0])).is_some_and(|health| *health != Health::Draining)
}

/// How many instances there are in the account, gone ones too.
pub(super) async fn all_instances(ground: &Ground) -> usize {
    let pages = ground.furnished.connection.pages(ec2::DescribeInstances::default()).await.expect("EC2 answers");
    let instances = pages.into_iter().flat_map(|page| page.reservations).flat_map(|one| one.instances);
    instances.map(|one| one.instance_id).collect::<BTreeSet<_>>().len()
}
