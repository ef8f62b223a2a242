//! What is wrong with the migrations of a next host, as its own code and the database tell: what would make the window fail,
//! and what the list of migrations does not show.

use cutover_core::deployment::Migration;
use cutover_core::names::InstanceId;
use cutover_core::observation::MigrationFlaw;
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::django::planned::{self, NotPlanned};
use cutover_hosts::django::{self, faked, recorded};

use crate::pending::{LIMIT, of_service};
use crate::ports::{Answer, Hosts};

/// Asks with the commands that the file has for it, one after the other, because each answer starts all of edx-platform.
/// `listed` is what the host has printed for the list command.
pub(crate) async fn migration_flaws(
    hosts: &dyn Hosts,
    host: &InstanceId,
    migration: &Migration,
    listed: &Answer<Option<Said>>,
) -> Vec<MigrationFlaw> {
    let mut flaws = Vec::new();
    if !migration.plan_command.is_empty() {
        flaws.extend(match ask(hosts, host, migration, &migration.plan_command).await {
            Ok(said) => unplanned(&said),
            Err(failure) => Some(MigrationFlaw::NotKnown { because: failure.message }),
        });
    }
    if let Ok(Some(listed)) = listed {
        flaws.extend(none_to_fake(migration, listed));
    }
    if !migration.recorded_command.is_empty() && !matches!(listed, Ok(None)) {
        let recorded = ask(hosts, host, migration, &migration.recorded_command).await;
        flaws.extend(match (listed, recorded) {
            (Ok(listed), Ok(recorded)) => listed.iter().flat_map(|listed| differences(listed, &recorded)).collect(),
            (Err(failure), _) => vec![MigrationFlaw::NotKnown { because: failure.message.clone() }],
            (_, Err(failure)) => vec![MigrationFlaw::NotKnown { because: failure.message }],
        });
    }
    flaws
}

async fn ask(hosts: &dyn Hosts, host: &InstanceId, migration: &Migration, command: &[String]) -> Answer<Said> {
    let command = of_service(command, &migration.directory, &migration.user);
    hosts.ask(host, &Ask { command, limit: LIMIT }).await
}

/// Why `migrate --plan` makes no plan.
fn unplanned(said: &Said) -> Option<MigrationFlaw> {
    let because = planned::read(said).err()?;
    Some(match because {
        NotPlanned::History { .. } | NotPlanned::Conflict(_) | NotPlanned::MissingParent { .. } => {
            MigrationFlaw::CannotRun { because: because.to_string() }
        }
        NotPlanned::Database(_) | NotPlanned::Failed(_) | NotPlanned::NotAPlan(_) => {
            MigrationFlaw::NotKnown { because: format!("`plan_command`: {because}") }
        }
    })
}

/// What the file wants to be recorded without being run, and the new code does not have. The window needs the list, so that it
/// cannot be read is told elsewhere.
fn none_to_fake(migration: &Migration, listed: &Said) -> Option<MigrationFlaw> {
    let listed = django::read(listed).ok()?;
    let migrations = faked::unknown(&listed, migration.fake.iter().map(|fake| &fake.name));
    Some(MigrationFlaw::NoneToFake { migrations }).filter(|flaw| !flaw.is_empty())
}

/// What is on record in the database and not in the code, and the other way round.
fn differences(listed: &Said, on_record: &Said) -> Vec<MigrationFlaw> {
    let listed = match django::read(listed) {
        Ok(listed) => listed,
        // The window needs this list, so that it cannot be read is told elsewhere.
        Err(_) => return Vec::new(),
    };
    let on_record = match recorded::read(on_record) {
        Ok(on_record) => on_record,
        Err(why) => return vec![MigrationFlaw::NotKnown { because: format!("`recorded_command`: {why}") }],
    };
    let difference = recorded::compare(&on_record, &listed);
    let gone = MigrationFlaw::FilesGone { migrations: difference.gone };
    let not_recorded = MigrationFlaw::NotRecorded { migrations: difference.not_recorded };
    [gone, not_recorded].into_iter().filter(|flaw| !flaw.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str) -> Said {
        Said { stdout: stdout.to_owned(), ..Said::default() }
    }

    #[test]
    fn a_history_that_contradicts_itself_stops_the_window_and_an_unreadable_plan_is_not_known() {
        let failed = |stderr: &str| Said { exit: 1, stdout: String::new(), stderr: stderr.to_owned() };
        let history = "django.db.migrations.exceptions.InconsistentMigrationHistory: Migration a.0002_x is applied before \
                       its dependency a.0001_y on database 'default'.\n";
        let flaw = unplanned(&failed(history)).expect("a flaw");
        let because = "a.0002_x is recorded as applied, and a.0001_y, which it depends on, is not".to_owned();
        assert_eq!(flaw, MigrationFlaw::CannotRun { because });
        assert!(matches!(unplanned(&failed("Traceback\n")), Some(MigrationFlaw::NotKnown { .. })));
        assert_eq!(unplanned(&said("Planned operations:\n  No planned migration operations.\n")), None);
    }

    #[test]
    fn migrations_on_record_without_a_file_are_named() {
        let listed = said("grades\n [X] 0001_initial\n [X] 0003_c\n [ ] 0004_d\n");
        let on_record = said("grades\t0001_initial\ngrades\t0002_b\n");
        let migrations = |name: &str| vec![name.into()];
        assert_eq!(
            differences(&listed, &on_record),
            [
                MigrationFlaw::FilesGone { migrations: migrations("grades.0002_b") },
                MigrationFlaw::NotRecorded { migrations: migrations("grades.0003_c") },
            ]
        );
        let refused = Said { exit: 1, ..said("") };
        assert!(matches!(differences(&listed, &refused)[..], [MigrationFlaw::NotKnown { .. }]));
    }
}
