//! The supervisor programs on hosts: they take time to start and to stop, and some never stop.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::deployment::Role;
use cutover_core::names::{FleetName, InstanceId, ProgramName};
use cutover_core::observation::InstanceState;
use cutover_core::time::later;

use super::events::Event;
use super::parts::Program;
use super::state::WorldState;

impl WorldState {
    /// The programs of a host with that role: those that the file lists, and those that its sites need.
    pub(crate) fn programs_of(&self, fleet: &FleetName, role: Role) -> BTreeSet<ProgramName> {
        let listed = self.deployment.role.services(role).map(|services| services.programs.as_slice());
        let mut programs: BTreeSet<ProgramName> = listed.unwrap_or_default().iter().cloned().collect();
        if let (Role::Edxapp, Some(fleet)) = (role, self.deployment.fleet(fleet)) {
            programs.extend(self.deployment.sites_of(fleet).map(|site| site.program.clone()));
        }
        programs
    }

    /// Tells programs to stop, as supervisor does: one that is down stays so.
    pub(crate) fn stop(&mut self, instance: &InstanceId, names: &[ProgramName]) {
        for name in names {
            let due = self.stop_length(instance, name).map(|length| later(self.now, length));
            let Some(program) = self.program_mut(instance, name) else { continue };
            if let Program::Running(process) | Program::Starting(process, _) = *program {
                *program = Program::Stopping(process, due);
                self.program_is_due(due, instance, name);
            }
        }
        self.programs_changed(instance);
    }

    /// Tells programs to start. One that is still stopping is not started, as by supervisor.
    pub(crate) fn start(&mut self, instance: &InstanceId, names: &[ProgramName]) {
        for name in names {
            let due = later(self.now, self.start_length(instance, name));
            if self.begin(instance, name, due) {
                self.program_is_due(Some(due), instance, name);
            }
        }
        self.programs_changed(instance);
    }

    /// Starts the process of a stopped program. Returns whether it was stopped.
    fn begin(&mut self, instance: &InstanceId, name: &ProgramName, due: Timestamp) -> bool {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(instance) else { return false };
        if host.programs.get(name) != Some(&Program::Stopped) {
            return false;
        }
        let process = host.process(now);
        host.programs.insert(name.clone(), Program::Starting(process, due));
        true
    }

    pub(crate) fn kill(&mut self, instance: &InstanceId, names: &[ProgramName]) {
        for name in names {
            if let Some(program) = self.program_mut(instance, name) {
                *program = Program::Stopped;
            }
        }
        self.programs_changed(instance);
    }

    /// Services that start at boot answer by the time at which the host's status checks pass.
    pub(crate) fn start_at_boot(&mut self, instance: &InstanceId, booted: Timestamp) {
        let names: Vec<ProgramName> =
            self.hosts.get(instance).map(|host| host.programs.keys().cloned().collect()).unwrap_or_default();
        for name in names {
            let due = later(self.now, self.start_length(instance, &name)).min(booted);
            self.begin(instance, &name, due);
            self.program_is_due(Some(due), instance, &name);
        }
        self.programs_changed(instance);
    }

    pub(crate) fn program_moves(&mut self, instance: &InstanceId, name: &ProgramName) {
        let now = self.now;
        let Some(program) = self.program_mut(instance, name) else { return };
        match *program {
            Program::Starting(process, due) if due == now => *program = Program::Running(process),
            Program::Stopping(_, Some(due)) if due == now => *program = Program::Stopped,
            _ => return,
        }
        self.programs_changed(instance);
    }

    /// Updates a host's health, and its jobs that wait for programs, after programs have changed.
    pub(crate) fn programs_changed(&mut self, instance: &InstanceId) {
        self.touch(instance);
        self.orders_end(instance);
        let now = self.now;
        let Some(host) = self.hosts.get(instance).filter(|host| host.role == Role::Edxapp) else { return };
        let up = matches!(host.state, InstanceState::Booting | InstanceState::Running);
        let healthy =
            up && host.programs.keys().filter(|name| self.is_behind_nginx(name)).all(|name| host.serves(name));
        if healthy != host.healthy
            && let Some(host) = self.hosts.get_mut(instance)
        {
            host.healthy = healthy;
            host.healthy_since = now;
            self.host_condition_changed(instance);
        }
    }

    /// Whether nginx, and therefore the health check, depends on this program.
    fn is_behind_nginx(&self, name: &ProgramName) -> bool {
        matches!(name.as_str(), "lms" | "cms") || self.tally.is_of_a_site(name)
    }

    /// How long a stop takes; `None` if it never ends. Workers finish their current task, so their times vary more.
    fn stop_length(&self, instance: &InstanceId, name: &ProgramName) -> Option<Duration> {
        let host = self.hosts.get(instance)?;
        if self.never_stops(&host.name, name) {
            return None;
        }
        let expected = self.deployment.role.services(host.role)?.stop_expected.duration();
        let length = self.varied(&["stop", instance.as_str(), name.as_str()], expected);
        let part = match host.role {
            Role::Edxapp => 1000,
            Role::Worker => 400 + self.below(&["task", instance.as_str()], 601),
        };
        Some(Duration::from_millis(super::chance::milliseconds(length) * part / 1000))
    }

    fn start_length(&self, instance: &InstanceId, name: &ProgramName) -> Duration {
        let services = self.hosts.get(instance).and_then(|host| self.deployment.role.services(host.role));
        let expected = services.map_or(Duration::ZERO, |services| services.start_expected.duration());
        self.varied(&["start", instance.as_str(), name.as_str()], expected)
    }

    fn program_mut(&mut self, instance: &InstanceId, name: &ProgramName) -> Option<&mut Program> {
        self.hosts.get_mut(instance)?.programs.get_mut(name)
    }

    fn program_is_due(&mut self, due: Option<Timestamp>, instance: &InstanceId, name: &ProgramName) {
        if let Some(due) = due {
            self.agenda.schedule(due, Event::ProgramMoves { instance: instance.clone(), program: name.clone() });
        }
    }
}
