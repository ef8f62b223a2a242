//! How each kind of action is carried out: whether it is observed and repeated, how often it is observed, and how long
//! its effect may take to become visible.

use std::time::Duration;

use cutover_core::observation::SHOWN_WITHIN;
use cutover_core::plan::{Action, BuildImage, Step};

/// The longest time until a call that was sent is applied or lost.
const IN_TRANSIT: Duration = Duration::from_secs(10);

/// The way in which an action is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Observe; make the call if necessary; observe until the effect is there.
    Ensure,
    /// The same, but a call that has failed, or whose effect is missing, is repeated only if the operator has approved
    /// that.
    ByConsent,
    /// A successful call is the result: there is nothing to observe, before or after.
    Perform,
    /// It waits for a person or a date. Stopping the conductor ends the wait immediately.
    Wait,
    /// It changes nothing, and looks again and again for a length of time. Stopping the conductor ends it between two looks, and
    /// another conductor begins anew.
    Watch,
}

/// How an action is carried out and observed.
struct Ways {
    manner: Manner,
    /// The shortest time in which what it waits for can change, in seconds.
    shortest_interval: u64,
    /// Whether what it waits for often takes a moment only. Then it is looked at sooner at first.
    is_often_quick: bool,
    /// Whether readings may be out of date for a while after its call.
    shows_late: bool,
}

/// Those of most actions. Each look at a job or at supervisor starts programs on a host that has other work to do.
const USUAL: Ways = Ways { manner: Manner::Ensure, shortest_interval: 3, is_often_quick: false, shows_late: false };
/// Those of actions whose looks ask hosts alone, and no service that limits its calls.
const OFTEN_QUICK: Ways = Ways { is_often_quick: true, ..USUAL };

const fn ways(action: &Action) -> Ways {
    match action {
        Action::SmokeTest { .. } => Ways { manner: Manner::Perform, ..USUAL },
        Action::Decide(_) | Action::WaitUntil { .. } => Ways { manner: Manner::Wait, ..USUAL },
        Action::Soak(_) => Ways { manner: Manner::Watch, ..USUAL },
        // A job is not started again automatically, so a slow host is given more time.
        Action::Migrate(_) => Ways { manner: Manner::ByConsent, shows_late: true, ..OFTEN_QUICK },
        // Each call of a build waits until the one before is seen to have had its effect.
        Action::BuildImage(BuildImage { builder: Some(_), .. } | BuildImage { packer: Some(_), .. }) => {
            Ways { shortest_interval: 10, shows_late: true, ..USUAL }
        }
        // A build takes most of an hour, days before the window, and each look lists all images of the account.
        Action::BuildImage(_) => Ways { shortest_interval: 120, shows_late: true, ..USUAL },
        // Hosts boot for a minute or more, and neither this nor their end is part of a window.
        Action::Launch(_) | Action::Terminate { .. } | Action::RemoveImage { .. } => {
            Ways { shortest_interval: 15, shows_late: true, ..USUAL }
        }
        Action::AwaitDrained(_) => Ways { shortest_interval: 15, ..USUAL },
        Action::PublishPage(_) => Ways { shortest_interval: 10, ..USUAL },
        // A balancer's verdict changes every 5 seconds at most, its shortest interval between health checks.
        Action::AwaitHealthy(_) => Ways { shortest_interval: 5, ..USUAL },
        Action::TakeSnapshot { .. } => Ways { shortest_interval: 5, shows_late: true, ..USUAL },
        Action::Register(_) | Action::Deregister(_) => Ways { shows_late: true, ..USUAL },
        Action::HoldBack(_)
        | Action::PutBack(_)
        | Action::RunCommands(_)
        | Action::StopServices(_)
        | Action::StartServices(_)
        | Action::AwaitSessions(_)
        | Action::WriteCheck(_) => OFTEN_QUICK,
        Action::Milestone
        | Action::Capture { .. }
        | Action::Announce(_)
        | Action::ChangeRecords(_)
        | Action::AwaitResolvers(_)
        | Action::ConfirmStopped { .. }
        | Action::ConfirmRunning { .. }
        | Action::DrainQueues { .. }
        | Action::CheckStorage(_)
        | Action::CountRows(_)
        | Action::ReadStatements(_)
        | Action::CheckSite(_)
        | Action::Baseline(_) => USUAL,
    }
}

pub(crate) const fn manner(action: &Action) -> Manner {
    ways(action).manner
}

/// The longest time between two observations. The end of something that takes days is noticed 15 minutes late at most.
const LONGEST_INTERVAL: Duration = Duration::from_secs(900);

/// How long to wait between two observations of a step that this process has driven for `elapsed`: no shorter than what
/// is observed can change, and a hundredth of the time that is still expected, or by which it is late already. So its
/// end is noticed within about a hundredth of what it took, and a migration of days is not looked at every two seconds.
pub(crate) fn interval(step: &Step, elapsed: Duration) -> Duration {
    if let Action::Soak(soak) = &step.action {
        return soak.terms.requests_every.duration();
    }
    if let Some(left) = known_wait(&step.action, elapsed) {
        return left.min(TOLD_AGAIN);
    }
    let rare = (step.expected.abs_diff(elapsed) / 100).min(elapsed / 20);
    rare.clamp(shortest_after(&step.action, elapsed), LONGEST_INTERVAL)
}

/// The shortest time between two observations once `elapsed` has passed: at first a quarter of that where much is quick, so that
/// a program that stops within a second does not lengthen the window by three.
fn shortest_after(action: &Action, elapsed: Duration) -> Duration {
    let shortest = shortest_interval(action);
    if ways(action).is_often_quick { (elapsed / 4).clamp(SOONEST, shortest) } else { shortest }
}

/// The time until the first observation after a call that is often quick.
const SOONEST: Duration = Duration::from_millis(300);

/// How much longer an action does nothing but wait, where that is known: until then there is nothing to observe, and a wait
/// that ended later would lengthen the window.
fn known_wait(action: &Action, elapsed: Duration) -> Option<Duration> {
    match action {
        Action::AwaitResolvers(wait) => wait.forget.checked_sub(elapsed).filter(|left| !left.is_zero()),
        _ => None,
    }
}

/// How often people are told what is left of such a wait.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// The shortest time in which what an action waits for can change.
pub(crate) const fn shortest_interval(action: &Action) -> Duration {
    Duration::from_secs(ways(action).shortest_interval)
}

/// How long to keep looking after a call whose outcome is unknown before concluding that it failed. This covers the
/// time until the call is applied and the time for which readings may be out of date.
pub(crate) fn grace(action: &Action) -> Duration {
    if ways(action).shows_late { IN_TRANSIT + SHOWN_WITHIN } else { IN_TRANSIT }
}

#[cfg(test)]
mod tests {
    use cutover_core::deployment::BalancerKind;
    use cutover_core::plan::{
        AwaitResolvers, ChangeRecords, Host, InstanceRef, Line, Membership, PublishPage, Purpose, RunCommands,
    };

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn of_ten_days(action: Action) -> Step {
        Step { expected: 10 * DAY, limit: 20 * DAY, ..Step::new("wait", Line::Notify, "wait", action) }
    }

    #[test]
    fn what_can_change_sooner_is_looked_at_more_often() {
        let membership = || Membership { balancer: "lb".into(), kind: BalancerKind::Classic, hosts: Vec::new() };
        let page = || {
            let (bucket, key, distribution, body) = Default::default();
            PublishPage { bucket, key, distribution, body }
        };
        let shortest = |action: &Action| shortest_interval(action).as_secs();
        assert_eq!(shortest(&Action::AwaitDrained(membership())), 15);
        assert_eq!(shortest(&Action::PublishPage(page())), 10);
        assert_eq!(shortest(&Action::AwaitHealthy(membership())), 5);
        assert_eq!(shortest(&Action::Milestone), 3);
    }

    #[test]
    fn what_a_host_does_is_looked_at_soon_at_first_and_a_service_that_limits_its_calls_is_not() {
        let host = Host { name: "edx-0".into(), instance: InstanceRef::Known("i-0".into()) };
        let commands = RunCommands { host, purpose: Purpose::Freeze, commands: Vec::new() };
        let on_host = of_ten_days(Action::RunCommands(commands));
        let between = |elapsed: u64| interval(&on_host, Duration::from_millis(elapsed)).as_millis();
        assert_eq!([0, 4_000, 12_000, 60_000].map(between), [300, 1_000, 3_000, 3_000]);
        let records = ChangeRecords { zone: "example.org.".into(), records: Vec::new() };
        let of_records = of_ten_days(Action::ChangeRecords(records));
        assert_eq!(interval(&of_records, Duration::ZERO).as_secs(), 3);
    }

    #[test]
    fn resolvers_are_asked_as_soon_as_the_old_answer_must_be_forgotten() {
        let wait = AwaitResolvers {
            records: Vec::new(),
            resolvers: Vec::new(),
            forget: Duration::from_secs(64),
            settle: Duration::from_secs(30),
        };
        let step = of_ten_days(Action::AwaitResolvers(wait));
        let between = |elapsed: u64| interval(&step, Duration::from_secs(elapsed)).as_secs();
        assert_eq!((between(0), between(60), between(63)), (10, 4, 1));
        assert_eq!(between(64), 3, "from now on they are asked again and again");
    }

    #[test]
    fn what_takes_days_is_looked_at_often_at_first_and_rarely_far_from_its_end() {
        let (step, day) = (of_ten_days(Action::Milestone), DAY);
        let between = |elapsed: Duration| interval(&step, elapsed).as_secs();
        assert_eq!(between(Duration::ZERO), 3, "it may fail at once");
        assert_eq!(between(Duration::from_secs(600)), 30);
        assert_eq!(between(5 * day), 900, "its end is noticed 15 minutes late at most");
        assert_eq!(between(10 * day - Duration::from_secs(600)), 6);
        assert_eq!(between(10 * day + Duration::from_secs(600)), 6);
        assert_eq!(between(12 * day), 900);
    }
}
