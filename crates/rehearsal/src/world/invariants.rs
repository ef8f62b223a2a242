//! The checks of the invariants, which run after every event of the world and every call to it.
//!
//! A violation is reported once for each subject, with the time at which it started.

use jiff::Timestamp;

use cutover_core::deployment::SiteCheck;
use cutover_core::names::{BalancerName, DnsName, FleetName, HostName, InstanceId, JobName, SchemaName};
use cutover_core::observation::InstanceState;
use cutover_core::plan::{RecordTarget, what_is_wrong};
use cutover_engine::ports::Page;

use super::parts::{Building, Host, Image, Invariant, Job, KnownResources, Migrations, Violation, Work};
use super::state::WorldState;

impl WorldState {
    fn report(&mut self, invariant: Invariant, subject: &str, detail: String) {
        if self.watch.reported.insert((invariant, subject.to_owned())) {
            self.watch.violations.push(Violation { at: self.now, invariant, detail });
        }
    }

    /// The invariants about processes and schemas.
    pub(crate) fn watch_services(&mut self) {
        for fleet in self.deployment.fleets.iter().map(|fleet| fleet.name.clone()).collect::<Vec<_>>() {
            self.watch_old_processes(&fleet);
            self.watch_next_workers(&fleet);
        }
        self.note_quiet_databases();
    }

    fn watch_old_processes(&mut self, fleet: &FleetName) {
        let incompatible = |migrations: &&Migrations| {
            migrations.fleet == *fleet && migrations.applied > 0 && !migrations.backward_compatible
        };
        let Some(Migrations { service, database, .. }) = self.migrations.iter().find(incompatible) else { return };
        let what = || format!("migrations of {service} on {database} of {fleet} have been applied");
        let running = self.tally.running(fleet).into_iter().flat_map(|running| &running.current);
        for (host, detail) in self.not_stopped(running, what) {
            self.report(Invariant::OldProcessOnMigratedSchema, &host, detail);
        }
    }

    fn watch_next_workers(&mut self, fleet: &FleetName) {
        let mut of_fleet = self.migrations.iter().filter(|migrations| migrations.fleet == *fleet).peekable();
        let nothing_applied = of_fleet.peek().is_some() && of_fleet.clone().all(|migrations| migrations.applied == 0);
        let unmigrated = nothing_applied && of_fleet.any(|migrations| migrations.pending() > 0);
        if self.watch.windows_begun.contains(fleet) && !unmigrated {
            return;
        }
        let what = || format!("{fleet} is not in its window or not migrated yet");
        let workers = self.tally.running(fleet).into_iter().flat_map(|running| &running.next_workers);
        for (host, detail) in self.not_stopped(workers, what) {
            self.report(Invariant::NextWorkerBeforeWindow, &host, detail);
        }
    }

    /// The names of these hosts, with the program on each that is not stopped and why it should be.
    fn not_stopped<'a>(
        &self,
        hosts: impl Iterator<Item = &'a InstanceId>,
        why: impl Fn() -> String,
    ) -> Vec<(String, String)> {
        hosts
            .filter_map(|instance| self.hosts.get(instance))
            .filter_map(|host| {
                let detail = format!("{} on {} is not stopped, and {}", host.unstopped()?, host.name, why());
                Some((host.name.to_string(), detail))
            })
            .collect()
    }

    /// Records which databases are no longer written to by current hosts.
    fn note_quiet_databases(&mut self) {
        for database in &self.deployment.databases {
            let busy = self
                .deployment
                .fleets_on(&database.name)
                .any(|fleet| self.tally.running(&fleet.name).is_some_and(|running| !running.current.is_empty()));
            if busy {
                self.watch.quiet_since.remove(&database.name);
            } else {
                self.watch.quiet_since.entry(database.name.clone()).or_insert(self.now);
            }
        }
    }

    /// The invariants about DNS, the balancer and what visitors see, for the site at that position.
    pub(crate) fn watch_site(&mut self, position: usize) {
        let site = &self.deployment.sites[position];
        let error = self.visitors[position].shares().error;
        if error > 0 && self.deployment.embedded.visits_per_second > 0 {
            let detail = format!("{} of a million visitors of {} get an error", error, site.host);
            self.report(Invariant::VisitorSawAnError, site.name.clone().as_str(), detail);
        }
        self.watch_verification(position);
    }

    /// Records have changed, or the balancers that they point to.
    pub(crate) fn note_windows(&mut self) {
        let page = &self.pages.distribution.domain;
        for fleet in &self.deployment.fleets {
            let diverted = |host: &DnsName| self.zone.records.get(host).is_some_and(|record| record.target == *page);
            if self.deployment.sites_of(fleet).all(|site| diverted(&site.host)) {
                self.watch.windows_begun.insert(fleet.name.clone());
            }
        }
    }

    /// A verification is valid as long as no current host is in service together with next hosts.
    fn watch_verification(&mut self, index: usize) {
        let site = &self.deployment.sites[index];
        let Some(balancer) = self.balancers.get(&site.balancer) else { return };
        let (current, next) = self.in_service_by_age(&site.balancer);
        if current > 0 {
            self.watch.passed[index].clear();
            self.watch.verified.remove(&index);
        }
        let pointed_at = self.zone.records.get(&site.host).is_some_and(|record| record.target == balancer.domain);
        if pointed_at && next > 0 && !self.watch.verified.contains(&index) {
            let detail = format!(
                "{} points at {}, where {next} next hosts are in service that have not passed the site's checks",
                site.host, site.balancer
            );
            let subject = site.name.to_string();
            self.report(Invariant::DnsBeforeVerification, &subject, detail);
        }
    }

    /// The members in service that are current hosts, and those that are next hosts.
    fn in_service_by_age(&self, balancer: &BalancerName) -> (u32, u32) {
        self.tally.members(balancer).map_or((0, 0), |members| (members.current, members.in_service - members.current))
    }

    /// A page was requested from a balancer. A check that was passed by next hosts only counts as verified.
    pub(crate) fn note_verification(&mut self, host: &DnsName, path: &str, target: &DnsName, page: &Page) {
        let Some((index, site)) = self.site(host) else { return };
        if self.balancers.get(&site.balancer).is_none_or(|balancer| balancer.domain != *target) {
            return;
        }
        let (current, next) = self.in_service_by_age(&site.balancer);
        if current > 0 || next == 0 {
            return;
        }
        let right = |check: &SiteCheck| {
            let check = check.of_release(&self.deployment.release);
            check.path == path && what_is_wrong(&check, page.status, &page.body).is_none()
        };
        let passed: Vec<usize> =
            site.checks.iter().enumerate().filter(|(_, check)| right(check)).map(|(number, _)| number).collect();
        let checks = site.checks.len();
        self.watch.passed[index].extend(passed);
        if self.watch.passed[index].len() == checks {
            self.watch.verified.insert(index);
        }
    }

    /// Records are about to be changed: they must not point at a balancer without a healthy host.
    pub(crate) fn watch_move(&mut self, records: &[RecordTarget]) {
        for RecordTarget { name, target, .. } in records {
            let moved = self.zone.records.get(name).is_none_or(|record| record.target != *target);
            let Some((_, site)) = self.site(name).filter(|_| moved) else { continue };
            let empty = self.balancer_at(site, target).filter(|(_, balancer)| balancer.in_service().next().is_none());
            if let Some((balancer, _)) = empty {
                let detail = format!("{name} is pointed at {balancer}, which has no host in service");
                self.report(Invariant::DnsToUnhealthyBalancer, name.as_str(), detail);
            }
        }
    }

    /// An instance is about to be terminated: it must not be in any balancer.
    pub(crate) fn watch_termination(&mut self, instance: &InstanceId) {
        let having = self.balancers.iter().find(|(_, balancer)| balancer.has(instance));
        let host = self.hosts.get(instance);
        if let (Some((balancer, _)), Some(host)) = (having, host) {
            let detail = format!("{} is terminated while it is still registered in {balancer}", host.name);
            self.report(Invariant::HostTerminatedWhileRegistered, instance.as_str(), detail);
        }
    }

    /// A migration is about to start: it must be the only one, and there must be a snapshot to go back to.
    pub(crate) fn watch_migration(&mut self, name: &JobName, schema: &SchemaName, pending: u32) {
        let runs_here = |job: &Job| {
            job.ending.is_none() && matches!(&job.work, Work::Migration { schema: other, .. } if other == schema)
        };
        if self.all_jobs().any(runs_here) {
            let detail = format!("{name} is started while another migrator runs on {schema}");
            self.report(Invariant::TwoMigratorsOnOneSchema, schema.as_str(), detail);
        }
        let database = self.deployment.database_of(schema);
        let Some(database) = database.filter(|database| database.snapshot && pending > 0) else { return };
        let quiet_since = self.watch.quiet_since.get(&database.name);
        let snapshots = self.databases.get(&database.name).map(|database| database.snapshots.as_slice());
        let usable = |since: &Timestamp| {
            snapshots.unwrap_or_default().iter().any(|snapshot| snapshot.available && snapshot.started >= *since)
        };
        if !quiet_since.is_some_and(usable) {
            let database = database.name.clone();
            let detail = format!(
                "{name} is started, but {database} has no available snapshot started after all current hosts had stopped"
            );
            self.report(Invariant::MigrationWithoutSnapshot, database.as_str(), detail);
        }
    }

    /// The invariants that are violated at the end of an upgrade.
    pub(crate) fn check_end(&self, known: &KnownResources) -> Vec<Violation> {
        let found = |invariant, detail| Violation { at: self.now, invariant, detail };
        let unserved = self.deployment.sites.iter().filter(|site| {
            let (current, next) = self.in_service_by_age(&site.balancer);
            let only_next = current == 0 && next > 0;
            !(only_next && self.is_served(site))
        });
        let unserved = unserved
            .map(|site| found(Invariant::SiteNotServed, format!("{} is not served by next hosts alone", site.host)));
        unserved.chain(self.check_named(known)).collect()
    }

    /// Resources that exist but that the journal does not name, at the end of an upgrade or where it has stopped.
    pub(crate) fn check_named(&self, known: &KnownResources) -> Vec<Violation> {
        let found = |detail| Violation { at: self.now, invariant: Invariant::ResourceNotInJournal, detail };
        self.unknown_resources(known).into_iter().map(found).collect()
    }

    fn unknown_resources(&self, known: &KnownResources) -> Vec<String> {
        let made = self.hosts.values().filter(|host| !host.current && host.state != InstanceState::Terminated);
        let alone = |name: &HostName| made.clone().filter(|host| host.name == *name).count() == 1;
        let is_named = |host: &Host| {
            let builds = |building: &Building| known.images_in_doubt.contains(&building.image) && alone(&host.name);
            known.instances.contains(&host.id)
                || known.hosts_in_doubt.contains(&host.name) && alone(&host.name)
                || host.builds.as_ref().is_some_and(builds)
        };
        let instances = made.clone().filter(|host| !is_named(host));
        // Images with the same name count as one image.
        let is_named = |image: &Image| known.images.contains(&image.id) || known.images_in_doubt.contains(&image.name);
        let images = self.images.iter().filter(|image| !image.furnished && !is_named(image));
        let snapshots = self.databases.values().flat_map(|database| database.snapshots.iter().skip(database.furnished));
        let snapshots = snapshots.filter(|snapshot| !known.snapshots.contains(&snapshot.id));
        instances
            .map(|host| format!("instance {} ({})", host.id, host.name))
            .chain(images.map(|image| format!("image {} ({})", image.id, image.name)))
            .chain(snapshots.map(|snapshot| format!("snapshot {}", snapshot.id)))
            .collect()
    }
}
