//! Upgrades whose new sites are watched after visitors are back.

use std::time::Duration;

use cutover_core::deployment::{Deployment, Fleet, parse};
use cutover_core::journal::{Event, Record, StepStatus};
use cutover_core::names::{DnsName, StepId};
use cutover_core::plan::{Action, Line, Phase};
use cutover_core::time::between;
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
fn begin_of_soak(deployment: Deployment) -> Timestamp {
    let stage = Stage::new(deployment, |_| {});
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
    let errors = failures(Fault::SitesFail { from: begin_of_soak(soaking()), one_in: 10, only: None });
    assert!(errors.iter().all(|error| error.contains("requests failed, last: ")), "{errors:?}");
}

#[test]
fn a_new_site_that_is_slow_fails_the_soak() {
    let errors = failures(Fault::SitesAreSlow { from: begin_of_soak(soaking()), by_ms: 2000 });
    assert!(errors.iter().all(|error| error.contains("before the window it was")), "{errors:?}");
}

#[test]
fn a_soak_that_is_accepted_ends_the_window() {
    let from = begin_of_soak(soaking());
    let stage = Stage::new(soaking(), |world| world.faults.push(Fault::SitesAreSlow { from, by_ms: 2000 }));
    let RehearsalEnding::Failed(Phase::Window, failed) = stage.conducted().ending else { panic!("the soak fails") };
    let (by, because) = ("ada".to_owned(), "caches are cold".to_owned());
    let accepted =
        failed.into_iter().map(|step| Event::StepAccepted { step, by: by.clone(), because: because.clone() });
    stage.record(accepted);
    assert_eq!(stage.conducted().ending, RehearsalEnding::Completed);
}

/// Visitors of one fleet are watched for so long that those of the other fleet come back meanwhile. No gate waits for both.
fn soaking_for_long() -> Deployment {
    let file = format!("{QA}\n[soak]\nlength = \"8m\"\nrequests_every = \"1s\"\n");
    Deployment { gates: Vec::new(), ..parse(&file).expect("it has no mistakes") }
}

/// A site of the fleet whose visitors come back first, one of the other fleet, and when the first soak begins.
fn sites_and_soak() -> ([DnsName; 2], Timestamp) {
    let file = soaking_for_long();
    let first = begin_of_soak(file.clone());
    let stage = Stage::new(file.clone(), |_| {});
    stage.conducted();
    let upgrade = stage.reading().upgrade;
    let window = upgrade.run_of(Phase::Window).expect("it was begun");
    let mut fleets: Vec<&Fleet> = file.fleets.iter().collect();
    fleets.sort_by_key(|fleet| window.run(&format!("window.soak.{}", fleet.name).into()).started_at);
    let site = |fleet: &Fleet| file.sites_of(fleet).next().expect("a site").host.clone();
    ([site(fleets[0]), site(fleets[1])], first)
}

#[test]
fn a_soak_does_not_keep_the_conductor_once_the_lift_of_another_fleet_has_failed() {
    let ([_, later], begin) = sites_and_soak();
    let fault = Fault::SitesFail { from: begin, one_in: 1, only: Some(later) };
    let stage = Stage::new(soaking_for_long(), |world| world.faults.push(fault));
    let RehearsalEnding::Failed(Phase::Window, failed) = stage.conducted().ending else { panic!("a site fails") };
    let reading = stage.reading();
    let window = reading.upgrade.run_of(Phase::Window).expect("it was begun");
    assert!(failed.iter().all(|step| step.as_str().starts_with("window.served.")), "{failed:?}");
    assert!(soaks(&stage).iter().any(|soak| window.status(soak).is_open()), "the other fleet is watched");
    let when = |is_it: fn(&Event) -> bool| {
        let has_it = |record: &&Record| record.events.iter().any(is_it);
        reading.records.iter().rfind(has_it).expect("it is on record").at
    };
    let failed = when(|event| matches!(event, Event::StepFailed { .. }));
    let ended = when(|event| matches!(event, Event::Interrupted { .. }));
    assert!(between(failed, ended) < Duration::from_secs(60), "nobody can type the next command");
}

#[test]
fn a_failed_soak_does_not_keep_another_fleet_behind_its_page() {
    let ([first, _], begin) = sites_and_soak();
    let fault = Fault::SitesFail { from: begin, one_in: 1, only: Some(first) };
    let stage = Stage::new(soaking_for_long(), |world| world.faults.push(fault));
    let RehearsalEnding::Failed(Phase::Window, failed) = stage.conducted().ending else { panic!("the soak fails") };
    let upgrade = stage.reading().upgrade;
    let window = upgrade.run_of(Phase::Window).expect("it was begun");
    assert!(matches!(failed.as_slice(), [soak] if soaks(&stage).contains(soak)), "{failed:?}");
    let mut others = window.runs().filter(|(step, _)| soaks(&stage).contains(&step.id) && !failed.contains(&step.id));
    assert!(others.all(|(_, run)| run.status.is_done()), "visitors of the other fleet are not back");
}
