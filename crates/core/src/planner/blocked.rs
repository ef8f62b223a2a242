//! The reasons why a phase cannot be planned, as a type, and what to do about each.

use serde::{Deserialize, Serialize};

use crate::deployment::Role;
use crate::journal::BegunMigration;
use crate::names::{
    BalancerName, DatabaseName, DnsName, FleetName, HostName, ImageName, InstanceId, SiteName, SnapshotId,
};
use crate::plan::Phase;

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
    /// There is nothing to make an image from.
    #[error(
        "there is no image `{base}`, from which {role} images are made; look at `base` and `base_owner` in the file, and at the region"
    )]
    NoBase {
        /// The images' role.
        role: Role,
        /// What the file says.
        base: String,
    },
    /// No image may be built from a release branch as it is.
    #[error("no image can be built from {branch}: {why}; {remedy}")]
    NotBuildable {
        /// The branch.
        branch: String,
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// No ledger accounts for the patches in an image.
    #[error(
        "image {image} contains {commit}, and no complete ledger of {branch} with that commit is known here, so patches may be \
         missing in it; `git fetch` the ledger of a colleague (refs/notes/cutover), or build another image"
    )]
    NotAccounted {
        /// The image.
        image: ImageName,
        /// Its commit, for people.
        commit: String,
        /// The branch.
        branch: String,
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
