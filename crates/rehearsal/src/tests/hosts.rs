//! Instances, images, and what runs on hosts.

use cutover_core::deployment::{Role, SmokeTest};
use cutover_core::names::ProgramName;
use cutover_core::observation::InstanceState;
use cutover_engine::failure::FailureClass;
use cutover_engine::ports::ProgramState;

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
    let rig = Rig::new(deployment());
    let image = rig.build_image(Role::Edxapp);
    let launch = rig.launch(&rig.deployment.fleets[0], Role::Edxapp, 0);
    let id = rig.run(rig.write(async |permit| rig.world.compute.launch(permit, &launch, &image, "token").await));
    let state = || rig.run(rig.world.compute.instances()).into_iter().find(|host| host.id == id).map(|host| host.state);
    assert_eq!(state(), Some(InstanceState::Pending));
    let programs = rig.programs(Role::Edxapp);
    let early = crate::run(&rig.clock, rig.world.hosts.programs(&id, &programs)).expect_err("not up");
    assert_eq!(early.class, FailureClass::NotApplied);
    rig.until("booting", || state() == Some(InstanceState::Booting));
    rig.until("running", || state() == Some(InstanceState::Running));
    let states = rig.run(rig.world.hosts.programs(&id, &programs));
    assert!(states.iter().all(|(_, state)| *state == ProgramState::Running), "{states:?}");
    let test =
        SmokeTest { name: "lms".to_owned(), command: vec!["true".to_owned()], contains: Some("8000".to_owned()) };
    let (exit, output) = rig.run(rig.world.hosts.smoke_test(&id, &test));
    assert!(exit == 0 && output.contains("8000"));
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
    let failure = crate::run(&rig.clock, rig.world.hosts.programs(&worker, &[])).expect_err("gone");
    assert_eq!(failure.class, FailureClass::Permanent);
}

#[test]
fn a_stop_takes_its_time_and_workers_differ() {
    let rig = Rig::new(deployment());
    let programs = rig.programs(Role::Worker);
    let workers = rig.current(Role::Worker);
    let length = |host| {
        rig.run(rig.write(async |permit| rig.world.hosts.stop(permit, host, "supervisorctl", &programs).await));
        let mut polls = 0;
        let state = || rig.run(rig.world.hosts.programs(host, &programs))[0].1;
        while state() == ProgramState::Stopping {
            rig.wait(1);
            polls += 1;
        }
        assert_eq!(state(), ProgramState::Stopped);
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
    rig.run(
        rig.write(async |permit| {
            rig.world.hosts.stop(permit, host, "supervisorctl", &rig.programs(Role::Edxapp)).await
        }),
    );
    rig.wait(86_400);
    let state = |program: &ProgramName| rig.run(rig.world.hosts.programs(host, std::slice::from_ref(program)))[0].1;
    assert_eq!(state(&program), ProgramState::Stopping);
    assert_eq!(state(&"lms".into()), ProgramState::Stopped);
    rig.run(rig.write(async |permit| rig.world.hosts.kill(permit, host, std::slice::from_ref(&program)).await));
    assert_eq!(state(&program), ProgramState::Stopped);
}

#[test]
fn a_program_that_supervisor_does_not_know_is_named() {
    let rig = Rig::new(deployment());
    let host = &rig.current(Role::Edxapp)[0];
    let failure = crate::run(
        &rig.clock,
        rig.write(async |permit| rig.world.hosts.stop(permit, host, "supervisorctl", &["lsm".into()]).await),
    )
    .expect_err("unknown");
    assert!(failure.message.contains("lsm"), "{failure}");
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
