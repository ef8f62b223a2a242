//! Reports of whole upgrades, and of upgrades in which something went wrong.

use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{DnsAnswer, DnsServer, Event, Fact, LateRequests, OldCode, PageSeen, Record, Upgrade};
use cutover_core::plan::{Action, Order, Phase};
use cutover_core::time::later;
use cutover_rehearsal::{Invariant, Violation};

use super::{ReportInputs, damaged, report};
use crate::show::testing;
use crate::show::text::WIDTH;

fn show(deployment: &Deployment, records: &[Record], violations: &[Violation]) -> String {
    let (upgrade, seen) = (testing::fold(records), testing::visitors(deployment));
    report(ReportInputs { records, upgrade: &upgrade, deployment, visitors: Some(&seen), violations: Some(violations) })
}

#[test]
fn the_report_of_a_whole_upgrade_tells_the_story() {
    let deployment = testing::deployment();
    insta::assert_snapshot!(show(&deployment, &testing::journal(&deployment, &Phase::ALL, Order::Overlapped), &[]));
}

#[test]
fn no_line_of_a_report_is_longer_than_80_columns() {
    for deployment in testing::examples() {
        let journal = testing::journal(&deployment, &Phase::ALL, Order::Overlapped);
        testing::assert_fits(&show(&deployment, &journal, &[]), WIDTH);
    }
    let damage = "journal/00000042.json in state is damaged or was written by something else: EOF while parsing";
    testing::assert_fits(&damaged(damage), WIDTH);
}

#[test]
fn a_report_can_be_made_in_the_middle_of_the_window() {
    let deployment = testing::deployment();
    let journal = testing::journal(&deployment, &[Phase::Announce, Phase::Prepare, Phase::Window], Order::Overlapped);
    let mut records = testing::until(&deployment, &journal, Duration::from_secs(900));
    let at = later(deployment.window.start.timestamp, Duration::from_secs(930));
    let step = testing::step_id(
        &testing::fold(&records).run_of(Phase::Window).expect("the window").plan,
        "window.migrate.residential-live.1",
    );
    let doubt = Event::StepInDoubt { step: step.clone(), error: "connection to i-1 lost".to_owned() };
    let failed = Event::StepFailed {
        step,
        error: "exit status 1: <class 'OperationalError'>".to_owned(),
        in_doubt: false,
        changed_nothing: false,
    };
    let more = testing::records(vec![(at, doubt), (at, failed)]);
    records.extend(more);
    insta::assert_snapshot!(show(&deployment, &records, &[]));
}

#[test]
fn milestones_are_not_listed() {
    let deployment = testing::deployment();
    let journal = testing::journal(&deployment, &Phase::ALL, Order::Runbook);
    let upgrade = testing::fold(&journal);
    let steps = upgrade.last_runs().flat_map(|run| &run.plan.steps);
    let milestones: Vec<_> = steps.filter(|step| step.action == Action::Milestone).collect();
    assert!(!milestones.is_empty());
    let text = show(&deployment, &journal, &[]);
    for milestone in milestones {
        assert!(!text.contains(&milestone.title), "{} in {text}", milestone.title);
    }
}

#[test]
fn an_upgrade_that_has_not_started_has_a_report_too() {
    let text = show(&testing::deployment(), &[], &[]);
    assert!(text.contains("waits until `announce` is run"), "{text}");
}

#[test]
fn the_report_shows_violations_with_time_and_step() {
    let deployment = testing::deployment();
    let journal = testing::journal(&deployment, &Phase::ALL, Order::Overlapped);
    let at = later(deployment.window.start.timestamp, Duration::from_secs(600));
    let detail = "edxapp_residential_live".to_owned();
    let broken = Violation { at, invariant: Invariant::TwoMigratorsOnOneSchema, detail };
    let text = show(&deployment, &journal, &[broken]);
    assert!(text.contains("- 2021-01-04 04:10:00 -05:00 two migrators run on one schema"), "{text}");
}

/// A window in which the look before visitors come back has found old code on two hosts, and could not look at a third.
fn with_old_code(deployment: &Deployment) -> Vec<Record> {
    let mut records = testing::journal(deployment, &Phase::ALL, Order::Overlapped);
    let is_look = |event: &Event| event.step().is_some_and(|id| id.as_str().starts_with("window.still-stopped."));
    let is_end = |event: &Event| matches!(event, Event::StepDone { .. } | Event::StepHeld { .. });
    let mut events = records.iter_mut().flat_map(|record| &mut record.events);
    let end = events.find(|event| is_look(event) && is_end(event)).expect("it is looked at");
    let (Event::StepDone { facts, .. } | Event::StepHeld { facts, .. }) = end else { panic!("it has ended") };
    let ran = |host: &str, programs: &[&str]| Fact::RanAgain {
        host: host.into(),
        programs: programs.iter().map(|name| (*name).into()).collect(),
        snapshots: Vec::new(),
    };
    facts.extend([ran("edx-0", &["cms", "lms"]), ran("edx-worker-0", &["edxapp_worker"])]);
    facts.push(Fact::Unseen { host: "edx-1".into(), why: "No route to host".to_owned() });
    records
}

#[test]
fn a_report_of_a_real_account_names_all_old_code_that_was_found_and_what_was_looked_at() {
    let deployment = testing::deployment();
    let records = with_old_code(&deployment);
    let mut upgrade = testing::fold(&records);
    let at = later(deployment.window.start.timestamp, Duration::from_secs(900));
    let old_code = |host: &str, program: &str| OldCode { at, host: host.into(), programs: vec![program.into()] };
    upgrade.old_code = vec![old_code("edx-0", "lms"), old_code("edx-worker-0", "edxapp_worker")];
    let inputs = |upgrade| ReportInputs {
        records: &records,
        upgrade,
        deployment: &deployment,
        visitors: None,
        violations: None,
    };
    let text = report(inputs(&upgrade));
    let troubled = |host: &str| text.contains(&format!("running again on {host} after"));
    assert!(troubled("edx-0") && troubled("edx-worker-0"), "{text}");
    let section = text.split("## What must never happen").nth(1).expect("it is there");
    insta::assert_snapshot!(section);
    let nothing = Upgrade { old_code: Vec::new(), ..upgrade.clone() };
    let text = report(inputs(&nothing));
    assert!(text.contains("None of it was found.") && !text.contains("as far as it was watched"), "{text}");
}

#[test]
fn code_blocks_are_ascii_and_only_tables_are_wider_than_100_columns() {
    for deployment in testing::examples() {
        let text = show(&deployment, &testing::journal(&deployment, &Phase::ALL, Order::Runbook), &[]);
        for line in text.lines().filter(|line| !line.starts_with('|')) {
            assert!(line.chars().count() <= WIDTH && line.is_ascii(), "{line}");
        }
    }
}

/// A whole upgrade, with more facts at the end of the first step whose id begins so.
fn with_facts(deployment: &Deployment, step: &str, more: Vec<Fact>) -> Vec<Record> {
    let mut records = testing::journal(deployment, &Phase::ALL, Order::Overlapped);
    let mut events = records.iter_mut().flat_map(|record| &mut record.events);
    let is_end = |event: &&mut Event| match event {
        Event::StepDone { step: id, .. } | Event::StepHeld { step: id, .. } => id.as_str().starts_with(step),
        _ => false,
    };
    let end = events.find(is_end).expect("it has ended");
    let (Event::StepDone { facts, .. } | Event::StepHeld { facts, .. }) = end else { panic!("it has ended") };
    facts.extend(more);
    records
}

/// A section of a report.
fn section_of(text: &str, title: &str) -> String {
    let rest = text.split(&format!("## {title}\n\n")).nth(1).unwrap_or_else(|| panic!("no {title} in {text}"));
    rest.split("\n\n## ").next().unwrap_or_default().to_owned()
}

#[test]
fn a_report_says_which_server_answered_what_and_when() {
    let deployment = testing::deployment();
    let at = deployment.window.start.timestamp;
    let answer = |by, target: &str, is_new| {
        Fact::DnsAnswer(DnsAnswer { by, at, targets: [(target.to_owned(), 3)].into(), is_new })
    };
    let facts = vec![
        Fact::InSync { change: "C1".into() },
        answer(DnsServer::NameServer("ns-1.awsdns.example".to_owned()), "page.cloudfront.example", true),
        answer(DnsServer::Resolver([9, 9, 9, 9].into()), "elb.example", false),
        Fact::TtlPassed { ttl: Duration::from_secs(60) },
    ];
    let records = with_facts(&deployment, "window.page.residential-live", facts);
    insta::assert_snapshot!(section_of(&show(&deployment, &records, &[]), "DNS"));
}

#[test]
fn the_report_names_what_went_on_because_the_file_lists_it() {
    let deployment = testing::deployment();
    let mut records = testing::journal(&deployment, &Phase::ALL, Order::Overlapped);
    let is_stop = |event: &Event| event.step().is_some_and(|id| id.as_str().starts_with("window.stop."));
    let mut events = records.iter_mut().flat_map(|record| &mut record.events).filter(|event| is_stop(event));
    let facts = events.find_map(|event| match event {
        Event::StepDone { facts, .. } | Event::StepHeld { facts, .. } => Some(facts),
        _ => None,
    });
    let sessions = vec!["session c1: process 62 (`/opt/agent`) of user www-data".to_owned()];
    facts.expect("a stop").push(Fact::UnrelatedSessions { host: "edx-0".into(), sessions });
    let text = show(&deployment, &records, &[]).split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(
        text.contains("lists as not belonging to the site, this went on: - edx-0: session c1: process 62"),
        "{text}"
    );
}

#[test]
fn a_report_says_what_checks_have_seen_and_what_still_arrived_at_old_hosts() {
    let deployment = testing::deployment();
    let until = later(deployment.window.start.timestamp, Duration::from_secs(90 * 86_400));
    let page = |path: &str, text: Option<&str>| PageSeen {
        path: path.to_owned(),
        status: 200,
        requests: 3,
        text: text.map(str::to_owned),
    };
    let pages = vec![page("/", Some("koa-4")), page("/heartbeat", None)];
    let checked = Fact::SiteChecked { site: "lms".into(), pages, certificate_until: Some(until) };
    let written = Fact::WriteChecked { fleet: "residential-live".into(), check: "enrol".to_owned() };
    let records = with_facts(&deployment, "window.verify.", vec![checked, written]);
    insta::assert_snapshot!(section_of(&show(&deployment, &records, &[]), "Checks that have passed"));
    let counted = |host: &str, requests, unknown: Option<&str>| {
        let unknown_because = unknown.map(str::to_owned);
        Fact::LateRequests(LateRequests { host: host.into(), requests, unknown_because })
    };
    let counts = vec![
        counted("edx-0", Some(0), None),
        counted("edx-1", Some(3), None),
        counted("edx-2", None, Some("exit status 127: not found")),
    ];
    let records = with_facts(&deployment, "window.stop.", counts);
    insta::assert_snapshot!(section_of(&show(&deployment, &records, &[]), "Requests at current hosts"));
}
