//! Orders to supervisor, as jobs.

use cutover_core::deployment::PastStopLimit;
use cutover_engine::phase::Ending;
use cutover_hosts::supervisor::State;

use super::host::Services;
use super::steps::stop;
use crate::stage::Stage;

#[test]
fn each_order_of_each_conductor_is_a_job_of_its_own() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(stage.resume(), Ending::Failed(vec!["stop".into()]));
    let mut jobs = services.jobs.borrow().clone();
    assert!(jobs.len() > 10 && jobs.iter().all(|job| job.as_str().starts_with("qa-koa-v4-stop-e1-")), "{jobs:?}");
    let all = jobs.len();
    jobs.sort();
    jobs.dedup();
    assert_eq!(jobs.len(), all, "under a name that was used before, nothing would be done");
}

#[test]
fn orders_are_collected_when_their_step_is_done_and_not_before() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.collected.borrow().len(), 0, "they may tell what went wrong");
    services.is_stubborn.set(false);
    assert_eq!(stage.resume(), Ending::Finished);
    let (mut given, mut collected) = (services.jobs.borrow().clone(), services.collected.borrow().clone());
    given.sort();
    collected.sort();
    assert_eq!(collected, given, "also those of the conductor before");
}
