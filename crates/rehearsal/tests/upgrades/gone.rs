//! Windows in which hosts disappear: a window opens only with all of its hosts, and once its page is up it goes on
//! without those that are gone.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::deployment::Role;
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Run, StepStatus, downtime_began, lacks_all_hosts, lacks_hosts};
use cutover_core::names::{InstanceId, StepId};
use cutover_core::plan::{Order, Phase};
use cutover_core::planner::{Blocked, Inputs, left_out, plan};
use cutover_engine::gate::{FaultSource, Gate, InjectedFault, NoFaults, Permit};
use cutover_engine::observe::observe;
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::Clock;
use cutover_rehearsal::run;

use super::stage::Stage;

/// Somebody who terminates instances right before the first call of that name.
struct Terminates {
    stage: Rc<Stage>,
    instances: Vec<InstanceId>,
    call: &'static str,
    is_done: Cell<bool>,
}

#[async_trait(?Send)]
impl FaultSource for Terminates {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if call == self.call && !self.is_done.replace(true) {
            terminate(&self.stage, &self.instances).await;
        }
        None
    }
}

async fn terminate(stage: &Stage, instances: &[InstanceId]) {
    let (clock, compute) = (Rc::clone(&stage.clock) as Rc<dyn Clock>, stage.cloud.world().compute);
    for instance in instances {
        let terminate = async |permit: &Permit| compute.terminate(permit, instance).await;
        Gate::alone_at(&clock, 99).write("terminate", terminate).await.expect("it is terminated");
    }
    clock.sleep(Duration::from_secs(120)).await;
}

/// The next hosts that `prepare` launched, by the beginning of their names.
fn next(stage: &Stage, name: &str) -> InstanceId {
    let upgrade = stage.reading().upgrade;
    let mut launched = upgrade.launched.iter();
    launched.find(|(host, _)| host.as_str().starts_with(name)).expect("it was launched").1.clone()
}

fn current(stage: &Stage, role: Role) -> InstanceId {
    let captured = stage.reading().upgrade.captured.expect("hosts were recorded");
    captured.into_iter().find(|host| host.role == role).expect("there is one").instance
}

/// Runs the window, and terminates those instances right before the first call of that name.
fn window_without(stage: &Rc<Stage>, call: &'static str, instances: Vec<InstanceId>) -> Ending {
    let faults = Terminates { stage: Rc::clone(stage), instances, call, is_done: Cell::new(false) };
    let faults = Rc::new(faults);
    let ending = stage.run_with(Phase::Window, Rc::clone(&faults) as _);
    assert!(faults.is_done.get(), "no `{call}` was made");
    ending
}

/// Plans the window again and runs it.
fn replanned(stage: &Stage) -> Result<Ending, Vec<Blocked>> {
    let conductor = stage.conductor(Rc::clone(&stage.clock) as _, Rc::new(NoFaults));
    let (deployment, upgrade) = (&stage.deployment, conductor.journal.upgrade().clone());
    let observation =
        run(&stage.clock, observe(&conductor.world, &*conductor.clock, deployment, &upgrade)).expect("it is seen");
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    let plan = plan(inputs, Phase::Window, Order::Overlapped)?;
    let left_out: Vec<String> = left_out(inputs).iter().map(ToString::to_string).collect();
    let starts = |host: &String| plan.step(&format!("window.start.{host}").into()).is_some();
    assert!(!left_out.is_empty() && !left_out.iter().any(starts), "{left_out:?}");
    let begin = Some((plan, Digest::of_json(deployment)));
    Ok(run(&stage.clock, phase::run(&conductor, begin, Phase::Window)).expect("the journal works"))
}

fn window(stage: &Stage) -> Run {
    stage.reading().upgrade.run_of(Phase::Window).expect("it was begun").clone()
}

#[test]
fn current_hosts_that_are_terminated_once_the_page_is_up_do_not_hold_the_window_up() {
    for role in [Role::Edxapp, Role::Worker] {
        for call in ["change_records", "stop", "deregister", "start_job"] {
            let stage = Rc::new(Stage::prepared());
            let gone = vec![current(&stage, role)];
            let ending = window_without(&stage, call, gone);
            let failed: Vec<String> =
                window(&stage).failed().map(|(step, error)| format!("{}: {error}", step.id)).collect();
            assert_eq!(ending, Ending::Finished, "{role} before {call}: {failed:?}");
            assert_eq!(stage.run_with(Phase::Retire, Rc::new(NoFaults)), Ending::Finished, "{role} before {call}");
        }
    }
}

#[test]
fn a_window_does_not_open_without_a_host_that_was_terminated_while_it_waited() {
    for role in [None, Some(Role::Edxapp), Some(Role::Worker)] {
        let stage = Rc::new(Stage::prepared());
        let gone = role.map_or_else(|| next(&stage, "edx-"), |role| current(&stage, role));
        // The warm-up snapshot is taken well before the start.
        let ending = window_without(&stage, "begin_snapshot", vec![gone]);
        assert_eq!(ending, Ending::Failed(vec!["window.open".into()]));
        let (window, upgrade) = (window(&stage), stage.reading().upgrade);
        assert_eq!((downtime_began(&window), stage.cloud.visitors().maintenance), (None, 0));
        assert!(lacks_hosts(&window, &upgrade));
        let StepStatus::Failed { error, .. } = window.status(&"window.open".into()) else { panic!("it has failed") };
        assert!(error.contains("gone; find out who removed that, then run `cutover prepare` again"), "{error}");
    }
}

#[test]
fn a_window_whose_page_is_up_goes_on_without_a_next_host_once_it_is_planned_again() {
    // Before the migrations, after the first of them was started, and before the services start.
    for (call, fails_at) in [("deregister", "confirm"), ("start", "start")] {
        let stage = Rc::new(Stage::prepared());
        let gone = next(&stage, "edx-mitx-qa-residential-live-0");
        let ending = window_without(&stage, call, vec![gone]);
        let Ending::Failed(steps) = &ending else { panic!("{call}: {ending:?}") };
        assert!(steps.iter().any(|step| step.as_str().contains(fails_at)), "{call}: {steps:?}");
        assert!(lacks_hosts(&window(&stage), &stage.reading().upgrade), "{call}");
        assert_eq!(replanned(&stage), Ok(Ending::Finished), "{call}");
        assert_eq!(stage.run_with(Phase::Retire, Rc::new(NoFaults)), Ending::Finished, "{call}");
    }
}

#[test]
fn a_migration_whose_host_is_gone_goes_on_elsewhere_once_an_operator_has_looked_at_the_schema() {
    let stage = Rc::new(Stage::prepared());
    let gone = next(&stage, "edx-mitx-qa-residential-live-0");
    let Ending::Failed(failed) = window_without(&stage, "start_job", vec![gone]) else { panic!("its host is gone") };
    let migrates = |step: &StepId| step.as_str().starts_with("window.migrate.");
    assert!(failed.iter().any(migrates), "{failed:?}");
    let Ok(Ending::Failed(failed)) = replanned(&stage) else { panic!("nobody has looked at the schema") };
    let step = failed.into_iter().find(migrates).expect("it may be half migrated");
    let StepStatus::Failed { error, .. } = window(&stage).status(&step).clone() else { panic!("it has failed") };
    assert!(error.contains("which is gone. The schema") && error.contains("--retry"), "{error}");
    stage.record([Event::StepRetryApproved { step, by: "ada".to_owned() }]);
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished);
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn a_fleet_whose_only_next_host_is_gone_cannot_go_on_and_that_is_said() {
    let stage = Rc::new(Stage::prepared());
    let gone = next(&stage, "edx-mitx-qa-residential-draft-0");
    assert!(matches!(window_without(&stage, "deregister", vec![gone]), Ending::Failed(_)));
    let fleet = stage.deployment.fleets[1].name.clone();
    assert_eq!(replanned(&stage), Err(vec![Blocked::NoNextHosts { fleet }]));
}

#[test]
fn a_next_host_that_is_gone_is_named_also_by_a_migration_that_runs_elsewhere() {
    let stage = Rc::new(Stage::prepared());
    let gone = next(&stage, "edx-mitx-qa-residential-live-1");
    let Ending::Failed(failed) = window_without(&stage, "start_job", vec![gone]) else { panic!("it is looked at") };
    let migrates = |step: &StepId| step.as_str().starts_with("window.migrate.");
    assert!(failed.iter().any(migrates), "{failed:?}");
    let errors: Vec<String> = window(&stage).failed().map(|(_, error)| error.to_owned()).collect();
    assert!(errors.iter().any(|error| error.contains("-live-1-v4 is gone; to go on without")), "{errors:?}");
    assert!(lacks_hosts(&window(&stage), &stage.reading().upgrade));
    assert_eq!(replanned(&stage), Ok(Ending::Finished));
}

#[test]
fn when_all_next_hosts_are_gone_one_failed_step_is_enough_to_know_that_nothing_can_serve() {
    let stage = Rc::new(Stage::prepared());
    let all = ["live-0", "live-1"].map(|host| next(&stage, &format!("edx-mitx-qa-residential-{host}")));
    let Ending::Failed(_) = window_without(&stage, "start_job", all.into()) else { panic!("they are gone") };
    assert!(lacks_all_hosts(&window(&stage), &stage.reading().upgrade));
    let errors: Vec<String> = window(&stage).failed().map(|(_, error)| error.to_owned()).collect();
    assert!(errors.iter().all(|error| !error.contains("--replan")), "{errors:?}");
}
