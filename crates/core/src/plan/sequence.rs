//! Migrations that are more than one command.

use serde::{Deserialize, Serialize};

use crate::deployment::{Fake, Migration};

/// The commands of a migration, which one job runs one after the other until one fails. Which commands record the faked
/// migrations is known only when the job starts, because it depends on what is pending then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// The command that takes the lock for all of them, and runs what follows it; empty if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lock_command: Vec<String>,
    /// What is run first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Vec<String>>,
    /// What is recorded as applied without being run, after all that has to be applied before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fake: Vec<Fake>,
    /// The migration itself.
    pub command: Vec<String>,
    /// What is run last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Vec<String>>,
}

impl Sequence {
    /// The commands of a migration of the file; nothing if it is a single one.
    #[must_use]
    pub fn of(migration: &Migration) -> Option<Box<Self>> {
        let Migration { lock_command, before, fake, command, after, .. } = migration;
        let is_single = before.is_empty() && fake.is_empty() && after.is_empty();
        (!is_single).then(|| {
            Box::new(Self {
                lock_command: lock_command.clone(),
                before: before.clone(),
                fake: fake.clone(),
                command: command.clone(),
                after: after.clone(),
            })
        })
    }

    /// What it does besides migrating, for people: `records courseware.0012_grade_index without running it (added in May)`.
    #[must_use]
    pub fn besides(&self) -> Vec<String> {
        let runs = |when: &str, commands: &[Vec<String>]| {
            commands.iter().map(|words| format!("runs `{}` {when}", words.join(" "))).collect::<Vec<_>>()
        };
        let faked = self.fake.iter().map(|fake| format!("records {} without running it ({})", fake.name, fake.reason));
        [runs("first", &self.before), faked.collect(), runs("last", &self.after)].concat()
    }
}
