//! How each kind of action is carried out beyond observing and making it: when it is looked at again, and how long its effect may
//! take to show.

use std::time::Duration;

use cutover_core::observation::SHOWN_WITHIN;
use cutover_core::plan::{Action, Step};

/// How long a call that was sent may take until it is applied or lost.
const IN_TRANSIT: Duration = Duration::from_secs(10);

/// How an action is carried out beyond observing and making it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Observe, make, observe until it holds.
    Ensure,
    /// The same, but what has failed, or is missing after it was begun, is made again only once somebody wants it so.
    ByConsent,
    /// Its making is its proof: there is nothing to observe, before or after.
    Perform,
    /// It waits for a person or the calendar; stopping the conductor ends the wait at once.
    Wait,
}

pub(crate) fn manner(action: &Action) -> Manner {
    match action {
        Action::SmokeTest { .. } => Manner::Perform,
        Action::Decide(_) | Action::WaitUntil { .. } => Manner::Wait,
        Action::Migrate(_) => Manner::ByConsent,
        Action::Milestone
        | Action::Capture { .. }
        | Action::Announce(_)
        | Action::PublishPage(_)
        | Action::ChangeRecords(_)
        | Action::AwaitResolvers(_)
        | Action::BuildImage(_)
        | Action::RemoveImage { .. }
        | Action::Launch(_)
        | Action::Terminate { .. }
        | Action::StopServices(_)
        | Action::StartServices(_)
        | Action::ConfirmStopped { .. }
        | Action::DrainQueues { .. }
        | Action::TakeSnapshot { .. }
        | Action::Register(_)
        | Action::Deregister(_)
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_) => Manner::Ensure,
    }
}

/// The longest time between two observations: what is expected to take days is reported a quarter of an hour late at
/// most.
const LONGEST_INTERVAL: Duration = Duration::from_secs(900);

/// How long to wait between two observations of a step that was begun `elapsed` ago: no shorter than what is observed can
/// change, and a hundredth of the time that is still expected, or by which it is late already. So its end is noticed
/// within about a hundredth of what it took, and a migration of days is not looked at every two seconds.
pub(crate) fn interval(step: &Step, elapsed: Duration) -> Duration {
    let rare = (step.expected.abs_diff(elapsed) / 100).min(elapsed / 20);
    rare.clamp(shortest_interval(&step.action), LONGEST_INTERVAL)
}

/// The shortest time in which what an action waits for can change.
pub(crate) fn shortest_interval(action: &Action) -> Duration {
    Duration::from_secs(match action {
        Action::BuildImage(_) | Action::AwaitDrained(_) => 15,
        Action::PublishPage(_) => 10,
        // A balancer's verdict changes every 5 seconds at most, its shortest interval between health checks.
        Action::Launch(_) | Action::TakeSnapshot { .. } | Action::AwaitHealthy(_) => 5,
        Action::StopServices(_) | Action::StartServices(_) | Action::Migrate(_) => 2,
        Action::Milestone
        | Action::WaitUntil { .. }
        | Action::Decide(_)
        | Action::Announce(_)
        | Action::Capture { .. }
        | Action::ChangeRecords(_)
        | Action::AwaitResolvers(_)
        | Action::SmokeTest { .. }
        | Action::DrainQueues { .. }
        | Action::ConfirmStopped { .. }
        | Action::Register(_)
        | Action::Deregister(_)
        | Action::CheckSite(_)
        | Action::Terminate { .. }
        | Action::RemoveImage { .. } => 3,
    })
}

/// How long to look, after a call that may have worked, before it is taken not to have: at least as long as it may take
/// to be applied, and as readings may show what was there before.
pub(crate) fn grace(action: &Action) -> Duration {
    match action {
        Action::BuildImage(_)
        | Action::RemoveImage { .. }
        | Action::Launch(_)
        | Action::Terminate { .. }
        | Action::TakeSnapshot { .. }
        | Action::Register(_)
        | Action::Deregister(_)
        // Its job is not begun again by itself, so a host that is slow to obey is waited for.
        | Action::Migrate(_) => IN_TRANSIT + SHOWN_WITHIN,
        // Readings of these show a write at once.
        Action::Milestone
        | Action::WaitUntil { .. }
        | Action::Decide(_)
        | Action::Announce(_)
        | Action::PublishPage(_)
        | Action::Capture { .. }
        | Action::ChangeRecords(_)
        | Action::AwaitResolvers(_)
        | Action::SmokeTest { .. }
        | Action::StopServices(_)
        | Action::StartServices(_)
        | Action::DrainQueues { .. }
        | Action::ConfirmStopped { .. }
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_) => IN_TRANSIT,
    }
}
