//! Old code that was found running although the migrations of its fleet had begun: it may have written what new code cannot
//! read, or failed half-way. It is one of the things that must never happen, so people are told for as long as the journal is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fact, Run, RunKind};
use crate::names::{FleetName, HostName, ProgramName};
use crate::plan::{Action, CapturedHost};

/// Programs of a current host that were found running although the migrations of its fleet had begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldCode {
    /// When they were found. They may have run before.
    pub at: Timestamp,
    /// The host.
    pub host: HostName,
    /// The programs; none if it was something else that supervisor had started.
    pub programs: Vec<ProgramName>,
}

impl OldCode {
    /// What a fact says about old code on a migrated schema, on these current hosts and after these runs.
    pub(super) fn of(at: Timestamp, fact: &Fact, current: &[CapturedHost], runs: &[Run]) -> Option<Self> {
        let Fact::RanAgain { host, programs, .. } = fact else { return None };
        let found = current.iter().find(|current| current.name == *host)?;
        let old_code = Self { at, host: host.clone(), programs: programs.clone() };
        has_begun_to_migrate(runs, &found.fleet).then_some(old_code)
    }
}

/// Whether a job of a migration of this fleet was started, or may have been. A way back makes that undone.
pub(super) fn has_begun_to_migrate(runs: &[Run], fleet: &FleetName) -> bool {
    let since_back = runs.iter().rev().take_while(|run| run.kind != RunKind::Rollback);
    let mut steps = since_back.flat_map(Run::runs);
    steps.any(|(step, run)| match &step.action {
        Action::Migrate(migrate) => migrate.fleet == *fleet && run.has_begun_job(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::deployment::Role;
    use crate::digest::Digest;
    use crate::journal::{Event, RunNumber, Upgrade};
    use crate::names::StepId;
    use crate::plan::Phase;
    use crate::testing::{migrate, plan, step};

    /// What is known after the look has found lms running on a host of that fleet, while `live` is migrated or before.
    fn found_on(fleet: &str, migrates: bool) -> Vec<OldCode> {
        let migration = migrate("live");
        let job = Fact::Job { host: migration.host.name.clone(), job: migration.job.clone(), started: true };
        let look = Action::ConfirmStopped { hosts: Vec::new(), snapshots: Vec::new() };
        let steps = vec![step("migrate", Action::Migrate(migration), &[]), step("look", look, &[])];
        let mut upgrade = Upgrade::default();
        let (name, instance) = ("edx-0".into(), "i-0".into());
        upgrade.captured = Some(vec![CapturedHost { name, instance, fleet: fleet.into(), role: Role::Edxapp }]);
        let (run, kind, deployment) = (RunNumber(1), Phase::Window.into(), Digest::of(b""));
        let plan = Arc::new(plan(Phase::Window, steps));
        let learned = |step: &str, fact| Event::StepLearned { step: step.into(), facts: vec![fact] };
        let started = |step: &str| Event::StepStarted { step: StepId::from(step), attempt: 1 };
        let ran = Fact::RanAgain { host: "edx-0".into(), programs: vec!["lms".into()], snapshots: Vec::new() };
        let begun = if migrates { vec![started("migrate"), learned("migrate", job)] } else { Vec::new() };
        let begin = Event::RunStarted { run, kind, plan, deployment };
        for event in [begin].into_iter().chain(begun).chain([started("look"), learned("look", ran)]) {
            upgrade.apply(Timestamp::UNIX_EPOCH, &event).expect("it can follow");
        }
        upgrade.old_code
    }

    #[test]
    fn old_code_counts_once_the_migrations_of_its_own_fleet_have_begun() {
        let (at, host, programs) = (Timestamp::UNIX_EPOCH, "edx-0".into(), vec!["lms".into()]);
        assert_eq!(found_on("live", true), [OldCode { at, host, programs }]);
        assert_eq!(found_on("live", false), []);
        assert_eq!(found_on("draft", true), [], "its own schemas are not migrated yet");
    }
}
