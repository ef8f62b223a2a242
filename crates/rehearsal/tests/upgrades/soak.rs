//! Upgrades whose new sites are watched after visitors are back.

use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::{Event, StepStatus};
use cutover_core::names::StepId;
use cutover_core::plan::{Action, Line, Phase};
use cutover_rehearsal::{Fault, RehearsalEnding};
use jiff::Timestamp;

use super::stage::{QA, Stage};

fn soaking() -> Deployment {
    parse(&format!("{QA}\n[soak]\nlength = \"10m\"\n")).expect("it has no mistakes")
}

/// The soaks of the window.
fn soaks(stage: &Stage) -> Vec<StepId> {
    let upgrade = stage.reading().upgrade;
    let window = upgrade.run_of(Phase::Window).expect("it was begun");
    let soaks = window.plan.steps.iter().filter(|step| matches!(step.action, Action::Soak(_)));
    soaks.map(|step| step.id.clone()).collect()
}

/// When the first soak of an upgrade without faults begins.
fn begin_of_soak() -> Timestamp {
    let stage = Stage::new(soaking(), |_| {});
    stage.conducted();
    let upgrade = stage.reading().upgrade;
    let window = upgrade.run_of(Phase::Window).expect("it was begun");
    soaks(&stage).iter().filter_map(|soak| window.run(soak).started_at).min().expect("it was started")
}

/// What the failed soaks of an upgrade say whose new sites do worse.
fn failures(fault: Fault) -> Vec<String> {
    let stage = Stage::new(soaking(), |world| world.faults.push(fault));
    let RehearsalEnding::Failed(Phase::Window, failed) = stage.conducted().ending else { panic!("the soak fails") };
    let upgrade = stage.reading().upgrade;
    let window = upgrade.run_of(Phase::Window).expect("it was begun");
    let errors = failed.iter().map(|step| {
        assert!(soaks(&stage).contains(step), "{step}");
        let StepStatus::Failed { error, .. } = window.status(step) else { panic!("{step}") };
        error.clone()
    });
    let is_told = |action: &Action| matches!(action, Action::Announce(_));
    let mut told = window.plan.steps.iter().filter(|step| step.line == Line::Soak && is_told(&step.action));
    assert!(told.all(|step| window.status(&step.id).is_untouched()), "people are told too early");
    errors.collect()
}

#[test]
fn a_new_site_that_does_as_well_as_the_old_one_ends_the_window_after_the_soak() {
    let stage = Stage::new(soaking(), |_| {});
    assert_eq!(stage.conducted().ending, RehearsalEnding::Completed);
    let upgrade = stage.reading().upgrade;
    let sites = stage.deployment.sites.len();
    assert_eq!((upgrade.baselines.len(), upgrade.soaked.len()), (sites, sites));
    assert!(upgrade.baselines.values().all(|before| before.errors == 0 && before.requests == 20));
    assert!(upgrade.soaked.values().all(|after| after.errors == 0 && after.requests > 100));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn a_new_site_that_answers_one_of_ten_requests_with_an_error_fails_the_soak() {
    let errors = failures(Fault::SitesFail { from: begin_of_soak(), one_in: 10 });
    assert!(errors.iter().all(|error| error.contains("requests failed, last: ")), "{errors:?}");
}

#[test]
fn a_new_site_that_is_slow_fails_the_soak() {
    let errors = failures(Fault::SitesAreSlow { from: begin_of_soak(), by_ms: 2000 });
    assert!(errors.iter().all(|error| error.contains("before the window it was")), "{errors:?}");
}

#[test]
fn a_soak_that_is_accepted_ends_the_window() {
    let from = begin_of_soak();
    let stage = Stage::new(soaking(), |world| world.faults.push(Fault::SitesAreSlow { from, by_ms: 2000 }));
    let RehearsalEnding::Failed(Phase::Window, failed) = stage.conducted().ending else { panic!("the soak fails") };
    let (by, because) = ("ada".to_owned(), "caches are cold".to_owned());
    let accepted =
        failed.into_iter().map(|step| Event::StepAccepted { step, by: by.clone(), because: because.clone() });
    stage.record(accepted);
    assert_eq!(stage.conducted().ending, RehearsalEnding::Completed);
}
