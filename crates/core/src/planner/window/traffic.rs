//! Where visitors are sent: to the maintenance page and back, and the balancers' members.

use std::time::Duration;

use super::Window;
use super::ids::{deregister_id, diverted_id, healthy_id, page_id, returned_id, served_id, verify_id};
use crate::deployment::{AnnounceWhen, Balancer, BalancerKind, Fleet, GateBefore, Role, Site};
use crate::names::{DnsName, StepId};
use crate::plan::{
    Action, AwaitResolvers, ChangeRecords, Host, Line, Membership, Phase, RecordTarget, Rule, Step, Undo, Via,
};
use crate::planner::announce::announcements;
use crate::planner::build::{CALL, CALL_LIMIT, joined, step};
use crate::planner::gates::gates;
use crate::time::{between, later};
use crate::words::count;

impl<'a> Window<'a> {
    pub(super) fn post_page(&self, fleet: &Fleet) -> Vec<Step> {
        let dns = &self.deployment.dns;
        let page = &self.deployment.maintenance_page.domain;
        let to_page = self.records(fleet, |_| Some(page.clone()));
        let sync = self.deployment.expected.dns_sync.duration();
        let posted = step(
            page_id(fleet),
            Line::PostPage,
            format!("point {} at the maintenance page", count(to_page.len(), "record")),
            self.change(to_page.clone()),
        )
        .of_fleet(&fleet.name)
        .after(&"window.open".into(), Rule::WindowOpens)
        .after_all(self.baseline_taken(fleet).as_slice(), Rule::BaselineFirst)
        .after_all(&self.statements_read(fleet), Rule::StatementsFirst)
        .takes(sync, CALL_LIMIT + 10 * sync)
        .undone_by(self.change(self.to_balancers(fleet)), sync + dns.window_ttl.duration());
        let diverted = self
            .await_resolvers(
                diverted_id(fleet),
                fleet,
                Line::PostPage,
                AwaitResolvers {
                    records: to_page,
                    resolvers: dns.resolvers.clone(),
                    forget: self.forget_sites(fleet),
                    settle: dns.settle.duration(),
                },
            )
            .after(&posted.id, Rule::Follows);
        vec![posted, diverted]
    }

    /// Takes the current hosts out of their balancers as soon as visitors are diverted, at the same time as everything
    /// else.
    pub(super) fn remove_current(&self, fleet: &Fleet) -> Vec<Step> {
        let hosts = self.current.of(&fleet.name, Role::Edxapp);
        let balancers = self.balancers(fleet);
        balancers
            .flat_map(|balancer| {
                let members = membership(balancer, hosts);
                let title = format!("take {} out of {}", count(hosts.len(), "current host"), balancer.name);
                let action = Action::Deregister(members.clone());
                let removed = step(deregister_id(&balancer.name), Line::RemoveCurrent, title, action)
                    .of_fleet(&fleet.name)
                    .after(&diverted_id(fleet), Rule::VisitorsDiverted)
                    .undone_by(Action::Register(members.clone()), self.until_served_again(balancer));
                let draining = self.inputs.observation.balancers.get(&balancer.name).map(|state| state.draining);
                let draining = draining.unwrap_or_default();
                let title = format!("wait until {} has drained them", balancer.name);
                let action = Action::AwaitDrained(members);
                let drained = step(format!("window.drained.{}", balancer.name), Line::RemoveCurrent, title, action)
                    .of_fleet(&fleet.name)
                    .after(&removed.id, Rule::Follows)
                    .takes(draining, CALL_LIMIT + 2 * draining);
                [removed, drained]
            })
            .collect()
    }

    /// Registers next hosts: in a classic ELB early and out of service, in a target group only once they serve.
    pub(super) fn add_next(&self, fleet: &'a Fleet) -> Vec<Step> {
        let hosts = self.next.of(&fleet.name, Role::Edxapp);
        let starts = self.started(fleet).ids;
        let page_stays = self.page_stays[&fleet.name];
        self.balancers(fleet)
            .flat_map(|balancer| {
                let members = membership(balancer, hosts);
                let title = format!("register {} in {}", count(hosts.len(), "next host"), balancer.name);
                let action = Action::Register(members.clone());
                let id = StepId::from(format!("window.register.{}", balancer.name));
                let registered = step(id, Line::AddNext, title, action)
                    .of_fleet(&fleet.name)
                    .undone_by(Action::Deregister(members.clone()), CALL);
                let registered = match balancer.kind {
                    BalancerKind::Classic => registered.after(&diverted_id(fleet), Rule::VisitorsDiverted),
                    BalancerKind::TargetGroup => {
                        registered.after_all(&starts, Rule::ServesFirst).page_stays(page_stays)
                    }
                };
                let until = self.until_in_service(balancer);
                let title = format!("wait until {} has them in service", balancer.name);
                let healthy = step(healthy_id(&balancer.name), Line::AddNext, title, Action::AwaitHealthy(members))
                    .of_fleet(&fleet.name)
                    .after(&registered.id, Rule::RegisteredAndServing)
                    .after_all(&starts, Rule::RegisteredAndServing)
                    .takes(until, CALL_LIMIT + 3 * until)
                    .page_stays(page_stays);
                [registered, healthy]
            })
            .collect()
    }

    pub(super) fn lift(&self) -> Vec<Step> {
        let sites = &self.deployment.sites;
        let gates = gates(self.deployment, GateBefore::Lift, "window", Line::Verify);
        let (verified, rule) = (sites.iter().map(verify_id).collect(), Rule::VerifiedFirst);
        let verified = joined(verified, gates.len(), rule, "window.verified", Line::Verify, "all sites are verified");
        let workers: Vec<StepId> =
            self.deployment.fleets.iter().flat_map(|fleet| self.workers_started(fleet).ids).collect();
        let written: Vec<StepId> = self.deployment.fleets.iter().flat_map(|fleet| self.writes_tried(fleet)).collect();
        let compared = self.rows_compared();
        let gates = gates.into_iter().map(|gate| {
            gate.after_all(&verified.ids, Rule::VerifiedFirst)
                .after_all(&workers, Rule::WorkersRun)
                .after_all(&written, Rule::WritesWork)
                .after_all(&compared, Rule::RowsCounted)
                .page_stays(Some("nobody has approved what visitors would see"))
        });
        let gates: Vec<Step> = gates.collect();
        let decided: Vec<StepId> = gates.iter().map(|gate| gate.id.clone()).collect();
        let lifted = self.deployment.fleets.iter().flat_map(|fleet| self.lift_fleet(fleet, &decided));
        let lifted: Vec<Step> = lifted.collect();
        let soaks: Vec<Step> = self.deployment.fleets.iter().filter_map(|fleet| self.soak(fleet)).collect();
        let soaked: Vec<StepId> = soaks.iter().map(|step| step.id.clone()).collect();
        let line = if soaks.is_empty() { Line::LiftPage } else { Line::Soak };
        let announced = announcements(self.deployment, AnnounceWhen::Done, "window", line);
        let (served, title) = (sites.iter().map(served_id).collect(), "visitors get all sites again");
        let served = joined(served, announced.len(), rule, "window.served", Line::LiftPage, title);
        let announced = announced
            .into_iter()
            .map(|step| step.after_all(&served.ids, Rule::VerifiedFirst).after_all(&soaked, Rule::SoakedFirst));
        let milestones = verified.milestone.into_iter().chain(served.milestone.clone());
        milestones.chain(gates).chain(lifted).chain(soaks).chain(announced).collect()
    }

    fn lift_fleet(&self, fleet: &'a Fleet, decided: &[StepId]) -> Vec<Step> {
        let to_balancers = self.to_balancers(fleet);
        let page = &self.deployment.maintenance_page.domain;
        let verified: Vec<StepId> = self.deployment.sites_of(fleet).map(verify_id).collect();
        let sync = self.deployment.expected.dns_sync.duration();
        let (stopped, running) = self.looks_before_lift(fleet, &verified, decided);
        let title = format!("point {} back at the balancers", count(to_balancers.len(), "record"));
        let id = StepId::from(format!("window.lift.{}", fleet.name));
        let lifted = step(id, Line::LiftPage, title, self.change(to_balancers.clone()))
            .of_fleet(&fleet.name)
            .after_all(&verified, Rule::VerifiedFirst)
            .after_all(&self.writes_tried(fleet), Rule::WritesWork)
            .after_all(decided, Rule::Decision)
            .after_all(&ids(&stopped), Rule::OldCodeStopped)
            .after_all(&ids(&running), Rule::NewCodeRuns)
            .takes(sync, CALL_LIMIT + 10 * sync)
            .undone_by(self.change(self.records(fleet, |_| Some(page.clone()))), sync);
        let returned = self
            .await_resolvers(
                returned_id(fleet),
                fleet,
                Line::LiftPage,
                AwaitResolvers {
                    records: to_balancers,
                    resolvers: self.deployment.dns.resolvers.clone(),
                    forget: self.deployment.dns.window_ttl.duration(),
                    settle: Duration::ZERO,
                },
            )
            .after(&lifted.id, Rule::Follows);
        let expected = self.deployment.expected.site_check.duration();
        let served = self.deployment.sites_of(fleet).map(|site| {
            let title = format!("check {} as visitors see it", site.host);
            step(served_id(site), Line::LiftPage, title, self.check_site(fleet, site, Via::PublicDns))
                .of_fleet(&fleet.name)
                .after(&returned.id, Rule::Follows)
                .takes(expected, CALL_LIMIT + 5 * expected)
        });
        let served: Vec<Step> = served.collect();
        stopped.into_iter().chain(running).chain([lifted, returned]).chain(served).collect()
    }

    fn await_resolvers(&self, id: StepId, fleet: &Fleet, line: Line, wait: AwaitResolvers) -> Step {
        let expected = wait.forget + wait.settle;
        step(id, line, "wait until resolvers have forgotten the old answer", Action::AwaitResolvers(wait))
            .of_fleet(&fleet.name)
            .takes(expected, CALL_LIMIT + 2 * expected)
    }

    /// How long resolvers may keep the previous answer after the page is put up: the observed TTL, or the rest of the
    /// TTL that `prepare` has lowered, if that was shortly before the window.
    fn forget_sites(&self, fleet: &Fleet) -> Duration {
        // After the page was put up, the records no longer show the TTL that resolvers had before.
        if let Some(run) = self.inputs.upgrade.run_of(Phase::Window)
            && !run.status(&page_id(fleet)).is_untouched()
            && let Some(Action::AwaitResolvers(wait)) = run.plan.step(&diverted_id(fleet)).map(|step| &step.action)
        {
            return wait.forget;
        }
        let lowered = self.deployment.dns.window_ttl.duration();
        if !self.inputs.upgrade.finished(Phase::Prepare) {
            return lowered;
        }
        let observed = |site: &Site| self.inputs.observation.records.get(&site.host).map(|record| record.ttl);
        let observed = self.deployment.sites_of(fleet).filter_map(observed).fold(lowered, Duration::max);
        observed.max(self.rest_of_old_ttl())
    }

    fn rest_of_old_ttl(&self) -> Duration {
        let prepare = self.inputs.upgrade.run_of(Phase::Prepare);
        let lowered = prepare.and_then(|run| {
            let step = run.plan.steps.iter().find(|step| step.line == Line::LowerTtl)?;
            let Undo::By { action, .. } = &step.undo else { return None };
            let Action::ChangeRecords(before) = &**action else { return None };
            let old = before.records.iter().map(|record| record.ttl).max()?;
            Some(later(run.run(&step.id).ended_at?, old))
        });
        let posted = self.inputs.observation.at.max(self.deployment.window.start.timestamp);
        lowered.map_or(Duration::ZERO, |until| between(posted, until))
    }

    fn balancers(&self, fleet: &'a Fleet) -> impl Iterator<Item = &'a Balancer> + use<'a> {
        let deployment = self.deployment;
        fleet.edxapp.balancers.iter().filter_map(move |name| deployment.balancer(name))
    }

    fn change(&self, records: Vec<RecordTarget>) -> Action {
        Action::ChangeRecords(ChangeRecords { zone: self.deployment.dns.zone.clone(), records })
    }

    fn to_balancers(&self, fleet: &Fleet) -> Vec<RecordTarget> {
        self.records(fleet, |site| self.deployment.balancer(&site.balancer).map(|balancer| balancer.domain.clone()))
    }

    fn records(&self, fleet: &Fleet, target: impl Fn(&Site) -> Option<DnsName>) -> Vec<RecordTarget> {
        let ttl = self.deployment.dns.window_ttl.duration();
        let sites = self.deployment.sites_of(fleet);
        sites.filter_map(|site| Some(RecordTarget { name: site.host.clone(), target: target(site)?, ttl })).collect()
    }

    /// How long a current host takes on the way back, from stopped to in service.
    fn until_served_again(&self, balancer: &Balancer) -> Duration {
        self.deployment.role.edxapp.start_expected.duration() + self.until_in_service(balancer)
    }

    /// How long a balancer takes to put a serving host in service: a classic ELB needs its whole threshold of checks,
    /// and a target group needs one check of a new target.
    fn until_in_service(&self, balancer: &Balancer) -> Duration {
        let Some(state) = self.inputs.observation.balancers.get(&balancer.name) else { return Duration::ZERO };
        match balancer.kind {
            BalancerKind::Classic => state.health_check.interval * state.health_check.healthy_threshold,
            BalancerKind::TargetGroup => state.health_check.interval,
        }
    }
}

fn ids(steps: &Option<Step>) -> Vec<StepId> {
    steps.iter().map(|step| step.id.clone()).collect()
}

fn membership(balancer: &Balancer, hosts: &[Host]) -> Membership {
    Membership { balancer: balancer.name.clone(), kind: balancer.kind, hosts: hosts.to_vec() }
}
