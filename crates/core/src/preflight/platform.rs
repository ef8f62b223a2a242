//! Databases, pending migrations, credentials.

use std::time::Duration;

use super::item::{CheckItem, CheckState, of_part, or_flaws};
use super::under_way::UnderWay;
use crate::deployment::Database;
use crate::names::MigrationName;
use crate::observation::{MIGRATIONS_NAMED, MigrationFlaw, Part, PendingNames, pending_in_words};
use crate::plan::Phase;
use crate::planner::Inputs;
use crate::time::{between, human};
use crate::words::some_of;

/// The largest normal age of a daily backup: backups start once a day, at some moment within an hour.
const DAILY: Duration = Duration::from_secs(25 * 3600);

pub(super) fn check(inputs: Inputs<'_>, under_way: UnderWay<'_>) -> Vec<CheckItem> {
    let databases = inputs.deployment.databases.iter();
    let databases = || databases.flat_map(|database| instance(inputs, under_way, database)).collect();
    let mut items = of_part(inputs, &Part::Databases, databases);
    items.extend(pending(inputs));
    items.extend(of_part(inputs, &Part::Credentials, || vec![credentials(inputs)]));
    items
}

fn instance(inputs: Inputs<'_>, under_way: UnderWay<'_>, database: &Database) -> Vec<CheckItem> {
    let subject = format!("database {}", database.name);
    let Some(seen) = inputs.observation.databases.get(&database.name) else {
        return vec![CheckItem::ok(subject, "does not exist").problem("nothing can be migrated", "correct its name")];
    };
    let last = seen.snapshots.iter().rfind(|snapshot| snapshot.available);
    let age = last.map(|snapshot| between(snapshot.started, inputs.observation.at));
    let words = age.map_or("no snapshot".to_owned(), |age| format!("last snapshot {} ago", human(age)));
    let item = CheckItem::ok(&subject, words);
    let mut flaws = Vec::new();
    if !seen.available && !under_way.is_taking_snapshot(&database.name) {
        let consequence = "no snapshot and no migration is possible";
        let remedy = "wait for its pending change, or cancel it";
        flaws.push(CheckItem::ok(subject, "is not available").problem(consequence, remedy));
    }
    // With a snapshot right before the window, the one in the window copies only what has changed since.
    let is_prepared = database.warm_up_snapshot || !database.snapshot;
    if !is_prepared && age.is_none_or(|age| age > DAILY) {
        let remedy =
            "have RDS keep backups for a week (`aws rds modify-db-instance`), and set `warm_up_snapshot = true`";
        flaws.push(item.clone().warning("no backups are made; a snapshot in the window copies everything", remedy));
    }
    if !database.snapshot {
        flaws.push(item.clone().warning("the file asks for no snapshot in the window", "set `snapshot = true`"));
    }
    or_flaws(item, flaws)
}

/// The migrations that next hosts list as pending, one item for each migration command.
pub(super) fn pending(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let known = inputs.observation.pending.iter();
    known
        .flat_map(|pending| {
            let subject = format!("migrations {} {} {}", pending.fleet, pending.service, pending.database);
            let flaws = pending.flaws.iter().map(|flaw| flawed(subject.clone(), flaw)).collect::<Vec<_>>();
            let listed = match &pending.names {
                PendingNames::Known(names) => CheckItem::ok(subject, in_words(names)),
                PendingNames::NoNextHost => CheckItem::unknown(subject, "not known until a next host runs"),
                PendingNames::NoListCommand => {
                    CheckItem::unknown(subject, "not known: the migration has no `list_command` in the file")
                }
                PendingNames::NotKnown { because, remedy } => not_listed(inputs, subject, because, remedy),
            };
            [listed].into_iter().chain(flaws)
        })
        .collect()
}

/// A list that cannot be read is one that the window cannot read either. After the window nobody needs it.
fn not_listed(inputs: Inputs<'_>, subject: String, because: &str, remedy: &str) -> CheckItem {
    let item = CheckItem::ok(subject, format!("not known: {because}"));
    match inputs.upgrade.finished(Phase::Window) {
        true => CheckItem { state: CheckState::Unknown, ..item },
        false => item.problem("the window fails at this migration, with the maintenance page up", remedy),
    }
}

fn flawed(subject: String, flaw: &MigrationFlaw) -> CheckItem {
    let named = |migrations: &[MigrationName]| some_of(migrations, MIGRATIONS_NAMED);
    match flaw {
        MigrationFlaw::CannotRun { because } => CheckItem::ok(subject, because).problem(
            "the window fails at this migration, with the maintenance page up",
            "join the branches with `makemigrations --merge`, or correct what is on record, in a release of their own",
        ),
        MigrationFlaw::NoneToFake { migrations } => {
            let seen = format!("`fake` names what the new release does not have: {}", named(migrations));
            let consequence = "the window fails at this migration, with the maintenance page up";
            CheckItem::ok(subject, seen).problem(consequence, "compare `fake` with what `list_command` prints there")
        }
        MigrationFlaw::NotKnown { because } => CheckItem::unknown(subject, format!("not known: {because}")),
        MigrationFlaw::FilesGone { migrations } => {
            let seen = format!("on record without a file in the new release: {}", named(migrations));
            let remedy = "find out which release has applied them, and whether the new one knows what they did";
            CheckItem::ok(subject, seen).warning("the schema is further than the new code, or another one", remedy)
        }
        MigrationFlaw::NotRecorded { migrations } => {
            let seen = format!("listed as applied and not on record: {}", named(migrations));
            let remedy = "correct `recorded_command`: it should print the table of the same database";
            CheckItem::ok(subject, seen).warning("the list and the table are of different databases", remedy)
        }
    }
}

fn in_words(pending: &[MigrationName]) -> String {
    match pending {
        [] => "nothing pending".to_owned(),
        names => pending_in_words(names, MIGRATIONS_NAMED),
    }
}

/// The longest session that AWS allows. If the window is further away than this, nobody can be signed in for it yet.
const LONGEST_SESSION: Duration = Duration::from_secs(12 * 3600);

fn credentials(inputs: Inputs<'_>) -> CheckItem {
    let subject = "credentials";
    let end = inputs.deployment.window.ends().timestamp;
    let Some(until) = inputs.observation.credentials_until else { return CheckItem::ok(subject, "do not expire") };
    let words = format!("can be used or renewed until {}", inputs.deployment.window.start.show(until));
    let item = CheckItem::ok(subject, words);
    if until >= end || inputs.upgrade.finished(Phase::Window) {
        return item;
    }
    let remedy = "sign in again right before the window (`aws sso login`), or use credentials that renew themselves";
    let consequence = "they expire before the window ends";
    // Nobody signs in days ahead: it matters only once the window is near.
    let is_far = between(inputs.observation.at, inputs.deployment.window.start.timestamp) > LONGEST_SESSION;
    if is_far { item.warning(consequence, remedy) } else { item.problem(consequence, remedy) }
}
