//! Jobs on hosts: started at most once, and kept until they are collected.

use std::time::Duration;

use cutover_core::deployment::WriteCheck;
use cutover_core::names::{InstanceId, JobName, ProgramName};
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;
use cutover_hosts::command::{Command, RunAs};
use cutover_hosts::commands;
use cutover_hosts::hold;

use cutover_hosts::job::{Job as Asked, JobReport, JobStart, Signal};
use cutover_hosts::sequence;
use cutover_hosts::supervisor::{Order, Verb, autostart};

use super::parts::{Ending, Job, Script, Work};
use super::state::WorldState;

impl WorldState {
    /// Every job of every host.
    pub(crate) fn all_jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().flat_map(std::collections::BTreeMap::values)
    }

    pub(crate) fn start_job(&mut self, instance: &InstanceId, asked: &Asked, epoch: u64) -> Answer<JobStart> {
        self.reachable(instance)?;
        if self.known_job(instance, &asked.name).is_some() {
            return Ok(JobStart::Found);
        }
        let (work, output) = self.begin_work(instance, asked);
        let ending = matches!(work, Work::Nothing).then_some(Ending::Exit(127));
        let job = Job { started: self.now, epoch, output_limit: asked.output_limit, output, ending, work };
        self.jobs.entry(instance.clone()).or_default().insert(asked.name.clone(), job);
        self.orders_end(instance);
        Ok(JobStart::Started)
    }

    /// Begins what a job does. Returns it, and what it prints at first.
    fn begin_work(&mut self, instance: &InstanceId, asked: &Asked) -> (Work, String) {
        if let Some(order) = Order::of(&asked.command) {
            return self.carry_out(instance, &order);
        }
        if let Some(order) = hold::Order::of(&asked.command) {
            if let Some(host) = self.hosts.get_mut(instance) {
                host.holds_back = order.verb == hold::Verb::Hold;
            }
            return (Work::Order { programs: Vec::new() }, String::new());
        }
        if commands::is_one(&asked.command) {
            return (Work::Order { programs: Vec::new() }, String::new());
        }
        if let Some(script) = self.provisioning(instance, &asked.command) {
            return (Work::Script(script), String::new());
        }
        if let Some(script) = Script::of(&asked.command, asked.input.expose()) {
            return (Work::Script(script), String::new());
        }
        if let Some(length) = self.write_check(&asked.command) {
            return (Work::Script(Script::that_takes(length)), String::new());
        }
        let is_it = |migration: &cutover_core::deployment::Migration| {
            let is_one = runs(&asked.command, &migration.locked_command(), &migration.directory, &migration.user);
            is_one || runs_in_sequence(&asked.command, migration)
        };
        if let Some((migrations, schema)) = self.migrations_by(instance, is_it) {
            return self.begin_migration(instance, &asked.name, migrations, schema);
        }
        (Work::Nothing, not_found(&asked.command))
    }

    /// How long a write check of the deployment file takes; nothing if the command is none.
    fn write_check(&self, command: &Command) -> Option<Duration> {
        let is_it = |check: &&WriteCheck| runs(command, &check.command, &check.directory, &check.user);
        self.deployment.write_checks.iter().find(is_it).map(|check| check.expected.duration())
    }

    /// Does what an order says, if the host has that supervisorctl, to the programs that its supervisor knows.
    fn carry_out(&mut self, instance: &InstanceId, order: &Order) -> (Work, String) {
        if !self.has_supervisorctl(instance, &order.supervisorctl) {
            return (Work::Order { programs: Vec::new() }, format!("{}: not found\n", order.supervisorctl));
        }
        let known = self.hosts.get(instance).map(|host| &host.programs);
        let is_known = |name: &&ProgramName| known.is_some_and(|programs| programs.contains_key(*name));
        let (programs, unknown): (Vec<&ProgramName>, Vec<&ProgramName>) = order.programs.iter().partition(is_known);
        let mut output: String = unknown.iter().map(|name| format!("{name}: ERROR (no such process)\n")).collect();
        let programs: Vec<ProgramName> = programs.into_iter().cloned().collect();
        match order.verb {
            Verb::Stop => self.stop(instance, &programs),
            Verb::StopForGood => {
                if let Some(host) = self.hosts.get_mut(instance) {
                    host.boot_stopped = true;
                }
                output += &autostart::held_file(autostart::SIMULATED_FILE);
                self.stop(instance, &programs);
            }
            Verb::Start => self.start(instance, &programs),
            Verb::StartAlways => {
                if let Some(host) = self.hosts.get_mut(instance) {
                    host.boot_stopped = false;
                }
                self.start(instance, &programs);
            }
            Verb::Kill => self.kill(instance, &programs),
        }
        (Work::Order { programs }, output)
    }

    /// Ends the orders of which no program is on its way to another state any more: supervisorctl returns.
    pub(crate) fn orders_end(&mut self, instance: &InstanceId) {
        let (Some(host), Some(jobs)) = (self.hosts.get(instance), self.jobs.get_mut(instance)) else { return };
        for job in jobs.values_mut().filter(|job| job.ending.is_none()) {
            let Work::Order { programs } = &job.work else { continue };
            if !programs.iter().any(|name| host.programs.get(name).is_some_and(|program| program.moves())) {
                job.ending = Some(Ending::Exit(0));
            }
        }
    }

    /// The job with that name on a host. A fault makes a host forget migrations that have ended.
    fn known_job(&self, instance: &InstanceId, name: &JobName) -> Option<&Job> {
        let found = self.jobs.get(instance)?.get(name)?;
        let is_forgotten = match found.work {
            Work::Migration { migrations, .. } => {
                found.ending.is_some() && self.forgets_jobs(&self.migrations[migrations].fleet)
            }
            _ => false,
        };
        (!is_forgotten).then_some(found)
    }

    pub(crate) fn job(&self, instance: &InstanceId, name: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        self.reachable(instance)?;
        Ok(self.known_job(instance, name).map(|job| job.report(offset, self.now)))
    }

    pub(crate) fn signal_job(&mut self, instance: &InstanceId, name: &JobName, signal: Signal) -> Answer<bool> {
        self.reachable(instance)?;
        let now = self.now;
        let job = self.jobs.get_mut(instance).and_then(|jobs| jobs.get_mut(name));
        let Some(job) = job.filter(|job| job.ending(now).is_none()) else { return Ok(false) };
        let number = match signal {
            Signal::Term => 15,
            Signal::Kill => 9,
        };
        job.end(Ending::Exit(128 + number), now);
        Ok(true)
    }

    pub(crate) fn collect_job(&mut self, instance: &InstanceId, name: &JobName) -> Answer<()> {
        self.reachable(instance)?;
        let now = self.now;
        let jobs = self.jobs.entry(instance.clone()).or_default();
        if jobs.get(name).is_some_and(|job| job.ending(now).is_none()) {
            return Err(Failure::permanent(format!("{instance}: job {name} cannot be collected, it still runs")));
        }
        jobs.remove(name);
        Ok(())
    }

    /// A host goes down: the jobs that run on it end.
    pub(crate) fn jobs_die(&mut self, instance: &InstanceId) {
        let now = self.now;
        for job in self.jobs.entry(instance.clone()).or_default().values_mut() {
            if job.ending(now).is_none() {
                job.end(Ending::HostRestarted, now);
            }
        }
    }
}

/// Whether a command is this one of a service, in its folder and as its user.
pub(crate) fn runs(command: &Command, arguments: &[String], directory: &str, user: &str) -> bool {
    command.arguments == arguments
        && command.directory.as_deref() == Some(directory)
        && matches!(&command.run_as, RunAs::User(name) if name == user)
}

/// Whether a command is a sequence of which the command of this migration is a part.
fn runs_in_sequence(command: &Command, migration: &cutover_core::deployment::Migration) -> bool {
    let Some(arguments) = command.arguments.strip_prefix(migration.lock_command.as_slice()) else { return false };
    sequence::has(arguments, &migration.command)
        && runs(command, &command.arguments, &migration.directory, &migration.user)
}

/// What a shell says about an unknown command.
pub(crate) fn not_found(command: &Command) -> String {
    format!("{}: not found\n", command.arguments.first().map_or("", String::as_str))
}
