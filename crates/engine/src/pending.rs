//! Pending migrations, as a host with the new code lists them. Steps and observations both ask for it.

use std::time::Duration;

use cutover_core::names::InstanceId;
use cutover_hosts::command::{Ask, Command, RunAs, Said};
use cutover_hosts::django::{self, Listed, NotListed};

use crate::failure::Failure;
use crate::ports::{Answer, Hosts};

/// How long listing may take: Django with all of edx-platform needs half a minute to start on a small host.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A command that runs in the folder of a service, as its user.
pub(crate) fn of_service(arguments: &[String], directory: &str, user: &str) -> Command {
    let run_as = RunAs::User(user.to_owned());
    Command { run_as, directory: Some(directory.to_owned()), ..Command::new(arguments.iter().cloned()) }
}

/// What a host prints for a list command; `None` if there is no command.
pub(crate) async fn list(
    hosts: &dyn Hosts,
    host: &InstanceId,
    list_command: &[String],
    directory: &str,
    user: &str,
) -> Answer<Option<Said>> {
    if list_command.is_empty() {
        return Ok(None);
    }
    let question = Ask { command: of_service(list_command, directory, user), limit: LIMIT };
    hosts.ask(host, &question).await.map(Some)
}

/// The pending migrations in what a host has printed.
pub(crate) fn read_pending<'a>(host: &InstanceId, said: &'a Said) -> Answer<Vec<Listed<'a>>> {
    django::pending(said).map_err(|why| not_listed(host, &why))
}

/// Why a list is not known, and what to do about it.
pub(crate) fn not_listed(host: &InstanceId, why: &NotListed) -> Failure {
    let message = format!("the migrations could not be listed on {host}: {why}");
    let failure = match why {
        // The database may be unreachable for a moment.
        NotListed::Failed(_) => Failure::not_applied(message),
        NotListed::NotAList(_) | NotListed::NoApp(_) => Failure::permanent(message),
    };
    failure.with_hint("run the migration's `list_command` there")
}
