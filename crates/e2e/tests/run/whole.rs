//! A whole upgrade of two fleets.

use cutover_e2e::run::run;
use cutover_e2e::stage::Deployment;

use crate::support::tell;

#[test]
fn an_upgrade_of_two_fleets_is_as_the_runbook_asks_for_and_visitors_see_nothing_else_than_they_should() {
    let outcome = run(Deployment::whole(), &tell);
    assert_eq!(outcome.outcome, "succeeded", "{outcome:#?}");
    let visitors = outcome.visitors;
    assert_eq!(visitors.error, 0);
    assert!(visitors.old > 0 && visitors.page > 0 && visitors.new > 0, "{visitors:?}");
    assert_eq!((outcome.tasks.submitted, outcome.tasks.done), (4, 4));
    assert!(outcome.forecast_seconds > 0.0 && outcome.measured_seconds > 0.0);
    for migration in ["edxapp_live courses 0003_fill_modes", "edxapp_csmh_draft history 0002_answer_student_index"] {
        assert!(outcome.migrations.iter().any(|one| one == migration), "{:?}", outcome.migrations);
    }
}
