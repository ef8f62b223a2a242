//! DNS, the maintenance page, and what visitors see.

use cutover_core::deployment::{Role, SiteCheck};
use cutover_core::names::DnsName;
use cutover_core::plan::{RecordTarget, what_is_wrong};
use cutover_core::time::later;
use cutover_engine::ports::Clock;

use crate::testing::{Rig, deployment};
use crate::{Fault, FaultKind, Seen};

fn lms() -> DnsName {
    "lms.example.edu".into()
}

fn to_the_page(rig: &Rig) -> Vec<RecordTarget> {
    let page = &rig.deployment.maintenance_page.domain;
    let ttl = rig.deployment.dns.window_ttl.duration();
    rig.deployment
        .sites
        .iter()
        .map(|site| RecordTarget { name: site.host.clone(), target: page.clone(), ttl })
        .collect()
}

#[test]
fn a_change_reaches_the_servers_one_by_one_then_is_in_sync_and_then_resolvers_forget() {
    let rig = Rig::new(deployment());
    let page = rig.deployment.maintenance_page.domain.clone();
    let change = rig.run(rig.change_records("example.edu.", &to_the_page(&rig)));
    assert_eq!(rig.run(rig.world.dns.records("example.edu", &[lms()]))[&lms()].target, page, "the API knows at once");
    assert!(!rig.run(rig.world.dns.in_sync(&change)));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let answers = rig.run(rig.world.dns.ask_servers("example.edu.", &lms()));
        seen.insert(answers.iter().filter(|answer| answer.target.as_ref() == Some(&page)).count());
        if rig.run(rig.world.dns.in_sync(&change)) {
            break;
        }
    }
    assert!(seen.len() > 2 && seen.last() == Some(&4), "{seen:?}");
    let resolver = rig.deployment.dns.resolvers[0];
    rig.wait(rig.deployment.dns.ttl.duration().as_secs());
    assert_eq!(rig.run(rig.world.dns.ask_resolver(resolver, &lms())), Some(page));
}

#[test]
fn a_resolver_keeps_the_old_answer_for_its_old_ttl_and_no_longer() {
    // Some world has a resolver that asked just before the change.
    let kept = (0..20).map(|seed| {
        let rig = Rig::with_seed(deployment(), Vec::new(), seed);
        let old = rig.domain(&rig.deployment.sites[0]);
        rig.run(rig.change_records("example.edu.", &to_the_page(&rig)));
        let resolver = rig.deployment.dns.resolvers[0];
        let start = rig.clock.now();
        rig.until("forgotten", || rig.run(rig.world.dns.ask_resolver(resolver, &lms())) != Some(old.clone()));
        rig.clock.now().duration_since(start).as_secs()
    });
    let kept: Vec<i64> = kept.collect();
    assert!(kept.iter().all(|seconds| *seconds <= 345), "{kept:?}");
    assert!(kept.iter().any(|seconds| *seconds > 200), "{kept:?}");
}

#[test]
fn cloudfront_answers_only_for_the_names_that_it_lists_and_certifies() {
    let rig = Rig::new(deployment());
    let page = rig.deployment.maintenance_page.domain.clone();
    let fetch = |host: &str, path: &str| rig.run(rig.world.outside.fetch(&host.into(), path, Some(&page)));
    assert_eq!(fetch("lms.example.edu", "/").status, 200);
    assert_eq!(fetch("lms.example.edu", "/courses/1").status, 503);
    assert_eq!(fetch("forgotten.example.edu", "/").status, 403);
    let certificate = |host: &str| rig.run(rig.world.outside.certificate(&host.into(), &page));
    assert!(certificate("lms.example.edu").is_some() && certificate("forgotten.example.edu").is_none());
}

#[test]
fn a_current_host_shows_its_own_release_and_every_page_the_heartbeat_of_its_services() {
    let mut deployment = deployment();
    deployment.sites[0].checks[0].contains = Some("{codename}-{version}".to_owned());
    let rig = Rig::new(deployment);
    let (site, release) = (&rig.deployment.sites[0], &rig.deployment.release);
    let check = &site.checks[0];
    let page = rig.run(rig.world.outside.fetch(&site.host, &check.path, None));
    assert_eq!(what_is_wrong(&check.of_current_release(release), page.status, &page.body), None);
    let wrong = what_is_wrong(&check.of_release(release), page.status, &page.body);
    assert!(wrong.is_some_and(|wrong| wrong.contains("lacks the text")), "{}", page.body);
    let heartbeat = SiteCheck { path: "/heartbeat".to_owned(), status: 200, contains: None, heartbeat: None };
    let page = rig.run(rig.world.outside.fetch(&site.host, "/heartbeat", None));
    assert_eq!(what_is_wrong(&heartbeat, page.status, &page.body), None);
}

#[test]
fn the_old_page_is_shown_until_the_distribution_has_forgotten_it() {
    let rig = Rig::new(deployment());
    let (pages, page) = (&rig.world.pages, &rig.deployment.maintenance_page);
    let shown = || rig.run(rig.world.outside.fetch(&lms(), "/", Some(&page.domain))).body;
    rig.run(rig.put_page(&page.bucket, &page.key, "Back at 8."));
    let there = rig.run(pages.page(&page.bucket, &page.key));
    assert_eq!(there.map(|page| page.text).as_deref(), Some("Back at 8."));
    assert!(!shown().contains("Back at 8."));
    let invalidate = || rig.run(rig.write(async |permit| pages.invalidate(permit, "E1", "once").await));
    let id = invalidate();
    assert_eq!(invalidate(), id);
    rig.until("invalidated", || rig.run(pages.invalidated("E1", &id)));
    assert_eq!(shown(), "Back at 8.");
}

#[test]
fn visitors_see_the_site_then_the_page_and_only_stale_resolvers_err() {
    let rig = Rig::new(deployment());
    rig.point(rig.deployment.dns.window_ttl, |site| rig.domain(site));
    let start = rig.clock.now();
    rig.put_page_up();
    let up = rig.clock.now();
    rig.stop_current();
    rig.wait(300);
    let now = rig.clock.now();
    let report = rig.cloud.visitors_between(start, now);
    let lms = &report.timelines[0];
    assert_eq!(lms.main(start, later(start, std::time::Duration::from_secs(1))), Some(Seen::Site));
    assert_eq!(lms.main(up, now), Some(Seen::Maintenance));
    assert_eq!(lms.worst(start, up), Some(Seen::Maintenance));
    assert_eq!(lms.worst(up, now), Some(Seen::StaleError));
    assert_eq!(report.error, 0);
    assert!(report.error_stale_resolver > 0);
}

#[test]
fn every_visit_is_counted_once() {
    let rig = Rig::new(deployment());
    let start = rig.clock.now();
    rig.put_page_up();
    rig.stop_current();
    rig.wait(1000);
    let report = rig.cloud.visitors_between(start, rig.clock.now());
    let seconds = rig.clock.now().duration_since(start).as_millis();
    let visits = u64::try_from(seconds).expect("forward") * 10 * 3 / 1000;
    let counted = report.site + report.maintenance + report.error + report.error_stale_resolver;
    // Each of the four counts is rounded up.
    assert!((visits..=visits + 4).contains(&counted), "{counted} of {visits}");
}

#[test]
fn a_share_of_visitors_stays_on_open_connections_after_their_resolver_has_changed() {
    let mut deployment = deployment();
    deployment.embedded.stale_visits_per_mille = 0;
    let rig = Rig::new(deployment);
    rig.run(rig.change_records("example.edu.", &to_the_page(&rig)));
    rig.wait(500);
    let report = rig.cloud.visitors();
    for timeline in &report.timelines {
        let last = timeline.segments.iter().rfind(|segment| segment.shares.site > 0).expect("the site was seen");
        assert!(last.shares.site <= 50_000, "the last to leave hold connections open: {:?}", last.shares);
        let left = timeline.segments.last().expect("an end").shares;
        assert_eq!((left.site, left.maintenance), (0, 1_000_000), "and then they are gone");
    }
    assert_eq!(report.error, 0);
}

#[test]
fn queues_fill_while_visitors_come_and_are_empty_soon_after_they_are_gone() {
    let rig = Rig::new(deployment());
    let worker = rig.current(Role::Worker)[0].clone();
    rig.wait(60);
    assert!(rig.run(rig.queued_tasks(&worker)) > 0);
    rig.put_page_up();
    rig.wait(25);
    assert_eq!(rig.run(rig.queued_tasks(&worker)), 0, "stale visitors keep nobody waiting");
}

#[test]
fn queues_grow_while_no_worker_runs() {
    let rig = Rig::new(deployment());
    let worker = rig.current(Role::Worker)[0].clone();
    rig.stop(&rig.current(Role::Worker), Role::Worker);
    let before = rig.run(rig.queued_tasks(&worker));
    rig.wait(600);
    assert!(rig.run(rig.queued_tasks(&worker)) > before + 200);
}

#[test]
fn a_fault_is_injected_into_the_call_that_it_names() {
    let fault = |nth, kind| Fault::Call { call: "change_records".to_owned(), nth, kind };
    let faults = vec![fault(1, FaultKind::NotApplied), fault(2, FaultKind::LostAnswer)];
    let rig = Rig::with_faults(deployment(), faults);
    let change = || crate::run(&rig.clock, rig.change_records("example.edu.", &to_the_page(&rig)));
    let target = || rig.run(rig.world.dns.records("example.edu.", &[lms()]))[&lms()].target.clone();
    let class = |failure: cutover_engine::failure::Failure| failure.class;
    use cutover_engine::failure::FailureClass;
    assert_eq!(change().map_err(class), Err(FailureClass::NotApplied));
    assert_eq!(target(), rig.domain(&rig.deployment.sites[0]));
    assert_eq!(change().map_err(class), Err(FailureClass::InDoubt));
    assert_eq!(target(), rig.deployment.maintenance_page.domain, "applied, and only the answer was lost");
    assert!(change().is_ok());
}
