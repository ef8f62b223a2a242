//! What hosts have found out about databases: what would hold up the window right before its migrations.

use super::flaw::Flaw;
use super::item::CheckItem;
use crate::readiness::{AskedDatabase, NotAsked};

/// What would fail in the window. That a current host could not ask says little about the next one that will.
pub(super) fn flaws(databases: &[AskedDatabase]) -> Vec<Flaw> {
    let flaws = |database| sessions(database).into_iter().chain(storage(database)).chain(rows(database));
    databases.iter().flat_map(flaws).collect()
}

/// The large tables, which are told for those who set the times of migrations. They say nothing of a host.
pub(super) fn large_tables<'a>(databases: impl IntoIterator<Item = &'a AskedDatabase>) -> Option<CheckItem> {
    let tables = databases.into_iter().flat_map(|database| database.rows.iter().flatten().flatten());
    let large = tables.filter(|table| table.is_large()).map(|table| format!("{}: {} rows", table.table, table.words()));
    let large: Vec<String> = large.collect();
    if large.is_empty() {
        return None;
    }
    let consequence = "a migration that rewrites one of them takes a minute or more for a million rows";
    let remedy = "see with `sqlmigrate` what the pending migrations do to them, and set `expected` and `limit` of the \
                  migrations accordingly";
    Some(CheckItem::ok("large tables", large.join(", ")).warning(consequence, remedy))
}

fn rows(database: &AskedDatabase) -> Option<Flaw> {
    const SUBJECT: &str = "rows of tables";
    let name = &database.name;
    let (seen, remedy) = match database.rows.as_ref()? {
        Err(NotAsked { why, remedy }) => (format!("those on {name} are not known: {why}"), remedy.as_str()),
        Ok(tables) => {
            let missing = tables.iter().filter(|table| table.rows.is_none());
            let missing: Vec<&str> = missing.map(|table| table.table.as_str()).collect();
            if missing.is_empty() {
                return None;
            }
            let seen = format!("{name} has no table {}", missing.join(", and no "));
            (seen, "correct `tables` of the database in the deployment file")
        }
    };
    let consequence = "nobody will see whether migrations have lost rows of them";
    Some(Flaw::warning(SUBJECT, seen, consequence, remedy))
}

fn storage(database: &AskedDatabase) -> Option<Flaw> {
    const SUBJECT: &str = "free storage of databases";
    let name = &database.name;
    let (free, min_free) = match database.storage.as_ref()? {
        Ok(sizes) => *sizes,
        Err(NotAsked { why, remedy }) => {
            return Some(unknown(database, SUBJECT, format!("that of {name} is not known: {why}"), remedy));
        }
    };
    let seen = format!("{name} has {} free, and `min_free` is {min_free}", free.in_gigabytes());
    let remedy = "enlarge its storage days before the window: RDS then refuses another change for hours";
    (free < min_free).then(|| Flaw::problem(SUBJECT, seen, FAILS, remedy))
}

const FAILS: &str = "the window fails before its migrations, with the maintenance page up";

fn unknown(database: &AskedDatabase, subject: &'static str, seen: String, remedy: &str) -> Flaw {
    match database.asks_in_window {
        true => Flaw::problem(subject, seen, FAILS, remedy),
        false => {
            Flaw::warning(subject, seen, "the window fails before its migrations if next hosts cannot either", remedy)
        }
    }
}

fn sessions(database: &AskedDatabase) -> Option<Flaw> {
    let NotAsked { why, remedy } = database.no_sessions.as_ref()?;
    let seen = format!("those on {} cannot be looked at: {why}", database.name);
    Some(unknown(database, "sessions on databases", seen, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::CheckState;
    use crate::rows::TableRows;
    use crate::size::Size;

    #[test]
    fn a_next_host_that_cannot_ask_is_a_problem_and_a_current_one_a_warning() {
        let why = || NotAsked { why: "exit status 127: mysql: not found".to_owned(), remedy: "correct it".to_owned() };
        let asked = |asks_in_window, no_sessions| AskedDatabase {
            name: "d".into(),
            asks_in_window,
            no_sessions,
            storage: None,
            rows: None,
        };
        let states = |asked| flaws(&[asked]).iter().map(Flaw::state).collect::<Vec<_>>();
        assert_eq!(states(asked(true, Some(why()))), [CheckState::Problem]);
        assert_eq!(states(asked(false, Some(why()))), [CheckState::Warning]);
        assert_eq!(states(asked(true, None)), []);
        let with = |asks_in_window, storage| AskedDatabase { storage: Some(storage), ..asked(asks_in_window, None) };
        assert_eq!(states(with(true, Err(why()))), [CheckState::Problem]);
        assert_eq!(states(with(false, Err(why()))), [CheckState::Warning]);
    }

    #[test]
    fn too_little_storage_is_a_problem_whoever_asks() {
        let asked = |free: u64| {
            let storage = Some(Ok((Size::of_bytes(free), Size::of_bytes(20_000_000_000))));
            flaws(&[AskedDatabase { name: "d".into(), asks_in_window: false, no_sessions: None, storage, rows: None }])
        };
        assert_eq!(asked(19_999_999_999).iter().map(Flaw::state).collect::<Vec<_>>(), [CheckState::Problem]);
        assert_eq!(asked(20_000_000_000).len(), 0);
    }

    #[test]
    fn tables_that_cannot_be_counted_are_warned_of_and_large_ones_are_named() {
        let table = |name: &str, rows| TableRows { table: name.to_owned(), rows, is_estimate: true };
        let asked = |rows| AskedDatabase {
            name: "d".into(),
            asks_in_window: true,
            no_sessions: None,
            storage: None,
            rows: Some(rows),
        };
        let seen = |rows| flaws(&[asked(rows)]).iter().map(|flaw| flaw.seen.clone()).collect::<Vec<_>>();
        assert_eq!(seen(Ok(vec![table("e.users", Some(9_999_999))])), [""; 0]);
        assert_eq!(seen(Ok(vec![table("e.users", Some(1)), table("e.gone", None)])), ["d has no table e.gone"]);
        let why = NotAsked { why: "exit status 1: denied".to_owned(), remedy: "correct it".to_owned() };
        let not_known = asked(Err(why));
        assert_eq!(
            flaws(std::slice::from_ref(&not_known)).iter().map(Flaw::state).collect::<Vec<_>>(),
            [CheckState::Warning]
        );
        let tables = vec![table("e.users", Some(9_999_999)), table("e.modules", Some(180_000_000))];
        let item = large_tables(&[asked(Ok(tables))]).expect("an item");
        assert_eq!((item.state, item.seen.as_str()), (CheckState::Warning, "e.modules: about 180,000,000 rows"));
        assert_eq!(large_tables(&[not_known]), None);
    }
}
