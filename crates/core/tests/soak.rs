//! The soak in a window's plan.

#[path = "support/planned.rs"]
mod planned;
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::names::StepId;
use cutover_core::plan::{Action, Line, Phase, Plan, Rule, Step, WindowForecast, lint};

use planned::{CALL_LIMIT, first, step};
use support::{PRODUCTION, QA, deployment};

fn soaking(text: &str) -> Deployment {
    deployment(&format!("{text}\n[soak]\nlength = \"10m\"\n"))
}

fn rule(step: &Step, before: &StepId) -> Option<Rule> {
    step.waits_for.iter().find(|edge| edge.step == *before).map(|edge| edge.rule)
}

fn forecast(deployment: &Deployment, plan: &Plan) -> WindowForecast {
    WindowForecast::of(plan, deployment.window.start.timestamp, deployment.window.ends().timestamp)
}

#[test]
fn what_visitors_get_is_measured_shortly_before_the_page() {
    let deployment = soaking(PRODUCTION);
    let plan = first(&deployment, Phase::Window);
    for fleet in &deployment.fleets {
        let measured = step(&plan, &format!("window.baseline.{}", fleet.name));
        let before: Vec<&StepId> = measured.waits_for.iter().map(|edge| &edge.step).collect();
        assert_eq!(before, [&StepId::from("window.lead")]);
        let Action::Baseline(baseline) = &measured.action else { panic!("{measured:?}") };
        let sites: BTreeSet<_> = baseline.sites.iter().map(|asked| &asked.site).collect();
        assert_eq!(sites, deployment.sites_of(fleet).map(|site| &site.name).collect());
        let page = step(&plan, &format!("window.page.{}", fleet.name));
        assert_eq!(rule(page, &measured.id), Some(Rule::BaselineFirst));
    }
}

#[test]
fn the_soak_comes_after_all_sites_of_its_fleet_are_served_and_before_people_are_told() {
    let deployment = soaking(PRODUCTION);
    let plan = first(&deployment, Phase::Window);
    for fleet in &deployment.fleets {
        let soak = step(&plan, &format!("window.soak.{}", fleet.name));
        let length = Duration::from_secs(600);
        assert_eq!((soak.expected, soak.limit), (length, length + CALL_LIMIT));
        for site in deployment.sites_of(fleet) {
            assert_eq!(rule(soak, &format!("window.served.{}", site.name).into()), Some(Rule::Follows));
        }
        let told =
            plan.steps.iter().filter(|step| matches!(step.action, Action::Announce(_)) && step.line == Line::Soak);
        let told: Vec<&Step> = told.collect();
        assert!(!told.is_empty());
        assert!(told.iter().all(|told| rule(told, &soak.id) == Some(Rule::SoakedFirst)));
    }
    assert_eq!(lint(&plan, &deployment).iter().filter(|finding| finding.message.contains("watches")).count(), 0);
}

#[test]
fn a_soak_is_no_downtime() {
    for text in [PRODUCTION, QA] {
        let (with, without) = (soaking(text), deployment(text));
        let plan = first(&with, Phase::Window);
        assert_eq!(plan.soak_length(), Some(Duration::from_secs(600)));
        let (with, without) = (forecast(&with, &plan), forecast(&without, &first(&without, Phase::Window)));
        assert!(without.expected.abs_diff(with.expected) <= Duration::from_secs(1), "people are told later");
        assert!(with.critical_path.iter().all(|id| !id.as_str().contains("soak")), "{:?}", with.critical_path);
    }
}

#[test]
fn without_the_table_nothing_is_measured() {
    let plan = first(&deployment(PRODUCTION), Phase::Window);
    assert_eq!(plan.soak_length(), None);
    assert!(!plan.steps.iter().any(|step| matches!(step.action, Action::Baseline(_) | Action::Soak(_))));
}

#[test]
fn a_soak_before_visitors_are_back_is_an_error() {
    let deployment = soaking(PRODUCTION);
    let mut plan = first(&deployment, Phase::Window);
    for step in plan.steps.iter_mut().filter(|step| matches!(step.action, Action::Soak(_))) {
        step.waits_for.clear();
    }
    let found = lint(&plan, &deployment);
    let early = found.iter().filter(|finding| finding.message.contains("watches the new site before window.lift."));
    assert_eq!(early.count(), deployment.fleets.len());
}
