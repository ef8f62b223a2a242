//! Observes the world through the ports. The planner and the preflight know nothing else about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{join, join_all};

use cutover_core::account::AccountState;
use cutover_core::deployment::{Deployment, Fleet, Migration, Role};
use cutover_core::journal::Upgrade;
use cutover_core::names::DnsName;
use cutover_core::observation::{
    Certificate, Instance, InstanceState, Observation, Part, PendingMigrations, PendingNames, Unseen,
};
use cutover_core::planner::{Inputs, current_hosts, is_down};
use cutover_core::preflight::{NameAnswers, SiteAnswer, StillToMake, still_to_make};
use cutover_hosts::command::Said;
use cutover_hosts::django::Listed;

use crate::failure::Failure;
use crate::migration_flaws::migration_flaws;
use crate::pending::{list, read_pending};
use crate::ports::{Answer, Clock, World};
use crate::retry::read;

/// Observes everything that an upgrade of `deployment` depends on. Nothing is changed.
///
/// # Errors
/// The first failed call on which plans depend. Plans do not depend on certificates.
pub async fn observe(
    world: &World,
    clock: &dyn Clock,
    deployment: &Deployment,
    upgrade: &Upgrade,
) -> Answer<Observation> {
    look(world, clock, deployment, upgrade, Sight::default()).await
}

/// Observes as much as possible, for commands that only show the state. What could not be observed is listed in
/// [`Observation::unseen`]. Nothing is changed.
///
/// # Errors
/// The first failure, if nothing could be observed at all.
pub async fn observe_as_far_as_possible(
    world: &World,
    clock: &dyn Clock,
    deployment: &Deployment,
    upgrade: &Upgrade,
) -> Answer<Observation> {
    look(world, clock, deployment, upgrade, Sight { goes_on: true, ..Sight::default() }).await
}

/// What could not be observed so far.
#[derive(Default)]
struct Sight {
    /// Whether to continue with the rest after a failure.
    goes_on: bool,
    /// Whether anything in the cloud could be observed.
    sees: bool,
    first: Option<Failure>,
    unseen: Vec<Unseen>,
}

impl Sight {
    /// Returns the answer. A failure that does not end the observation is noted, and the default value is returned.
    fn seen<T: Default>(&mut self, part: Part, answer: Answer<T>) -> Answer<T> {
        let of_the_cloud = !matches!(part, Part::Certificate(_) | Part::Credentials | Part::ReleaseBranch(_));
        let failure = match answer {
            Ok(answer) => {
                self.sees |= of_the_cloud;
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        let plans_do_without = matches!(part, Part::Certificate(_) | Part::BaseImage(_) | Part::ReleaseBranch(_));
        if !self.goes_on && !plans_do_without {
            return Err(failure);
        }
        self.unseen.push(Unseen { part, why: failure.to_string() });
        self.first.get_or_insert(failure);
        Ok(T::default())
    }
}

async fn look(
    world: &World,
    clock: &dyn Clock,
    deployment: &Deployment,
    upgrade: &Upgrade,
    mut sight: Sight,
) -> Answer<Observation> {
    let at = clock.now();
    let hosts: Vec<DnsName> = deployment.sites.iter().map(|site| site.host.clone()).collect();
    let balancers: Vec<_> = deployment.balancers.iter().map(|balancer| balancer.name.clone()).collect();
    let databases: Vec<_> = deployment.databases.iter().map(|database| database.name.clone()).collect();
    let (zone, page) = (&deployment.dns.zone, &deployment.maintenance_page);
    let mut observation = Observation {
        at,
        records: sight.seen(Part::Records, read(clock, async || world.dns.records(zone, &hosts).await).await)?,
        distribution: sight
            .seen(Part::Distribution, read(clock, async || world.pages.distribution(&page.distribution).await).await)?,
        page: sight
            .seen(Part::Page, read(clock, async || world.pages.page(&page.bucket, &page.key).await).await)?
            .map(|page| page.text),
        balancers: sight
            .seen(Part::Balancers, read(clock, async || world.balancers.balancers(&balancers).await).await)?,
        instances: sight.seen(Part::Instances, read(clock, async || world.compute.instances().await).await)?,
        images: sight.seen(Part::Images, read(clock, async || world.images.images().await).await)?,
        bases: BTreeMap::new(),
        branches: BTreeMap::new(),
        databases: sight
            .seen(Part::Databases, read(clock, async || world.databases.databases(&databases).await).await)?,
        pending: Vec::new(),
        certificates: BTreeMap::new(),
        credentials_until: sight
            .seen(Part::Credentials, read(clock, async || world.account.credentials_until().await).await)?,
        unseen: Vec::new(),
    };
    for (host, looked) in certificates(world, deployment).await {
        let found = sight.seen(Part::Certificate(host.clone()), looked)?;
        observation.certificates.extend(found.map(|certificate| (host, certificate)));
    }
    // Once visitors may see the page, no plan depends on this, and nobody waits for a remote of git.
    if !is_down(Inputs { deployment, observation: &observation, upgrade }) {
        images_come_from(world, clock, deployment, &mut observation, &mut sight).await?;
    }
    if let Some(failure) = sight.first.filter(|_| !sight.sees) {
        return Err(failure);
    }
    observation.unseen = sight.unseen;
    observation.pending = pending(world, deployment, upgrade, &observation).await;
    Ok(observation)
}

/// What the images of each role are made from: the base images of those that cutover builds, and the release branches as far as
/// the file says how they are known.
async fn images_come_from(
    world: &World,
    clock: &dyn Clock,
    deployment: &Deployment,
    observation: &mut Observation,
    sight: &mut Sight,
) -> Answer<()> {
    let has_clone = deployment.branches.as_ref().is_some_and(|branches| branches.repository.is_some());
    let commits: BTreeSet<Arc<str>> = observation.images.iter().filter_map(|image| image.commit.clone()).collect();
    for role in Role::ALL {
        let Some(image) = deployment.role.services(role).map(|services| &services.image) else { continue };
        let name = &image.branch;
        if (has_clone || image.is_built_here()) && !observation.branches.contains_key(name) {
            let asked = read(clock, async || world.branches.branch(name, &commits).await).await.map(Some);
            let known = sight.seen(Part::ReleaseBranch(name.clone()), asked)?;
            observation.branches.extend(known.map(|known| (name.clone(), known)));
        }
        if image.is_built_here() {
            let asked = read(clock, async || world.builders.base(image.base()).await).await;
            let found = sight.seen(Part::BaseImage(role), asked)?;
            observation.bases.extend(found.map(|found| (role, found)));
        }
    }
    Ok(())
}

/// The account as it was observed.
#[derive(Clone, Debug)]
pub struct AccountSeen {
    /// The account, without quotas if they could not be read.
    pub state: AccountState,
    /// Why the quotas could not be read. They belong to a separate AWS service, for which many operators have no
    /// permission.
    pub quotas_unseen: Option<Failure>,
}

/// Reads the parts of the account that the upgrade needs and does not create, and the quotas that might be exceeded by
/// what it still has to create.
///
/// # Errors
/// The first call that failed, except for quotas.
pub async fn account(world: &World, clock: &dyn Clock, inputs: Inputs<'_>) -> Answer<AccountSeen> {
    let mut subnets = BTreeSet::new();
    let mut groups = BTreeSet::new();
    for (_, group) in inputs.deployment.fleets.iter().flat_map(Fleet::groups) {
        subnets.extend(group.subnets.iter().cloned());
        groups.extend(group.security_groups.iter().cloned());
    }
    let services = Role::ALL.into_iter().filter_map(|role| inputs.deployment.role.services(role));
    for builder in services.filter_map(|services| services.image.builder.as_ref()) {
        subnets.insert(builder.subnet.clone());
        groups.extend(builder.security_groups.iter().cloned());
    }
    let (subnets, groups) = (Vec::from_iter(subnets), Vec::from_iter(groups));
    let StillToMake { launches, snapshots, .. } = still_to_make(inputs);
    let (identity, subnets, security_groups) = (
        read(clock, async || world.account.identity().await).await?,
        read(clock, async || world.account.subnets(&subnets).await).await?,
        read(clock, async || world.account.security_groups(&groups).await).await?,
    );
    let quotas = read(clock, async || world.account.quotas(&launches, snapshots).await).await;
    let (quotas, quotas_unseen) = match quotas {
        Ok(quotas) => (quotas, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    Ok(AccountSeen { state: AccountState { identity, subnets, security_groups, quotas }, quotas_unseen })
}

/// Asks the zone's own servers and every resolver for the first site's name. They are asked at the same time, because a
/// server that cannot be reached fails only after a timeout. `None` if there is no site.
pub async fn name_answers(world: &World, deployment: &Deployment) -> Option<NameAnswers> {
    let name = deployment.sites.first()?.host.clone();
    let resolvers = deployment.dns.resolvers.iter().map(|resolver| {
        let asked = world.dns.ask_resolver(*resolver, &name);
        asked.map(|answer| (*resolver, answer.map_err(|failure| failure.to_string())))
    });
    let servers = world.dns.ask_servers(&deployment.dns.zone, &name);
    let (servers, resolvers) = join(servers, join_all(resolvers)).await;
    let (servers, resolvers) = (servers.map_err(|failure| failure.to_string()), resolvers.into_iter().collect());
    let servers = servers.map(|answers| answers.into_iter().map(|answer| answer.target).collect());
    Some(NameAnswers { name, servers, resolvers })
}

/// What the sites answer visitors now to their checks, all of them at the same time. What differs between releases is left out.
pub async fn site_answers(world: &World, deployment: &Deployment) -> Vec<SiteAnswer> {
    let checks = deployment.sites.iter().flat_map(|site| site.checks.iter().map(move |check| (&site.host, check)));
    let answers = checks.map(async |(host, check)| {
        let (status, body) = match world.outside.fetch(host, &check.path, None).await {
            Ok(page) => (page.status, page.body),
            Err(failure) => (0, failure.to_string()),
        };
        SiteAnswer { host: host.clone(), check: check.of_any_release(), status, body }
    });
    join_all(answers).await
}

/// The certificate that each site's balancer presents, or why it could not be read.
async fn certificates(world: &World, deployment: &Deployment) -> Vec<(DnsName, Answer<Option<Certificate>>)> {
    let looks = deployment.sites.iter().filter_map(|site| {
        let domain = &deployment.balancer(&site.balancer)?.domain;
        Some(async move { (site.host.clone(), world.outside.certificate(&site.host, domain).await) })
    });
    join_all(looks).await
}

/// Pending migrations according to next hosts, because only the new code knows them. Fleets are asked side by side.
async fn pending(
    world: &World,
    deployment: &Deployment,
    upgrade: &Upgrade,
    observation: &Observation,
) -> Vec<PendingMigrations> {
    let current = current_hosts(Inputs { deployment, observation, upgrade });
    let of_fleets = deployment.fleets.iter().map(async |fleet| {
        let next = observation.instances.iter().find(|instance| {
            instance.fleet == fleet.name
                && instance.role == Role::Edxapp
                && instance.state == InstanceState::Running
                && instance.version == deployment.release.version
                && !current.iter().any(|host| host.instance == instance.id)
        });
        pending_of(world, deployment, fleet, next).await
    });
    join_all(of_fleets).await.concat()
}

/// Those of one fleet. A host is asked for one list after the other, because each starts all of edx-platform.
async fn pending_of(
    world: &World,
    deployment: &Deployment,
    fleet: &Fleet,
    next: Option<&Instance>,
) -> Vec<PendingMigrations> {
    let mut pending = Vec::new();
    for migration in deployment.migrations_of(fleet) {
        let (names, flaws) = match next {
            None => (PendingNames::NoNextHost, Vec::new()),
            Some(next) => {
                let Migration { list_command, directory, user, .. } = migration;
                let listed = list(&*world.hosts, &next.id, list_command, directory, user).await;
                let flaws = migration_flaws(&*world.hosts, &next.id, migration, &listed).await;
                (names_of(next, listed), flaws)
            }
        };
        pending.push(PendingMigrations {
            fleet: fleet.name.clone(),
            service: migration.service.clone(),
            database: migration.database.clone(),
            names,
            flaws,
        });
    }
    pending
}

/// The pending migrations in what a next host has listed. If it could not, only these are unknown.
fn names_of(next: &Instance, listed: Answer<Option<Said>>) -> PendingNames {
    let names = |said: Said| Ok(read_pending(&next.id, &said)?.iter().map(Listed::full_name).collect());
    let listed: Answer<Option<Vec<_>>> = listed.and_then(|said| said.map(names).transpose());
    match listed.map_err(|failure| failure.naming(&next.id, &next.name)) {
        Ok(Some(names)) => PendingNames::Known(names),
        Ok(None) => PendingNames::NoListCommand,
        Err(Failure { message, hint, .. }) => {
            PendingNames::NotKnown { because: message, remedy: hint.unwrap_or_default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Answer<u8> {
        Err(Failure::permanent("no"))
    }

    fn certificate() -> Part {
        Part::Certificate("lms.z".into())
    }

    #[test]
    fn the_first_thing_that_cannot_be_seen_ends_an_observation_unless_plans_do_without_it() {
        let mut sight = Sight::default();
        assert_eq!(sight.seen(Part::Records, Ok(7)).expect("it was seen"), 7);
        assert_eq!(sight.seen(certificate(), failure()).expect("plans do without"), 0);
        assert_eq!(sight.unseen.len(), 1);
        assert!(sight.seen(Part::Records, failure()).is_err());
    }

    #[test]
    fn who_only_looks_is_told_what_cannot_be_seen_and_whether_the_cloud_showed_anything() {
        let mut sight = Sight { goes_on: true, ..Sight::default() };
        assert_eq!(sight.seen(Part::Records, failure()).expect("it goes on"), 0);
        assert_eq!((sight.unseen.len(), sight.first.is_some(), sight.sees), (1, true, false));
        for beside in [certificate(), Part::Credentials] {
            sight.seen(beside, Ok(1)).expect("it was seen");
        }
        assert!(!sight.sees, "neither is asked of the cloud");
        sight.seen(Part::Images, Ok(1)).expect("it was seen");
        sight.seen(Part::Records, Ok(1)).expect("it was seen");
        assert!(sight.sees);
    }
}
