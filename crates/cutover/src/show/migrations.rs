//! Migrations in a report: which have run and how long they took, what each app was migrated from and to, and which have not
//! ended well.

use cutover_core::journal::{Fact, Moved, Ran, Run, StepStatus, Upgrade, moved};
use cutover_core::plan::{Action, Migrate};
use cutover_core::time::human;
use std::time::Duration;

use super::text::{WIDTH, hang, prose};

/// What is said below the commands that would reverse migrations.
const ONLY_SHOWN: &str = "Nothing runs the commands that would reverse them. They are arguments of `manage.py` and the service, such as \
                          `manage.py lms`, and need its `--database` and `--settings` too. A column or table that was removed \
                          comes back without its data.";

/// The section's text.
pub(super) fn migrations(upgrade: &Upgrade) -> String {
    let mut lines: Vec<String> = upgrade.migrated.iter().flat_map(|fact| of_command(upgrade, fact)).collect();
    lines.extend(half_run(upgrade));
    if lines.is_empty() {
        return "None has run.".to_owned();
    }
    if has_moved(upgrade) {
        lines.push(format!("\n{}", hang("", ONLY_SHOWN, WIDTH)));
    }
    lines.join("\n")
}

/// Whether a migration has changed anything, whether it has ended well or not.
fn has_moved(upgrade: &Upgrade) -> bool {
    let ended = upgrade.migrated.iter().any(|fact| matches!(fact, Fact::Migrated { moved, .. } if !moved.is_empty()));
    ended || upgrade.last_runs().flat_map(Run::runs).any(|(_, run)| !moved(&run.facts).is_empty())
}

/// The lines of a migration command of the file.
fn of_command(upgrade: &Upgrade, fact: &Fact) -> Vec<String> {
    if let Fact::Faked { fleet, migration, reason } = fact {
        return vec![hang("- ", &format!("{fleet}: {migration} was recorded and not run: {}", prose(reason)), WIDTH)];
    }
    let Fact::Migrated { fleet, service, database, applied, ran, moved, peak_memory } = fact else { return Vec::new() };
    let is_it = |migrate: &Migrate| (&migrate.fleet, &migrate.service, &migrate.database) == (fleet, service, database);
    let how_many = match applied {
        0 if has_begun(upgrade, is_it) => "the command ran, and its output names no migration as applied".to_owned(),
        0 => "nothing was pending".to_owned(),
        applied => format!("{applied} applied"),
    };
    let memory = peak_memory.map_or_else(String::new, |bytes| format!(", with {} MB of memory at most", bytes >> 20));
    let head = hang("- ", &format!("{fleet}: {service} {database}, {how_many}{memory}"), WIDTH);
    let names: Vec<String> = ran.iter().map(with_time).collect();
    let names = (!names.is_empty()).then(|| hang("  - ", &format!("applied: {}", names.join(", ")), WIDTH));
    std::iter::once(head).chain(names).chain(moved.iter().map(of_app)).collect()
}

/// Whether a job of such a migration was begun.
fn has_begun(upgrade: &Upgrade, is_it: impl Fn(&Migrate) -> bool) -> bool {
    upgrade.last_runs().flat_map(Run::runs).any(|(step, run)| {
        matches!(&step.action, Action::Migrate(migrate) if is_it(migrate))
            && run.facts.iter().any(|fact| matches!(fact, Fact::Job { .. }))
    })
}

fn with_time(ran: &Ran) -> String {
    match ran.seconds {
        Some(seconds) => format!("{} ({})", ran.migration, human(Duration::from_secs(seconds))),
        None => ran.migration.to_string(),
    }
}

fn of_app(moved: &Moved) -> String {
    let reversal = moved.reversal().map_or_else(
        || "the state before is not known".to_owned(),
        |reversal| format!("would be reversed by `{reversal}`"),
    );
    hang("  - ", &format!("{moved}; {reversal}"), WIDTH)
}

/// Migrations that were started and have not succeeded according to the journal, with what they have applied. They must not be
/// run again blindly.
fn half_run(upgrade: &Upgrade) -> impl Iterator<Item = String> {
    let runs = upgrade.last_runs().flat_map(Run::runs);
    let migrations = runs.filter(|(step, _)| matches!(step.action, Action::Migrate(_)));
    migrations.flat_map(|(step, run)| {
        let state = match run.status {
            StepStatus::Waiting | StepStatus::Done | StepStatus::Held | StepStatus::Undone => return Vec::new(),
            StepStatus::Failed { .. } => "FAILED, possibly half applied",
            _ => "under way, or its outcome is not known",
        };
        let head = hang("- ", &format!("{state}: {}", step.title), WIDTH);
        std::iter::once(head).chain(moved(&run.facts).iter().map(of_app)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated(ran: Vec<Ran>, moved: Vec<Moved>, peak_memory: Option<u64>) -> Upgrade {
        let fact = Fact::Migrated {
            fleet: "live".into(),
            service: "lms".to_owned(),
            database: "default".to_owned(),
            applied: u32::try_from(ran.len()).expect("few"),
            ran,
            moved,
            peak_memory,
        };
        Upgrade { migrated: vec![fact], ..Upgrade::default() }
    }

    #[test]
    fn what_ran_is_listed_with_what_would_reverse_it_and_that_nothing_does() {
        let ran = |migration: &str, seconds| Ran { migration: migration.into(), seconds };
        let moved = |app: &str, from: Option<&str>, to: &str| Moved {
            app: app.to_owned(),
            from: from.map(str::to_owned),
            to: to.to_owned(),
        };
        let upgrade = migrated(
            vec![
                ran("courseware.0011_index", Some(245)),
                ran("grades.0003_value", None),
                ran("new.0001_initial", Some(0)),
            ],
            vec![
                moved("courseware", Some("0010_rows"), "0011_index"),
                moved("grades", None, "0003_value"),
                moved("new", Some("zero"), "0001_initial"),
            ],
            Some(312 << 20),
        );
        insta::assert_snapshot!(migrations(&upgrade));
    }

    #[test]
    fn a_journal_that_has_only_a_count_has_a_line() {
        assert_eq!(migrations(&migrated(Vec::new(), Vec::new(), None)), "- live: lms default, nothing was pending");
        assert_eq!(migrations(&Upgrade::default()), "None has run.");
    }
}
