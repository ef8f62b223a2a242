//! What runs on hosts: current hosts are stopped and confirmed to be stopped, and next ones are started.

use super::Window;
use super::ids::{
    confirm_id, diverted_id, snapshot_id, start_id, still_running_id, still_stopped_id, stop_id, stopped_id,
};
use super::lanes::NEW_CODE_ONLY;
use crate::deployment::{Database, Fleet, GateBefore, Role, Services};
use crate::journal::started_hosts;
use crate::names::{SnapshotId, StepId};
use crate::plan::{Action, Host, HostPrograms, Line, Rule, StartServices, Step, StopServices, Work};
use crate::planner::build::{CALL, CALL_LIMIT, Joined, joined, step};
use crate::planner::prepare::{stop_services, stop_takes};

impl<'a> Window<'a> {
    /// Stops the current hosts. Those that serve visitors wait until visitors are diverted. Workers do not serve
    /// visitors: without a drain they stop while visitors are being diverted; with a drain, once the queues are empty.
    pub(super) fn stop_current(&self, fleet: &'a Fleet) -> Vec<Step> {
        let mut steps = Vec::new();
        let edxapp: Vec<StepId> = self.current.of(&fleet.name, Role::Edxapp).iter().map(stop_id).collect();
        let drain = self.drain(fleet, &edxapp);
        let drained = drain.as_ref().map(|step| step.id.clone());
        steps.extend(drain);
        for (role, host) in self.current.of_fleet(&fleet.name) {
            let Some(services) = self.deployment.role.services(role) else { continue };
            // A host that is restarted days later must not run old code on the migrated schema.
            let for_good = self.deployment.turns_autostart_off();
            let action = counting_requests(stop_services(services, host.clone(), for_good), services);
            let stop = step(stop_id(host), Line::StopCurrent, format!("stop services on {}", host.name), action)
                .of_fleet(&fleet.name)
                .takes(services.stop_expected.duration(), stop_takes(services))
                .undone_by(
                    Action::StartServices(start_services(services, host.clone(), for_good)),
                    services.start_expected.duration(),
                );
            let stop = stop.after_all(&self.held(services, host), Rule::OthersHeldBack);
            steps.push(match (role, &drained) {
                (Role::Edxapp, _) => stop.after(&diverted_id(fleet), Rule::VisitorsDiverted),
                (Role::Worker, Some(drained)) => stop.after(drained, Rule::QueuesDrained),
                (Role::Worker, None) => stop.after(&"window.open".into(), Rule::WindowOpens),
            });
        }
        steps.extend(self.settle_tasks(fleet));
        steps.extend(self.confirm_writers_stopped(fleet));
        steps
    }

    /// Before the snapshots and the gates that wait for the writers: looks at all current hosts of the fleet once more,
    /// together. A stop that is on record as done may be days old when a window is resumed, and somebody may have started
    /// the services since. Nothing if only [`Self::confirm_stopped`] would wait for it.
    fn confirm_writers_stopped(&self, fleet: &'a Fleet) -> Option<Step> {
        if !self.writers_are_confirmed(fleet) {
            return None;
        }
        let roles = self.current.of_fleet(&fleet.name).filter_map(|(role, _)| self.deployment.role.services(role));
        let stop_limit = roles.map(|services| services.stop_limit.duration()).max().unwrap_or_default();
        let title = "confirm that all current hosts are stopped";
        let (hosts, snapshots) = (self.current.of_fleet(&fleet.name), self.snapshots_of_window(fleet));
        let confirm = self.confirm(stopped_id(fleet), Line::StopCurrent, title, fleet, hosts, snapshots);
        let (expected, limit) = (confirm.expected, confirm.limit + stop_limit);
        Some(confirm.after_all(&self.stops(fleet), Rule::WritersStopped).takes(expected, limit))
    }

    /// Right before migrations: checks that nothing has started services again, on current hosts or on next ones. A next
    /// host that the window goes on without must not run anything either: it may only be missing from the list.
    /// The services of one that the window has started already are meant to run.
    pub(super) fn confirm_stopped(&self, fleet: &'a Fleet, decided: &[StepId]) -> Step {
        let started = started_hosts(self.inputs.upgrade);
        let next = self.prepared.of_fleet(&fleet.name).filter(|(_, host)| !started.contains(&host.name));
        let hosts = self.current.of_fleet(&fleet.name).chain(next);
        let title = "confirm that all services are still stopped";
        let snapshots: Vec<StepId> =
            self.snapshots_of(fleet).map(|database| snapshot_id("window", &database.name)).collect();
        let confirm = self
            .confirm(confirm_id(fleet), Line::Migrate, title, fleet, hosts, self.snapshots_of_window(fleet))
            .after_all(&snapshots, Rule::SnapshotFirst)
            .after_all(decided, Rule::Decision)
            .after_all(&self.frozen_next(fleet), Rule::OthersHeldBack)
            .after_all(&self.tasks_settled(fleet), Rule::TasksSettled);
        // Snapshots already wait for this fleet's writers. Without a snapshot, this step has to wait for them.
        if snapshots.is_empty() { confirm.after_all(&self.stopped(fleet), Rule::WritersStopped) } else { confirm }
    }

    /// Right before visitors come back: looks whether something has started old code since the migrations, and whether everything
    /// that was started on the next hosts still runs. Nothing for a fleet without such hosts.
    pub(super) fn looks_before_lift(
        &self,
        fleet: &'a Fleet,
        verified: &[StepId],
        decided: &[StepId],
    ) -> (Option<Step>, Option<Step>) {
        let last = |look: Step| {
            look.after_all(verified, Rule::VerifiedFirst)
                .after_all(&self.writes_tried(fleet), Rule::WritesWork)
                .after_all(decided, Rule::Decision)
                .page_stays(Some(NEW_CODE_ONLY))
        };
        (self.confirm_still_stopped(fleet).map(last), self.confirm_still_running(fleet, decided).map(last))
    }

    fn confirm_still_stopped(&self, fleet: &'a Fleet) -> Option<Step> {
        let mut hosts = self.current.of_fleet(&fleet.name).peekable();
        hosts.peek()?;
        let title = "confirm that no old services run";
        // The snapshots are of the time before the migrations, whatever runs now.
        Some(self.confirm(still_stopped_id(fleet), Line::Verify, title, fleet, hosts, Vec::new()))
    }

    fn confirm_still_running(&self, fleet: &'a Fleet, decided: &[StepId]) -> Option<Step> {
        let (mut hosts, mut limit) = (Vec::new(), CALL_LIMIT);
        for (role, host) in self.next.of_fleet(&fleet.name) {
            let Some(services) = self.deployment.role.services(role) else { continue };
            hosts.push(start_services(services, host.clone(), false));
            limit = limit.max(services.start_limit.duration());
        }
        let expected = Work::Connections.expected_for(hosts.len());
        // A decision has waited for them.
        let workers = if decided.is_empty() { self.workers_started(fleet).ids } else { Vec::new() };
        let title = "confirm that all new services still run";
        (!hosts.is_empty()).then(|| {
            step(still_running_id(fleet), Line::Verify, title, Action::ConfirmRunning { hosts })
                .of_fleet(&fleet.name)
                .after_all(&workers, Rule::WorkersRun)
                .takes(expected, limit + 5 * expected.saturating_sub(CALL))
        })
    }

    /// The snapshots that must hold everything that the fleet's hosts have written.
    fn snapshots_of_window(&self, fleet: &'a Fleet) -> Vec<SnapshotId> {
        self.snapshots_of(fleet).map(|database| self.snapshot_name(database, "window")).collect()
    }

    /// Looks whether nothing runs on any of those hosts, and whether the snapshots hold what they have written.
    fn confirm(
        &self,
        id: StepId,
        line: Line,
        title: &str,
        fleet: &'a Fleet,
        hosts: impl Iterator<Item = (Role, &'a Host)>,
        snapshots: Vec<SnapshotId>,
    ) -> Step {
        let hosts = hosts.filter_map(|(role, host)| {
            let services = self.deployment.role.services(role)?;
            Some(HostPrograms {
                host: host.clone(),
                supervisorctl: services.supervisorctl.clone(),
                programs: services.programs.clone(),
                unrelated: services.unrelated_processes.clone(),
            })
        });
        let hosts: Vec<HostPrograms> = hosts.collect();
        let expected = Work::Connections.expected_for(hosts.len());
        step(id, line, title, Action::ConfirmStopped { hosts, snapshots })
            .of_fleet(&fleet.name)
            .takes(expected, CALL_LIMIT + 5 * expected.saturating_sub(CALL))
    }

    /// A gate before the migrations is the last point at which going back is simple: all writers have stopped, and the
    /// snapshots are available.
    pub(super) fn after_stops_and_snapshots(&self, gate: Step) -> Step {
        let wanted = self.deployment.databases.iter().filter(|database| database.snapshot);
        let snapshots: Vec<StepId> = wanted.map(|database| snapshot_id("window", &database.name)).collect();
        let stops: Vec<StepId> = self.deployment.fleets.iter().flat_map(|fleet| self.stopped(fleet)).collect();
        gate.after_all(&snapshots, Rule::SnapshotFirst).after_all(&stops, Rule::WritersStopped)
    }

    pub(super) fn start_next(&self, fleet: &'a Fleet) -> Vec<Step> {
        let migrated = self.migrated_id(fleet);
        let hosts = self.next.of_fleet(&fleet.name);
        let starts = hosts.filter_map(|(role, host)| {
            let services = self.deployment.role.services(role)?;
            // It was stopped for good, and must not stay so when it is restarted some day.
            let autostart = self.deployment.turns_autostart_off();
            let action = Action::StartServices(start_services(services, host.clone(), autostart));
            let start = step(start_id(host), Line::StartNext, format!("start services on {}", host.name), action)
                .of_fleet(&fleet.name)
                .after(&migrated, Rule::MigratedFirst)
                .takes(services.start_expected.duration(), services.start_limit.duration())
                .page_stays(self.page_stays[&fleet.name]);
            let stop = stop_services(services, host.clone(), false);
            Some(start.undone_by(stop, services.stop_expected.duration()))
        });
        starts.chain(self.started(fleet).milestone).chain(self.workers_started(fleet).milestone).collect()
    }

    /// The steps after which nothing of the fleet's current hosts writes any more.
    pub(super) fn stopped(&self, fleet: &'a Fleet) -> Vec<StepId> {
        if self.writers_are_confirmed(fleet) { vec![stopped_id(fleet)] } else { self.stops(fleet) }
    }

    /// Whether something waits for a look at all current hosts of the fleet: a snapshot, or a gate before the migrations.
    fn writers_are_confirmed(&self, fleet: &'a Fleet) -> bool {
        let mut gates = self.deployment.gates.iter();
        self.snapshots_of(fleet).next().is_some() || gates.any(|gate| gate.before == GateBefore::Migrate)
    }

    /// The stops of a fleet's current hosts.
    fn stops(&self, fleet: &'a Fleet) -> Vec<StepId> {
        self.current.of_fleet(&fleet.name).map(|(_, host)| stop_id(host)).collect()
    }

    /// The starts of a fleet's next edxapp hosts, for each of its balancers.
    pub(super) fn started(&self, fleet: &'a Fleet) -> Joined {
        let starts = self.next.of(&fleet.name, Role::Edxapp).iter().map(start_id).collect();
        // The wait for healthy members needs the starts, and in a target group the registration does too.
        let followers = 2 * fleet.edxapp.balancers.len();
        let title = format!("all next edxapp hosts of {} are started", fleet.name);
        let id = format!("window.started.{}", fleet.name);
        let joined = joined(starts, followers, Rule::RegisteredAndServing, id, Line::StartNext, title);
        Joined { milestone: joined.milestone.map(|step| step.of_fleet(&fleet.name)), ..joined }
    }

    /// The starts of a fleet's next workers. Visitors come back only after them: what visitors do needs workers, and going back
    /// costs no data as long as nobody has used the new site. If there are gates before the lift, those wait for them, because
    /// what a person tries there needs them, and otherwise the last look at what runs.
    pub(super) fn workers_started(&self, fleet: &'a Fleet) -> Joined {
        let starts = self.next.of(&fleet.name, Role::Worker).iter().map(start_id).collect();
        let gates = self.deployment.gates.iter().filter(|gate| gate.before == GateBefore::Lift);
        let (title, id) =
            (format!("all next workers of {} are started", fleet.name), format!("window.workers.{}", fleet.name));
        let joined = joined(starts, gates.count().max(1), Rule::WorkersRun, id, Line::StartNext, title);
        Joined { milestone: joined.milestone.map(|step| step.of_fleet(&fleet.name)), ..joined }
    }

    /// The databases of a fleet that get a snapshot in the window.
    fn snapshots_of(&self, fleet: &'a Fleet) -> impl Iterator<Item = &'a Database> {
        self.deployment.databases_of(fleet).filter(|database| database.snapshot)
    }
}

/// The same stop, before which the requests that still arrive are counted: only visitors of current hosts were sent elsewhere.
fn counting_requests(stop: Action, services: &Services) -> Action {
    match stop {
        Action::StopServices(stop) => {
            Action::StopServices(StopServices { count_requests: services.count_requests.clone(), ..stop })
        }
        other => other,
    }
}

fn start_services(services: &Services, host: Host, autostart: bool) -> StartServices {
    StartServices {
        host,
        supervisorctl: services.supervisorctl.clone(),
        programs: services.programs.clone(),
        steady: services.steady.duration(),
        answers: services.answers.clone(),
        autostart,
    }
}
