//! What runs on hosts: current hosts are stopped and confirmed to be stopped, and next ones are started.

use std::time::Duration;

use super::Window;
use super::ids::{confirm_id, diverted_id, snapshot_id, start_id, stop_id};
use crate::deployment::{Database, Fleet, GateBefore, Role, Services};
use crate::names::StepId;
use crate::plan::{Action, CountTasks, Host, HostPrograms, Line, Rule, StartServices, Step, Work};
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
            let action = stop_services(services, host.clone());
            let stop = step(stop_id(host), Line::StopCurrent, format!("stop services on {}", host.name), action)
                .of_fleet(&fleet.name)
                .takes(services.stop_expected.duration(), stop_takes(services))
                .undone_by(start_services(services, host.clone(), false), services.start_expected.duration());
            let stop = stop.after_all(&self.held(services, host), Rule::OthersHeldBack);
            steps.push(match (role, &drained) {
                (Role::Edxapp, _) => stop.after(&diverted_id(fleet), Rule::VisitorsDiverted),
                (Role::Worker, Some(drained)) => stop.after(drained, Rule::QueuesDrained),
                (Role::Worker, None) => stop.after(&"window.open".into(), Rule::WindowOpens),
            });
        }
        steps.extend(self.stopped(fleet).milestone);
        steps
    }

    fn drain(&self, fleet: &Fleet, edxapp_stops: &[StepId]) -> Option<Step> {
        let services = self.deployment.role.worker.as_ref()?;
        let limit = services.drain_queues?.duration();
        let host = self.current.of(&fleet.name, Role::Worker).first()?.clone();
        let count = Some(CountTasks { host, command: services.count_queues.clone() });
        let action = Action::DrainQueues { fleet: fleet.name.clone(), count };
        let drain =
            step(format!("window.drain.{}", fleet.name), Line::StopCurrent, "wait for empty task queues", action)
                .of_fleet(&fleet.name)
                .after_all(edxapp_stops, Rule::Follows)
                .takes(Duration::from_secs(30).min(limit), limit);
        Some(drain)
    }

    /// Right before migrations: checks that nothing has started services again, on current hosts or on next ones. A next
    /// host that the window goes on without must not run anything either: it may only be missing from the list.
    pub(super) fn confirm_stopped(&self, fleet: &'a Fleet, decided: &[StepId]) -> Step {
        let hosts = self.current.of_fleet(&fleet.name).chain(self.prepared.of_fleet(&fleet.name));
        let hosts = hosts.filter_map(|(role, host)| {
            let services = self.deployment.role.services(role)?;
            Some(HostPrograms {
                host: host.clone(),
                supervisorctl: services.supervisorctl.clone(),
                programs: services.programs.clone(),
            })
        });
        let hosts: Vec<HostPrograms> = hosts.collect();
        let expected = Work::Connections.expected_for(hosts.len());
        let action = Action::ConfirmStopped { hosts };
        let snapshots: Vec<StepId> =
            self.snapshots_of(fleet).map(|database| snapshot_id("window", &database.name)).collect();
        let confirm = step(confirm_id(fleet), Line::Migrate, "confirm that all services are still stopped", action)
            .of_fleet(&fleet.name)
            .after_all(&snapshots, Rule::SnapshotFirst)
            .after_all(decided, Rule::Decision)
            .after_all(&self.frozen_next(fleet), Rule::OthersHeldBack)
            .takes(expected, CALL_LIMIT + 5 * expected.saturating_sub(CALL));
        // Snapshots already wait for this fleet's writers. Without a snapshot, this step has to wait for them.
        if snapshots.is_empty() { confirm.after_all(&self.stopped(fleet).ids, Rule::WritersStopped) } else { confirm }
    }

    /// A gate before the migrations is the last point at which going back is simple: all writers have stopped, and the
    /// snapshots are available.
    pub(super) fn after_stops_and_snapshots(&self, gate: Step) -> Step {
        let wanted = self.deployment.databases.iter().filter(|database| database.snapshot);
        let snapshots: Vec<StepId> = wanted.map(|database| snapshot_id("window", &database.name)).collect();
        let stops: Vec<StepId> = self.deployment.fleets.iter().flat_map(|fleet| self.stopped(fleet).ids).collect();
        gate.after_all(&snapshots, Rule::SnapshotFirst).after_all(&stops, Rule::WritersStopped)
    }

    pub(super) fn start_next(&self, fleet: &'a Fleet) -> Vec<Step> {
        let migrated = self.migrated_id(fleet);
        let hosts = self.next.of_fleet(&fleet.name);
        let starts = hosts.filter_map(|(role, host)| {
            let services = self.deployment.role.services(role)?;
            // It was booted like this, and must not stay so when it is restarted some day.
            let autostart = self.deployment.boots_stopped(role) && self.deployment.turns_autostart_off();
            let action = start_services(services, host.clone(), autostart);
            let start = step(start_id(host), Line::StartNext, format!("start services on {}", host.name), action)
                .of_fleet(&fleet.name)
                .after(&migrated, Rule::MigratedFirst)
                .takes(services.start_expected.duration(), services.start_limit.duration())
                .page_stays(self.page_stays[&fleet.name]);
            let stop = stop_services(services, host.clone());
            Some(start.undone_by(stop, services.stop_expected.duration()))
        });
        starts.chain(self.started(fleet).milestone).collect()
    }

    /// The stops of a fleet's current hosts, for its snapshots and for every gate before the migrations.
    pub(super) fn stopped(&self, fleet: &'a Fleet) -> Joined {
        let stops = self.current.of_fleet(&fleet.name).map(|(_, host)| stop_id(host)).collect();
        let gates = self.deployment.gates.iter().filter(|gate| gate.before == GateBefore::Migrate).count();
        let followers = self.snapshots_of(fleet).count().max(1) + gates;
        let title = format!("all current hosts of {} are stopped", fleet.name);
        let id = format!("window.stopped.{}", fleet.name);
        let joined = joined(stops, followers, Rule::WritersStopped, id, Line::StopCurrent, title);
        Joined { milestone: joined.milestone.map(|step| step.of_fleet(&fleet.name)), ..joined }
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

    /// The databases of a fleet that get a snapshot in the window.
    fn snapshots_of(&self, fleet: &'a Fleet) -> impl Iterator<Item = &'a Database> {
        self.deployment.databases_of(fleet).filter(|database| database.snapshot)
    }
}

fn start_services(services: &Services, host: Host, autostart: bool) -> Action {
    Action::StartServices(StartServices {
        host,
        supervisorctl: services.supervisorctl.clone(),
        programs: services.programs.clone(),
        steady: services.steady.duration(),
        answers: services.answers.clone(),
        autostart,
    })
}
