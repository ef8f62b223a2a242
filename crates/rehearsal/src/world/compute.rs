//! Instances, from launch to termination. What runs on them is in `services`.

use std::time::Duration;

use jiff::Timestamp;

use cutover_core::names::{ImageId, InstanceId};
use cutover_core::observation::{Instance, InstanceState};
use cutover_core::plan::Launch;
use cutover_core::time::later;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::ports::Answer;

use super::chance::from_to;
use super::events::Event;
use super::parts::{Host, Program};
use super::state::WorldState;

/// Processes with lower ids belong to the operating system.
pub(crate) const FIRST_PROCESS: u32 = 1000;

impl WorldState {
    pub(crate) fn instances(&self) -> Vec<Instance> {
        let of_fleets = self.hosts.values().filter(|host| host.builds.is_none());
        of_fleets.filter_map(|host| self.shown_instance(host.describe())).collect()
    }

    pub(crate) fn launch(&mut self, launch: &Launch, image: &ImageId, token: &str) -> Answer<InstanceId> {
        if let Some(instance) = self.launches.get(token) {
            return Ok(instance.clone());
        }
        if !self.images.iter().any(|known| known.id == *image && known.available) {
            return Err(Failure::permanent(format!("{} cannot be launched: {image} is not available", launch.name)));
        }
        let id = InstanceId::from(format!("i-{}", self.hexadecimal(&["instance", token], 17)));
        let pending = from_to(self.seed, &["pending", token], Duration::from_secs(2), Duration::from_secs(8));
        let due = later(self.now, pending);
        let version = launch.tags.get("release-version").unwrap_or(&self.deployment.release.version);
        let upgrade = launch.tags.iter().find(|(key, _)| key.contains("upgrade")).map(|(_, value)| value.as_str());
        let programs = self.programs_of(&launch.fleet, launch.role);
        let host = Host {
            id: id.clone(),
            name: launch.name.clone(),
            fleet: launch.fleet.clone(),
            role: launch.role,
            version: version.clone(),
            launched: self.now,
            upgrade: upgrade.map(Into::into),
            state: InstanceState::Pending,
            image: image.clone(),
            current: false,
            builds: None,
            boot_stopped: launch.boot_stopped,
            holds_back: false,
            due: Some(due),
            programs: programs.into_iter().map(|name| (name, Program::Stopped)).collect(),
            last_process: FIRST_PROCESS,
            healthy: false,
            healthy_since: self.now,
        };
        self.writes_instance(&id, None);
        self.hosts.insert(id.clone(), host);
        self.touch(&id);
        self.launches.insert(token.to_owned(), id.clone());
        self.agenda.schedule(due, Event::InstanceMoves { instance: id.clone() });
        Ok(id)
    }

    /// Starts to terminate an instance. Everything on it ends immediately.
    pub(crate) fn terminate(&mut self, instance: &InstanceId) -> Answer<()> {
        let host = self.hosts.get(instance);
        let host = host.ok_or_else(|| Failure::permanent(format!("there is no instance {instance}")))?;
        if !host.lives() {
            return Ok(());
        }
        let was = host.describe();
        self.writes_instance(instance, Some(was));
        let length = self.varied(&["shutdown", instance.as_str()], Duration::from_secs(30));
        let due = later(self.now, length);
        self.watch_termination(instance);
        if let Some(host) = self.hosts.get_mut(instance) {
            host.state = InstanceState::ShuttingDown;
            host.due = Some(due);
            host.programs.values_mut().for_each(|program| *program = Program::Stopped);
        }
        self.jobs_die(instance);
        self.programs_changed(instance);
        self.agenda.schedule(due, Event::InstanceMoves { instance: instance.clone() });
        Ok(())
    }

    /// A host goes down and boots again. Programs start with it, unless it was launched to keep them stopped.
    pub(crate) fn restart(&mut self, instance: &InstanceId) {
        let booted =
            later(self.now, self.varied(&["restart", instance.as_str()], self.deployment.expected.boot.duration()));
        let Some(host) = self.hosts.get_mut(instance).filter(|host| host.state == InstanceState::Running) else {
            return;
        };
        host.state = InstanceState::Booting;
        host.due = Some(booted);
        host.programs.values_mut().for_each(|program| *program = Program::Stopped);
        let starts = !host.boot_stopped;
        self.jobs_die(instance);
        self.agenda.schedule(booted, Event::InstanceMoves { instance: instance.clone() });
        match starts {
            true => self.start_at_boot(instance, booted),
            false => self.programs_changed(instance),
        }
    }

    pub(crate) fn instance_moves(&mut self, instance: &InstanceId) {
        let booted = self.booted_at(instance);
        let now = self.now;
        let Some(host) = self.hosts.get_mut(instance).filter(|host| host.due == Some(now)) else { return };
        host.due = None;
        match host.state {
            InstanceState::Pending => {
                host.state = InstanceState::Booting;
                host.due = Some(booted);
                let starts = !host.boot_stopped;
                self.agenda.schedule(booted, Event::InstanceMoves { instance: instance.clone() });
                if starts {
                    self.start_at_boot(instance, booted);
                }
            }
            InstanceState::Booting => host.state = InstanceState::Running,
            InstanceState::ShuttingDown => {
                host.state = InstanceState::Terminated;
                self.forget_member(instance);
            }
            InstanceState::Stopping => host.state = InstanceState::Stopped,
            InstanceState::Running | InstanceState::Stopped | InstanceState::Terminated => {}
        }
    }

    /// When a running instance passes its status checks.
    fn booted_at(&self, instance: &InstanceId) -> Timestamp {
        let length = self.varied(&["boot", instance.as_str()], self.deployment.expected.boot.duration());
        let launched = self.hosts.get(instance).map_or(self.now, |host| host.launched);
        later(launched, length).max(later(self.now, Duration::from_secs(1)))
    }

    pub(crate) fn lives(&self, instance: &InstanceId) -> bool {
        self.hosts
            .get(instance)
            .and_then(|host| self.shown_instance(host.describe()))
            .is_some_and(|shown| shown.lives())
    }

    /// Records the conductor that gives an order to a host. An order of a superseded conductor is refused.
    pub(crate) fn heed(&mut self, instance: &InstanceId, epoch: u64) -> Answer<()> {
        let heard = self.heard.entry(instance.clone()).or_default();
        if epoch < *heard {
            let why =
                format!("{instance} has seen the conductor of epoch {heard}, and refuses orders of epoch {epoch}");
            return Err(Failure::new(FailureClass::Superseded, why));
        }
        *heard = epoch;
        Ok(())
    }

    pub(crate) fn reachable(&self, instance: &InstanceId) -> Answer<&Host> {
        let host = self.hosts.get(instance);
        let host = host.ok_or_else(|| Failure::permanent(format!("there is no instance {instance}")))?;
        match host.state {
            InstanceState::Running => Ok(host),
            InstanceState::Pending | InstanceState::Booting => {
                Err(Failure::not_applied(format!("{} cannot be reached: it is still booting", host.name)))
            }
            InstanceState::Stopping | InstanceState::Stopped => {
                Err(Failure::permanent(format!("{} cannot be reached: it is stopped", host.name)))
            }
            InstanceState::ShuttingDown | InstanceState::Terminated => {
                Err(Failure::permanent(format!("{} cannot be reached: it is being terminated", host.name)))
            }
        }
    }
}
