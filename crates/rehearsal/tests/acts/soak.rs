//! What visitors get before the window, and whether they get the same once they are back.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::deployment::{self, SiteCheck};
use cutover_core::journal::{Answered, Event, Fact, StepStatus};
use cutover_core::names::DnsName;
use cutover_core::observation::Certificate;
use cutover_core::plan::{Action, AskedSite, Baseline, Edge, Rule, Soak, Step};
use cutover_core::time::Span;
use cutover_engine::failure::Failure;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Outside, Page, World};
use cutover_rehearsal::SimulatedClock;

use super::stage::{Stage, step};

/// A site that takes some time to answer, and some of whose answers are errors.
struct Site {
    clock: Rc<SimulatedClock>,
    takes_ms: Cell<u64>,
    /// One of so many requests fails; none if this is 0.
    one_in: Cell<u32>,
    requests: Cell<u32>,
    unreachable: Cell<bool>,
}

impl Site {
    fn of(stage: &mut Stage) -> Rc<Self> {
        let site = Rc::new(Self {
            clock: Rc::clone(&stage.clock),
            takes_ms: Cell::new(200),
            one_in: Cell::new(0),
            requests: Cell::new(0),
            unreachable: Cell::new(false),
        });
        stage.world = World { outside: Rc::clone(&site) as _, ..stage.world.clone() };
        site
    }
}

#[async_trait(?Send)]
impl Outside for Site {
    async fn fetch(&self, _: &DnsName, _: &str, pinned: Option<&DnsName>) -> Answer<Page> {
        assert_eq!(pinned, None, "visitors do not choose where they go");
        self.requests.set(self.requests.get() + 1);
        self.clock.sleep(Duration::from_millis(self.takes_ms.get())).await;
        if self.unreachable.get() {
            return Err(Failure::not_applied("no route"));
        }
        let fails = self.requests.get().checked_rem(self.one_in.get()) == Some(0);
        let body = if fails { "sorry" } else { "Open edX" };
        Ok(Page { status: 200, body: body.to_owned() })
    }

    async fn certificate(&self, _: &DnsName, _: &DnsName) -> Answer<Option<Certificate>> {
        Ok(None)
    }
}

fn asked() -> Vec<AskedSite> {
    let check = SiteCheck { path: "/".to_owned(), status: 200, contains: Some("Open edX".to_owned()), heartbeat: None };
    vec![AskedSite { site: "lms".into(), host: "lms.example.org".into(), checks: vec![check] }]
}

fn baseline() -> Step {
    let baseline = Baseline { fleet: "live".into(), sites: asked(), requests: 20, count: None };
    step("baseline", Action::Baseline(baseline))
}

fn soak() -> Step {
    let terms = deployment::Soak {
        length: Span::seconds(600),
        requests_every: Span::seconds(5),
        max_errors_per_mille: 10,
        max_slower: 3,
        max_queued_more: None,
    };
    let soak = Soak { fleet: "live".into(), sites: asked(), count: None, terms };
    Step { limit: Duration::from_secs(900), ..step("soak", Action::Soak(soak)) }
}

fn after(mut step: Step, before: &Step) -> Step {
    step.waits_for.push(Edge { step: before.id.clone(), rule: Rule::Follows });
    step
}

fn both() -> Vec<Step> {
    vec![baseline(), after(soak(), &baseline())]
}

fn answered(requests: u32, errors: u32, median_ms: Option<u64>) -> Answered {
    Answered { site: "lms".into(), requests, errors, median_ms, queued: None }
}

/// What the soak has put on record.
fn found(stage: &Stage) -> Answered {
    let facts = stage.facts_of("soak");
    let [Fact::Soaked(found)] = facts.as_slice() else { panic!("{facts:?}") };
    found.clone()
}

#[test]
fn a_site_that_does_as_well_as_before_is_watched_for_the_whole_length_with_its_progress_told() {
    let mut stage = Stage::new();
    Site::of(&mut stage);
    assert_eq!(stage.conduct(both()), Ending::Finished);
    assert_eq!(stage.facts_of("baseline"), [Fact::Baseline(answered(20, 0, Some(200)))]);
    let found = found(&stage);
    assert_eq!((found.errors, found.median_ms), (0, Some(200)));
    assert!((110..=121).contains(&found.requests), "{found:?}");
    assert!((600..620).contains(&stage.elapsed()), "{}", stage.elapsed());
    let told = stage.mentioned.borrow();
    let words = "5s of 10m: 2 requests, no error, median 200 ms (baseline 200 ms)";
    assert!(told.iter().any(|told| told == words), "{told:?}");
    assert_eq!(stage.on_record().soaked[&found.site], found);
}

#[test]
fn a_baseline_never_stops_a_window_and_an_error_of_it_is_allowed_afterwards() {
    let mut stage = Stage::new();
    let site = Site::of(&mut stage);
    site.one_in.set(10);
    assert_eq!(stage.conduct(both()), Ending::Finished);
    assert_eq!(stage.facts_of("baseline"), [Fact::Baseline(answered(20, 2, Some(200)))]);

    let mut stage = Stage::new();
    Site::of(&mut stage).unreachable.set(true);
    assert_eq!(stage.conduct(vec![baseline()]), Ending::Finished);
    assert_eq!(stage.facts_of("baseline"), [Fact::Baseline(answered(20, 20, None))]);
}

#[test]
fn a_baseline_of_a_site_that_hardly_answers_ends_after_a_minute() {
    let mut stage = Stage::new();
    Site::of(&mut stage).takes_ms.set(25_000);
    assert_eq!(stage.conduct(vec![baseline()]), Ending::Finished);
    assert_eq!(stage.facts_of("baseline"), [Fact::Baseline(answered(3, 0, Some(25_000)))]);
}

#[test]
fn some_errors_fail_a_soak_at_the_end_of_its_length_with_the_choices() {
    let mut stage = Stage::new();
    let site = Site::of(&mut stage);
    site.one_in.set(25);
    assert_eq!(stage.conduct(both()), Ending::Failed(vec!["soak".into()]));
    assert!(stage.elapsed() >= 600, "{}", stage.elapsed());
    let found = found(&stage);
    let error = stage.error_of("soak");
    let words =
        format!("lms: {} of {} requests failed, last: / lacks the text `Open edX`", found.errors, found.requests);
    for words in [words.as_str(), "nothing is put back by itself", "--retry soak", "--accept soak --because TEXT"] {
        assert!(error.contains(words), "{words} in: {error}");
    }
}

#[test]
fn a_slow_site_fails_a_soak_and_does_not_if_it_was_as_slow_before() {
    let mut stage = Stage::new();
    let site = Site::of(&mut stage);
    assert_eq!(stage.conduct(vec![baseline()]), Ending::Finished);
    site.takes_ms.set(601);
    assert_eq!(stage.conduct(both()), Ending::Failed(vec!["soak".into()]));
    let error = stage.error_of("soak");
    let words = "lms: the median time of an answer is 601 ms, before the window it was 200 ms";
    assert!(error.contains(words), "{error}");

    let mut stage = Stage::new();
    Site::of(&mut stage).takes_ms.set(601);
    assert_eq!(stage.conduct(both()), Ending::Finished);
}

#[test]
fn a_soak_ends_at_once_when_most_requests_fail() {
    let mut stage = Stage::new();
    let site = Site::of(&mut stage);
    assert_eq!(stage.conduct(vec![baseline()]), Ending::Finished);
    site.unreachable.set(true);
    assert_eq!(stage.conduct(both()), Ending::Failed(vec!["soak".into()]));
    let words = "lms: 10 of 10 requests failed, last: /: no route";
    assert!(stage.error_of("soak").contains(words), "{}", stage.error_of("soak"));
    assert!(stage.elapsed() < 70, "{}", stage.elapsed());
}

#[test]
fn a_site_that_fails_as_often_as_before_is_watched_for_the_whole_length() {
    let mut stage = Stage::new();
    Site::of(&mut stage).one_in.set(1);
    assert_eq!(stage.conduct(both()), Ending::Finished, "{}", stage.error_of("soak"));
    assert!((600..620).contains(&stage.elapsed()), "{}", stage.elapsed());
}

#[test]
fn a_failed_soak_is_watched_again_or_accepted() {
    let mut stage = Stage::new();
    let site = Site::of(&mut stage);
    site.one_in.set(2);
    assert_eq!(stage.conduct(vec![soak()]), Ending::Failed(vec!["soak".into()]));
    let by = "ada".to_owned();
    let accepted = Event::StepAccepted { step: "soak".into(), by: by.clone(), because: "a robot".to_owned() };
    stage.was_recorded(vec![accepted]);
    assert_eq!(stage.resume(), Ending::Finished);

    let mut stage = Stage::new();
    let site = Site::of(&mut stage);
    site.one_in.set(2);
    assert_eq!(stage.conduct(vec![soak()]), Ending::Failed(vec!["soak".into()]));
    site.one_in.set(0);
    let before = stage.elapsed();
    stage.was_recorded(vec![Event::StepRetryApproved { step: "soak".into(), by }]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(stage.elapsed() - before >= 600);
}

#[test]
fn a_conductor_that_takes_over_begins_the_time_of_a_soak_anew() {
    let mut stage = Stage::new();
    Site::of(&mut stage);
    stage.was_begun(vec![soak()], Vec::new());
    stage.pass(500);
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(stage.elapsed() >= 1100, "{}", stage.elapsed());
    assert_eq!(stage.status("soak"), StepStatus::Done);
}
