//! The window phase: from the maintenance page to the new release.
//!
//! Each function makes the steps of one line of the runbook, with the edges that its rules demand. Fleets are
//! lanes side by side; they meet only where they share a database instance.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Inputs;
use super::announce::announcements;
use super::build::{CALL, CALL_LIMIT, step};
use super::hosts::HostsByGroup;
use super::prepare::{gates, stop_services};
use crate::deployment::{
    AnnounceWhen, Balancer, BalancerKind, Database, Deployment, Fleet, GateBefore, Migration, Role, Site,
};
use crate::names::{BalancerName, DatabaseName, DnsName, FleetName, StepId};
use crate::plan::{
    Action, AwaitResolvers, ChangeRecords, CheckSite, Host, HostPrograms, Line, Membership, Migrate, RecordTarget,
    Rule, StartServices, Step, Via,
};

const NEW_CODE_ONLY: &str = "the schema may be migrated, and old code must not serve or write on it";

pub(super) fn steps(inputs: Inputs<'_>) -> Vec<Step> {
    let window = Window::new(inputs);
    let mut steps = window.open();
    for fleet in &window.deployment.fleets {
        steps.extend(window.post_page(fleet));
        steps.extend(window.stop_current(fleet));
        steps.extend(window.remove_current(fleet));
    }
    steps.extend(window.deployment.databases.iter().filter(|database| database.snapshot).map(|d| window.snapshot(d)));
    let gates = gates(window.deployment, GateBefore::Migrate, "window", Line::Migrate);
    for fleet in &window.deployment.fleets {
        steps.push(window.confirm_stopped(fleet));
    }
    let gates: Vec<Step> =
        gates.into_iter().map(|gate| gate.after_all(&window.confirmations(), Rule::WritersStopped)).collect();
    let decided: Vec<StepId> = gates.iter().map(|gate| gate.id.clone()).collect();
    steps.extend(gates);
    for fleet in &window.deployment.fleets {
        steps.extend(window.migrate(fleet, &decided));
        steps.extend(window.start_next(fleet));
        steps.extend(window.add_next(fleet));
        steps.extend(window.verify(fleet));
    }
    steps.extend(window.lift());
    steps
}

/// How much longer before the start than a snapshot takes the window's preliminaries begin.
const LEAD: Duration = Duration::from_secs(900);

/// What all lines of the window need, looked up once.
struct Window<'a> {
    inputs: Inputs<'a>,
    deployment: &'a Deployment,
    current: HostsByGroup,
    next: HostsByGroup,
    page_stays: BTreeMap<&'a FleetName, Option<&'static str>>,
}

impl<'a> Window<'a> {
    fn new(inputs: Inputs<'a>) -> Self {
        let deployment = inputs.deployment;
        let page_stays = |fleet: &'a Fleet| {
            let compatible = deployment.migrations_of(fleet).all(|migration| migration.backward_compatible);
            if compatible { None } else { Some(NEW_CODE_ONLY) }
        };
        Self {
            inputs,
            deployment,
            current: HostsByGroup::current(inputs),
            next: HostsByGroup::next(inputs),
            page_stays: deployment.fleets.iter().map(|fleet| (&fleet.name, page_stays(fleet))).collect(),
        }
    }

    /// What costs no downtime, shortly before the announced start: decisions, and a snapshot that makes the one in
    /// the window short. Then the wait for the start itself.
    fn open(&self) -> Vec<Step> {
        let deployment = self.deployment;
        let (start, snapshot) = (deployment.window.start, deployment.expected.snapshot.duration());
        let late = crate::time::earlier(start.timestamp, snapshot) < self.inputs.observation.at;
        let mut steps = Vec::new();
        if !late {
            // Taken days before, a snapshot would make nothing short, and a decision would be out of date.
            let moment = crate::time::earlier(start.timestamp, snapshot + LEAD);
            let title = format!("wait until {}", start.show(moment));
            steps.push(
                step("window.lead", Line::Open, title, Action::WaitUntil { moment })
                    .takes(Duration::ZERO, super::build::GATE_LIMIT),
            );
        }
        let lead: Vec<StepId> = steps.iter().map(|step: &Step| step.id.clone()).collect();
        let warm_up = deployment.databases.iter().filter(|database| database.warm_up_snapshot && !late);
        let warm_up = warm_up.map(|database| self.take_snapshot(database, "warm-up", Line::Open, snapshot));
        let gates = gates(deployment, GateBefore::Window, "window", Line::Open);
        steps.extend(warm_up.chain(gates).map(|step| step.after_all(&lead, Rule::Follows)));
        let open = step(
            "window.open",
            Line::Open,
            format!("wait until {start}"),
            Action::WaitUntil { moment: start.timestamp },
        );
        let open =
            steps.iter().fold(open.takes(Duration::ZERO, super::build::GATE_LIMIT), |open, step| match step.action {
                Action::Decide(_) => open.after(&step.id, Rule::Decision),
                Action::WaitUntil { .. } => open,
                _ => open.after(&step.id, Rule::WarmUpFirst),
            });
        let announced = announcements(deployment, AnnounceWhen::Started, "window", Line::PostPage);
        let announced = announced.into_iter().map(|step| step.after(&open.id, Rule::WindowOpens));
        let announced: Vec<Step> = announced.collect();
        steps.push(open);
        steps.extend(announced);
        steps
    }

    fn post_page(&self, fleet: &Fleet) -> Vec<Step> {
        let dns = &self.deployment.dns;
        let page = &self.deployment.maintenance_page.domain;
        let to_page = self.records(fleet, |_| Some(page.clone()));
        let sync = self.deployment.expected.dns_sync.duration();
        let posted = step(
            format!("window.page.{}", fleet.name),
            Line::PostPage,
            format!("point {} records at the maintenance page", to_page.len()),
            self.change(to_page.clone()),
        )
        .of_fleet(&fleet.name)
        .after(&"window.open".into(), Rule::WindowOpens)
        .takes(sync, CALL_LIMIT + 10 * sync)
        .undone_by(self.change(self.to_balancers(fleet)), sync + dns.window_ttl.duration());
        let diverted = self
            .await_resolvers(diverted_id(fleet), fleet, Line::PostPage, to_page, dns.settle.duration())
            .after(&posted.id, Rule::Follows);
        vec![posted, diverted]
    }

    /// Stops the current hosts. Those that serve wait until visitors are diverted. Workers serve nobody: without a
    /// drain they stop while visitors are being diverted; with one, once the queues are empty.
    fn stop_current(&self, fleet: &Fleet) -> Vec<Step> {
        let mut steps = Vec::new();
        let edxapp: Vec<StepId> = self.current.of(&fleet.name, Role::Edxapp).iter().map(stop_id).collect();
        let drain = self.drain(fleet, &edxapp);
        let drained = drain.as_ref().map(|step| step.id.clone());
        steps.extend(drain);
        for (role, host) in self.current.of_fleet(&fleet.name) {
            let Some(services) = self.deployment.role.services(role) else { continue };
            let action = stop_services(services, host.clone());
            let stop = step(stop_id(host), Line::StopCurrent, format!("stop services on {}", host.name), action)
                .of_fleet(&fleet.name)
                .takes(services.stop_expected.duration(), services.stop_limit.duration() + CALL_LIMIT)
                .undone_by(start_services(services, host.clone()), services.start_expected.duration());
            steps.push(match (role, &drained) {
                (Role::Edxapp, _) => stop.after(&diverted_id(fleet), Rule::VisitorsDiverted),
                (Role::Worker, Some(drained)) => stop.after(drained, Rule::QueuesDrained),
                (Role::Worker, None) => stop.after(&"window.open".into(), Rule::WindowOpens),
            });
        }
        steps
    }

    fn drain(&self, fleet: &Fleet, edxapp_stops: &[StepId]) -> Option<Step> {
        let limit = self.deployment.role.worker.as_ref()?.drain_queues?.duration();
        let workers = !self.current.of(&fleet.name, Role::Worker).is_empty();
        let action = Action::DrainQueues { fleet: fleet.name.clone() };
        let drain =
            step(format!("window.drain.{}", fleet.name), Line::StopCurrent, "wait for empty task queues", action)
                .of_fleet(&fleet.name)
                .after_all(edxapp_stops, Rule::Follows)
                .takes(Duration::from_secs(30).min(limit), limit);
        workers.then_some(drain)
    }

    /// Takes the current hosts out of their balancers as soon as visitors are diverted, beside everything else.
    fn remove_current(&self, fleet: &Fleet) -> Vec<Step> {
        let hosts = self.current.of(&fleet.name, Role::Edxapp);
        let balancers = self.balancers(fleet);
        balancers
            .flat_map(|balancer| {
                let members = membership(balancer, hosts);
                let title = format!("take {} current hosts out of {}", hosts.len(), balancer.name);
                let action = Action::Deregister(members.clone());
                let removed = step(deregister_id(&balancer.name), Line::RemoveCurrent, title, action)
                    .of_fleet(&fleet.name)
                    .after(&diverted_id(fleet), Rule::VisitorsDiverted)
                    .undone_by(Action::Register(members.clone()), self.until_in_service(balancer));
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

    /// A snapshot waits for the writers of every fleet on its database instance.
    fn snapshot(&self, database: &Database) -> Step {
        let expected = &self.deployment.expected;
        let length = if database.warm_up_snapshot { expected.incremental_snapshot } else { expected.snapshot };
        let fleets = self.deployment.fleets_on(&database.name);
        let stops: Vec<StepId> = fleets.flat_map(|fleet| self.stops(fleet)).collect();
        self.take_snapshot(database, "window", Line::Snapshot, length.duration())
            .after_all(&stops, Rule::WritersStopped)
    }

    fn take_snapshot(&self, database: &Database, which: &str, line: Line, expected: Duration) -> Step {
        let upgrade = self.deployment.upgrade();
        let action = Action::TakeSnapshot {
            database: database.name.clone(),
            snapshot: format!("cutover-{upgrade}-{which}-{}", database.name).replace('_', "-").into(),
        };
        let title = format!("snapshot {} ({which})", database.name);
        step(snapshot_id(which, &database.name), line, title, action).takes(expected, CALL_LIMIT + 6 * expected)
    }

    /// Right before migrations: nothing has started services again, on current hosts or on next ones.
    fn confirm_stopped(&self, fleet: &Fleet) -> Step {
        let hosts = self.current.of_fleet(&fleet.name).chain(self.next.of_fleet(&fleet.name));
        let hosts = hosts.filter_map(|(role, host)| {
            let services = self.deployment.role.services(role)?;
            Some(HostPrograms {
                host: host.clone(),
                supervisorctl: services.supervisorctl.clone(),
                programs: services.programs.clone(),
            })
        });
        let action = Action::ConfirmStopped { hosts: hosts.collect() };
        let snapshots = self.deployment.databases_of(fleet).filter(|database| database.snapshot);
        let snapshots: Vec<StepId> = snapshots.map(|database| snapshot_id("window", &database.name)).collect();
        let confirm = step(confirm_id(fleet), Line::Migrate, "confirm that all services are still stopped", action)
            .of_fleet(&fleet.name)
            .after_all(&snapshots, Rule::SnapshotFirst);
        // The snapshots have waited for this fleet's writers already; without one, nothing else has.
        if snapshots.is_empty() { confirm.after_all(&self.stops(fleet), Rule::WritersStopped) } else { confirm }
    }

    fn migrate(&self, fleet: &Fleet, decided: &[StepId]) -> Vec<Step> {
        let Some(host) = self.next.of(&fleet.name, Role::Edxapp).first() else { return Vec::new() };
        let mut steps: Vec<Step> = Vec::new();
        for (place, migration) in self.deployment.migrations_of(fleet).enumerate() {
            let Some(migrate) = self.migration(fleet, migration, host, place + 1) else { continue };
            let title = format!("migrate {} {} on {}", migration.service, migration.database, migrate.schema);
            let id =
                format!("window.migrate.{}.{}-{}-{}", fleet.name, place + 1, migration.service, migration.database);
            let step = step(id, Line::Migrate, title, Action::Migrate(migrate))
                .of_fleet(&fleet.name)
                .takes(self.migration_time(fleet, migration), migration.limit.duration())
                .page_stays(self.page_stays[&fleet.name]);
            let step = match steps.last() {
                Some(before) => step.after(&before.id, Rule::OneMigrator),
                None => step.after(&confirm_id(fleet), Rule::WritersStopped).after_all(decided, Rule::Decision),
            };
            steps.push(if migration.backward_compatible { step } else { step.never_undone(self.way_back(fleet)) });
        }
        steps
    }

    fn migration(&self, fleet: &Fleet, migration: &Migration, host: &Host, place: usize) -> Option<Migrate> {
        let schema = fleet.schemas.get(&migration.database)?;
        let upgrade = self.deployment.upgrade();
        Some(Migrate {
            job: format!("cutover-{upgrade}-{}-{place}-{}-{}", fleet.name, migration.service, migration.database)
                .into(),
            host: host.clone(),
            fleet: fleet.name.clone(),
            service: migration.service.clone(),
            database: migration.database.clone(),
            schema: schema.clone(),
            instance: self.deployment.database_of(schema)?.name.clone(),
            command: migration.command.clone(),
            list_command: migration.list_command.clone(),
            directory: migration.directory.clone(),
            user: migration.user.clone(),
            backward_compatible: migration.backward_compatible,
        })
    }

    /// What the file says, unless it was observed that nothing is pending.
    fn migration_time(&self, fleet: &Fleet, migration: &Migration) -> Duration {
        let nothing = self.inputs.observation.pending.iter().any(|pending| {
            pending.fleet == fleet.name
                && pending.service == migration.service
                && pending.database == migration.database
                && pending.count == Some(0)
        });
        if nothing { CALL } else { migration.expected.duration() }
    }

    fn way_back(&self, fleet: &Fleet) -> String {
        let snapshots: Vec<_> = self
            .deployment
            .databases_of(fleet)
            .filter(|database| database.snapshot)
            .map(|database| {
                let others: Vec<&str> = self
                    .deployment
                    .fleets_on(&database.name)
                    .filter(|other| other.name != fleet.name)
                    .map(|other| other.name.as_str())
                    .collect();
                match others.is_empty() {
                    true => format!("restore the snapshot of {}", database.name),
                    false => {
                        format!("restore the snapshot of {}, which rewinds {} too", database.name, others.join(", "))
                    }
                }
            })
            .collect();
        let choices = if snapshots.is_empty() { "there is no snapshot".to_owned() } else { snapshots.join("; ") };
        format!("migrations change the schema for good; to go back, {choices}, or reverse the migrations by hand")
    }

    fn start_next(&self, fleet: &Fleet) -> Vec<Step> {
        let migrated = self.migrated_id(fleet);
        let hosts = self.next.of_fleet(&fleet.name);
        hosts
            .filter_map(|(role, host)| {
                let services = self.deployment.role.services(role)?;
                let action = start_services(services, host.clone());
                let start = step(start_id(host), Line::StartNext, format!("start services on {}", host.name), action)
                    .of_fleet(&fleet.name)
                    .after(&migrated, Rule::MigratedFirst)
                    .takes(services.start_expected.duration(), services.start_limit.duration())
                    .page_stays(self.page_stays[&fleet.name]);
                let stop = stop_services(services, host.clone());
                Some(start.undone_by(stop, services.stop_expected.duration()))
            })
            .collect()
    }

    /// Registers next hosts: in a classic ELB early and out of service, in a target group only once they serve.
    fn add_next(&self, fleet: &Fleet) -> Vec<Step> {
        let hosts = self.next.of(&fleet.name, Role::Edxapp);
        let starts: Vec<StepId> = hosts.iter().map(start_id).collect();
        let page_stays = self.page_stays[&fleet.name];
        self.balancers(fleet)
            .flat_map(|balancer| {
                let members = membership(balancer, hosts);
                let title = format!("register {} next hosts in {}", hosts.len(), balancer.name);
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

    /// Verifies behind the maintenance page: through the balancer, while DNS still points at the page.
    fn verify(&self, fleet: &Fleet) -> Vec<Step> {
        let sites = self.deployment.sites_of(fleet);
        sites
            .filter_map(|site| {
                let balancer = self.deployment.balancer(&site.balancer)?;
                let title = format!("verify {} behind the page", site.host);
                let action = check_site(site, Via::Balancer(balancer.domain.clone()));
                let expected = self.deployment.expected.site_check.duration();
                let verify = step(verify_id(site), Line::Verify, title, action)
                    .of_fleet(&fleet.name)
                    .after(&healthy_id(&site.balancer), Rule::HealthyFirst)
                    .after(&deregister_id(&site.balancer), Rule::CurrentHostsOut)
                    .takes(expected, CALL_LIMIT + 5 * expected);
                Some(verify.page_stays(self.page_stays[&fleet.name]))
            })
            .collect()
    }

    fn lift(&self) -> Vec<Step> {
        let verified: Vec<StepId> = self.deployment.sites.iter().map(verify_id).collect();
        let gates = gates(self.deployment, GateBefore::Lift, "window", Line::Verify);
        let gates = gates.into_iter().map(|gate| {
            gate.after_all(&verified, Rule::VerifiedFirst)
                .page_stays(Some("nobody has approved what visitors would see"))
        });
        let gates: Vec<Step> = gates.collect();
        let decided: Vec<StepId> = gates.iter().map(|gate| gate.id.clone()).collect();
        let lifted = self.deployment.fleets.iter().flat_map(|fleet| self.lift_fleet(fleet, &decided));
        let lifted: Vec<Step> = lifted.collect();
        let served: Vec<StepId> = self.deployment.sites.iter().map(served_id).collect();
        let announced = announcements(self.deployment, AnnounceWhen::Done, "window", Line::LiftPage);
        let announced = announced.into_iter().map(|step| step.after_all(&served, Rule::VerifiedFirst)).collect();
        [gates, lifted, announced].concat()
    }

    fn lift_fleet(&self, fleet: &Fleet, decided: &[StepId]) -> Vec<Step> {
        let to_balancers = self.to_balancers(fleet);
        let page = &self.deployment.maintenance_page.domain;
        let verified: Vec<StepId> = self.deployment.sites_of(fleet).map(verify_id).collect();
        let sync = self.deployment.expected.dns_sync.duration();
        let title = format!("point {} records back at the balancers", to_balancers.len());
        let id = StepId::from(format!("window.lift.{}", fleet.name));
        let lifted = step(id, Line::LiftPage, title, self.change(to_balancers.clone()))
            .of_fleet(&fleet.name)
            .after_all(&verified, Rule::VerifiedFirst)
            .after_all(decided, Rule::Decision)
            .takes(sync, CALL_LIMIT + 10 * sync)
            .undone_by(self.change(self.records(fleet, |_| Some(page.clone()))), sync);
        let id = StepId::from(format!("window.returned.{}", fleet.name));
        let returned = self
            .await_resolvers(id, fleet, Line::LiftPage, to_balancers, Duration::ZERO)
            .after(&lifted.id, Rule::Follows);
        let expected = self.deployment.expected.site_check.duration();
        let served = self.deployment.sites_of(fleet).map(|site| {
            let title = format!("check {} as visitors see it", site.host);
            step(served_id(site), Line::LiftPage, title, check_site(site, Via::PublicDns))
                .of_fleet(&fleet.name)
                .after(&returned.id, Rule::Follows)
                .takes(expected, CALL_LIMIT + 5 * expected)
        });
        let served: Vec<Step> = served.collect();
        [vec![lifted, returned], served].concat()
    }

    fn await_resolvers(
        &self,
        id: StepId,
        fleet: &Fleet,
        line: Line,
        records: Vec<RecordTarget>,
        settle: Duration,
    ) -> Step {
        let dns = &self.deployment.dns;
        let expected = self.longest_ttl(fleet) + settle;
        let resolvers = dns.resolvers.clone();
        let action = Action::AwaitResolvers(AwaitResolvers { records, resolvers, settle });
        step(id, line, "wait until resolvers have forgotten the old answer", action)
            .of_fleet(&fleet.name)
            .takes(expected, CALL_LIMIT + 2 * expected)
    }

    /// The longest that a resolver may keep what it knew before: prepare lowers the TTLs, but only what is
    /// observed counts once that is done.
    fn longest_ttl(&self, fleet: &Fleet) -> Duration {
        let lowered = self.deployment.dns.window_ttl.duration();
        if !self.inputs.upgrade.finished(crate::plan::Phase::Prepare) {
            return lowered;
        }
        let observed = |site: &Site| self.inputs.observation.records.get(&site.host).map(|record| record.ttl);
        self.deployment.sites_of(fleet).filter_map(observed).fold(lowered, Duration::max)
    }

    fn confirmations(&self) -> Vec<StepId> {
        self.deployment.fleets.iter().map(confirm_id).collect()
    }

    /// The last migration of a fleet, or what stands for it when it has none.
    fn migrated_id(&self, fleet: &Fleet) -> StepId {
        self.migrate(fleet, &[]).pop().map_or_else(|| confirm_id(fleet), |step| step.id)
    }

    fn stops(&self, fleet: &'a Fleet) -> Vec<StepId> {
        self.current.of_fleet(&fleet.name).map(|(_, host)| stop_id(host)).collect()
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

    /// How long a balancer takes to believe in a host that serves: a classic ELB needs its whole threshold, a
    /// target group one check of a target that it has just met.
    fn until_in_service(&self, balancer: &Balancer) -> Duration {
        let Some(state) = self.inputs.observation.balancers.get(&balancer.name) else { return Duration::ZERO };
        match balancer.kind {
            BalancerKind::Classic => state.health_check.interval * state.health_check.healthy_threshold,
            BalancerKind::TargetGroup => state.health_check.interval,
        }
    }
}

fn start_services(services: &crate::deployment::Services, host: Host) -> Action {
    Action::StartServices(StartServices {
        host,
        supervisorctl: services.supervisorctl.clone(),
        programs: services.programs.clone(),
    })
}

fn check_site(site: &Site, via: Via) -> Action {
    Action::CheckSite(CheckSite { site: site.name.clone(), host: site.host.clone(), via, checks: site.checks.clone() })
}

fn membership(balancer: &Balancer, hosts: &[Host]) -> Membership {
    Membership { balancer: balancer.name.clone(), kind: balancer.kind, hosts: hosts.to_vec() }
}

fn diverted_id(fleet: &Fleet) -> StepId {
    format!("window.diverted.{}", fleet.name).into()
}

fn stop_id(host: &Host) -> StepId {
    format!("window.stop.{}", host.name).into()
}

fn start_id(host: &Host) -> StepId {
    format!("window.start.{}", host.name).into()
}

fn confirm_id(fleet: &Fleet) -> StepId {
    format!("window.confirm.{}", fleet.name).into()
}

fn snapshot_id(which: &str, database: &DatabaseName) -> StepId {
    match which {
        "window" => format!("window.snapshot.{database}").into(),
        _ => format!("window.snapshot.{which}.{database}").into(),
    }
}

fn deregister_id(balancer: &BalancerName) -> StepId {
    format!("window.deregister.{balancer}").into()
}

fn healthy_id(balancer: &BalancerName) -> StepId {
    format!("window.healthy.{balancer}").into()
}

fn verify_id(site: &Site) -> StepId {
    format!("window.verify.{}", site.name).into()
}

fn served_id(site: &Site) -> StepId {
    format!("window.served.{}", site.name).into()
}
