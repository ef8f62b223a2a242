//! Why one step waits for another, and which line of the runbook a step belongs to.

use serde::{Deserialize, Serialize};

/// The rule that requires an edge. Nothing else orders the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A person decides first.
    Decision,
    /// The page must be up to date before people are informed or visitors are sent to it.
    PageFirst,
    /// The current hosts are on record before next ones exist.
    CaptureFirst,
    /// A host is launched from an image that exists.
    ImageFirst,
    /// A host is tested, stopped and used only when it is up.
    HostIsUp,
    /// Services are shut down only when they have been tested.
    TestedFirst,
    /// Nothing in the window is done before it opens.
    WindowOpens,
    /// The snapshot before the window is ready, so that the one in it is short.
    WarmUpFirst,
    /// What visitors get is measured before they get the maintenance page.
    BaselineFirst,
    /// What takes time and needs no downtime is read before it.
    StatementsFirst,
    /// Visitors are diverted before their host stops or leaves its balancer.
    VisitorsDiverted,
    /// Nothing may write or start services by itself while services stop.
    OthersHeldBack,
    /// The queues are empty before the workers stop.
    QueuesDrained,
    /// Tasks that old workers have left are found while these could still do them, and somebody has decided about them.
    TasksSettled,
    /// All programs that write to a database have stopped before it is snapshotted or migrated.
    WritersStopped,
    /// A snapshot is available before a migration begins.
    SnapshotFirst,
    /// Nothing holds a lock on the database that a migration would have to wait for.
    SessionsEnded,
    /// There is room for what migrations write.
    StorageFree,
    /// Migrations of a fleet run one at a time, in the file's order.
    OneMigrator,
    /// Rows are counted before migrations and after them.
    RowsCounted,
    /// New code starts only on a migrated schema.
    MigratedFirst,
    /// A target group meets hosts only when they serve.
    ServesFirst,
    /// A balancer can find a host healthy only when it is registered and serves.
    RegisteredAndServing,
    /// Verification sees only healthy next hosts.
    HealthyFirst,
    /// Verification sees no current host.
    CurrentHostsOut,
    /// Visitors come back only to what has been verified.
    VerifiedFirst,
    /// Visitors come back only to a site on which a write has worked.
    WritesWork,
    /// Visitors come back only to a site whose workers run.
    WorkersRun,
    /// Nobody uses the new site while old code runs beside it.
    OldCodeStopped,
    /// Visitors come back only to a site of which everything still runs.
    NewCodeRuns,
    /// People are told that the upgrade is done only after the soak.
    SoakedFirst,
    /// It depends on the result of the previous step.
    Follows,
    /// A host is terminated only when it is in no balancer.
    OutOfBalancers,
    /// An image is removed only when no host runs from it.
    HostsGone,
    /// The runbook's order: the previous line has ended on all hosts.
    RunbookLine,
}

impl Rule {
    /// The rule in words, for the plan and for people who ask why something waits.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Decision => "a person decides first",
            Self::PageFirst => "the page must be right before anybody is sent to it",
            Self::CaptureFirst => "current hosts are on record before next ones exist",
            Self::ImageFirst => "a host needs its image",
            Self::HostIsUp => "the host must be up",
            Self::TestedFirst => "services are shut down only once tested",
            Self::WindowOpens => "the window must be open",
            Self::WarmUpFirst => "the warm-up snapshot makes the one in the window short",
            Self::BaselineFirst => "the old site is measured while visitors still get it",
            Self::StatementsFirst => "what migrations will change is read before the downtime begins",
            Self::VisitorsDiverted => "visitors are diverted first",
            Self::OthersHeldBack => "nothing may start services or write by itself meanwhile",
            Self::QueuesDrained => "queues are empty before workers stop",
            Self::TasksSettled => "what waits in the queues is known, and decided on",
            Self::WritersStopped => "everything that writes to the database has stopped",
            Self::SnapshotFirst => "no migration without a snapshot to go back to",
            Self::SessionsEnded => "no session on the database may hold up a migration",
            Self::StorageFree => "the database has room for what migrations write",
            Self::RowsCounted => "rows of tables are counted before migrations and after them",
            Self::OneMigrator => "one migrator at a time, in the file's order",
            Self::MigratedFirst => "new code starts only on a migrated schema",
            Self::ServesFirst => "a target group gets hosts only when they serve",
            Self::RegisteredAndServing => "health needs a host that is registered and serves",
            Self::HealthyFirst => "verification needs healthy hosts",
            Self::CurrentHostsOut => "verification must not see current hosts",
            Self::VerifiedFirst => "visitors return only to what was verified",
            Self::WritesWork => "visitors return only to a site that takes writes",
            Self::WorkersRun => "what visitors do needs workers",
            Self::OldCodeStopped => "no old code may run on the migrated schema",
            Self::NewCodeRuns => "visitors return only once everything runs",
            Self::SoakedFirst => "people are told that it is done only after the soak",
            Self::Follows => "it follows from the step before",
            Self::OutOfBalancers => "no balancer may still have the host",
            Self::HostsGone => "no host may still run from the image",
            Self::RunbookLine => "the runbook's line before must end on all hosts",
        }
    }
}

/// A line of the runbook: one task in the words of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Announce: update the maintenance page.
    UpdatePage,
    /// Announce: tell people.
    Notify,
    /// Prepare: record the current hosts.
    Capture,
    /// Prepare: lower the records' TTLs.
    LowerTtl,
    /// Prepare: build machine images.
    BuildImages,
    /// Prepare: deploy instances.
    Launch,
    /// Prepare: smoke-test them.
    SmokeTest,
    /// Prepare: shut their services down.
    ShutDown,
    /// Window: before visitors notice anything.
    Open,
    /// Window: point DNS at the maintenance page.
    PostPage,
    /// Window: stop all processes on the current hosts.
    StopCurrent,
    /// Window: take a snapshot of the databases.
    Snapshot,
    /// Window: run migrations on a next host.
    Migrate,
    /// Window: start all processes on the next hosts.
    StartNext,
    /// Window: add next hosts to the balancers.
    AddNext,
    /// Window: remove current hosts from the balancers.
    RemoveCurrent,
    /// Window: verify.
    Verify,
    /// Window: point DNS back at the balancers.
    LiftPage,
    /// Window: watch the new site, with visitors on it.
    Soak,
    /// Retire: terminate old hosts.
    Terminate,
    /// Retire: remove old images.
    RemoveImages,
    /// Retire: put the records' TTLs back.
    RaiseTtl,
}

impl Line {
    /// The line in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::UpdatePage => "update the maintenance page",
            Self::Notify => "tell people",
            Self::Capture => "record the current hosts",
            Self::LowerTtl => "lower the TTLs",
            Self::BuildImages => "build machine images",
            Self::Launch => "launch next hosts",
            Self::SmokeTest => "smoke-test next hosts",
            Self::ShutDown => "shut their services down",
            Self::Open => "open the window",
            Self::PostPage => "put the maintenance page up",
            Self::StopCurrent => "stop current hosts",
            Self::Snapshot => "snapshot the databases",
            Self::Migrate => "migrate",
            Self::StartNext => "start next hosts",
            Self::AddNext => "add next hosts to balancers",
            Self::RemoveCurrent => "remove current hosts from balancers",
            Self::Verify => "verify",
            Self::LiftPage => "lift the maintenance page",
            Self::Soak => "watch the new site",
            Self::Terminate => "terminate old hosts",
            Self::RemoveImages => "remove old images",
            Self::RaiseTtl => "put the TTLs back",
        }
    }
}
