//! What the linter takes for a safeguard, and what it does not.

mod support;

use std::collections::BTreeSet;

use cutover_core::deployment::{Deployment, GateBefore};
use cutover_core::journal::Upgrade;
use cutover_core::plan::{Action, Line, Order, Phase, Plan, Rule, Severity, Step, Via, lint};
use cutover_core::planner::{Inputs, forecast};

use support::{PRODUCTION, QA, deployment, observe};

fn planned(deployment: &Deployment, phase: Phase) -> Plan {
    let (observation, upgrade) = (observe(deployment), Upgrade::default());
    forecast(Inputs { deployment, observation: &observation, upgrade: &upgrade }, phase, Order::Overlapped)
}

/// The messages about `plan` that contain `words`, with how severe they are.
fn findings(plan: &Plan, deployment: &Deployment, words: &str) -> Vec<Severity> {
    let findings = lint(plan, deployment).into_iter().filter(|finding| finding.message.contains(words));
    findings.map(|finding| finding.severity).collect()
}

fn without(mut plan: Plan, rule: Rule) -> Plan {
    plan.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| edge.rule != rule));
    plan
}

fn changed(mut plan: Plan, change: impl Fn(&mut Step)) -> Plan {
    plan.steps.iter_mut().for_each(change);
    plan
}

#[test]
fn a_warm_up_snapshot_is_none_to_go_back_to() {
    let deployment = deployment(QA);
    let plan = planned(&deployment, Phase::Window);
    let words = "without a snapshot";
    assert_eq!(findings(&plan, &deployment, words), []);
    let warm_up_only = changed(plan.clone(), |step| {
        if matches!(step.action, Action::TakeSnapshot { .. }) {
            step.line = Line::Open;
        }
    });
    assert!(findings(&warm_up_only, &deployment, words).contains(&Severity::Error));
    let mut warm_up_gone = plan;
    let is_warm_up = |step: &&Step| step.id.as_str().contains("warm-up");
    let gone: BTreeSet<_> = warm_up_gone.steps.iter().filter(is_warm_up).map(|step| step.id.clone()).collect();
    assert!(!gone.is_empty());
    warm_up_gone.steps.retain(|step| !gone.contains(&step.id));
    warm_up_gone.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| !gone.contains(&edge.step)));
    assert_eq!(findings(&warm_up_gone, &deployment, words), [], "the one in the window is enough");
}

#[test]
fn a_missing_snapshot_is_an_error_only_of_a_database_for_which_the_file_wants_one() {
    let mut deployment = deployment(PRODUCTION);
    let plan = without(planned(&deployment, Phase::Window), Rule::SnapshotFirst);
    let mut other = deployment.databases[0].clone();
    other.name = "another".into();
    deployment.databases.iter_mut().for_each(|database| database.snapshot = false);
    deployment.databases.push(other);
    let found = findings(&plan, &deployment, "without a snapshot");
    assert!(!found.is_empty() && found.iter().all(|severity| *severity == Severity::Warning), "{found:?}");
}

#[test]
fn a_decision_is_no_snapshot_to_go_back_to() {
    let mut deployment = deployment(QA);
    let mut gate = deployment.gates[0].clone();
    (gate.name, gate.before) = ("migrate".into(), GateBefore::Migrate);
    deployment.gates.push(gate);
    let plan = without(planned(&deployment, Phase::Window), Rule::SnapshotFirst);
    assert!(findings(&plan, &deployment, "without a snapshot").contains(&Severity::Error));
}

/// The plan in which steps whose ids begin with `waits` do not wait for `step`.
fn without_edge(plan: &Plan, waits: &str, step: &str) -> Plan {
    let cut = changed(plan.clone(), |other| {
        if other.id.as_str().starts_with(waits) {
            other.waits_for.retain(|edge| edge.step.as_str() != step);
        }
    });
    assert_ne!(&cut, plan, "{waits} waited for {step}");
    cut
}

#[test]
fn snapshots_and_migrations_wait_for_a_look_at_every_fleet_that_writes_to_their_database() {
    let deployment = deployment(QA);
    let plan = planned(&deployment, Phase::Window);
    let database = &deployment.databases[0].name;
    assert_eq!(deployment.fleets_on(database).count(), 2);
    for seen in ["without looking whether old code of", "without looking again whether old code of"] {
        assert_eq!(findings(&plan, &deployment, seen), []);
    }
    for fleet in deployment.fleets_on(database).map(|fleet| &fleet.name) {
        let unseen = without_edge(&plan, "window.snapshot.", &format!("window.stopped.{fleet}"));
        let words = format!("snapshots {database} without looking whether old code of {fleet} still runs");
        assert_eq!(findings(&unseen, &deployment, &words), [Severity::Error]);
        let unseen = without_edge(&plan, "window.migrate.", &format!("window.confirm.{fleet}"));
        let words = format!("migrates without looking again whether old code of {fleet} still runs");
        let migrations: usize = deployment.fleets.iter().map(|fleet| deployment.migrations_of(fleet).count()).sum();
        assert_eq!(findings(&unseen, &deployment, &words), vec![Severity::Error; migrations]);
    }
}

#[test]
fn a_look_before_the_snapshots_or_before_visitors_come_back_is_none_before_the_migrations() {
    let deployment = deployment(QA);
    let words = "migrates without looking again";
    for line in [Line::StopCurrent, Line::Verify] {
        let elsewhere = changed(planned(&deployment, Phase::Window), |step| {
            if matches!(step.action, Action::ConfirmStopped { .. }) {
                step.line = line;
            }
        });
        assert!(findings(&elsewhere, &deployment, words).contains(&Severity::Error), "{line:?}");
    }
}

#[test]
fn migrations_wait_until_the_tasks_of_their_fleet_were_counted_for_the_last_time() {
    let mut deployment = deployment(QA);
    let worker = deployment.role.worker.as_mut().expect("workers");
    worker.count_queues = vec!["count".to_owned()];
    worker.drain_queues = Some("10m".parse().expect("a length"));
    let (plan, words) = (planned(&deployment, Phase::Window), "before it is decided what becomes of the tasks");
    assert_eq!(findings(&plan, &deployment, words), []);
    // The workers have emptied the queues before they stopped. Tasks may have come back since.
    let counted_once = without(plan, Rule::TasksSettled);
    assert!(findings(&counted_once, &deployment, words).contains(&Severity::Error));
}

#[test]
fn only_next_hosts_start_after_the_migrations() {
    let deployment = deployment(QA);
    let words = "starts new code before";
    let early = without(planned(&deployment, Phase::Window), Rule::MigratedFirst);
    assert!(!findings(&early, &deployment, words).is_empty());
    let of_others = changed(early, |step| {
        if matches!(step.action, Action::StartServices(_)) {
            step.line = Line::StopCurrent;
        }
    });
    assert_eq!(findings(&of_others, &deployment, words), []);
}

#[test]
fn hosts_leave_a_balancer_that_visitors_are_sent_to_in_no_window_but_afterwards() {
    let deployment = deployment(QA);
    let words = "while visitors are still sent";
    let mut plan = without(planned(&deployment, Phase::Window), Rule::VisitorsDiverted);
    assert!(!findings(&plan, &deployment, words).is_empty());
    plan.phase = Phase::Retire;
    assert_eq!(findings(&plan, &deployment, words), []);
}

#[test]
fn a_check_through_public_dns_sees_the_page_and_verifies_nothing() {
    let deployment = deployment(QA);
    let words = "before it is verified";
    let plan = planned(&deployment, Phase::Window);
    assert_eq!(findings(&plan, &deployment, words), []);
    let through_dns = changed(plan, |step| {
        if let Action::CheckSite(check) = &mut step.action {
            check.via = Via::PublicDns;
        }
    });
    assert!(!findings(&through_dns, &deployment, words).is_empty());
}

#[test]
fn visitors_come_back_only_once_all_next_services_run_and_no_old_ones() {
    let cases = [
        (Rule::WorkersRun, "sends visitors back before window.start."),
        (Rule::OldCodeStopped, "sends visitors back before window.still"),
    ];
    for (name, (rule, words)) in [QA, PRODUCTION].into_iter().flat_map(|name| cases.map(|case| (name, case))) {
        let mut deployment = deployment(name);
        for gates in [true, false] {
            let plan = planned(&deployment, Phase::Window);
            assert_eq!(findings(&plan, &deployment, words), []);
            let lifts = plan.steps.iter().filter(|step| step.id.as_str().starts_with("window.lift.")).count();
            let found = findings(&without(plan, rule), &deployment, words);
            assert!(
                found.len() >= lifts && found.iter().all(|severity| *severity == Severity::Error),
                "{name} {gates}"
            );
            deployment.gates.clear();
        }
    }
}

#[test]
fn visitors_come_back_only_once_every_write_of_the_file_has_been_tried() {
    let mut deployment =
        deployment(&format!("{QA}\n[[write_check]]\nname = \"enrol\"\ncommand = [\"manage.py\", \"enrol\"]\n"));
    deployment.gates.clear();
    let words = "before the write check `enrol`";
    let plan = planned(&deployment, Phase::Window);
    assert_eq!(findings(&plan, &deployment, words), []);
    let unordered = without(plan.clone(), Rule::WritesWork);
    assert_eq!(findings(&unordered, &deployment, words), [Severity::Error; 2], "each fleet has its own");
    deployment.write_checks[0].fleets = vec![deployment.fleets[0].name.clone()];
    assert_eq!(findings(&unordered, &deployment, words), [Severity::Error]);
}

#[test]
fn every_line_and_every_rule_has_words_of_its_own() {
    let deployment = deployment(PRODUCTION);
    let plans = Phase::ALL.map(|phase| planned(&deployment, phase));
    let steps = || plans.iter().flat_map(|plan| &plan.steps);
    let lines: BTreeSet<Line> = steps().map(|step| step.line).collect();
    let rules: BTreeSet<Rule> = steps().flat_map(|step| &step.waits_for).map(|edge| edge.rule).collect();
    let words = |words: Vec<&'static str>| words.into_iter().filter(|words| !words.is_empty()).collect::<BTreeSet<_>>();
    assert_eq!(words(lines.iter().map(|line| line.words()).collect()).len(), lines.len());
    assert_eq!(words(rules.iter().map(|rule| rule.words()).collect()).len(), rules.len());
}

#[test]
fn the_last_looks_at_programs_come_after_everything_else_that_visitors_wait_for() {
    let mut deployment =
        deployment(&format!("{QA}\n[[write_check]]\nname = \"enrol\"\ncommand = [\"manage.py\", \"enrol\"]\n"));
    // A gate waits for the write checks as well.
    for rule in [Rule::Decision, Rule::WritesWork] {
        let plan = planned(&deployment, Phase::Window);
        assert_eq!(findings(&plan, &deployment, "the last look at programs before"), []);
        let early = changed(plan, |step| {
            if step.looks_before_lift() {
                step.waits_for.retain(|edge| edge.rule != rule);
            }
        });
        let found = findings(&early, &deployment, "the last look at programs before");
        assert!(found.contains(&Severity::Error), "{rule:?}");
        deployment.gates.clear();
    }
}

#[test]
fn visitors_come_back_only_once_every_host_that_was_started_is_looked_at_again() {
    let deployment = deployment(QA);
    let plan = planned(&deployment, Phase::Window);
    let words = "without looking whether";
    assert_eq!(findings(&plan, &deployment, words), []);
    let unordered = without(plan.clone(), Rule::NewCodeRuns);
    assert!(findings(&unordered, &deployment, words).contains(&Severity::Error));
    let fewer = changed(plan, |step| {
        if let Action::ConfirmRunning { hosts } = &mut step.action {
            hosts.pop();
        }
    });
    assert_eq!(findings(&fewer, &deployment, words), [Severity::Error; 2], "each fleet lacks one");
}
