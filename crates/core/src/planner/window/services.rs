//! What runs on hosts: current ones are stopped, confirmed to be, and next ones started.

use std::time::Duration;

use super::Window;
use super::ids::{confirm_id, diverted_id, snapshot_id, start_id, stop_id};
use crate::deployment::{Fleet, Role, Services};
use crate::names::StepId;
use crate::plan::{Action, Host, HostPrograms, Line, Rule, StartServices, Step};
use crate::planner::build::{CALL_LIMIT, step};
use crate::planner::prepare::stop_services;

impl<'a> Window<'a> {
    /// Stops the current hosts. Those that serve wait until visitors are diverted. Workers serve nobody: without a
    /// drain they stop while visitors are being diverted; with one, once the queues are empty.
    pub(super) fn stop_current(&self, fleet: &Fleet) -> Vec<Step> {
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

    /// Right before migrations: nothing has started services again, on current hosts or on next ones.
    pub(super) fn confirm_stopped(&self, fleet: &Fleet, decided: &[StepId]) -> Step {
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
            .after_all(&snapshots, Rule::SnapshotFirst)
            .after_all(decided, Rule::Decision);
        // The snapshots have waited for this fleet's writers already; without one, nothing else has.
        if snapshots.is_empty() { confirm.after_all(&self.stops(fleet), Rule::WritersStopped) } else { confirm }
    }

    /// A gate before the migrations is the last moment at which going back is simple: all writers have stopped, and
    /// the snapshots are there.
    pub(super) fn after_stops_and_snapshots(&self, gate: Step) -> Step {
        let wanted = self.deployment.databases.iter().filter(|database| database.snapshot);
        let snapshots: Vec<StepId> = wanted.map(|database| snapshot_id("window", &database.name)).collect();
        let stops: Vec<StepId> = self.deployment.fleets.iter().flat_map(|fleet| self.stops(fleet)).collect();
        gate.after_all(&snapshots, Rule::SnapshotFirst).after_all(&stops, Rule::WritersStopped)
    }

    pub(super) fn start_next(&self, fleet: &Fleet) -> Vec<Step> {
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

    pub(super) fn stops(&self, fleet: &'a Fleet) -> Vec<StepId> {
        self.current.of_fleet(&fleet.name).map(|(_, host)| stop_id(host)).collect()
    }
}

fn start_services(services: &Services, host: Host) -> Action {
    Action::StartServices(StartServices {
        host,
        supervisorctl: services.supervisorctl.clone(),
        programs: services.programs.clone(),
    })
}
