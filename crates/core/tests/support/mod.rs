//! The world that a deployment file describes, before the upgrade has started, for tests of plans and checks.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::deployment::{Balancer, Deployment, Role, parse};
use cutover_core::names::{BalancerName, ImageId, InstanceId};
use cutover_core::observation::{
    BalancerState, DatabaseState, Distribution, Health, HealthCheck, Instance, InstanceState, Observation,
    PendingMigrations, PendingNames, Record,
};

/// Two fleets behind three classic ELBs.
pub(crate) const PRODUCTION: &str = include_str!("../../../../examples/mitx-production.toml");
/// Two fleets behind target groups.
pub(crate) const QA: &str = include_str!("../../../../examples/mitx-qa.toml");

/// The deployment in the text of a file.
pub(crate) fn deployment(text: &str) -> Deployment {
    parse(text).expect("the example has no mistakes")
}

/// The world that a deployment file describes, before the upgrade has started.
pub(crate) fn observe(deployment: &Deployment) -> Observation {
    let at = deployment.window.start.timestamp.checked_sub(Duration::from_secs(3 * 86_400)).expect("in range");
    let instances = current_instances(deployment, at);
    let hosts: Vec<_> = deployment.sites.iter().map(|site| site.host.clone()).collect();
    let available = DatabaseState { available: true, snapshots: Vec::new() };
    Observation {
        at,
        records: deployment
            .sites
            .iter()
            .map(|site| {
                let target = deployment.balancer(&site.balancer).expect("known").domain.clone();
                (site.host.clone(), Record { target, ttl: deployment.dns.ttl.duration() })
            })
            .collect(),
        distribution: Some(Distribution {
            domain: deployment.maintenance_page.domain.clone(),
            deployed: true,
            aliases: hosts.clone(),
            certified: hosts,
            uncertain: None,
            errors_show_page: true,
            enabled: true,
            origins: vec![format!("{}.s3.amazonaws.com", deployment.maintenance_page.bucket)],
        }),
        page: None,
        balancers: balancers(deployment, &instances),
        images: Vec::new(),
        bases: BTreeMap::new(),
        branches: BTreeMap::new(),
        databases: deployment.databases.iter().map(|database| (database.name.clone(), available.clone())).collect(),
        pending: pending(deployment),
        certificates: BTreeMap::new(),
        credentials_until: None,
        unseen: Vec::new(),
        instances,
    }
}

fn balancers(deployment: &Deployment, instances: &[Instance]) -> BTreeMap<BalancerName, BalancerState> {
    let state = |balancer: &Balancer| {
        let members = instances.iter().filter(|instance| {
            let fleet = deployment.fleet(&instance.fleet).expect("known");
            instance.role == Role::Edxapp && fleet.edxapp.balancers.contains(&balancer.name)
        });
        BalancerState {
            kind: balancer.kind,
            health_check: HealthCheck {
                interval: Duration::from_secs(30),
                healthy_threshold: 3,
                unhealthy_threshold: 2,
            },
            draining: Duration::from_secs(300),
            members: members.map(|instance| (instance.id.clone(), Health::InService)).collect(),
        }
    };
    deployment.balancers.iter().map(|balancer| (balancer.name.clone(), state(balancer))).collect()
}

fn pending(deployment: &Deployment) -> Vec<PendingMigrations> {
    let of_fleet = |fleet| {
        deployment.migrations_of(fleet).map(|migration| PendingMigrations {
            fleet: fleet.name.clone(),
            service: migration.service.clone(),
            database: migration.database.clone(),
            names: PendingNames::NoNextHost,
            flaws: Vec::new(),
        })
    };
    deployment.fleets.iter().flat_map(of_fleet).collect()
}

fn current_instances(deployment: &Deployment, at: jiff::Timestamp) -> Vec<Instance> {
    let mut instances = Vec::new();
    for fleet in &deployment.fleets {
        for (role, group) in fleet.groups() {
            for n in 0..group.count {
                let version = &deployment.release.current_version;
                instances.push(Instance {
                    id: InstanceId::from(format!("i-{:08x}", instances.len())),
                    name: group.host_name(deployment.name.as_str(), &fleet.name, n, version),
                    fleet: fleet.name.clone(),
                    role,
                    version: version.clone(),
                    launched: at,
                    upgrade: None,
                    state: InstanceState::Running,
                    image: ImageId::from("ami-old"),
                });
            }
        }
    }
    instances
}
