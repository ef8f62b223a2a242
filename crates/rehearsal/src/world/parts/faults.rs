//! Faults that a test injects: into single calls, migrations, and the stopping of programs.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::{DatabaseName, DnsName, FleetName, HostName, ProgramName};
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::InjectedFault;

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// A call fails.
    Call {
        /// The port's method, such as `launch` or `change_records`.
        call: String,
        /// Which call of that name since the world was created, from 1.
        nth: u32,
        /// How it fails.
        kind: FaultKind,
    },
    /// One of every `one_in` calls fails, whatever its name. The seed decides which ones.
    Scattered {
        /// The number of calls of which one fails.
        one_in: u64,
        /// Which of them fails, from 0. Over all shares, each call fails once.
        share: u64,
        /// How it fails.
        kind: FaultKind,
    },
    /// A migration is half applied, and its job ends with status 1. Running it again fails at the same migration.
    MigrationFails {
        /// The fleet.
        fleet: FleetName,
        /// The service, such as `lms`.
        service: String,
        /// The database alias, such as `default`.
        database: String,
        /// How many migrations are applied before.
        after: u32,
    },
    /// A program that is told to stop continues until it is killed.
    ProgramNeverStops {
        /// The host.
        host: HostName,
        /// The program.
        program: ProgramName,
    },
    /// A session of somebody else keeps a transaction open on a database.
    SessionRemains {
        /// The database instance.
        database: DatabaseName,
        /// How many looks at the sessions of databases find it. Then it ends.
        looks: u32,
    },
    /// A database instance has less storage left than migrations may need.
    StorageIsLow {
        /// The database instance.
        database: DatabaseName,
        /// How many bytes are free.
        bytes: u64,
    },
    /// Migrations remove rows that they should keep.
    MigrationsLoseRows {
        /// The table, with its schema.
        table: String,
        /// How many rows.
        rows: u64,
    },
    /// From a moment on, one of so many requests to the sites, as visitors make them, is answered with an error.
    SitesFail {
        /// The moment.
        from: Timestamp,
        /// The number of requests of which one fails.
        one_in: u64,
        /// The host name of the only site that does; nothing for all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<DnsName>,
    },
    /// From a moment on, the sites answer visitors later.
    SitesAreSlow {
        /// The moment.
        from: Timestamp,
        /// By how many milliseconds.
        by_ms: u32,
    },
    /// A host loses its records of jobs as soon as they have ended, so that a job of the same name could start again.
    HostForgetsJobs {
        /// The fleet of these hosts.
        fleet: FleetName,
    },
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It is applied, but the answer is lost.
    LostAnswer,
    /// The answer is lost, and the call is applied only after this many seconds. Calls that are not applied yet are not
    /// saved with the world.
    DelayedEffect(u32),
    /// It is refused because of a rate limit.
    Throttled,
    /// It is not applied.
    NotApplied,
    /// It is refused permanently.
    Permanent,
}

impl FaultKind {
    /// The effect on a write.
    pub(crate) const fn injected(self) -> InjectedFault {
        match self {
            Self::LostAnswer => InjectedFault::AnswerLost,
            Self::DelayedEffect(seconds) => InjectedFault::EffectDelayed(Duration::from_secs(seconds as u64)),
            Self::Throttled => InjectedFault::Fails(FailureClass::Throttled),
            Self::NotApplied => InjectedFault::Fails(FailureClass::NotApplied),
            Self::Permanent => InjectedFault::Fails(FailureClass::Permanent),
        }
    }

    /// The failure of a reading call, which has changed nothing in any case.
    pub(crate) fn of_reading(self, call: &str) -> Failure {
        match self.injected() {
            InjectedFault::AnswerLost | InjectedFault::EffectDelayed(_) => {
                Failure::not_applied(format!("{call}: the connection was lost before the answer came (injected fault)"))
            }
            InjectedFault::Fails(class) => Failure::new(class, format!("{call}: the call failed (injected fault)")),
        }
    }
}
