//! Migrations that are recorded as applied without being run (`migrate --fake`).
//!
//! Django records the migrations that a faked one depends on as well, if they are pending. So everything that its plan has before
//! the faked one is applied first, and right before it is recorded, the database is asked whether it is next. A migration is never
//! named to `migrate` that is applied already, since that would reverse those after it.

use cutover_core::names::MigrationName;

use super::listed::{Listed, Mark};
use crate::sequence::Part;

/// Names in the file that the code does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no migration {}", .0.iter().map(MigrationName::as_str).collect::<Vec<_>>().join(", and no "))]
pub struct NoSuchMigration(pub Vec<MigrationName>);

/// The names that are in no list.
#[must_use]
pub fn unknown<'a>(listed: &[Listed<'_>], faked: impl IntoIterator<Item = &'a MigrationName>) -> Vec<MigrationName> {
    let is_known = |name: &MigrationName| listed.iter().any(|migration| migration.full_name() == *name);
    faked.into_iter().filter(|name| !is_known(name)).cloned().collect()
}

/// The parts of a job that apply what comes before each of these migrations, and record it. One that is applied already needs
/// none. `listed` is what `list_command` has printed, and both are in the order of Django's plan (`showmigrations --plan`).
///
/// # Errors
/// When there is no such migration.
pub fn parts(
    listed: &[Listed<'_>],
    faked: &[MigrationName],
    command: &[String],
    list_command: &[String],
) -> Result<Vec<Part>, NoSuchMigration> {
    let unknown = unknown(listed, faked);
    if !unknown.is_empty() {
        return Err(NoSuchMigration(unknown));
    }
    let pending: Vec<&Listed<'_>> = listed.iter().filter(|migration| migration.mark == Mark::Pending).collect();
    let (mut parts, mut from) = (Vec::new(), 0);
    let to = |options: &[&str], migration: &Listed<'_>| {
        let words = options.iter().chain([&migration.app, &migration.name]).map(|word| (*word).to_owned());
        command.iter().cloned().chain(words).collect::<Vec<_>>()
    };
    for (position, migration) in pending.iter().enumerate().filter(|(_, one)| faked.contains(&one.full_name())) {
        let name = migration.full_name();
        for last in last_of_each_app(&pending[from..position]) {
            parts.push(Part::command(
                format!("migrate to {}, which comes before {name}", last.full_name()),
                &to(&[], last),
            ));
        }
        parts.push(Part::is_next(name.as_str(), list_command));
        parts.push(Part::command(format!("record {name} without running it"), &to(&["--fake"], migration)));
        from = position + 1;
    }
    Ok(parts)
}

fn last_of_each_app<'a, 'b>(migrations: &'a [&'b Listed<'b>]) -> impl Iterator<Item = &'a Listed<'b>> {
    let is_last =
        |(position, one): &(usize, &&Listed<'_>)| !migrations[position + 1..].iter().any(|other| other.app == one.app);
    migrations.iter().enumerate().filter(is_last).map(|(_, one)| *one)
}

/// Whether the output of `migrate` says that it has recorded a migration without running it.
#[must_use]
pub fn was_recorded(output: &str, migration: &MigrationName) -> bool {
    let line = format!("Applying {migration}... FAKED");
    output.lines().any(|printed| printed.trim() == line)
}

#[cfg(test)]
mod tests {
    use super::super::listed::read;
    use super::*;
    use crate::command::Said;

    const PLAN: &str = "[X]  a.0001_initial\n[ ]  b.0001_initial\n[ ]  b.0002_x\n[ ]  a.0002_one\n[ ]  a.0003_big\n\
                        [ ]  a.0004_after\n[ ]  b.0003_y\n";

    fn titles(faked: &[&str]) -> Vec<String> {
        let said = Said { stdout: PLAN.to_owned(), ..Said::default() };
        let faked: Vec<MigrationName> = faked.iter().map(|name| (*name).into()).collect();
        let words = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let parts = parts(&read(&said).expect("a list"), &faked, &words("migrate --noinput"), &words("list --plan"));
        match parts {
            Ok(parts) => parts.into_iter().map(|part| part.title).collect(),
            Err(why) => vec![why.to_string()],
        }
    }

    #[test]
    fn what_comes_before_a_faked_migration_is_applied_and_nothing_that_is_applied_already_is_named() {
        assert_eq!(
            titles(&["a.0003_big"]),
            [
                "migrate to b.0002_x, which comes before a.0003_big",
                "migrate to a.0002_one, which comes before a.0003_big",
                "look whether a.0003_big is next",
                "record a.0003_big without running it",
            ]
        );
        assert_eq!(titles(&["a.0001_initial"]), [""; 0], "it is applied");
        assert_eq!(
            titles(&["b.0003_y", "b.0001_initial"]),
            [
                "look whether b.0001_initial is next",
                "record b.0001_initial without running it",
                "migrate to b.0002_x, which comes before b.0003_y",
                "migrate to a.0004_after, which comes before b.0003_y",
                "look whether b.0003_y is next",
                "record b.0003_y without running it",
            ]
        );
    }

    #[test]
    fn a_name_that_the_code_does_not_have_is_an_error() {
        assert_eq!(titles(&["a.0009_gone", "a.0003_big"]), ["there is no migration a.0009_gone"]);
    }

    #[test]
    fn what_django_has_recorded_without_running_it_is_read_from_its_output() {
        let output = "Running migrations:\n  Applying a.0002_one... OK\n  Applying a.0003_big... FAKED\n";
        assert!(was_recorded(output, &"a.0003_big".into()));
        assert!(!was_recorded(output, &"a.0002_one".into()));
    }
}
