//! What hosts have found out about databases: what would hold up the window right before its migrations.

use super::flaw::Flaw;
use crate::readiness::{AskedDatabase, NotAsked};

/// What would fail in the window. That a current host could not ask says little about the next one that will.
pub(super) fn flaws(databases: &[AskedDatabase]) -> Vec<Flaw> {
    databases.iter().flat_map(|database| sessions(database).into_iter().chain(storage(database))).collect()
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
    use crate::size::Size;

    #[test]
    fn a_next_host_that_cannot_ask_is_a_problem_and_a_current_one_a_warning() {
        let why = || NotAsked { why: "exit status 127: mysql: not found".to_owned(), remedy: "correct it".to_owned() };
        let asked = |asks_in_window, no_sessions| AskedDatabase {
            name: "d".into(),
            asks_in_window,
            no_sessions,
            storage: None,
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
            flaws(&[AskedDatabase { name: "d".into(), asks_in_window: false, no_sessions: None, storage }])
        };
        assert_eq!(asked(19_999_999_999).iter().map(Flaw::state).collect::<Vec<_>>(), [CheckState::Problem]);
        assert_eq!(asked(20_000_000_000).len(), 0);
    }
}
