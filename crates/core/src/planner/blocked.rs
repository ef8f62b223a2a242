//! The reasons why a phase cannot be planned, as a type, and what to do about each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::announce::{is_down, was_told_otherwise};
use super::begun::{counts_left, migrations_left, snapshots_left};
use super::hosts::{living, lost_hosts, next_hosts, next_names, unprepared_hosts, wanted_hosts};
use super::{Inputs, current_hosts};
use crate::deployment::{Deployment, Fleet, Migration, Role};
use crate::journal::{BegunMigration, Run, RunKind, StepRun, Upgrade, started_hosts};
use crate::names::{BalancerName, DatabaseName, DnsName, FleetName, HostName, InstanceId, SiteName, SnapshotId};
use crate::observation::{InstanceState, any_in_service};
use crate::plan::{Action, Lane, Migrate, Phase, Plan, Step};

/// A reason why a phase cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "blocked", rename_all = "kebab-case")]
pub enum Blocked {
    /// The previous phase is not finished.
    #[error("`{before}` must have succeeded before `{phase}` can begin; run `cutover {before}` first")]
    NotYet {
        /// The phase that was asked for.
        phase: Phase,
        /// The one before it.
        before: Phase,
    },
    /// The phase is already finished.
    #[error("`{phase}` has succeeded already; `cutover status` shows what is next")]
    Finished {
        /// The phase.
        phase: Phase,
    },
    /// Visitors were told something else than what the file says now.
    #[error(
        "the dates, the maintenance page or a message in the file were edited since `announce`; tell people what is true now with `cutover announce --replan`"
    )]
    AnnouncedOtherwise,
    /// Visitors may see the maintenance page.
    #[error("visitors may see the maintenance page already, so it is too late to announce anything")]
    TooLateToAnnounce,
    /// The window in the file has started already, and nobody was told about it or no host is ready for it.
    #[error("the window in the file started at {start}; edit `start` and `length` under [window]")]
    WindowStarted {
        /// Its start, for people.
        start: String,
    },
    /// The start in the file was edited while visitors may see the maintenance page.
    #[error(
        "`start` under [window] was edited after the maintenance page went up, or may have; put it back to {start}. With another start, what was done would be done again, and the snapshot to go back to would be taken again"
    )]
    MovedWhileDown {
        /// The start of the window that is under way, for people.
        start: String,
    },
    /// A new plan would send visitors to the maintenance page who are on the sites again.
    #[error(
        "visitors of {fleet} are being sent back to the sites, or are there already, and this plan would send them to the \
         maintenance page again; put back what was edited in the file, and run `cutover window` with the order that it had"
    )]
    PageAgain {
        /// The fleet.
        fleet: FleetName,
    },
    /// A fleet has no current hosts of a role that the file gives it.
    #[error(
        "fleet {fleet} has no current {role} hosts of release-version {version}; look at `current_version` in the file and at the hosts' tags"
    )]
    NoCurrentHosts {
        /// The fleet.
        fleet: FleetName,
        /// The role.
        role: Role,
        /// The release-version that was looked for.
        version: String,
    },
    /// A host on record as current is gone.
    #[error(
        "current host {host} is on record but gone; find out who removed it, then `cutover prepare --replan` records the rest"
    )]
    CurrentHostGone {
        /// The host.
        host: HostName,
    },
    /// A next host in the file was never launched.
    #[error("next host {host} was not prepared; put `count` back{}", if *too_late { TOO_LATE } else { OR_PREPARE })]
    NextHostMissing {
        /// The host.
        host: HostName,
        /// Whether visitors may see the maintenance page, so that nothing is prepared any more.
        too_late: bool,
    },
    /// A next host that the upgrade launched is gone.
    #[error("next host {host} was launched but is gone; `cutover prepare --replan` launches it again")]
    NextHostGone {
        /// The host.
        host: HostName,
    },
    /// A host that the window needs is stopped in EC2: it could not be reached with the maintenance page up.
    #[error(
        "host {host} ({instance}) is stopped in EC2; start it, or terminate it and then run `cutover prepare --replan`, \
         which does without a current host and launches a next one again"
    )]
    HostStopped {
        /// The host.
        host: HostName,
        /// Its instance.
        instance: InstanceId,
    },
    /// A migration was added to the file after the window has started next services of its fleet.
    #[error(
        "the next services of {fleet} were started, so the window does not migrate {service} {database} any more: new code \
         must not run meanwhile. Put the file back, and run that migration by hand"
    )]
    MigrationAfterStart {
        /// The fleet.
        fleet: FleetName,
        /// The service.
        service: String,
        /// The database alias.
        database: String,
    },
    /// A migration was removed from the file, or moved to another schema, after it had been begun.
    #[error(
        "the file does not migrate {} any more, which was begun: {migration}. New code must not run beside it, so put it \
         back in the file: then the window observes it, and it can be retried or accepted",
        migration.name()
    )]
    MigrationLeft {
        /// The migration.
        migration: BegunMigration,
    },
    /// A snapshot that lacks something is not taken any more according to the file, and nobody has consented to that.
    #[error(
        "`snapshot` of database {database} was taken out of the file, but {snapshot} may lack what was written after it, and \
         nobody has consented to that; put it back, and give your consent with `--retry` first, as `cutover status` says"
    )]
    SnapshotLeft {
        /// The database instance.
        database: DatabaseName,
        /// Its snapshot.
        snapshot: SnapshotId,
    },
    /// How tasks are counted is missing from the file, and their count has not ended. A consent does not end it: there may be
    /// more tasks by now than it was given for.
    #[error(
        "`count_queues` was taken out of the file before the count of the tasks of {fleet} has ended; put it back: the window \
         counts them, and `cutover status` then says how to leave them to the next hosts"
    )]
    TasksNotCounted {
        /// The fleet.
        fleet: FleetName,
    },
    /// All next edxapp hosts of a fleet are gone while visitors may see the maintenance page.
    #[error(
        "all next edxapp hosts of {fleet} are gone{TOO_LATE}. What is left is to go back by hand: `cutover status` says \
         under Back what to undo, and which snapshots to restore if migrations have run"
    )]
    NoNextHosts {
        /// The fleet.
        fleet: FleetName,
    },
    /// There is no such balancer.
    #[error("balancer {balancer} does not exist")]
    NoBalancer {
        /// The balancer.
        balancer: BalancerName,
    },
    /// A balancer is not of the kind that the file says.
    #[error("balancer {balancer} is of the other kind than the file says; the order of steps depends on it")]
    OtherKind {
        /// The balancer.
        balancer: BalancerName,
    },
    /// No host of a balancer is in service.
    #[error(
        "balancer {balancer} has no host in service, so its sites are not served; the hosts and images that would be removed \
         may be the way back"
    )]
    NotServed {
        /// The balancer.
        balancer: BalancerName,
    },
    /// No next worker of a fleet runs.
    #[error(
        "no next worker of {fleet} runs, so nobody would do its tasks; the hosts and images that would be removed may be the \
         way back"
    )]
    NoNextWorkers {
        /// The fleet.
        fleet: FleetName,
    },
    /// There is no record for a site.
    #[error("site {site} has no CNAME record {host} in the zone")]
    NoRecord {
        /// The site.
        site: SiteName,
        /// Its host name.
        host: DnsName,
    },
    /// There is no such database instance.
    #[error("database instance {database} does not exist")]
    NoDatabase {
        /// The database instance.
        database: DatabaseName,
    },
    /// The distribution of the maintenance page does not answer for a site.
    #[error(
        "the distribution of the maintenance page does not answer for {host}; add it to its alternate domain names and certificate"
    )]
    PageNotServed {
        /// The site's host name.
        host: DnsName,
    },
    /// It could not be observed whether the distribution of the maintenance page answers for the sites.
    #[error("whether the distribution of the maintenance page answers for the sites cannot be seen: {why}")]
    PageUncertain {
        /// Why not.
        why: String,
    },
}

const TOO_LATE: &str = ": no host is launched while visitors may see the maintenance page";
const OR_PREPARE: &str = ", or launch it with `cutover prepare --replan`";

/// The reasons in the journal why `phase` cannot start.
pub(super) fn by_journal(inputs: Inputs<'_>, phase: Phase) -> Vec<Blocked> {
    let upgrade = inputs.upgrade;
    if upgrade.finished(phase) {
        return vec![Blocked::Finished { phase }];
    }
    let is_down = is_down(inputs);
    let needed: &[Phase] = match phase {
        Phase::Announce => &[],
        Phase::Prepare => &[Phase::Announce],
        // Once visitors may see the page, the window has to go on, whatever they were told.
        Phase::Window if is_down => &[Phase::Prepare],
        // Another window may have been announced after the hosts were prepared, and not to the end.
        Phase::Window => &[Phase::Announce, Phase::Prepare],
        Phase::Retire => &[Phase::Window],
    };
    let missing = needed.iter().filter(|before| !upgrade.finished(**before));
    let not_yet: Vec<Blocked> = missing.map(|before| Blocked::NotYet { phase, before: *before }).collect();
    if !not_yet.is_empty() {
        return not_yet;
    }
    if phase == Phase::Window {
        let too_late = taken_back(inputs);
        if !too_late.is_empty() {
            return too_late;
        }
    }
    let reason = match phase {
        Phase::Announce if is_down => Some(Blocked::TooLateToAnnounce),
        // What was prepared may be completed for a window that opens late: hosts may have been lost.
        Phase::Prepare if upgrade.run_of(phase).is_some() => None,
        Phase::Announce | Phase::Prepare => has_started(inputs),
        Phase::Window if is_down => was_moved(inputs),
        Phase::Window if was_told_otherwise(upgrade, inputs.deployment) => Some(Blocked::AnnouncedOtherwise),
        Phase::Window | Phase::Retire => None,
    };
    Vec::from_iter(reason)
}

/// The reasons why a window cannot be planned after what it has begun: a migration, a snapshot or the count of tasks is missing
/// from the file, or a migration was added too late.
fn taken_back(inputs: Inputs<'_>) -> Vec<Blocked> {
    let migrations = migrations_left(inputs.upgrade, inputs.deployment).into_iter();
    let migrations = migrations.map(|migration| Blocked::MigrationLeft { migration });
    let snapshots = snapshots_left(inputs.upgrade, inputs.deployment).into_iter();
    let snapshots = snapshots.map(|(database, snapshot)| Blocked::SnapshotLeft { database, snapshot });
    let living = living(inputs);
    let counts = counts_left(inputs.upgrade, inputs.deployment, |worker| living.contains(worker)).into_iter();
    let counts = counts.filter(|_| is_down(inputs));
    let counts = counts.map(|fleet| Blocked::TasksNotCounted { fleet: fleet.clone() });
    let added = added_migrations(inputs.upgrade, inputs.deployment);
    migrations.chain(snapshots).chain(counts).chain(added).collect()
}

/// The fleets whose visitors are being sent back to the sites, and whom `plan` would send to the maintenance page again.
#[must_use]
pub fn posts_again(upgrade: &Upgrade, plan: &Plan) -> Vec<Blocked> {
    let before = upgrade.run_of(Phase::Window).filter(|_| plan.phase == Phase::Window);
    let lanes = before.map(|run| run.posted_again(plan)).unwrap_or_default();
    let fleets = lanes.into_iter().filter_map(|lane| match lane {
        Lane::Fleet(fleet) => Some(fleet.clone()),
        Lane::Deployment => None,
    });
    fleets.map(|fleet| Blocked::PageAgain { fleet }).collect()
}

/// The migrations in the file that no window has done, of fleets whose next services a window has started.
#[must_use]
pub fn added_migrations(upgrade: &Upgrade, deployment: &Deployment) -> Vec<Blocked> {
    let started = started_hosts(upgrade);
    if started.is_empty() {
        return Vec::new();
    }
    let windows = upgrade.runs.iter().filter(|run| run.kind == RunKind::Window);
    let done: Vec<&Migrate> =
        windows.flat_map(Run::runs).filter(|(_, run)| run.status.is_done()).filter_map(migrated).collect();
    let has_started = |fleet: &&Fleet| {
        fleet.groups().any(|(_, group)| next_names(deployment, fleet, group).any(|host| started.contains(&host)))
    };
    let fleets = deployment.fleets.iter().filter(has_started);
    let wanted = fleets.flat_map(|fleet| deployment.migrations_of(fleet).map(move |migration| (fleet, migration)));
    let is_done = |fleet: &Fleet, migration: &Migration| {
        done.iter().any(|done| {
            done.fleet == fleet.name && done.service == migration.service && done.database == migration.database
        })
    };
    // A database that the fleet has no schema for is not migrated.
    let wanted = wanted.filter(|(fleet, migration)| fleet.schemas.contains_key(&migration.database));
    wanted
        .filter(|(fleet, migration)| !is_done(fleet, migration))
        .map(|(fleet, migration)| Blocked::MigrationAfterStart {
            fleet: fleet.name.clone(),
            service: migration.service.clone(),
            database: migration.database.to_string(),
        })
        .collect()
}

fn migrated<'a>((step, _): (&'a Step, &'a StepRun)) -> Option<&'a Migrate> {
    match &step.action {
        Action::Migrate(migrate) => Some(migrate),
        _ => None,
    }
}

fn has_started(inputs: Inputs<'_>) -> Option<Blocked> {
    let start = &inputs.deployment.window.start;
    (inputs.observation.at >= start.timestamp).then(|| Blocked::WindowStarted { start: start.show(start.timestamp) })
}

/// Whether the window that has begun has another start than the file's.
fn was_moved(inputs: Inputs<'_>) -> Option<Blocked> {
    let run = inputs.upgrade.run_of(Phase::Window)?;
    let (before, start) = (run.plan.window_start()?, &inputs.deployment.window.start);
    (before != start.timestamp).then(|| Blocked::MovedWhileDown { start: start.show(before) })
}

/// The reasons in the world why `phase` cannot start.
#[must_use]
pub fn blocked_by_world(inputs: Inputs<'_>, phase: Phase) -> Vec<Blocked> {
    match phase {
        Phase::Announce => Vec::new(),
        Phase::Prepare => {
            [hosts_exist(inputs), stopped_hosts(inputs), traffic_exists(inputs), databases_exist(inputs)].concat()
        }
        Phase::Window => {
            [hosts_live(inputs), traffic_exists(inputs), databases_exist(inputs), page_is_served(inputs)].concat()
        }
        Phase::Retire => [traffic_exists(inputs), unserved(inputs), without_workers(inputs)].concat(),
    }
}

fn hosts_exist(inputs: Inputs<'_>) -> Vec<Blocked> {
    let current = current_hosts(inputs);
    let groups = inputs.deployment.fleets.iter().flat_map(|fleet| fleet.groups().map(move |(role, _)| (fleet, role)));
    groups
        .filter(|(fleet, role)| !current.iter().any(|host| host.fleet == fleet.name && host.role == *role))
        .map(|(fleet, role)| Blocked::NoCurrentHosts {
            fleet: fleet.name.clone(),
            role,
            version: inputs.deployment.release.current_version.clone(),
        })
        .collect()
}

/// Before the page is up, all hosts are needed. After that, a current host that is gone counts as stopped, and the
/// window goes on without the next hosts that are gone, if others can serve.
fn hosts_live(inputs: Inputs<'_>) -> Vec<Blocked> {
    let too_late = is_down(inputs);
    let missing = unprepared_hosts(inputs.upgrade, inputs.deployment);
    let missing = missing.into_iter().map(|host| Blocked::NextHostMissing { host, too_late });
    let gone = if too_late { without_next_hosts(inputs) } else { gone_hosts(inputs) };
    let stopped = if too_late { Vec::new() } else { stopped_hosts(inputs) };
    gone.into_iter().chain(stopped).chain(missing).collect()
}

/// The hosts on record that are stopped in EC2.
fn stopped_hosts(inputs: Inputs<'_>) -> Vec<Blocked> {
    let current = inputs.upgrade.captured.iter().flatten().map(|host| &host.instance);
    let wanted = wanted_hosts(inputs.deployment);
    let next = wanted.iter().filter_map(|host| inputs.upgrade.launched.get(host));
    let needed: BTreeSet<&InstanceId> = current.chain(next).collect();
    let instances = inputs.observation.instances.iter();
    instances
        .filter(|instance| instance.is_stopped() && needed.contains(&instance.id))
        .map(|instance| Blocked::HostStopped { host: instance.name.clone(), instance: instance.id.clone() })
        .collect()
}

/// The hosts on record that are gone.
fn gone_hosts(inputs: Inputs<'_>) -> Vec<Blocked> {
    let living = living(inputs);
    let captured = inputs.upgrade.captured.iter().flatten();
    let current = captured.filter(|host| !living.contains(&host.instance));
    let current = current.map(|host| Blocked::CurrentHostGone { host: host.name.clone() });
    current.chain(lost_hosts(inputs).into_iter().map(|host| Blocked::NextHostGone { host })).collect()
}

/// The reasons why a window whose page is up cannot go on: fleets that have lost all next hosts that could serve.
fn without_next_hosts(inputs: Inputs<'_>) -> Vec<Blocked> {
    without_any(inputs).map(|fleet| Blocked::NoNextHosts { fleet: fleet.name.clone() }).collect()
}

/// Whether a fleet has lost all next hosts that could serve, so that a window whose page is up cannot go on.
#[must_use]
pub fn cannot_serve(inputs: Inputs<'_>) -> bool {
    without_any(inputs).next().is_some()
}

/// The fleets that have lost all next hosts that could serve.
fn without_any<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = &'a Fleet> {
    let lost = lost_hosts(inputs);
    let has_none = move |fleet: &&Fleet| next_hosts(inputs, fleet, Role::Edxapp).iter().all(|host| lost.contains(host));
    inputs.deployment.fleets.iter().filter(has_none)
}

fn traffic_exists(inputs: Inputs<'_>) -> Vec<Blocked> {
    let balancers = inputs.deployment.balancers.iter().filter_map(|balancer| {
        let name = balancer.name.clone();
        match inputs.observation.balancers.get(&balancer.name) {
            None => Some(Blocked::NoBalancer { balancer: name }),
            Some(observed) if observed.kind != balancer.kind => Some(Blocked::OtherKind { balancer: name }),
            Some(_) => None,
        }
    });
    let records = inputs
        .deployment
        .sites
        .iter()
        .filter(|site| !inputs.observation.records.contains_key(&site.host))
        .map(|site| Blocked::NoRecord { site: site.name.clone(), host: site.host.clone() });
    balancers.chain(records).collect()
}

/// The balancers without any host in service. What is retired could be needed to serve their sites.
fn unserved(inputs: Inputs<'_>) -> Vec<Blocked> {
    let balancers = inputs.deployment.balancers.iter().map(|balancer| &balancer.name);
    let serves = |name: &&BalancerName| {
        let observed = inputs.observation.balancers.get(*name);
        observed.is_none_or(|state| any_in_service(&state.members))
    };
    balancers.filter(|name| !serves(name)).map(|name| Blocked::NotServed { balancer: name.clone() }).collect()
}

/// The fleets of whose next workers none runs.
fn without_workers(inputs: Inputs<'_>) -> Vec<Blocked> {
    let instances = inputs.observation.instances.iter();
    let up = instances.filter(|instance| instance.state == InstanceState::Running).map(|instance| &instance.id);
    let up: BTreeSet<&InstanceId> = up.collect();
    let runs = |host: &HostName| inputs.upgrade.launched.get(host).is_some_and(|id| up.contains(id));
    let has_none = |fleet: &&Fleet| {
        let workers = next_hosts(inputs, fleet, Role::Worker);
        !workers.is_empty() && !workers.iter().any(runs)
    };
    let fleets = inputs.deployment.fleets.iter().filter(has_none);
    fleets.map(|fleet| Blocked::NoNextWorkers { fleet: fleet.name.clone() }).collect()
}

fn databases_exist(inputs: Inputs<'_>) -> Vec<Blocked> {
    let databases = inputs.deployment.databases.iter();
    databases
        .filter(|database| !inputs.observation.databases.contains_key(&database.name))
        .map(|database| Blocked::NoDatabase { database: database.name.clone() })
        .collect()
}

fn page_is_served(inputs: Inputs<'_>) -> Vec<Blocked> {
    let distribution = inputs.observation.distribution.as_ref();
    let uncertain = distribution.and_then(|page| page.uncertain.clone());
    let served = |host: &DnsName| {
        distribution.is_some_and(|page| {
            page.deployed && page.aliases.contains(host) && (uncertain.is_some() || page.certified.contains(host))
        })
    };
    let sites = inputs.deployment.sites.iter().filter(|site| !served(&site.host));
    let not_served = sites.map(|site| Blocked::PageNotServed { host: site.host.clone() });
    not_served.chain(uncertain.clone().map(|why| Blocked::PageUncertain { why })).collect()
}
