//! What single steps and actions say of themselves.

mod support;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{RunKind, RunNumber, Upgrade};
use cutover_core::plan::{Action, Lane, Line, Migrate, Order, Phase, Step};
use cutover_core::planner::{Inputs, forecast};

use support::{PRODUCTION, QA, deployment, observe};

fn window(deployment: &Deployment) -> Vec<Step> {
    let (observation, upgrade) = (observe(deployment), Upgrade::default());
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    forecast(inputs, Phase::Window, Order::Overlapped).steps
}

fn migration() -> Migrate {
    let migrate = window(&deployment(PRODUCTION)).into_iter().find_map(|step| match step.action {
        Action::Migrate(migrate) => Some(migrate),
        _ => None,
    });
    migrate.expect("there are migrations")
}

#[test]
fn each_run_of_a_job_after_the_first_has_a_name_of_its_own() {
    let migrate = migration();
    assert_eq!(migrate.job_of_run(0), migrate.job);
    assert_eq!(migrate.job_of_run(1).as_str(), format!("{}-run-2", migrate.job));
    assert_eq!(migrate.job_of_run(2).as_str(), format!("{}-run-3", migrate.job));
}

#[test]
fn migrations_of_another_fleet_service_or_database_are_others() {
    let one = migration();
    let renamed = Migrate { job: "another".into(), command: Vec::new(), ..one.clone() };
    assert!(one.is_of_the_same(&renamed));
    let others = [
        Migrate { fleet: "another".into(), ..one.clone() },
        Migrate { service: "another".to_owned(), ..one.clone() },
        Migrate { database: "another".to_owned(), ..one.clone() },
    ];
    assert!(others.iter().all(|other| !one.is_of_the_same(other)));
}

#[test]
fn a_wait_does_the_same_however_late_it_may_end_and_not_when_it_ends_at_another_moment() {
    let deployment = deployment(QA);
    let wait = |moment, no_later_than| Action::WaitUntil { moment, no_later_than };
    let (start, end) = (deployment.window.start.timestamp, deployment.window.ends().timestamp);
    assert!(wait(start, None).does_the_same(&wait(start, Some(end))));
    assert!(!wait(start, None).does_the_same(&wait(end, None)));
    assert!(!wait(start, None).does_the_same(&Action::Milestone));
}

#[test]
fn the_page_goes_up_by_a_change_of_records_and_by_nothing_else_on_its_line() {
    let steps = window(&deployment(QA));
    let posts: Vec<&Step> = steps.iter().filter(|step| step.posts_page()).collect();
    assert!(!posts.is_empty());
    assert!(posts.iter().all(|step| step.line == Line::PostPage && matches!(step.action, Action::ChangeRecords(_))));
    let beside = Step { action: Action::Milestone, ..posts[0].clone() };
    let lifts = Step { line: Line::LiftPage, ..posts[0].clone() };
    assert!(!beside.posts_page() && !lifts.posts_page());
}

#[test]
fn phases_orders_lanes_and_runs_are_written_as_people_type_them() {
    let phases: Vec<String> = Phase::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(phases, ["announce", "prepare", "window", "retire"]);
    assert_eq!([Order::Overlapped, Order::Runbook].map(|order| order.to_string()), ["overlapped", "runbook"]);
    assert_eq!(Lane::Fleet("live".into()).to_string(), "live");
    assert_eq!(RunNumber(7).to_string(), "7");
    assert_eq!(RunKind::Window.phase(), Some(Phase::Window));
}
