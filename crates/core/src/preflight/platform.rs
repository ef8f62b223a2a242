//! Databases, pending migrations, credentials.

use super::CheckItem;
use crate::deployment::Database;
use crate::plan::Phase;
use crate::planner::Inputs;
use crate::time::{between, human};

pub(super) fn check(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let mut items: Vec<CheckItem> =
        inputs.deployment.databases.iter().map(|database| instance(inputs, database)).collect();
    items.extend(pending(inputs));
    items.push(credentials(inputs));
    items
}

fn instance(inputs: Inputs<'_>, database: &Database) -> CheckItem {
    let subject = format!("database {}", database.name);
    let Some(seen) = inputs.observation.databases.get(&database.name) else {
        return CheckItem::ok(subject, "does not exist").problem("nothing can be migrated", "correct its name");
    };
    let last = seen.snapshots.iter().rfind(|snapshot| snapshot.available);
    let words = last.map_or("no snapshot".to_owned(), |snapshot| {
        format!("last snapshot {} ago", human(between(snapshot.begun, inputs.observation.at)))
    });
    let item = CheckItem::ok(subject, words);
    if !seen.available {
        let item = CheckItem { seen: "is not available".to_owned(), ..item };
        return item.problem("no snapshot and no migration is possible", "wait for its pending change, or end it");
    }
    if !database.snapshot {
        return item.warning("the file wants no snapshot in the window", "set `snapshot = true`");
    }
    item
}

fn pending(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let known = inputs.observation.pending.iter();
    known
        .map(|pending| {
            let subject = format!("migrations {} {} {}", pending.fleet, pending.service, pending.database);
            match pending.count {
                Some(count) => CheckItem::ok(subject, format!("{count} pending")),
                None => CheckItem::ok(subject, "unknown until a next host runs"),
            }
        })
        .collect()
}

fn credentials(inputs: Inputs<'_>) -> CheckItem {
    let subject = "credentials";
    let end = inputs.deployment.window.ends().timestamp;
    match inputs.observation.credentials_until {
        None => CheckItem::ok(subject, "do not expire"),
        Some(until) if until < end && !inputs.upgrade.finished(Phase::Window) => {
            CheckItem::ok(subject, format!("usable until {}", inputs.deployment.window.start.show(until)))
                .problem("they expire before the window ends", "renew them, or use ones that renew themselves")
        }
        Some(until) => CheckItem::ok(subject, format!("usable until {}", inputs.deployment.window.start.show(until))),
    }
}
