//! What an upgrade that is under way has changed, according to its journal: a check does not report that as a fault.

use crate::journal::{Run, StepRun, Upgrade};
use crate::names::{BalancerName, DatabaseName, DnsName};
use crate::observation::{BalancerState, Record};
use crate::plan::{Action, InstanceRef, Phase, Step};

/// The window, while it is under way.
fn window(upgrade: &Upgrade) -> Option<&Run> {
    upgrade.run_of(Phase::Window).filter(|run| run.is_under_way())
}

/// The steps of the window under way that may have changed something.
fn begun(upgrade: &Upgrade) -> impl Iterator<Item = (&Step, &StepRun)> {
    let runs = window(upgrade).into_iter().flat_map(Run::runs);
    runs.filter(|(_, run)| !run.status.is_untouched())
}

/// Whether the window under way has pointed this name to where its record points now. While a change is on its way, the
/// target from before is expected too.
pub(super) fn has_pointed(upgrade: &Upgrade, name: &DnsName, seen: &Record) -> bool {
    let targets = begun(upgrade).filter_map(|(step, run)| match &step.action {
        Action::ChangeRecords(change) => {
            let record = change.records.iter().find(|record| record.name == *name)?;
            Some((&record.target, run.status.is_done()))
        }
        _ => None,
    });
    // In the order of the plan, of which the last one counts.
    let mut expected = Vec::new();
    for (target, is_done) in targets {
        if is_done {
            expected.clear();
        }
        expected.push(target);
    }
    expected.iter().any(|target| target.is_same(&seen.target))
}

/// Whether the window under way has stopped hosts of this balancer, or changed its members, and has not yet seen the next
/// ones in service.
pub(super) fn has_disturbed(upgrade: &Upgrade, balancer: &BalancerName, seen: &BalancerState) -> bool {
    let is_in_service = |(step, run): (&Step, &StepRun)| match &step.action {
        Action::AwaitHealthy(members) => members.balancer == *balancer && run.status.is_done(),
        _ => false,
    };
    let disturbs = |(step, _): (&Step, &StepRun)| match &step.action {
        Action::Register(members) | Action::Deregister(members) => members.balancer == *balancer,
        Action::StopServices(stop) => match &stop.host.instance {
            InstanceRef::Known(instance) => seen.members.contains_key(instance),
            InstanceRef::MadeBy(_) => false,
        },
        _ => false,
    };
    begun(upgrade).any(disturbs) && !begun(upgrade).any(is_in_service)
}

/// Whether the window under way takes a snapshot of this database instance.
pub(super) fn is_taking_snapshot(upgrade: &Upgrade, database: &DatabaseName) -> bool {
    begun(upgrade).any(|(step, run)| match &step.action {
        Action::TakeSnapshot { database: of, .. } => of == database && run.status.is_open(),
        _ => false,
    })
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

    fn points_at(target: &str) -> Action {
        let record = RecordTarget { name: "lms.z".into(), target: target.into(), ttl: Duration::from_secs(60) };
        Action::ChangeRecords(ChangeRecords { zone: "z.".to_owned(), records: vec![record] })
    }

    #[test]
    fn a_record_is_expected_where_the_window_has_pointed_it_last() {
        let steps = [("post", points_at("page")), ("lift", points_at("balancer"))];
        let is_expected = |started: &[&str], done: &[&str]| {
            let upgrade = window_of(&steps, started, done);
            ["page", "balancer"].map(|target| {
                let seen = Record { target: target.into(), ttl: Duration::from_secs(60) };
                has_pointed(&upgrade, &"lms.z".into(), &seen)
            })
        };
        assert_eq!(is_expected(&[], &[]), [false, false]);
        assert_eq!(is_expected(&["post"], &[]), [true, false]);
        assert_eq!(is_expected(&["post"], &["post"]), [true, false]);
        assert_eq!(is_expected(&["post", "lift"], &["post"]), [true, true], "the change is on its way");
        assert_eq!(is_expected(&["post", "lift"], &["post", "lift"]), [false, true]);
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
        let is_disturbed = |balancer: &str, started: &[&str], done: &[&str]| {
            has_disturbed(&window_of(&steps, started, done), &balancer.into(), &seen)
        };
        assert!(!is_disturbed("lms", &[], &[]));
        assert!(is_disturbed("lms", &["out"], &[]));
        assert!(!is_disturbed("studio", &["out"], &[]), "another balancer");
        assert!(is_disturbed("lms", &["out", "healthy"], &["out"]));
        assert!(!is_disturbed("lms", &["out", "healthy"], &["out", "healthy"]));
    }
}
