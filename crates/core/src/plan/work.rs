//! What a step takes up while it is carried out, and how much of that may go on at the same time.
//!
//! The conductor obeys these limits, and the forecast counts with them: both read them here, so that a plan never
//! promises what the conductor does not do. Only asking and ordering is limited. A step that has given its order and
//! waits for the world, such as a host that boots, takes up nothing but an entry in a list.

use std::time::Duration;

use super::Action;

/// What a step takes up until its order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Nothing: the step waits for a person, the calendar, or something that was ordered before.
    Waiting,
    /// A call to the cloud's API.
    Calls,
    /// A connection to a host or to a site.
    Connections,
}

impl Work {
    /// How long one step is expected to take up its place: the time of a look, and of an order that is answered at
    /// once.
    pub const EXPECTED: Duration = Duration::from_secs(1);

    /// How many steps may be at this kind of work at the same time; nothing where there is no limit.
    ///
    /// - Calls: EC2, ELB and RDS refuse callers beyond some ten to a hundred calls a second, and a call takes a few
    ///   tenths of one. 32 at once come close to that without many refusals. Launching 1,000 hosts takes half a minute
    ///   longer for it, beside minutes of booting.
    /// - Connections: each is a socket and some memory on this machine, and no host gets more than one or two. 128 fit
    ///   into the smallest usual limit of open files (256) with room to spare, and 1,000 hosts have had their order
    ///   after eight rounds of a second.
    #[must_use]
    pub const fn side_by_side(self) -> Option<usize> {
        match self {
            Self::Waiting => None,
            Self::Calls => Some(32),
            Self::Connections => Some(128),
        }
    }

    /// How long this work is expected to take for so many subjects, as many side by side as may be.
    #[must_use]
    pub fn expected_for(self, subjects: usize) -> Duration {
        let rounds = self.side_by_side().map_or(1, |limit| subjects.div_ceil(limit).max(1));
        Self::EXPECTED.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }
}

impl Action {
    /// What carrying it out takes up until the order is given.
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
            | Self::Launch(_)
            | Self::TakeSnapshot { .. }
            | Self::Register(_)
            | Self::Deregister(_)
            | Self::Terminate { .. }
            | Self::RemoveImage { .. } => Work::Calls,
            Self::SmokeTest { .. } | Self::StopServices(_) | Self::StartServices(_) | Self::CheckSite(_) => {
                Work::Connections
            }
            Self::Milestone
            | Self::WaitUntil { .. }
            | Self::Decide(_)
            | Self::Capture { .. }
            | Self::AwaitResolvers(_)
            | Self::DrainQueues { .. }
            | Self::ConfirmStopped { .. }
            | Self::Migrate(_)
            | Self::AwaitHealthy(_)
            | Self::AwaitDrained(_) => Work::Waiting,
        }
    }
}
