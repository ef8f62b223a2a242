//! The sessions on a database instance: those of programs that run, and those that somebody has forgotten.

use cutover_core::deployment::{Database, Role};
use cutover_core::names::FleetName;
use cutover_core::time::between;
use cutover_hosts::command::{Command, Said};

use super::jobs::runs;
use super::parts::{Fault, Program};
use super::questions::printed;
use super::state::WorldState;

impl WorldState {
    /// The database instance whose sessions a command names.
    pub(crate) fn database_asked_for_sessions(&self, command: &Command) -> Option<&Database> {
        let is_its = |database: &&Database| {
            let Database { sessions_command, directory, user, .. } = database;
            !sessions_command.is_empty() && runs(command, sessions_command, directory, user)
        };
        self.deployment.databases.iter().find(is_its)
    }

    /// A line for each session, in the form of `examples/database-sessions.sh`.
    pub(crate) fn sessions(&self, command: &Command) -> Option<Said> {
        let database = self.database_asked_for_sessions(command)?;
        let uses = |fleet: &FleetName| self.deployment.fleets_on(&database.name).any(|known| known.name == *fleet);
        let hosts = self.hosts.values().filter(|host| host.role == Role::Edxapp && uses(&host.fleet));
        let processes = hosts.flat_map(|host| host.programs.values().map(move |program| (host, program)));
        let own = processes.filter_map(|(host, program)| match program {
            Program::Running(process) => {
                let seconds = between(process.since, self.now).as_secs();
                Some(format!("id {} edxapp@{} Sleep {seconds} s\n", process.id, host.name))
            }
            _ => None,
        });
        let looks = self.calls.get("sessions").copied().unwrap_or_default();
        let forgotten = self.faults.iter().any(|fault| {
            matches!(fault, Fault::SessionRemains { database: of, looks: until } if *of == database.name && looks <= *until)
        });
        let forgotten = forgotten.then(|| "id 41 report@10.0.9.9 Sleep 320 s, transaction open for 300 s\n".to_owned());
        Some(printed(own.chain(forgotten).collect()))
    }
}
