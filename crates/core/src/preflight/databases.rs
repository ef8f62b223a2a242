//! What hosts have found out about databases: what would hold up the window right before its migrations.

use super::readiness::Flaw;
use crate::readiness::{AskedDatabase, NotAsked};

/// What would fail in the window. That a current host could not ask says little about the next one that will.
pub(super) fn flaws(databases: &[AskedDatabase]) -> Vec<Flaw> {
    databases.iter().filter_map(sessions).collect()
}

fn sessions(database: &AskedDatabase) -> Option<Flaw> {
    const SUBJECT: &str = "sessions on databases";
    let NotAsked { why, remedy } = database.no_sessions.as_ref()?;
    let seen = format!("those on {} cannot be looked at: {why}", database.name);
    Some(match database.asks_in_window {
        true => {
            Flaw::problem(SUBJECT, seen, "the window fails before its migrations, with the maintenance page up", remedy)
        }
        false => {
            Flaw::warning(SUBJECT, seen, "the window fails before its migrations if next hosts cannot either", remedy)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::CheckState;

    #[test]
    fn a_next_host_that_cannot_ask_is_a_problem_and_a_current_one_a_warning() {
        let why = || NotAsked { why: "exit status 127: mysql: not found".to_owned(), remedy: "correct it".to_owned() };
        let asked = |asks_in_window, no_sessions| AskedDatabase { name: "d".into(), asks_in_window, no_sessions };
        let states = |asked| flaws(&[asked]).iter().map(Flaw::state).collect::<Vec<_>>();
        assert_eq!(states(asked(true, Some(why()))), [CheckState::Problem]);
        assert_eq!(states(asked(false, Some(why()))), [CheckState::Warning]);
        assert_eq!(states(asked(true, None)), []);
    }
}
