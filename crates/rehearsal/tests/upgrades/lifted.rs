//! Once visitors are being sent back to the sites, no new plan sends them to the maintenance page again, and what could still
//! serve them is not retired while the sites are not served.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Event, Upgrade};
use cutover_core::plan::{Order, Phase, Plan};
use cutover_core::planner::{Blocked, Inputs, plan, posts_again};
use cutover_core::progress::Progress;
use cutover_core::status::{Edited, PutBack};
use cutover_engine::gate::{FaultSource, Gate, InjectedFault, NoFaults, Permit};
use cutover_engine::observe::observe;
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_rehearsal::{Invariant, run};

use super::stage::{Stage, qa};

/// An upgrade whose conductor has died when this step was done.
fn died_after(step: &'static str) -> Stage {
    let stage = Stage::new(qa(), |_| {});
    stage.die_at(move |progress| {
        let Progress::Recorded { event: Event::StepDone { step: done, .. }, .. } = progress else { return false };
        done.as_str() == step
    });
    stage
}

/// The plan for a phase of this deployment, as the world is now.
fn planned(stage: &Stage, deployment: &Deployment, phase: Phase, order: Order) -> Result<Plan, Vec<Blocked>> {
    let upgrade = stage.reading().upgrade;
    let seen = run(&stage.clock, observe(&stage.cloud.world(), &*stage.clock, deployment, &upgrade));
    plan(Inputs { deployment, observation: &seen.expect("it is seen"), upgrade: &upgrade }, phase, order)
}

/// The fleets that another plan would send to the page again.
fn sent_again(stage: &Stage, deployment: &Deployment, order: Order) -> usize {
    let plan = planned(stage, deployment, Phase::Window, order).expect("it can be planned");
    posts_again(&stage.reading().upgrade, &plan).len()
}

type Edit = fn(&mut Deployment);

const EDITS: [(&str, Edit); 3] = [
    ("window_ttl", |file| file.dns.window_ttl = "45s".parse().expect("a length")),
    ("settle", |file| file.dns.settle = "90s".parse().expect("a length")),
    ("the gate before the window", |file| file.gates[0].question.push('!')),
];

#[test]
fn after_the_lift_no_edit_sends_visitors_to_the_page_again() {
    let stage = died_after("window.lift.residential-live");
    assert_eq!(sent_again(&stage, &stage.deployment, Order::Overlapped), 0, "nothing was edited");
    assert!(sent_again(&stage, &stage.deployment, Order::Runbook) > 0, "another order");
    for (what, edit) in EDITS {
        let mut edited = stage.deployment.clone();
        edit(&mut edited);
        assert!(sent_again(&stage, &edited, Order::Overlapped) > 0, "{what}");
        let told = Edited::of(&stage.reading().upgrade, &edited).expect("it was edited");
        assert_eq!((told.phase, told.put_back), (Phase::Window, Some(PutBack::Everything)), "{what}");
    }
}

#[test]
fn a_look_that_an_older_plan_did_not_have_does_not_take_visitors_back_who_are_on_the_site() {
    let mut upgrade = died_after("window.lift.residential-live").reading().upgrade;
    let run = upgrade.current_run().expect("it was begun").clone();
    let (lift, look) = ("window.lift.residential-live".into(), "window.still-running.residential-live".into());
    let mut older = Plan::clone(&run.plan);
    older.steps.retain(|step| step.id != look);
    older.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| edge.step != look));
    let mut before = run.clone();
    before.steps.remove(&look);
    before.plan = Arc::new(older);
    *upgrade.runs.last_mut().expect("a run") = before;
    let (number, kind, deployment) = (upgrade.next_run(), run.kind, run.deployment.clone());
    let planned = Event::RunStarted { run: number, kind, plan: Arc::clone(&run.plan), deployment };
    upgrade.apply(run.started_at, &planned).expect("it is planned again");
    let run = upgrade.current_run().expect("it was begun");
    assert!(run.status(&lift).is_done() && run.status(&look).is_done(), "{:?}", run.status(&lift));
}

#[test]
fn after_the_lift_an_edit_of_what_comes_later_may_be_applied() {
    let stage = died_after("window.lift.residential-live");
    let mut edited = stage.deployment.clone();
    edited.announcements.iter_mut().for_each(|message| message.text.push('!'));
    assert_eq!(sent_again(&stage, &edited, Order::Overlapped), 0);
    let told = Edited::of(&stage.reading().upgrade, &edited).expect("it was edited");
    assert_eq!((told.phase, told.put_back), (Phase::Window, None));
}

#[test]
fn while_the_page_is_up_the_file_may_still_be_edited() {
    let stage = died_after("window.diverted.residential-live");
    for (what, edit) in EDITS {
        let mut edited = stage.deployment.clone();
        edit(&mut edited);
        assert_eq!(sent_again(&stage, &edited, Order::Overlapped), 0, "{what}");
        let told = Edited::of(&stage.reading().upgrade, &edited).expect("it was edited");
        assert_eq!(told.put_back, None, "{what}");
    }
}

#[test]
fn visitors_stay_on_the_page_if_nothing_serves_when_somebody_has_approved_the_lift() {
    let stage = Stage::new(qa(), |_| {});
    stage.die_at(|progress| {
        let Progress::Recorded { event: Event::GateOpened { gate, .. }, .. } = progress else { return false };
        gate.as_str() == "manual-checks"
    });
    run(&stage.clock, terminate_next_hosts(&stage));
    let Ending::Failed(steps) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("nothing serves") };
    // What an earlier process has verified is verified again.
    assert!(steps.iter().all(|step| step.as_str().starts_with("window.verify.")), "{steps:?}");
    let upgrade = stage.reading().upgrade;
    let window = upgrade.current_run().expect("it was begun");
    assert!(window.lifted().is_empty(), "{:?}", window.lifted());
    let sent =
        stage.cloud.violations().into_iter().find(|found| found.invariant != Invariant::HostTerminatedWhileRegistered);
    assert!(sent.is_none(), "{sent:?}");
}

/// An upgrade whose window has succeeded.
fn upgraded() -> Stage {
    let stage = Stage::prepared();
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished);
    stage
}

async fn terminate_next_hosts(stage: &Stage) {
    let (clock, compute) = (Rc::clone(&stage.clock) as Rc<dyn Clock>, stage.cloud.world().compute);
    for instance in reading(stage).await.launched.values() {
        let terminate = async |permit: &Permit| compute.terminate(permit, instance).await;
        Gate::alone_at(&clock, 99).write("terminate", terminate).await.expect("it is terminated");
    }
    clock.sleep(std::time::Duration::from_secs(300)).await;
}

async fn reading(stage: &Stage) -> Upgrade {
    cutover_engine::journal::read(&stage.store).await.expect("the journal is consistent").upgrade
}

#[test]
fn nothing_is_retired_while_sites_are_not_served() {
    let stage = upgraded();
    assert!(planned(&stage, &stage.deployment, Phase::Retire, Order::Overlapped).is_ok());
    run(&stage.clock, terminate_next_hosts(&stage));
    let blocked = planned(&stage, &stage.deployment, Phase::Retire, Order::Overlapped).expect_err("nothing serves");
    let (unserved, others): (Vec<_>, Vec<_>) =
        blocked.into_iter().partition(|blocked| matches!(blocked, Blocked::NotServed { .. }));
    assert_eq!(unserved.len(), stage.deployment.balancers.len());
    assert_eq!(others.len(), stage.deployment.fleets.len(), "nobody does the tasks of a fleet: {others:?}");
    assert!(others.iter().all(|blocked| matches!(blocked, Blocked::NoNextWorkers { .. })), "{others:?}");
}

/// All next hosts are gone right before the first old one would be terminated, after somebody has approved that.
struct GoneFirst {
    stage: Rc<Stage>,
    is_done: Cell<bool>,
}

#[async_trait(?Send)]
impl FaultSource for GoneFirst {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if call == "terminate" && !self.is_done.replace(true) {
            terminate_next_hosts(&self.stage).await;
            // The call is made again, after another look.
            return Some(InjectedFault::Fails(cutover_engine::failure::FailureClass::NotApplied));
        }
        None
    }
}

#[test]
fn old_hosts_are_kept_if_sites_are_not_served_when_they_would_be_terminated() {
    let stage = Rc::new(upgraded());
    let faults = Rc::new(GoneFirst { stage: Rc::clone(&stage), is_done: Cell::new(false) });
    let Ending::Failed(_) = stage.run_with(Phase::Retire, faults) else { panic!("nothing serves") };
    let upgrade = stage.reading().upgrade;
    let errors: Vec<&str> = upgrade.current_run().expect("it was begun").failed().map(|(_, error)| error).collect();
    assert!(errors.iter().any(|error| error.contains("is in service, so")), "{errors:?}");
    assert!(upgrade.terminated.len() < upgrade.captured.as_ref().map_or(0, Vec::len), "{:?}", upgrade.terminated);
}
