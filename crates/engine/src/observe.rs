//! Observes the world through the ports: all that the planner and the preflight know of it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use cutover_core::account::AccountState;
use cutover_core::deployment::{Deployment, Fleet};
use cutover_core::journal::Upgrade;
use cutover_core::names::{DnsName, InstanceId};
use cutover_core::observation::{Certificate, Observation, PendingMigrations};
use cutover_core::plan::{Host, InstanceRef, Migrate};
use cutover_core::planner::{Inputs, current_hosts};
use cutover_core::preflight::{StillToMake, still_to_make};

use crate::failure::Failure;
use crate::ports::{Answer, Clock, World};

/// Observes everything that an upgrade of `deployment` depends on. Nothing is changed.
///
/// # Errors
/// The first call that failed.
pub async fn observe(
    world: &World,
    clock: &dyn Clock,
    deployment: &Deployment,
    upgrade: &Upgrade,
) -> Answer<Observation> {
    let at = clock.now();
    let hosts: Vec<DnsName> = deployment.sites.iter().map(|site| site.host.clone()).collect();
    let balancers: Vec<_> = deployment.balancers.iter().map(|balancer| balancer.name.clone()).collect();
    let databases: Vec<_> = deployment.databases.iter().map(|database| database.name.clone()).collect();
    let page = &deployment.maintenance_page;
    let mut observation = Observation {
        at,
        records: world.dns.records(&deployment.dns.zone, &hosts).await?,
        distribution: world.pages.distribution(&page.distribution).await?,
        page: world.pages.page(&page.bucket, &page.key).await?,
        balancers: world.balancers.balancers(&balancers).await?,
        instances: world.compute.instances().await?,
        images: world.images.images().await?,
        databases: world.databases.databases(&databases).await?,
        pending: Vec::new(),
        certificates: certificates(world, deployment).await?,
        credentials_until: world.account.credentials_until().await?,
    };
    observation.pending = pending(world, deployment, upgrade, &observation).await?;
    Ok(observation)
}

/// The account as it was seen.
#[derive(Clone, Debug)]
pub struct AccountSeen {
    /// The account; without quotas when they could not be seen.
    pub state: AccountState,
    /// Why the quotas could not be seen. They are a service of their own, which many who upgrade may not ask.
    pub quotas_unseen: Option<Failure>,
}

/// Looks at what the upgrade needs of the account and does not make itself, with the quotas that what it has still to
/// make could meet.
///
/// # Errors
/// The first call that failed, quotas apart.
pub async fn account(world: &World, inputs: Inputs<'_>) -> Answer<AccountSeen> {
    let mut subnets = BTreeSet::new();
    let mut groups = BTreeSet::new();
    for (_, group) in inputs.deployment.fleets.iter().flat_map(Fleet::groups) {
        subnets.extend(group.subnets.iter().cloned());
        groups.extend(group.security_groups.iter().cloned());
    }
    let StillToMake { launches, snapshots, .. } = still_to_make(inputs);
    let (identity, subnets, security_groups) = (
        world.account.identity().await?,
        world.account.subnets(&Vec::from_iter(subnets)).await?,
        world.account.security_groups(&Vec::from_iter(groups)).await?,
    );
    let (quotas, quotas_unseen) = match world.account.quotas(&launches, snapshots).await {
        Ok(quotas) => (quotas, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    Ok(AccountSeen { state: AccountState { identity, subnets, security_groups, quotas }, quotas_unseen })
}

async fn certificates(world: &World, deployment: &Deployment) -> Answer<BTreeMap<DnsName, Certificate>> {
    let looks = deployment.sites.iter().filter_map(|site| {
        let domain = &deployment.balancer(&site.balancer)?.domain;
        Some(async move { Ok::<_, Failure>((site.host.clone(), world.outside.certificate(&site.host, domain).await?)) })
    });
    let looked = try_join_all(looks).await?;
    Ok(looked.into_iter().filter_map(|(host, certificate)| Some((host, certificate?))).collect())
}

/// Pending migrations as a next host sees them: only new code knows what it will want. Before one runs, nobody
/// can be asked.
async fn pending(
    world: &World,
    deployment: &Deployment,
    upgrade: &Upgrade,
    observation: &Observation,
) -> Answer<Vec<PendingMigrations>> {
    let current = current_hosts(Inputs { deployment, observation, upgrade });
    let mut pending = Vec::new();
    for fleet in &deployment.fleets {
        let next = observation.instances.iter().find(|instance| {
            instance.fleet == fleet.name
                && instance.role == cutover_core::deployment::Role::Edxapp
                && instance.state == cutover_core::observation::InstanceState::Running
                && instance.version == deployment.release.version
                && !current.iter().any(|host| host.instance == instance.id)
        });
        for migration in deployment.migrations_of(fleet) {
            let count = match next {
                None => None,
                Some(host) => {
                    let migrate = question(deployment, fleet, migration, &host.id);
                    match migrate {
                        // A host that cannot be asked leaves the number unknown; all else is known all the same.
                        Some(migrate) => world.hosts.pending_migrations(&host.id, &migrate).await.unwrap_or(None),
                        None => None,
                    }
                }
            };
            pending.push(PendingMigrations {
                fleet: fleet.name.clone(),
                service: migration.service.clone(),
                database: migration.database.clone(),
                count,
            });
        }
    }
    Ok(pending)
}

fn question(
    deployment: &Deployment,
    fleet: &Fleet,
    migration: &cutover_core::deployment::Migration,
    host: &InstanceId,
) -> Option<Migrate> {
    let schema = fleet.schemas.get(&migration.database)?;
    Some(Migrate {
        job: "".into(),
        host: Host { name: "".into(), instance: InstanceRef::Known(host.clone()) },
        fleet: fleet.name.clone(),
        service: migration.service.clone(),
        database: migration.database.clone(),
        schema: schema.clone(),
        instance: deployment.database_of(schema)?.name.clone(),
        command: migration.command.clone(),
        list_command: migration.list_command.clone(),
        directory: migration.directory.clone(),
        user: migration.user.clone(),
        backward_compatible: migration.backward_compatible,
    })
}
