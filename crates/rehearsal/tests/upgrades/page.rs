//! Conductors that end between the call that puts the maintenance page up and the record of its answer: only the zone knows.

use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Upgrade, downtime_began};
use cutover_core::names::DnsName;
use cutover_core::plan::{Order, Phase, RecordTarget};
use cutover_core::planner::{Blocked, Inputs, plan};
use cutover_core::status::{ConductorState, PutBack, Status, StatusInputs};
use cutover_engine::gate::NoFaults;
use cutover_engine::observe::observe;
use cutover_engine::phase::Ending;
use cutover_rehearsal::run;

use super::stage::Stage;
use super::tasks::counting;

/// A window whose conductor was killed before the answer to its call was on record, which has put up the page if `is_up`.
fn killed(is_up: bool) -> Stage {
    let stage = Stage::prepared_with(counting());
    stage.die_before("change_records");
    if is_up {
        let conductor = stage.conductor(stage.clock(), Rc::new(NoFaults));
        let upgrade = stage.reading().upgrade;
        let records: Vec<RecordTarget> = upgrade.pages_in_question().into_iter().cloned().collect();
        assert!(!records.is_empty(), "a page was on its way");
        run(&stage.clock, conductor.gate.change_records(&stage.deployment.dns.zone, &records)).expect("it is changed");
    }
    stage
}

/// The journal, with what its readers look for in the zone.
fn seen(stage: &Stage) -> Upgrade {
    let mut upgrade = stage.reading().upgrade;
    let names: Vec<DnsName> = upgrade.pages_in_question().into_iter().map(|record| record.name.clone()).collect();
    let dns = stage.cloud.world().dns;
    let zone = run(&stage.clock, dns.records(&stage.deployment.dns.zone, &names)).expect("it is listed");
    upgrade.see_pages(|record| zone[&record.name].target.is_same(&record.target));
    upgrade
}

fn status(stage: &Stage, deployment: &Deployment) -> Status {
    let (upgrade, now, conductor) = (&seen(stage), stage.clock().now(), &ConductorState::Gone);
    Status::of(StatusInputs { upgrade, deployment, file: "qa.toml", now, conductor, damage: None })
}

fn moved(stage: &Stage) -> Deployment {
    let mut moved = stage.deployment.clone();
    let start = &mut moved.window.start.timestamp;
    *start = start.checked_add(Duration::from_secs(86_400)).expect("in range");
    moved
}

#[test]
fn a_page_that_the_zone_shows_is_up_although_its_answer_is_not_on_record() {
    let stage = killed(true);
    let shown = status(&stage, &stage.deployment);
    assert!(shown.start.is_none() && shown.window.is_some_and(|window| window.down_since.is_some()));
    assert_eq!(shown.next_command.as_deref(), Some("cutover window qa.toml"));
    assert!(matches!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Failed(_)), "there are tasks");
    let upgrade = stage.reading().upgrade;
    assert!(downtime_began(upgrade.run_of(Phase::Window).expect("it was begun")).is_some());
}

#[test]
fn a_page_that_the_zone_does_not_show_is_not_up() {
    let stage = killed(false);
    let shown = status(&stage, &moved(&stage));
    assert!(shown.start.is_some() && shown.window.is_some_and(|window| window.down_since.is_none()));
    assert_eq!(shown.next_command.as_deref(), Some("cutover announce qa.toml --replan"));
}

#[test]
fn a_start_that_is_moved_once_the_zone_shows_the_page_has_to_be_put_back() {
    let stage = killed(true);
    let shown = status(&stage, &moved(&stage));
    let put_back = shown.edited.and_then(|edited| edited.put_back);
    assert_eq!((put_back, shown.next_command), (Some(PutBack::Start(stage.deployment.window.start.timestamp)), None));
}

#[test]
fn a_count_of_tasks_is_kept_once_the_zone_shows_the_page() {
    let stage = killed(true);
    let mut edited = stage.deployment.clone();
    edited.role.worker.as_mut().expect("it has workers").count_queues.clear();
    let shown = status(&stage, &edited);
    let put_back = shown.edited.and_then(|edited| edited.put_back);
    assert_eq!((put_back, shown.next_command), (Some(PutBack::Count), None));
    // The planner sees the zone itself.
    let upgrade = stage.reading().upgrade;
    let observed = run(&stage.clock, observe(&stage.cloud.world(), &*stage.clock, &edited, &upgrade));
    let inputs = Inputs { deployment: &edited, observation: &observed.expect("it is seen"), upgrade: &upgrade };
    let blocked = plan(inputs, Phase::Window, Order::Overlapped).expect_err("they are not counted");
    assert!(blocked.iter().all(|one| matches!(one, Blocked::TasksNotCounted { .. })), "{blocked:?}");
}
