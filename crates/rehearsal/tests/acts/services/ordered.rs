//! Orders are on record before they are sent, whatever becomes of their sender: a job that nobody knows of would stay on its
//! host for good, and a successor could not ask what came of it.

use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::{Event, Fact};
use cutover_core::names::JobName;
use cutover_core::plan::Step;
use cutover_engine::gate::{FaultSource, InjectedFault};
use cutover_hosts::supervisor::State;

use super::super::stage::{Stage, learned};
use super::Services;
use super::confirming::confirm;
use super::first_contact::smoke_test_of_worker;
use super::starting::start;
use super::stopping::stop;

/// The answer to every call is lost.
struct LosesAnswers;

#[async_trait(?Send)]
impl FaultSource for LosesAnswers {
    async fn before(&self, _: &'static str) -> Option<InjectedFault> {
        Some(InjectedFault::AnswerLost)
    }
}

/// The jobs of the orders that were on record before anything was recorded about their answers.
fn recorded_before_the_answer(stage: &Stage, step: &str) -> Vec<JobName> {
    let answered = |event: &Event| {
        matches!(event, Event::StepInDoubt { .. } | Event::StepRetried { .. } | Event::StepFailed { .. })
    };
    let events = stage.events_of(step).into_iter().take_while(|event| !answered(event));
    let facts = events.flat_map(|event| event.facts().to_vec());
    facts.filter_map(|fact| if let Fact::Order { job, .. } = fact { Some(job) } else { None }).collect()
}

#[test]
fn an_order_is_on_record_before_it_is_sent() {
    let running = [("cms", State::Running), ("lms", State::Running)];
    let stopped = [("cms", State::Stopped), ("lms", State::Stopped)];
    let cases: [(Step, [(&str, State); 2]); 4] = [
        (stop(PastStopLimit::Abort), running),
        (confirm(), running),
        (smoke_test_of_worker(), running),
        (start(), stopped),
    ];
    for (step, states) in cases {
        let (mut stage, id) = (Stage::new(), step.id.clone());
        let services = Services::of(&mut stage, &states);
        stage.faults = Rc::new(LosesAnswers);
        stage.conduct(vec![step]);
        let first: Vec<JobName> = services.jobs.borrow().iter().take(1).cloned().collect();
        assert_eq!((first.len(), recorded_before_the_answer(&stage, id.as_str())), (1, first), "{id}");
    }
}

#[test]
fn a_kill_is_on_record_before_it_is_sent() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopping), ("lms", State::Stopped)]);
    stage.faults = Rc::new(LosesAnswers);
    stage.conduct(vec![stop(PastStopLimit::Kill)]);
    assert_eq!(services.calls()[0], "kill cms");
    assert_eq!(recorded_before_the_answer(&stage, "stop")[..1], services.jobs.borrow()[..1]);
}

#[test]
fn an_order_that_is_on_record_and_was_never_sent_is_given_by_the_next_conductor() {
    let mut stage = Stage::new();
    let states = [("cms", State::Running), ("lms", State::Running)];
    let services = Services::of(&mut stage, &states);
    let order = Fact::Order { instance: "i-1".into(), job: "never-sent".into() };
    stage.was_begun(vec![stop(PastStopLimit::Abort)], vec![learned("stop", order)]);
    stage.resume();
    assert_eq!(services.calls(), ["stop cms lms"]);
    assert_eq!(services.collected.borrow().len(), 2, "its record is looked for all the same");
}
