//! Waits for dates and for people, and what is not done any more once it is too late.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::digest::Digest;
use cutover_core::journal::{Decision, Event, StepStatus};
use cutover_core::plan::{Action, Decide, Line, Step};
use cutover_core::time::later;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Clock, Decided, Operator};

use super::dns::{Zone, change};
use super::stage::{SET_BY, Stage, plan, step, took_over};

fn wait(moment: Timestamp, no_later_than: Option<Timestamp>) -> Step {
    Step { line: Line::Open, ..step("open", Action::WaitUntil { moment, no_later_than }) }
}

/// The moment this many seconds from now.
fn after(stage: &Stage, seconds: u64) -> Timestamp {
    later(stage.clock.now(), Duration::from_secs(seconds))
}

#[test]
fn a_date_is_waited_for_until_it_comes_and_not_at_all_when_it_has_come() {
    for (seconds, status) in [(60, StepStatus::Done), (0, StepStatus::Held)] {
        let stage = Stage::new();
        assert_eq!(stage.conduct(vec![wait(after(&stage, seconds), None)]), Ending::Finished);
        assert_eq!((stage.elapsed(), stage.status("open")), (seconds, status));
    }
}

#[test]
fn the_window_opens_at_the_latest_safe_start_and_not_a_second_later() {
    for (seconds, is_open) in [(60, true), (61, false)] {
        let stage = Stage::new();
        let open = wait(stage.clock.now(), Some(after(&stage, 60)));
        stage.pass(seconds);
        let ending = stage.conduct(vec![open]);
        assert_eq!(ending == Ending::Finished, is_open, "{ending:?}");
    }
}

/// What becomes of `step` this many seconds after the latest safe start of a window that has opened in time.
fn late(mut stage: Stage, step: Step, seconds: u64) -> (Ending, Stage, Rc<Zone>) {
    let zone = Zone::of(&mut stage);
    let open = wait(stage.clock.now(), Some(after(&stage, 60)));
    stage.was_begun(vec![open, step], vec![Event::StepDone { step: "open".into(), facts: Vec::new() }]);
    stage.pass(60 + seconds);
    (stage.resume(), stage, zone)
}

#[test]
fn the_page_goes_up_at_the_latest_safe_start_and_not_a_second_later() {
    let page = || Step { line: Line::PostPage, ..change() };
    assert_eq!(late(Stage::new(), page(), 0).0, Ending::Finished);
    let (ending, stage, zone) = late(Stage::new(), page(), 1);
    assert_eq!(ending, Ending::Failed(vec!["change".into()]));
    assert!(stage.error_of("change").contains("the latest safe start had passed"), "{}", stage.error_of("change"));
    assert!(zone.seconds_of("change").is_empty());
}

#[test]
fn what_follows_on_the_opening_is_not_begun_late_and_what_precedes_it_is() {
    for (line, seconds, is_made) in [(Line::StopCurrent, 0, true), (Line::StopCurrent, 1, false), (Line::Open, 1, true)]
    {
        let (ending, stage, zone) = late(Stage::new(), Step { line, ..change() }, seconds);
        assert_eq!(zone.seconds_of("change").len(), usize::from(is_made), "{line:?}");
        match is_made {
            true => assert_eq!(ending, Ending::Finished),
            false => assert!(stage.error_of("change").contains("the latest safe start had passed")),
        }
    }
}

/// A person who approves, and counts how often that was asked for.
#[derive(Default)]
struct Approving {
    asked: Cell<u32>,
}

#[async_trait(?Send)]
impl Operator for Approving {
    async fn decide(&self, _: &Decide) -> Decided {
        self.asked.set(self.asked.get() + 1);
        Decided { decision: decision(true, None), object: None }
    }
}

fn decision(approved: bool, plan: Option<Digest>) -> Decision {
    Decision { gate: "go".into(), approved, by: "ada".to_owned(), at: Timestamp::UNIX_EPOCH, note: None, plan }
}

fn gate() -> Step {
    step("go", Action::Decide(Decide { gate: "go".into(), question: "Go?".to_owned(), checklist: Vec::new() }))
}

#[test]
fn only_an_approval_of_this_plan_or_of_any_plan_counts_before_a_gate_is_reached() {
    let this = || Some(plan(vec![gate()]).hash());
    let another = || Some(Digest::of(b"another plan"));
    for (given, asked) in [
        (decision(true, this()), 0),
        (decision(true, None), 0),
        (decision(true, another()), 1),
        (decision(false, this()), 1),
        (decision(false, None), 1),
    ] {
        let mut stage = Stage::new();
        let person = Rc::new(Approving::default());
        stage.operator = Rc::clone(&person) as _;
        stage.was_recorded(vec![took_over(), Event::GateDecided { decision: given.clone(), object: None }]);
        assert_eq!(stage.conduct(vec![gate()]), Ending::Finished);
        assert_eq!(person.asked.get(), asked, "{given:?}");
    }
}

#[test]
fn a_gate_at_which_nobody_decides_fails_at_its_limit() {
    let stage = Stage::new();
    assert_eq!(stage.conduct(vec![gate()]), Ending::Failed(vec!["go".into()]));
    assert_eq!((stage.error_of("go").as_str(), stage.elapsed()), ("nobody decided within 5m", 300));
}

/// Somebody whose decision lies in the inbox, which this conductor has not read yet.
struct Unread;

#[async_trait(?Send)]
impl Operator for Unread {
    async fn decide(&self, _: &Decide) -> Decided {
        std::future::pending().await
    }

    async fn already_decided(&self, _: &Decide) -> Option<Decided> {
        Some(Decided { decision: decision(true, None), object: Some("decisions/1".to_owned()) })
    }
}

#[test]
fn a_decision_that_was_made_in_time_counts_even_if_it_is_read_after_the_limit() {
    let mut stage = Stage::new();
    stage.operator = Rc::new(Unread);
    assert_eq!(stage.conduct(vec![gate()]), Ending::Finished);
    assert_eq!((stage.status("go"), stage.elapsed()), (StepStatus::Done, 300));
}

#[test]
fn a_clock_that_is_set_does_not_change_how_long_people_have_to_decide() {
    for by in SET_BY {
        let mut stage = Stage::new();
        stage.set_clock(100, by);
        assert_eq!(stage.conduct(vec![gate()]), Ending::Failed(vec!["go".into()]));
        assert_eq!(stage.elapsed(), 300, "set by {by} s");
    }
}

#[test]
fn a_step_fails_at_its_limit_even_if_the_clock_is_set() {
    for by in SET_BY {
        let mut stage = Stage::new();
        stage.set_clock(100, by);
        Zone::of(&mut stage).in_sync.set(10_000);
        assert_eq!(stage.conduct(vec![change()]), Ending::Failed(vec!["change".into()]));
        assert_eq!(stage.elapsed(), 300, "set by {by} s");
    }
}
