//! The maintenance page, and the checks of sites from outside.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::deployment::SiteCheck;
use cutover_core::journal::{Event, Fact, PageSeen};
use cutover_core::names::{DnsName, InvalidationId};
use cutover_core::observation::{Certificate, Distribution};
use cutover_core::plan::{Action, CheckSite, PublishPage, Step, Via};
use cutover_core::time::between;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Outside, Page, PageObject, PageVersion, Pages, World};

use super::stage::{SET_BY, Stage, failed, learned, step};

/// The bucket and the distribution. An invalidation is complete when it is looked at for the second time.
struct Edge {
    object: RefCell<Option<PageObject>>,
    /// How the next invalidation fails, after it was made.
    fails: Cell<Option<FailureClass>>,
    /// The references of the invalidations, each one once, and how often one was requested.
    references: RefCell<Vec<String>>,
    requests: Cell<u32>,
    looks: RefCell<Vec<InvalidationId>>,
    puts: Cell<u32>,
}

impl Edge {
    fn of(stage: &mut Stage, text: &str) -> Rc<Self> {
        let object = PageObject { text: text.to_owned(), version: PageVersion("v1".to_owned()) };
        let edge = Rc::new(Self {
            object: RefCell::new(Some(object)),
            fails: Cell::new(None),
            references: RefCell::default(),
            requests: Cell::new(0),
            looks: RefCell::default(),
            puts: Cell::new(0),
        });
        stage.world = World { pages: Rc::clone(&edge) as _, ..stage.world.clone() };
        edge
    }
}

#[async_trait(?Send)]
impl Pages for Edge {
    async fn page(&self, _: &str, _: &str) -> Answer<Option<PageObject>> {
        Ok(self.object.borrow().clone())
    }

    async fn put_page(&self, _: &Permit, _: &str, _: &str, body: &str, version: Option<&PageVersion>) -> Answer<()> {
        let mut object = self.object.borrow_mut();
        if object.as_ref().map(|there| &there.version) != version {
            return Err(Failure::not_applied("there is another version"));
        }
        self.puts.set(self.puts.get() + 1);
        *object = Some(PageObject { text: body.to_owned(), version: PageVersion("v2".to_owned()) });
        Ok(())
    }

    async fn distribution(&self, _: &str) -> Answer<Option<Distribution>> {
        Ok(None)
    }

    async fn invalidate(&self, _: &Permit, _: &str, reference: &str) -> Answer<InvalidationId> {
        self.requests.set(self.requests.get() + 1);
        let mut references = self.references.borrow_mut();
        if !references.iter().any(|other| other == reference) {
            references.push(reference.to_owned());
        }
        match self.fails.take() {
            Some(class) => Err(Failure::new(class, "no")),
            None => Ok(format!("I{}", references.len()).as_str().into()),
        }
    }

    async fn invalidated(&self, _: &str, id: &InvalidationId) -> Answer<bool> {
        let mut looks = self.looks.borrow_mut();
        let is_complete = looks.contains(id);
        looks.push(id.clone());
        Ok(is_complete)
    }
}

fn publish() -> Step {
    let (bucket, key, distribution) = ("pages".to_owned(), "index.html".to_owned(), "E1".to_owned());
    step("publish", Action::PublishPage(PublishPage { bucket, key, distribution, body: "back soon".to_owned() }))
}

fn invalidations(stage: &Stage) -> Vec<InvalidationId> {
    let facts = stage.facts_of("publish").into_iter();
    let ids = facts.filter_map(|fact| match fact {
        Fact::Invalidated { invalidation, .. } => Some(invalidation),
        _ => None,
    });
    ids.collect()
}

#[test]
fn a_page_is_published_once_the_distribution_has_cleared_its_cache_of_the_old_one() {
    let mut stage = Stage::new();
    let edge = Edge::of(&mut stage, "welcome");
    assert_eq!(stage.conduct(vec![publish()]), Ending::Finished);
    assert_eq!((edge.puts.get(), edge.references.borrow().len()), (1, 1));
    assert_eq!(*stage.mentioned.borrow(), ["the distribution is clearing its cache of the old page"]);
    assert_eq!(invalidations(&stage), ["I1".into()]);
}

#[test]
fn a_page_that_is_there_already_may_still_be_cached_in_an_older_version() {
    let mut stage = Stage::new();
    let edge = Edge::of(&mut stage, "back soon");
    assert_eq!(stage.conduct(vec![publish()]), Ending::Finished);
    assert_eq!((edge.puts.get(), edge.references.borrow().len()), (0, 1));
}

#[test]
fn an_invalidation_that_is_requested_again_has_the_same_reference() {
    let mut stage = Stage::new();
    let edge = Edge::of(&mut stage, "welcome");
    edge.fails.set(Some(FailureClass::NotApplied));
    assert_eq!(stage.conduct(vec![publish()]), Ending::Finished);
    assert_eq!((edge.requests.get(), edge.references.borrow().len()), (2, 1));
}

#[test]
fn after_a_failure_that_the_operator_has_seen_the_cache_is_cleared_again() {
    let mut stage = Stage::new();
    let edge = Edge::of(&mut stage, "welcome");
    edge.fails.set(Some(FailureClass::Permanent));
    assert_eq!(stage.conduct(vec![publish()]), Ending::Failed(vec!["publish".into()]));
    // Somebody has put another page there, and it was cached.
    edge.object.replace(Some(PageObject { text: "hello".to_owned(), version: PageVersion("v3".to_owned()) }));
    stage.pass(600);
    assert_eq!(stage.resume(), Ending::Finished);
    let references = edge.references.borrow();
    assert_eq!(references.len(), 2, "{references:?}");
    assert_eq!((invalidations(&stage), edge.puts.get()), (vec!["I2".into()], 2));
}

#[test]
fn an_invalidation_from_before_a_failure_says_nothing_about_todays_page() {
    let mut stage = Stage::new();
    let edge = Edge::of(&mut stage, "back soon");
    let old = Fact::Invalidated { invalidation: "I0".into(), reference: "cutover-before".to_owned() };
    edge.looks.borrow_mut().push("I0".into());
    // The conductor ended right after it had started the step again.
    let again = Event::StepStarted { step: "publish".into(), attempt: 2 };
    stage.was_begun(vec![publish()], vec![learned("publish", old), failed("publish"), again]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!((edge.references.borrow().len(), invalidations(&stage)), (1, vec!["I0".into(), "I1".into()]));
}

/// A site that answers with this page from some second to another, and else as it should.
pub(crate) struct Site {
    clock: Rc<dyn Clock>,
    start: Timestamp,
    before: Page,
    pub(crate) from: Cell<u64>,
    until: u64,
    /// The paths that were requested, with the address that was used instead of the one in DNS.
    requested: RefCell<Vec<(String, Option<DnsName>)>>,
}

impl Site {
    pub(crate) fn of(stage: &mut Stage, status: u16, body: &str, until: u64) -> Rc<Self> {
        let site = Rc::new(Self {
            clock: Rc::clone(&stage.clock) as _,
            start: stage.clock.now(),
            before: Page { status, body: body.to_owned() },
            from: Cell::default(),
            until,
            requested: RefCell::default(),
        });
        stage.world = World { outside: Rc::clone(&site) as _, ..stage.world.clone() };
        site
    }
}

#[async_trait(?Send)]
impl Outside for Site {
    async fn fetch(&self, _: &DnsName, path: &str, pinned: Option<&DnsName>) -> Answer<Page> {
        self.requested.borrow_mut().push((path.to_owned(), pinned.cloned()));
        let is_wrong = (self.from.get()..self.until).contains(&between(self.start, self.clock.now()).as_secs());
        Ok(if is_wrong { self.before.clone() } else { Page { status: 200, body: "Open edX".to_owned() } })
    }

    async fn certificate(&self, _: &DnsName, _: &DnsName) -> Answer<Option<Certificate>> {
        Ok(None)
    }
}

pub(crate) fn check(via: Via) -> Step {
    checked(via, 1)
}

fn checked(via: Via, requests: u32) -> Step {
    let wanted = |path: &str| {
        let contains = Some("Open edX".to_owned());
        SiteCheck { path: path.to_owned(), status: 200, contains, heartbeat: None }
    };
    let (site, host, checks) = ("lms".into(), "lms.example.org".into(), vec![wanted("/"), wanted("/courses")]);
    step("check", Action::CheckSite(CheckSite { site, host, via, checks, requests }))
}

#[test]
fn a_site_that_warms_up_is_checked_again_for_a_minute() {
    let mut stage = Stage::new();
    Site::of(&mut stage, 502, "", 57);
    assert_eq!(stage.conduct(vec![check(Via::PublicDns)]), Ending::Finished);
    assert_eq!(stage.elapsed(), 57);
}

#[test]
fn a_site_that_answers_wrongly_for_a_minute_has_failed_with_every_wrong_answer() {
    for (status, body, wrong) in [
        (502, "", ["/ answers 502 instead of 200", "/courses answers 502 instead of 200"]),
        (200, "nginx", ["/ lacks the text `Open edX`", "/courses lacks the text `Open edX`"]),
    ] {
        let mut stage = Stage::new();
        Site::of(&mut stage, status, body, 61);
        assert_eq!(stage.conduct(vec![check(Via::PublicDns)]), Ending::Failed(vec!["check".into()]));
        assert_eq!(stage.error_of("check"), format!("https://lms.example.org: {}", wrong.join("; ")));
        assert_eq!(stage.elapsed(), 60);
    }
}

#[test]
fn a_clock_that_is_set_does_not_change_how_long_a_site_may_warm_up() {
    for by in SET_BY {
        let mut stage = Stage::new();
        stage.set_clock(30, by);
        Site::of(&mut stage, 502, "", 61);
        assert_eq!(stage.conduct(vec![check(Via::PublicDns)]), Ending::Failed(vec!["check".into()]));
        assert_eq!(stage.elapsed(), 60, "set by {by} s");
    }
}

#[test]
fn a_site_is_checked_where_the_plan_says() {
    for (via, pinned) in [(Via::PublicDns, None), (Via::Balancer("lb.example.org".into()), Some("lb.example.org"))] {
        let mut stage = Stage::new();
        let site = Site::of(&mut stage, 200, "Open edX", 0);
        assert_eq!(stage.conduct(vec![check(via)]), Ending::Finished);
        let requested = ["/", "/courses"].map(|path| (path.to_owned(), pinned.map(DnsName::from)));
        assert_eq!(*site.requested.borrow(), requested);
        let page = |path: &str| PageSeen {
            path: path.to_owned(),
            status: 200,
            requests: 1,
            text: Some("Open edX".to_owned()),
        };
        let facts = stage.facts_of("check");
        let [Fact::SiteChecked { pages, certificate_until: None, .. }] = facts.as_slice() else { panic!("{facts:?}") };
        assert_eq!(*pages, [page("/"), page("/courses")]);
    }
}

/// A balancer with three hosts behind it, the last of which answers otherwise than the others.
struct Balanced {
    last: Page,
    requests: Cell<usize>,
}

#[async_trait(?Send)]
impl Outside for Balanced {
    async fn fetch(&self, _: &DnsName, _: &str, _: Option<&DnsName>) -> Answer<Page> {
        let request = self.requests.replace(self.requests.get() + 1);
        Ok(if request % 3 == 2 { self.last.clone() } else { Page { status: 200, body: "Open edX".to_owned() } })
    }

    async fn certificate(&self, _: &DnsName, _: &DnsName) -> Answer<Option<Certificate>> {
        Ok(None)
    }
}

#[test]
fn one_host_of_three_that_answers_wrongly_fails_the_check_with_the_request_that_met_it() {
    for (last, wrong) in [
        (Page { status: 502, body: String::new() }, "/ answers 502 instead of 200 (request 3 of 3)"),
        (Page { status: 200, body: "juniper".to_owned() }, "/ lacks the text `Open edX` (request 3 of 3)"),
        (
            Page { status: 0, body: "lb.example.org does not answer: its certificate has expired".to_owned() },
            "/: lb.example.org does not answer: its certificate has expired (request 3 of 3)",
        ),
    ] {
        let mut stage = Stage::new();
        let balanced = Rc::new(Balanced { last, requests: Cell::new(0) });
        stage.world = World { outside: Rc::clone(&balanced) as _, ..stage.world.clone() };
        let via = Via::Balancer("lb.example.org".into());
        assert_eq!(stage.conduct(vec![checked(via, 3)]), Ending::Failed(vec!["check".into()]));
        assert!(stage.error_of("check").contains(wrong), "{}", stage.error_of("check"));
    }
}
