//! Pending migrations, as a host with the new code lists them. Steps and observations both ask for it.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::journal::{Fact, ZERO};
use cutover_core::names::{InstanceId, JobName};
use cutover_hosts::command::{Ask, Command, RunAs, Said};
use cutover_hosts::django::{self, Listed, Mark, NotListed};

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
    list_within(LIMIT, hosts, host, list_command, directory, user).await
}

/// The same in less time.
pub(crate) async fn list_within(
    limit: Duration,
    hosts: &dyn Hosts,
    host: &InstanceId,
    list_command: &[String],
    directory: &str,
    user: &str,
) -> Answer<Option<Said>> {
    if list_command.is_empty() {
        return Ok(None);
    }
    let question = Ask { command: of_service(list_command, directory, user), limit };
    hosts.ask(host, &question).await.map(Some)
}

/// The pending migrations in what a host has printed.
pub(crate) fn read_pending<'a>(host: &InstanceId, said: &'a Said) -> Answer<Vec<Listed<'a>>> {
    django::pending(said).map_err(|why| not_listed(host, &why))
}

/// What a job of this name is about to apply, according to what a host has printed.
pub(crate) fn read_before(host: &InstanceId, job: &JobName, said: &Said) -> Answer<Fact> {
    let listed = django::read(said).map_err(|why| not_listed(host, &why))?;
    let (mut migrations, mut at) = (Vec::new(), BTreeMap::new());
    for pending in listed.iter().filter(|listed| listed.mark == Mark::Pending) {
        migrations.push(pending.full_name());
        let is_before = |other: &&Listed<'_>| other.app == pending.app && other.mark == Mark::Applied;
        let last = listed.iter().rfind(is_before).map_or(ZERO, |last| last.name);
        at.entry(pending.app.to_owned()).or_insert_with(|| last.to_owned());
    }
    Ok(Fact::Pending { job: job.clone(), migrations, at })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_to_be_applied_is_named_with_where_each_app_is() {
        let stdout = "grades\n [X] 0001_initial\n [X] 0002_value\n [ ] 0003_more\n [ ] 0004_last\nnew\n [ ] 0001_initial\nold\n [X] 0001_initial\n";
        let said = Said { stdout: stdout.to_owned(), ..Said::default() };
        let fact = read_before(&"i-1".into(), &"lms".into(), &said).expect("a list");
        let pair = |(app, name): (&str, &str)| (app.to_owned(), name.to_owned());
        assert_eq!(
            fact,
            Fact::Pending {
                job: "lms".into(),
                migrations: ["grades.0003_more", "grades.0004_last", "new.0001_initial"].map(Into::into).to_vec(),
                at: [("grades", "0002_value"), ("new", ZERO)].map(pair).into(),
            }
        );
    }
}
