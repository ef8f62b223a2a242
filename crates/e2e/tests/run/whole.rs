//! A whole upgrade of two fleets.

use cutover_e2e::run::upgrade;
use cutover_e2e::stage::{Deployment, Stage};
use serde_json::Value;

use crate::support::tell;

#[test]
fn an_upgrade_of_two_fleets_is_as_the_runbook_asks_for_and_visitors_see_nothing_else_than_they_should() {
    let stage = Stage::furnish(Deployment::whole());
    let outcome = upgrade(&stage, &tell);
    assert_eq!(outcome.outcome, "succeeded", "{outcome:#?}");
    let visitors = outcome.visitors;
    assert_eq!(visitors.error, 0);
    assert!(visitors.old > 0 && visitors.page > 0 && visitors.new > 0, "{visitors:?}");
    assert_eq!((outcome.tasks.submitted, outcome.tasks.done), (4, 4));
    assert!(outcome.forecast_seconds > 0.0 && outcome.measured_seconds > 0.0);
    for migration in ["edxapp_live courses 0003_fill_modes", "edxapp_csmh_draft history 0002_answer_student_index"] {
        assert!(outcome.migrations.iter().any(|one| one == migration), "{:?}", outcome.migrations);
    }
    let testers = outcome.as_runbook.iter().find(|line| line.line.contains("manual tests"));
    assert!(testers.is_some_and(|line| line.holds), "{:#?}", outcome.as_runbook);
    let is_there = |line: &str| outcome.as_runbook.iter().any(|one| one.line.starts_with(line));
    let built = ["Release branch", "Build edxapp and worker AMIs", "AMIs are built from", "Each host of an AMI"];
    assert!(built.into_iter().all(|line| is_there(line) == stage.deployment().builds_images()));
    proves(&stage);
    names_rows(&stage);
}

/// `cutover report --json` has who answered what and when, what still arrived at old hosts, and what was checked.
fn proves(stage: &Stage) {
    let report = stage.program().run(&["report", "--json"]).ended(0);
    let evidence: Value = serde_json::from_str(&report).expect("one object");
    let list = |key: &str| evidence[key].as_array().expect("a list").clone();
    let said = |who: &str, step: &str| {
        let mut lines = list("dns").into_iter();
        lines.any(|line| {
            let has = |key: &str, words: &str| line[key].as_str().is_some_and(|text| text.starts_with(words));
            has("who", who) && has("step", step) && line["at"].is_string()
        })
    };
    for step in ["window.page.live", "window.page.draft", "window.lift.live", "window.lift.draft"] {
        assert!(said("Route 53", step) && said("name server", step), "{step}: {report}");
    }
    for step in ["window.diverted.live", "window.diverted.draft", "window.returned.live", "window.returned.draft"] {
        assert!(said("resolver", step) && said("all other resolvers", step), "{step}: {report}");
    }
    let counted = list("late_requests");
    assert_eq!(counted.len(), 2, "one web host of each fleet: {report}");
    // Visitors came until less than a minute before, and some keep an address for longer than its TTL says.
    assert!(counted.iter().all(|host| host["requests"].as_u64().is_some_and(|requests| requests > 0)), "{report}");
    let passed = |step: &str| list("checks").iter().any(|check| check["step"] == step);
    for step in ["window.verify.lms", "window.verify.studio", "window.verify.staging", "window.write.draft.enrol"] {
        assert!(passed(step), "{step}: {report}");
    }
}

/// The report for people names the rows of each table before and after the migrations.
fn names_rows(stage: &Stage) {
    let report = stage.program().run(&["report"]).ended(0);
    for table in ["edxapp_live.courses_enrollment", "edxapp_csmh_live.history_answer"] {
        assert!(report.lines().any(|line| line.contains(table) && line.contains("->")), "{table}: {report}");
    }
}
