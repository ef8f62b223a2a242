//! Migrations that were never started, because every call was refused: nothing needs an operator's consent, and nobody is told
//! that a schema may be half migrated.

use std::rc::Rc;

use async_trait::async_trait;

use cutover_engine::failure::FailureClass;
use cutover_engine::gate::{FaultSource, InjectedFault, NoFaults};
use cutover_engine::phase::Ending;

use cutover_core::plan::Phase;

use super::again::errors;
use super::begun::{planned, status};
use super::stage::Stage;

/// A host service that does nothing when it is told to start a migration.
struct Idle(FailureClass);

#[async_trait(?Send)]
impl FaultSource for Idle {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        (call == "start_job").then_some(InjectedFault::Fails(self.0))
    }
}

#[test]
fn a_migration_whose_starts_were_all_refused_has_changed_nothing_and_needs_no_consent() {
    for class in [FailureClass::NotApplied, FailureClass::Busy, FailureClass::Throttled, FailureClass::Permanent] {
        let stage = Stage::prepared();
        for _ in 0..2 {
            assert!(matches!(stage.run_with(Phase::Window, Rc::new(Idle(class))), Ending::Failed(_)), "{class:?}");
            let shown = status(&stage, &stage.deployment);
            let migrates = |step: &str| step.starts_with("window.migrate.");
            let failed: Vec<_> = shown.failed.iter().filter(|failed| migrates(failed.step.as_str())).collect();
            assert!(!failed.is_empty(), "{class:?}: {}", errors(&stage));
            assert!(failed.iter().all(|failed| failed.retry_command.is_none()), "{class:?}: {failed:?}");
            assert_eq!(shown.next_command.as_deref(), Some("cutover window qa.toml"), "{class:?}");
        }
        let mut without = stage.deployment.clone();
        without.migrations.remove(0);
        assert_eq!(status(&stage, &without).edited.and_then(|edited| edited.put_back), None, "{class:?}");
        planned(&stage, &without).expect("nothing was begun");
        assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished, "{class:?}: {}", errors(&stage));
        assert_eq!(stage.cloud.violations(), []);
    }
}

/// The record of the next conductor says what is known of the call of the one before: nothing.
#[test]
fn a_migration_that_the_next_conductor_starts_without_consent_is_not_said_to_need_it() {
    let stage = Stage::prepared();
    stage.die_before("start_job");
    assert!(matches!(stage.run_with(Phase::Window, Rc::new(Idle(FailureClass::Permanent))), Ending::Failed(_)));
    let shown = status(&stage, &stage.deployment);
    assert!(shown.failed.iter().all(|failed| failed.retry_command.is_none()), "{:?}", shown.failed);
    let mut without = stage.deployment.clone();
    without.migrations.remove(0);
    let told = status(&stage, &without).edited.expect("it was edited");
    let words = told.put_back_words(without.window.start).expect("a start may have been on its way");
    assert!(words.contains("its end is not known") && !words.contains("it has failed"), "{words}");
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished, "{}", errors(&stage));
}
