//! Differences that the upgrade under way explains. What an unfinished step has changed is not a problem while a conductor
//! is at work.

use crate::journal::{Run, StepRun, StepStatus, Upgrade};
use crate::names::{BalancerName, DatabaseName, DnsName, HostName};
use crate::observation::BalancerState;
use crate::plan::{Action, InstanceRef, Phase, Step};

/// An upgrade under way.
#[derive(Clone, Copy)]
pub(super) struct UnderWay<'a> {
    upgrade: &'a Upgrade,
    /// Whether a conductor is at work.
    is_conducted: bool,
}

/// Where the record of a name may point now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expected<'a> {
    /// Where it belongs.
    pub(super) belongs: &'a DnsName,
    /// Where changes would point it that may have been made, or not.
    pub(super) perhaps: Vec<&'a DnsName>,
}

impl Expected<'_> {
    /// Whether a record that points to `target` is as it should be.
    pub(super) fn includes(&self, target: &DnsName) -> bool {
        self.belongs.is_same(target) || self.perhaps.iter().any(|perhaps| perhaps.is_same(target))
    }
}

impl<'a> UnderWay<'a> {
    pub(super) const fn of(upgrade: &'a Upgrade, is_conducted: bool) -> Self {
        Self { upgrade, is_conducted }
    }

    /// Whether a conductor is at work.
    pub(super) const fn is_conducted(self) -> bool {
        self.is_conducted
    }

    /// The window, while it is under way.
    fn window(self) -> Option<&'a Run> {
        self.upgrade.run_of(Phase::Window).filter(|run| run.is_under_way())
    }

    /// The steps of `phase`, while somebody conducts it.
    fn conducted(self, phase: Phase) -> impl Iterator<Item = (&'a Step, &'a StepRun)> {
        let run = self.upgrade.run_under_way().filter(|run| self.is_conducted && run.kind == phase.into());
        run.into_iter().flat_map(Run::runs)
    }

    /// Where the record of `name` may point, which is at `balancer` outside the window. The change that the window has
    /// made last says where it belongs, whether anybody conducts the window now or not.
    pub(super) fn expected(self, name: &DnsName, balancer: &'a DnsName) -> Expected<'a> {
        let mut expected = Expected { belongs: balancer, perhaps: Vec::new() };
        // In the order of the plan.
        for (step, run) in self.window().into_iter().flat_map(Run::runs) {
            let Action::ChangeRecords(change) = &step.action else { continue };
            let Some(record) = change.records.iter().find(|record| record.name == *name) else { continue };
            if run.status.is_done() {
                expected = Expected { belongs: &record.target, perhaps: Vec::new() };
            } else if run.acts_since().is_some() {
                expected.perhaps.push(&record.target);
            }
        }
        expected
    }

    /// Whether the window has stopped hosts of this balancer, or changed its members, and still goes on towards the next
    /// ones in service.
    pub(super) fn is_disturbing(self, balancer: &BalancerName, seen: &BalancerState) -> bool {
        let of_balancer = |step: &Step| match &step.action {
            Action::Register(members) | Action::Deregister(members) | Action::AwaitHealthy(members) => {
                members.balancer == *balancer
            }
            Action::StopServices(stop) => match &stop.host.instance {
                InstanceRef::Known(instance) => seen.members.contains_key(instance),
                InstanceRef::MadeBy(_) => false,
            },
            _ => false,
        };
        let waits_for_next = |step: &Step| matches!(step.action, Action::AwaitHealthy(_));
        let steps: Vec<_> = self.conducted(Phase::Window).filter(|(step, _)| of_balancer(step)).collect();
        let has_failed = |(_, run): &(_, &StepRun)| matches!(run.status, StepStatus::Failed { .. });
        steps.iter().any(|(step, run)| !waits_for_next(step) && !run.status.is_untouched())
            && !steps.iter().any(has_failed)
            && !steps.iter().any(|(step, run)| waits_for_next(step) && run.status.is_done())
    }

    /// Whether the window takes a snapshot of this database instance.
    pub(super) fn is_taking_snapshot(self, database: &DatabaseName) -> bool {
        self.conducted(Phase::Window).any(|(step, run)| match &step.action {
            Action::TakeSnapshot { database: of, .. } => of == database && run.status.is_open(),
            _ => false,
        })
    }

    /// Whether `prepare` launches this host, or is going to.
    pub(super) fn is_launching(self, host: &HostName) -> bool {
        self.conducted(Phase::Prepare).any(|(step, run)| match &step.action {
            Action::Launch(launch) => launch.name == *host && (run.status.is_open() || run.status.is_untouched()),
            _ => false,
        })
    }
}

/// The maintenance page that the last `announce` has published.
pub(super) fn announced_page(upgrade: &Upgrade) -> Option<&str> {
    let announced = upgrade.run_of(Phase::Announce).filter(|run| !run.is_under_way())?;
    announced.plan.steps.iter().find_map(|step| match &step.action {
        Action::PublishPage(page) => Some(page.body.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::deployment::BalancerKind;
    use crate::digest::Digest;
    use crate::journal::{Event, RunNumber};
    use crate::names::StepId;
    use crate::observation::HealthCheck;
    use crate::plan::{ChangeRecords, Host, Membership, RecordTarget};
    use crate::testing::{plan, step};

    /// A window of these steps, of which some were started and some of these have ended.
    fn window_of(steps: &[(&str, Action)], started: &[&str], done: &[&str]) -> Upgrade {
        let steps = steps.iter().map(|(id, action)| step(id, action.clone(), &[])).collect();
        let plan = Arc::new(plan(Phase::Window, steps));
        let (run, deployment) = (RunNumber(1), Digest::of(b""));
        let begin = Event::RunStarted { run, kind: Phase::Window.into(), plan, deployment };
        let starts = started.iter().map(|id| Event::StepStarted { step: StepId::from(*id), attempt: 1 });
        let ends = done.iter().map(|id| Event::StepDone { step: StepId::from(*id), facts: Vec::new() });
        let mut upgrade = Upgrade::default();
        for event in std::iter::once(begin).chain(starts).chain(ends) {
            upgrade.apply(Timestamp::UNIX_EPOCH, &event).expect("it can follow");
        }
        upgrade
    }

    fn fail(upgrade: &mut Upgrade, step: &str) {
        let failed =
            Event::StepFailed { step: step.into(), error: "no".to_owned(), in_doubt: false, changed_nothing: true };
        upgrade.apply(Timestamp::UNIX_EPOCH, &failed).expect("it can follow");
    }

    fn points_at(target: &str) -> Action {
        let record = RecordTarget { name: "lms.z".into(), target: target.into(), ttl: Duration::from_secs(60) };
        Action::ChangeRecords(ChangeRecords { zone: "z.".to_owned(), records: vec![record] })
    }

    #[test]
    fn a_record_belongs_where_the_window_has_pointed_it_last() {
        let steps = [("post", points_at("page")), ("lift", points_at("balancer"))];
        let is_expected = |started: &[&str], done: &[&str]| {
            let upgrade = window_of(&steps, started, done);
            let (name, balancer) = ("lms.z".into(), "balancer".into());
            // Whether anybody conducts the window makes no difference.
            [true, false].map(|is_conducted| {
                let expected = UnderWay::of(&upgrade, is_conducted).expected(&name, &balancer);
                ["page", "balancer", "elsewhere"].map(|target| expected.includes(&target.into()))
            })
        };
        assert_eq!(is_expected(&[], &[]), [[false, true, false]; 2]);
        assert_eq!(is_expected(&["post"], &[]), [[true, true, false]; 2], "the change is on its way");
        assert_eq!(is_expected(&["post"], &["post"]), [[true, false, false]; 2], "the hosts are being upgraded");
        assert_eq!(is_expected(&["post", "lift"], &["post"]), [[true, true, false]; 2]);
        assert_eq!(is_expected(&["post", "lift"], &["post", "lift"]), [[false, true, false]; 2]);
    }

    #[test]
    fn a_record_may_point_where_a_failed_change_would_point_it_unless_that_has_changed_nothing() {
        let steps = [("post", points_at("page"))];
        for changed_nothing in [true, false] {
            let mut upgrade = window_of(&steps, &["post"], &[]);
            let (step, error) = ("post".into(), "no".to_owned());
            let failed = Event::StepFailed { step, error, in_doubt: false, changed_nothing };
            upgrade.apply(Timestamp::UNIX_EPOCH, &failed).expect("it can follow");
            let (name, balancer) = ("lms.z".into(), "balancer".into());
            let expected = UnderWay::of(&upgrade, false).expected(&name, &balancer);
            assert_eq!((expected.includes(&"page".into()), expected.includes(&balancer)), (!changed_nothing, true));
        }
    }

    #[test]
    fn a_balancer_is_disturbed_from_the_first_change_of_its_members_until_the_next_ones_are_in_service() {
        let members = |balancer: &str| {
            let host = Host { name: "h".into(), instance: InstanceRef::Known("i-1".into()) };
            Membership { balancer: balancer.into(), kind: BalancerKind::Classic, hosts: vec![host] }
        };
        let steps = [("out", Action::Deregister(members("lms"))), ("healthy", Action::AwaitHealthy(members("lms")))];
        let health_check = HealthCheck { interval: Duration::ZERO, healthy_threshold: 1, unhealthy_threshold: 1 };
        let (kind, draining) = (BalancerKind::Classic, Duration::ZERO);
        let seen = BalancerState { kind, health_check, draining, members: BTreeMap::new() };
        let is_disturbed_by = |upgrade: &Upgrade, balancer: &str, is_conducted| {
            UnderWay::of(upgrade, is_conducted).is_disturbing(&balancer.into(), &seen)
        };
        let is_disturbed = |balancer: &str, started: &[&str], done: &[&str]| {
            is_disturbed_by(&window_of(&steps, started, done), balancer, true)
        };
        assert!(!is_disturbed("lms", &[], &[]));
        assert!(is_disturbed("lms", &["out"], &[]));
        assert!(!is_disturbed("studio", &["out"], &[]), "another balancer");
        assert!(is_disturbed("lms", &["out"], &["out"]), "the hosts are migrated");
        assert!(is_disturbed("lms", &["out", "healthy"], &["out"]));
        assert!(!is_disturbed("lms", &["out", "healthy"], &["out", "healthy"]));
        let mut upgrade = window_of(&steps, &["out", "healthy"], &["out"]);
        assert!(!is_disturbed_by(&upgrade, "lms", false), "nobody waits for the next hosts");
        fail(&mut upgrade, "healthy");
        assert!(!is_disturbed_by(&upgrade, "lms", true), "nobody waits for the next hosts any more");
    }

    #[test]
    fn a_snapshot_is_being_taken_only_while_somebody_conducts_the_window() {
        let snapshot = Action::TakeSnapshot { database: "db".into(), snapshot: "s".into() };
        let mut upgrade = window_of(&[("snapshot", snapshot)], &["snapshot"], &[]);
        let is_taking =
            |upgrade: &Upgrade| [true, false].map(|one| UnderWay::of(upgrade, one).is_taking_snapshot(&"db".into()));
        assert_eq!(is_taking(&upgrade), [true, false]);
        fail(&mut upgrade, "snapshot");
        assert_eq!(is_taking(&upgrade), [false, false]);
    }
}
