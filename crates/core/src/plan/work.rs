//! Kinds of work that steps do while they are carried out, and how much of each may go on at the same time.
//!
//! The conductor obeys these limits, and the forecast uses them too. Both read them here, so that the conductor can
//! keep what a plan promises. Only calls and connections are limited. A step whose call has been made and that waits
//! for its effect, such as a booting host, needs only an entry in a list.

use std::time::Duration;

use super::Action;

/// The kind of work that a step does until its call has been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// None: the step waits for a person, a date, or something that was requested before.
    Waiting,
    /// A call to the cloud's API.
    Calls,
    /// A call that launches a host.
    Launches,
    /// A connection to a host or to a site.
    Connections,
}

impl Work {
    /// How long one step is expected to hold its slot: the time of an observation, and of a call that is answered
    /// immediately.
    pub const EXPECTED: Duration = Duration::from_secs(1);

    /// How many steps may do this kind of work at the same time; `None` if there is no limit.
    ///
    /// - Calls: EC2, ELB and RDS refuse callers beyond some ten to a hundred calls a second, and a call takes a few
    ///   tenths of one. 32 at once come close to that without many refusals.
    /// - Launches: EC2 lets an account launch two hosts a second, after a few at once, and a launch takes about a
    ///   second. Two at once keep to that. 1,000 hosts are launched within nine minutes, before the window.
    /// - Connections: each is a socket and some memory on this machine, and no host gets more than one or two. 128 fit
    ///   into the smallest usual limit of open files (256) with room to spare, and 1,000 hosts have had their order
    ///   after eight rounds of a second.
    #[must_use]
    pub const fn side_by_side(self) -> Option<usize> {
        match self {
            Self::Waiting => None,
            Self::Calls => Some(32),
            Self::Launches => Some(2),
            Self::Connections => Some(128),
        }
    }

    /// The kind of work that looking for the effect of this work is: a launched host is looked for with ordinary calls.
    #[must_use]
    pub const fn of_looks(self) -> Self {
        match self {
            Self::Launches => Self::Calls,
            Self::Waiting | Self::Calls | Self::Connections => self,
        }
    }

    /// How long this work is expected to take for this number of subjects, as many at the same time as allowed.
    #[must_use]
    pub fn expected_for(self, subjects: usize) -> Duration {
        let rounds = self.side_by_side().map_or(1, |limit| subjects.div_ceil(limit).max(1));
        Self::EXPECTED.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }
}

impl Action {
    /// The kind of work that the action needs until its call has been made.
    ///
    /// Confirming that services are stopped and migrating are not limited as steps: they connect to many hosts one by
    /// one, and each of these connections counts instead.
    #[must_use]
    pub const fn work(&self) -> Work {
        match self {
            Self::Announce(_)
            | Self::PublishPage(_)
            | Self::ChangeRecords(_)
            | Self::BuildImage(_)
            | Self::TakeSnapshot { .. }
            | Self::Register(_)
            | Self::Deregister(_)
            | Self::Terminate { .. }
            | Self::RemoveImage { .. } => Work::Calls,
            Self::Launch(_) => Work::Launches,
            Self::SmokeTest { .. }
            | Self::HoldBack(_)
            | Self::PutBack(_)
            | Self::RunCommands(_)
            | Self::StopServices(_)
            | Self::StartServices(_)
            | Self::CheckSite(_)
            | Self::Baseline(_)
            | Self::WriteCheck(_) => Work::Connections,
            Self::Milestone
            | Self::WaitUntil { .. }
            | Self::Decide(_)
            | Self::Capture { .. }
            | Self::AwaitResolvers(_)
            | Self::DrainQueues { .. }
            | Self::AwaitSessions(_)
            | Self::CheckStorage(_)
            | Self::CountRows(_)
            | Self::ReadStatements(_)
            | Self::ConfirmStopped { .. }
            | Self::ConfirmRunning { .. }
            | Self::Migrate(_)
            | Self::Soak(_)
            | Self::AwaitHealthy(_)
            | Self::AwaitDrained(_) => Work::Waiting,
        }
    }
}
