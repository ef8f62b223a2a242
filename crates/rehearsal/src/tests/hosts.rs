//! Instances, images, and what runs on hosts.

use cutover_core::deployment::{Role, SmokeTest};
use cutover_core::names::ProgramName;
use cutover_core::observation::InstanceState;
use cutover_engine::failure::FailureClass;
use cutover_hosts::command::{Ask, Command};
use cutover_hosts::job::JobState;
use cutover_hosts::processes::{self, Signs};
use cutover_hosts::supervisor::{State, Verb};

use crate::Fault;
use crate::testing::{Rig, deployment};

#[test]
fn launching_twice_with_one_token_is_launching_once() {
    let rig = Rig::new(deployment());
    let image = rig.build_image(Role::Edxapp);
    let launch = rig.launch(&rig.deployment.fleets[0], Role::Edxapp, 0);
    let first = rig.run(rig.write(async |permit| rig.world.compute.launch(permit, &launch, &image, "token").await));
    assert_eq!(
        rig.run(rig.write(async |permit| rig.world.compute.launch(permit, &launch, &image, "token").await)),
        first
    );
    assert_eq!(rig.next(Role::Edxapp), [first]);
}

#[test]
fn an_instance_boots_before_it_can_be_reached_and_its_services_start_with_it() {
    let mut deployment = deployment();
    let contains = Some("8000".to_owned());
    deployment.role.edxapp.smoke_tests =
        vec![SmokeTest { name: "lms".to_owned(), command: vec!["smoke".to_owned()], contains }];
    let rig = Rig::new(deployment);
    let image = rig.build_image(Role::Edxapp);
    let launch = rig.launch(&rig.deployment.fleets[0], Role::Edxapp, 0);
    let id = rig.run(rig.write(async |permit| rig.world.compute.launch(permit, &launch, &image, "token").await));
    let state = || rig.run(rig.world.compute.instances()).into_iter().find(|host| host.id == id).map(|host| host.state);
    assert_eq!(state(), Some(InstanceState::Pending));
    let programs = rig.programs(Role::Edxapp);
    let early = crate::run(&rig.clock, rig.states(&id, &programs)).expect_err("not up");
    assert_eq!(early.class, FailureClass::NotApplied);
    rig.until("booting", || state() == Some(InstanceState::Booting));
    rig.until("running", || state() == Some(InstanceState::Running));
    let states = rig.run(rig.states(&id, &programs));
    assert!(states.iter().all(|state| *state == State::Running), "{states:?}");
    let answers = |command: &str| rig.run(rig.world.hosts.ask(&id, &Ask::new(Command::as_root([command]))));
    let (tested, unknown) = (answers("smoke"), answers("nobody-knows"));
    assert!(tested.exit == 0 && tested.stdout.contains("8000"), "{tested:?}");
    assert_eq!((unknown.exit, unknown.last_line()), (127, "nobody-knows: not found"));
}

#[test]
fn a_next_host_carries_the_tags_that_tell_it_apart() {
    let rig = Rig::new(deployment());
    rig.launch_next();
    let instances = rig.run(rig.world.compute.instances());
    let (next, current): (Vec<_>, Vec<_>) = instances.into_iter().partition(|host| host.version == "4");
    assert_eq!((next.len(), current.len()), (6, 6));
    assert!(next.iter().all(|host| host.upgrade == Some(rig.deployment.upgrade())));
    assert!(current.iter().all(|host| host.upgrade.is_none() && host.version == "3"));
}

#[test]
fn a_terminated_instance_is_listed_and_cannot_be_reached() {
    let rig = Rig::new(deployment());
    let worker = rig.current(Role::Worker)[0].clone();
    rig.run(rig.write(async |permit| rig.world.compute.terminate(permit, &worker).await));
    rig.run(rig.write(async |permit| rig.world.compute.terminate(permit, &worker).await));
    rig.wait(60);
    let instances = rig.run(rig.world.compute.instances());
    assert!(instances.iter().any(|host| host.id == worker && host.state == InstanceState::Terminated));
    let failure = crate::run(&rig.clock, rig.states(&worker, &rig.programs(Role::Worker))).expect_err("gone");
    assert_eq!(failure.class, FailureClass::Permanent);
}

#[test]
fn a_stop_takes_its_time_and_workers_differ() {
    let rig = Rig::new(deployment());
    let programs = rig.programs(Role::Worker);
    let workers = rig.current(Role::Worker);
    let length = |host| {
        rig.run(rig.order(host, Verb::Stop, &programs));
        let mut polls = 0;
        let state = || rig.run(rig.states(host, &programs))[0];
        while state() == State::Stopping {
            rig.wait(1);
            polls += 1;
        }
        assert_eq!(state(), State::Stopped);
        polls
    };
    let (first, second) = (length(&workers[0]), length(&workers[1]));
    assert!(first != second && (15..70).contains(&first) && (15..70).contains(&second), "{first} {second}");
}

#[test]
fn a_program_that_never_stops_can_be_killed() {
    let program: ProgramName = "forum".into();
    let fault = Fault::ProgramNeverStops { host: "edx-live-0-v3".into(), program: program.clone() };
    let rig = Rig::with_faults(deployment(), vec![fault]);
    let instances = rig.run(rig.world.compute.instances());
    let host = &instances.iter().find(|host| host.name.as_str() == "edx-live-0-v3").expect("the host").id;
    let order = rig.run(rig.order(host, Verb::Stop, &rig.programs(Role::Edxapp)));
    rig.wait(86_400);
    let state = |program: &ProgramName| rig.run(rig.states(host, std::slice::from_ref(program)))[0];
    assert_eq!(state(&program), State::Stopping);
    assert_eq!(state(&"lms".into()), State::Stopped);
    assert_eq!(rig.job(host, &order).state, JobState::Running, "supervisorctl waits for it");
    rig.run(rig.order(host, Verb::Kill, std::slice::from_ref(&program)));
    assert_eq!(state(&program), State::Stopped);
    assert_ne!(rig.job(host, &order).state, JobState::Running);
}

#[test]
fn a_program_that_supervisor_does_not_know_is_named() {
    let rig = Rig::new(deployment());
    let host = &rig.current(Role::Edxapp)[0];
    let failure = crate::run(&rig.clock, rig.states(host, &["lms".into(), "lsm".into()])).expect_err("unknown");
    assert_eq!(failure.message, "supervisor has no program lsm");
    let order = rig.run(rig.order(host, Verb::Stop, &["lsm".into()]));
    let report = rig.job(host, &order);
    assert_eq!(String::from_utf8_lossy(&report.output), "lsm: ERROR (no such process)\n");
}

#[test]
fn an_order_ends_when_its_programs_have_arrived_and_finds_their_processes_gone() {
    let rig = Rig::new(deployment());
    let (host, programs) = (&rig.current(Role::Edxapp)[0], rig.programs(Role::Edxapp));
    let left = || {
        let said = rig.run(rig.world.hosts.ask(host, &processes::ask("supervisorctl")));
        let signs = Signs::of(&programs);
        processes::read(&signs, &said).expect("a complete list").len()
    };
    assert_eq!(left(), 3);
    let order = rig.run(rig.order(host, Verb::Stop, &programs));
    assert_eq!((rig.job(host, &order).state, left()), (JobState::Running, 3));
    rig.until("stopped", || rig.run(rig.states(host, &programs)).iter().all(|state| *state == State::Stopped));
    let ended = JobState::Ended { exit: 0, out_of_memory: false, peak_memory: None };
    assert_eq!((rig.job(host, &order).state, left()), (ended, 0));
}

#[test]
fn a_host_that_is_restarted_ends_its_jobs_and_starts_its_programs() {
    let rig = Rig::new(deployment());
    let (host, programs) = (&rig.current(Role::Worker)[0], rig.programs(Role::Worker));
    let order = rig.run(rig.order(host, Verb::Stop, &programs));
    rig.cloud.restart_host(host).expect("restarted");
    rig.until("booted", || crate::run(&rig.clock, rig.states(host, &programs)).is_ok());
    assert_eq!(rig.job(host, &order).state, JobState::HostRestarted);
    rig.until("started", || rig.run(rig.states(host, &programs)) == [State::Running]);
}

#[test]
fn a_host_that_was_launched_with_its_programs_stopped_keeps_them_stopped_when_it_is_restarted() {
    let rig = Rig::new(deployment());
    rig.launch_next();
    let (host, programs) = (&rig.next(Role::Worker)[0], rig.programs(Role::Worker));
    rig.cloud.restart_host(host).expect("restarted");
    rig.wait(3600);
    assert_eq!(rig.run(rig.states(host, &programs)), [State::Stopped]);
}

#[test]
fn building_a_name_twice_is_building_it_once_and_its_commit_comes_with_it() {
    let rig = Rig::new(deployment());
    let before = rig.run(rig.world.images.images()).len();
    let id = rig.build_image(Role::Worker);
    assert_eq!(rig.build_image(Role::Worker), id);
    let images = rig.run(rig.world.images.images());
    assert_eq!(images.len(), before + 1);
    let image = images.last().expect("newest last");
    assert_eq!((image.id.clone(), &*image.version, &*image.codename), (id, "4", "koa"));
    assert_eq!(image.commit.as_ref().map(|commit| commit.len()), Some(40));
}

#[test]
fn there_is_an_old_image_to_remove_and_current_hosts_run_from_the_newest() {
    let rig = Rig::new(deployment());
    let images = rig.run(rig.world.images.images());
    assert_eq!(images.len(), 8, "four of each role: three are kept");
    let newest = images.iter().rfind(|image| image.role == Role::Worker).expect("one").id.clone();
    let instances = rig.run(rig.world.compute.instances());
    assert!(instances.iter().filter(|host| host.role == Role::Worker).all(|host| host.image == newest));
    rig.run(rig.write(async |permit| rig.world.images.remove(permit, &images[0].id).await));
    assert!(
        crate::run(&rig.clock, rig.write(async |permit| rig.world.images.remove(permit, &images[0].id).await)).is_err()
    );
}
