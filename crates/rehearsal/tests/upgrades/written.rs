//! Write checks in whole upgrades: visitors come back only to a site that takes writes.

use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::{StepStatus, Upgrade};
use cutover_core::names::StepId;
use cutover_core::plan::{Action, Phase};
use cutover_rehearsal::RehearsalEnding;

use super::stage::{QA, Stage};

fn writing(command: &str) -> Deployment {
    let check = format!("\n[[write_check]]\nname = \"enrol\"\ncommand = {command}\n");
    parse(&format!("{QA}{check}")).expect("it has no mistakes")
}

/// The steps of the window that have ended well and point records back at the balancers, or try writes.
fn done(upgrade: &Upgrade, wanted: impl Fn(&Action) -> bool) -> Vec<StepId> {
    let window = upgrade.run_of(Phase::Window).expect("it was begun");
    let steps = window.plan.steps.iter().filter(|step| wanted(&step.action) && window.status(&step.id).is_done());
    steps.map(|step| step.id.clone()).collect()
}

#[test]
fn an_upgrade_tries_a_write_on_each_fleet() {
    let stage = Stage::new(writing(r#"["manage.py", "lms", "write_check"]"#), |_| {});
    assert_eq!(stage.conducted().ending, RehearsalEnding::Completed);
    let tried = done(&stage.reading().upgrade, |action| matches!(action, Action::WriteCheck(_)));
    let expected = ["residential-draft", "residential-live"].map(|fleet| format!("window.write.{fleet}.enrol"));
    let mut tried: Vec<String> = tried.iter().map(ToString::to_string).collect();
    tried.sort();
    assert_eq!(tried, expected);
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn a_site_that_refuses_writes_stays_behind_the_page() {
    let stage = Stage::new(writing(r#"["/bin/sh", "-c", "echo DataError; exit 3"]"#), |_| {});
    let RehearsalEnding::Failed(Phase::Window, steps) = stage.conducted().ending else { panic!("the write fails") };
    assert!(steps.iter().all(|step| step.as_str().starts_with("window.write.")), "{steps:?}");
    let upgrade = stage.reading().upgrade;
    let window = upgrade.run_of(Phase::Window).expect("it was begun");
    for step in steps {
        let StepStatus::Failed { error, .. } = window.status(&step) else { panic!("{step}") };
        assert!(error.contains("exit status 3; it printed last: DataError. "), "{error}");
    }
    let lifts = done(&upgrade, |action| matches!(action, Action::ChangeRecords(_)));
    assert!(lifts.iter().all(|step| step.as_str().starts_with("window.page.")), "{lifts:?}");
}
