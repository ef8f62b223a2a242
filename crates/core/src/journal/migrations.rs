//! What the journal says of a migration: what its jobs were to apply, what they have applied, and what they apply now.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Applying, Fact, Moved, Ran, StepRun};
use crate::deployment::PastLimit;
use crate::names::{JobName, MigrationName};
use crate::time::{between, human};

/// How far the last job of a migration step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationProgress {
    /// How many migrations it has applied.
    pub applied: usize,
    /// How many were pending when it was started, if they were listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
    /// The migration that it applies now, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Applying>,
    /// That it takes longer than usual, or that it is being ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl MigrationProgress {
    /// The progress in words, such as `3 of 17 applied; courseware.0011_index for 4 min`.
    #[must_use]
    pub fn words(&self, at: Timestamp) -> String {
        let of = self.of.map_or_else(String::new, |of| format!(" of {of}"));
        let now = self.now.as_ref().map_or_else(String::new, |now| {
            // Whole minutes: what is said changes only once a minute.
            match between(now.since, at).as_secs() / 60 {
                0 => format!("; now {}", now.migration),
                minutes => format!("; {} for {minutes} min", now.migration),
            }
        });
        format!("{}{of} applied{now}", self.applied)
    }
}

impl StepRun {
    /// How far its last job is; `None` if it is on record as failed, or nothing of it is but that it was started.
    #[must_use]
    pub fn migration_progress(&self) -> Option<MigrationProgress> {
        let (_, job) = self.open_job().filter(|open| self.last_job() == Some(*open))?;
        let of = self.pending_before(job).map(<[MigrationName]>::len);
        let (applied, now) = progress_of(&self.facts, job);
        let warning = self.facts.iter().rev().filter(|fact| is_about(fact, job)).find_map(warning);
        let is_known = of.is_some() || now.is_some() || applied > 0 || warning.is_some();
        is_known.then(|| MigrationProgress { applied, of, now: now.cloned(), warning })
    }

    /// The migrations that were pending when a job was started, if they were listed.
    #[must_use]
    pub fn pending_before(&self, wanted: &JobName) -> Option<&[MigrationName]> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::Pending { job, migrations, .. } if job == wanted => Some(migrations.as_slice()),
            _ => None,
        })
    }
}

fn is_about(fact: &Fact, wanted: &JobName) -> bool {
    matches!(fact, Fact::Slow { job, .. } | Fact::PastLimit { job, .. } if job == wanted)
}

/// What a fact says that people must know at once, in words: about a migration that takes too long, or about what is left to do;
/// `None` for other facts.
#[must_use]
pub fn warning(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Slow { ran, usual, limit, past_limit, .. } => {
            let then = match past_limit {
                PastLimit::Abort => "then the step fails, and the migration goes on",
                PastLimit::Kill => "then it is killed, and the schema may be half migrated",
            };
            Some(format!("has run for {}, usually {}; limit {}: {then}", human(*ran), human(*usual), human(*limit)))
        }
        Fact::PastLimit { host, limit, .. } => {
            Some(format!("about to be ended on {host}, because its limit of {} has passed", human(*limit)))
        }
        Fact::LeftToDo { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// How many migrations a job has applied according to these facts, and which one it was at then.
pub fn progress_of<'a>(facts: impl IntoIterator<Item = &'a Fact>, wanted: &JobName) -> (usize, Option<&'a Applying>) {
    facts.into_iter().fold((0, None), |(applied, at), fact| match fact {
        Fact::Applied { job, ran, now } if job == wanted => (applied + ran.len(), now.as_ref()),
        _ => (applied, at),
    })
}

/// The migrations that jobs have applied according to these facts, in their order.
pub fn ran<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> impl Iterator<Item = &'a Ran> {
    let applied = facts.into_iter().filter_map(|fact| match fact {
        Fact::Applied { ran, .. } => Some(ran),
        _ => None,
    });
    applied.flatten()
}

/// Which apps jobs have migrated according to these facts, with their states before and after, in the order of their names.
pub fn moved<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<Moved> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut after: BTreeMap<&str, &str> = BTreeMap::new();
    for fact in facts {
        match fact {
            // The first job has found the state before.
            Fact::Pending { at, .. } => {
                let new = at.iter().filter(|(app, _)| !before.contains_key(app.as_str())).collect::<Vec<_>>();
                before.extend(new.into_iter().map(|(app, name)| (app.as_str(), name.as_str())));
            }
            Fact::Applied { ran, .. } => {
                after.extend(ran.iter().filter_map(|ran| ran.migration.as_str().split_once('.')));
            }
            _ => {}
        }
    }
    let moved = after.into_iter().map(|(app, to)| Moved {
        app: app.to_owned(),
        from: before.get(app).map(|from| (*from).to_owned()),
        to: to.to_owned(),
    });
    moved.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::ZERO;

    fn pending(job: &str, migrations: &[&str], at: &[(&str, &str)]) -> Fact {
        Fact::Pending {
            job: job.into(),
            migrations: migrations.iter().map(|name| (*name).into()).collect(),
            at: at.iter().map(|(app, name)| ((*app).to_owned(), (*name).to_owned())).collect(),
        }
    }

    fn applied(job: &str, ran: &[&str], now: Option<&str>) -> Fact {
        let ran = ran.iter().map(|name| Ran { migration: (*name).into(), seconds: None });
        let now = now.map(|name| Applying { migration: name.into(), since: Timestamp::UNIX_EPOCH });
        Fact::Applied { job: job.into(), ran: ran.collect(), now }
    }

    fn begun(job: &str) -> Fact {
        Fact::Job { host: "edx-0".into(), job: job.into(), started: true }
    }

    #[test]
    fn the_state_before_is_that_before_the_first_job_and_an_app_that_was_not_migrated_is_not_named() {
        let facts = [
            pending(
                "a",
                &["grades.0003", "grades.0004", "new.0001", "late.0002"],
                &[("grades", "0002"), ("new", ZERO)],
            ),
            begun("a"),
            applied("a", &["grades.0003"], Some("grades.0004")),
            pending(
                "b",
                &["grades.0004", "new.0001", "late.0002"],
                &[("grades", "0003"), ("new", ZERO), ("late", "0001")],
            ),
            begun("b"),
            applied("b", &["grades.0004", "new.0001"], None),
            applied("b", &["other.0007"], None),
        ];
        let told: Vec<String> = moved(&facts).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["grades: 0002 -> 0004", "new: zero -> 0001", "other: unknown -> 0007"]);
        let reversals: Vec<Option<String>> = moved(&facts).iter().map(Moved::reversal).collect();
        assert_eq!(reversals, [Some("migrate grades 0002".to_owned()), Some("migrate new zero".to_owned()), None]);
    }

    #[test]
    fn the_progress_is_that_of_the_last_job() {
        let mut run = StepRun {
            facts: vec![
                pending("a", &["x.0001", "x.0002", "x.0003"], &[]),
                begun("a"),
                applied("a", &["x.0001"], Some("x.0002")),
            ],
            ..StepRun::default()
        };
        let words = |run: &StepRun, seconds| {
            let at = Timestamp::from_second(seconds).expect("a moment");
            run.migration_progress().map(|progress| progress.words(at))
        };
        assert_eq!(words(&run, 59).as_deref(), Some("1 of 3 applied; now x.0002"));
        assert_eq!(words(&run, 250).as_deref(), Some("1 of 3 applied; x.0002 for 4 min"));
        let failed = Fact::JobFailed { host: "edx-0".into(), job: "a".into() };
        let consented = StepRun { facts: [run.facts.clone(), vec![failed]].concat(), ..StepRun::default() };
        assert_eq!(words(&consented, 250), None, "the next one has not begun");
        run.facts.push(begun("b"));
        assert_eq!(words(&run, 0), None);
        run.facts.push(applied("b", &["x.0002", "x.0003"], None));
        assert_eq!(words(&run, 0).as_deref(), Some("2 applied"));
    }
}
