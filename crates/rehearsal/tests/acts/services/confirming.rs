//! Programs that must stay stopped: looked at again before the snapshots and before the migrations.

use std::rc::Rc;

use cutover_core::journal::{Event, Fact, RunKind};
use cutover_core::names::SnapshotId;
use cutover_core::plan::{Action, Edge, HostPrograms, Line, Rule, Step};
use cutover_engine::phase::Ending;
use cutover_hosts::command::Said;
use cutover_hosts::processes;
use cutover_hosts::supervisor::State;

use super::super::migrations::migrate;
use super::super::stage::{Stage, host, retry, step};
use super::stopping::stop_for_good;
use super::{Services, left_in_unit};

#[test]
fn services_that_were_started_again_are_stopped_and_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Running)]);
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Finished);
    assert_eq!(services.calls(), ["stop lms"]);
    assert!(
        notes(&stage).contains(&"lms was running again on edx-0 and is stopped again".to_owned()),
        "{:?}",
        notes(&stage)
    );
}

#[test]
fn a_service_that_supervisor_starts_again_after_a_first_look_is_not_confirmed_to_be_stopped() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Exited), ("lms", State::Stopped)]);
    let mut looks = 0;
    services.at_look.replace(Some(Box::new(move |services| {
        looks += 1;
        if looks == 2 {
            services.put(&["cms".into()], State::Running);
        }
    })));
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms"]);
    assert!(notes(&stage)[0].starts_with("cms was running again on edx-0"), "{:?}", notes(&stage));
}

pub(crate) fn confirm() -> Step {
    let programs = vec!["cms".into(), "lms".into()];
    let (host, supervisorctl) = (host("edx-0", "i-1"), "supervisorctl".to_owned());
    let hosts = vec![HostPrograms { host, supervisorctl, programs, unrelated: Vec::new() }];
    step("confirm", Action::ConfirmStopped { hosts, snapshots: Vec::new() })
}

/// What the journal says about services that had to be stopped.
fn notes(stage: &Stage) -> Vec<String> {
    let text = |fact| if let Fact::Note { text } = fact { Some(text) } else { None };
    stage.facts_of("confirm").into_iter().filter_map(text).collect()
}

fn ran_again(snapshots: &[&str]) -> Fact {
    let snapshots = snapshots.iter().map(|id| SnapshotId::from(*id)).collect();
    Fact::RanAgain { host: "edx-0".into(), programs: vec!["lms".into()], snapshots }
}

/// A stage on which a snapshot was taken, and lms runs again.
fn after_snapshot() -> (Stage, Rc<Services>) {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Running)]);
    let taken = Fact::SnapshotTaken { database: "edxapp".into(), snapshot: "s-1".into() };
    let done = Event::StepDone { step: "snapshot".into(), facts: vec![taken] };
    let Action::ConfirmStopped { hosts, .. } = confirm().action else { panic!("it confirms") };
    let snapshots = vec!["s-1".into(), "s-2".into()];
    let steps = vec![step("snapshot", Action::Milestone), step("confirm", Action::ConfirmStopped { hosts, snapshots })];
    stage.was_begun(steps, vec![done]);
    (stage, services)
}

#[test]
fn after_a_snapshot_services_that_were_started_again_are_stopped_and_the_migrations_do_not_begin() {
    let (stage, services) = after_snapshot();
    let failed = Ending::Failed(vec!["confirm".into()]);
    assert_eq!((stage.resume(), services.calls()), (failed.clone(), vec!["stop lms".to_owned()]));
    assert!(stage.facts_of("confirm").contains(&ran_again(&["s-1"])), "s-2 was not taken yet");
    let error = stage.error_of("confirm");
    assert!(error.contains("were running after the snapshot had been begun: lms on edx-0."), "{error}");
    assert!(error.contains("They are stopped now. What they wrote may be missing from s-1"), "{error}");
    assert!(!error.contains("--replan"), "whether another one can be taken depends on what happens meanwhile: {error}");
    assert_eq!(stage.resume(), failed, "another conductor knows it too");
}

#[test]
fn an_operator_may_allow_the_migrations_although_the_snapshot_lacks_something_but_only_once() {
    let (stage, services) = after_snapshot();
    let failed = Ending::Failed(vec!["confirm".into()]);
    let allow = || stage.was_recorded(vec![Event::StepRetryApproved { step: "confirm".into(), by: "ada".to_owned() }]);
    assert_eq!(stage.resume(), failed);
    allow();
    services.put(&["lms".into()], State::Running);
    assert_eq!(stage.resume(), failed, "it is running once more");
    allow();
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn the_files_that_a_second_order_has_changed_are_on_record_besides_those_of_the_first() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.prints.replace("held by cutover: /etc/a.conf\nlms: stopped\n");
    let first = stop_for_good();
    let wait = step("wait", Action::Milestone);
    let edge = |step: &Step| Edge { step: step.id.clone(), rule: Rule::Follows };
    let look = Step { waits_for: vec![edge(&first), edge(&wait)], ..look_before_lift() };
    assert_eq!(stage.conduct(vec![first.clone(), wait.clone()]), Ending::Finished);
    services.put(&["lms".into()], State::Running);
    services.prints.replace("held by cutover: /etc/a.conf\nheld by cutover: /etc/b.conf\n");
    assert_eq!(stage.conduct(vec![first, wait, look]), Ending::Finished);
    let held: Vec<String> = stage.on_record().held_files[&"edx-0".into()].iter().cloned().collect();
    assert_eq!(held, ["/etc/a.conf", "/etc/b.conf"]);
}

/// The look before visitors come back.
pub(super) fn look_before_lift() -> Step {
    Step { line: Line::Verify, ..confirm() }
}

fn unseen(why: &str) -> Fact {
    Fact::Unseen { host: "edx-0".into(), why: why.to_owned() }
}

#[test]
fn an_operator_may_let_visitors_back_without_a_look_at_a_host_that_does_not_answer() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.are_silent.set(true);
    let failed = Ending::Failed(vec!["confirm".into()]);
    assert_eq!(stage.conduct(vec![look_before_lift()]), failed);
    let error = stage.error_of("confirm");
    assert!(error.starts_with("edx-0: the host cannot be reached; "), "{error}");
    assert!(error.ends_with("let visitors back without a look at it: --retry confirm"), "{error}");
    assert_eq!(stage.resume(), failed, "nobody has decided that");
    stage.was_recorded(vec![retry("confirm")]);
    assert_eq!(stage.resume(), Ending::Finished, "{:?}", stage.events_of("confirm"));
    assert!(stage.facts_of("confirm").contains(&unseen("the host cannot be reached")));
}

#[test]
fn what_is_found_running_is_stopped_although_an_operator_would_go_on_without_a_look() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Running)]);
    services.are_silent.set(true);
    assert_eq!(stage.conduct(vec![look_before_lift()]), Ending::Failed(vec!["confirm".into()]));
    stage.was_recorded(vec![retry("confirm")]);
    services.are_silent.set(false);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["stop lms"]);
}

/// A window that has stopped the programs of a host for good, and looks at it before visitors come back.
fn stopped_for_good_and_looked_at(stage: &Stage) -> Ending {
    let waits_for = vec![Edge { step: "stop".into(), rule: Rule::Follows }];
    stage.conduct_as(RunKind::Window, vec![stop_for_good(), Step { waits_for, ..look_before_lift() }])
}

#[test]
fn what_is_found_running_before_visitors_come_back_is_kept_from_starting_when_its_host_boots() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    let mut looks = 0;
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        looks += 1;
        if looks == 2 {
            services.put(&["lms".into()], State::Running);
            services.starts_at_boot.set(true);
        }
    })));
    assert_eq!(stopped_for_good_and_looked_at(&stage), Ending::Finished);
    assert_eq!(services.calls(), ["stop-for-good cms lms"]);
    assert!(!services.starts_at_boot.get());
}

#[test]
fn visitors_do_not_come_back_while_old_programs_would_start_when_their_host_boots() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    let mut looks = 0;
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        looks += 1;
        if looks == 2 {
            services.starts_at_boot.set(true);
            services.files_are_fixed.set(true);
        }
    })));
    assert_eq!(stopped_for_good_and_looked_at(&stage), Ending::Failed(vec!["confirm".into()]));
    assert_eq!(services.calls(), ["stop-for-good cms lms"]);
    let error = stage.error_of_window("confirm");
    assert!(error.starts_with("cms, lms stopped on edx-0, and supervisor there would start them again"), "{error}");
    services.files_are_fixed.set(false);
    assert_eq!(stage.resume_as(RunKind::Window), Ending::Finished, "the order is given again");
}

#[test]
fn before_the_migrations_nobody_can_go_on_without_a_look() {
    let mut stage = Stage::new();
    Services::of(&mut stage, &[]).are_silent.set(true);
    let failed = Ending::Failed(vec!["confirm".into()]);
    assert_eq!(stage.conduct(vec![confirm()]), failed);
    let error = stage.error_of("confirm");
    assert!(!error.contains("--retry"), "{error}");
    stage.was_recorded(vec![retry("confirm")]);
    assert_eq!(stage.resume(), failed);
}

#[test]
fn a_service_that_is_started_again_and_again_is_stopped_each_time() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    let mut looks = 0;
    services.at_look.replace(Some(Box::new(move |services| {
        looks += 1;
        if looks == 4 {
            services.put(&["lms".into()], State::Running);
        }
    })));
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    let ending = stage.conduct(vec![confirm()]);
    assert_eq!(
        (ending, services.calls()),
        (Ending::Failed(vec!["confirm".into()]), vec!["stop cms lms".into(), "stop lms".into()])
    );
    let expected = [
        "cms was running again on edx-0 and is stopped again",
        "lms was running again on edx-0 and is stopped again",
        "process 71 of lms (`lms`) was left on edx-0",
    ];
    assert_eq!(notes(&stage), expected);
}

#[test]
fn processes_that_were_left_are_on_record_although_they_have_ended_since() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    let mut looks = 0;
    services.at_look.replace(Some(Box::new(move |services| {
        looks += 1;
        if looks == 3 {
            services.listed.replace(None);
        }
    })));
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Finished);
    assert_eq!(services.calls(), [""; 0], "there is nothing that supervisor could stop");
    assert_eq!(notes(&stage)[0], "process 71 of lms (`lms`) was left on edx-0");
}

#[test]
fn a_list_of_processes_that_was_cut_off_is_asked_for_again_and_never_believed() {
    for (cut_off, ending) in [(2, Ending::Finished), (99, Ending::Failed(vec!["confirm".into()]))] {
        let mut stage = Stage::new();
        let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
        services.lists_to_cut.set(cut_off);
        assert_eq!(stage.conduct(vec![confirm()]), ending, "{cut_off} lists are cut off");
    }
}

#[test]
fn services_of_which_processes_are_left_are_not_confirmed_to_be_stopped() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Failed(vec!["confirm".into()]));
    assert_eq!(services.calls(), [""; 0], "there is nothing that supervisor could stop");
    let error = stage.error_of("confirm");
    assert!(error.ends_with("still running: process 71 of lms (`lms`) on edx-0"), "{error}");
}

#[test]
fn what_is_left_of_programs_that_another_step_stopped_is_found_in_supervisors_unit() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(left_in_unit()));
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Failed(vec!["confirm".into()]));
    assert_eq!(services.calls(), [""; 0]);
    let error = stage.error_of("confirm");
    assert!(error.ends_with("still running: process 99 (`celeryd`) on edx-0"), "{error}");
}

#[test]
fn nothing_is_migrated_while_anything_is_left_of_programs_that_are_down() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.said.replace(Said { stdout: "lms\n [ ] 0001_initial\n".to_owned(), ..Said::default() });
    let mut looks = 0;
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        looks += 1;
        if looks == 2 {
            services.listed.replace(Some(left_in_unit()));
        }
    })));
    let waits_for = vec![Edge { step: "confirm".into(), rule: Rule::Follows }];
    let migrate = Step { waits_for, ..migrate() };
    let confirm = Step { line: Line::Migrate, ..confirm() };
    let ending = stage.conduct_as(RunKind::Window, vec![confirm, migrate]);
    assert_eq!(ending, Ending::Failed(vec!["migrate".into()]));
    let error = stage.error_of_window("migrate");
    assert!(error.starts_with("running again: process 99 (`celeryd`) on edx-0. Old code"), "{error}");
}
