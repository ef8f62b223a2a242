//! The health that balancers of both kinds see, and when it changes.

use std::time::Duration;

use jiff::Timestamp;

use cutover_core::deployment::Role;
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::Health;
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::Verb;

use crate::testing::{Rig, deployment, deployment_with_target_groups};

fn lms() -> BalancerName {
    "lms".into()
}

fn health(rig: &Rig, host: &InstanceId) -> Option<Health> {
    rig.run(rig.world.balancers.health(&lms())).get(host).copied()
}

/// How long it takes until the balancer says so.
fn until(rig: &Rig, host: &InstanceId, wanted: Option<Health>) -> Duration {
    let start: Timestamp = rig.clock.now();
    rig.until("health", || health(rig, host) == wanted);
    Duration::try_from(rig.clock.now().duration_since(start)).expect("forward")
}

/// A next host of the live fleet that is running and serving.
fn serving_next_host(rig: &Rig) -> InstanceId {
    rig.launch_next();
    let live = rig.run(rig.world.compute.instances());
    let next =
        live.into_iter().find(|host| host.version == "4" && host.role == Role::Edxapp && host.fleet.as_str() == "live");
    next.expect("a next host").id
}

#[test]
fn a_classic_elb_takes_note_of_a_host_and_then_wants_the_full_threshold() {
    let rig = Rig::new(deployment());
    let host = serving_next_host(&rig);
    rig.run(rig.write(async |permit| rig.world.balancers.register(permit, &lms(), std::slice::from_ref(&host)).await));
    assert_eq!(health(&rig, &host), Some(Health::Registering));
    let registered = until(&rig, &host, Some(Health::OutOfService));
    assert!((20..=40).contains(&registered.as_secs()), "{registered:?}");
    let healthy = until(&rig, &host, Some(Health::InService));
    assert!((55..=95).contains(&healthy.as_secs()), "{healthy:?}");
}

#[test]
fn a_classic_elb_knows_a_host_that_was_registered_before_it_serves() {
    let rig = Rig::new(deployment());
    let host = serving_next_host(&rig);
    rig.stop(std::slice::from_ref(&host), Role::Edxapp);
    rig.run(rig.write(async |permit| rig.world.balancers.register(permit, &lms(), std::slice::from_ref(&host)).await));
    rig.wait(600);
    assert_eq!(health(&rig, &host), Some(Health::OutOfService));
    rig.start(std::slice::from_ref(&host), Role::Edxapp);
    let healthy = until(&rig, &host, Some(Health::InService));
    assert!((50..=95).contains(&healthy.as_secs()), "{healthy:?}");
}

#[test]
fn a_target_group_needs_one_passed_check_of_a_new_host() {
    let rig = Rig::new(deployment_with_target_groups());
    let host = serving_next_host(&rig);
    rig.run(rig.write(async |permit| rig.world.balancers.register(permit, &lms(), std::slice::from_ref(&host)).await));
    let healthy = until(&rig, &host, Some(Health::InService));
    assert!(healthy.as_secs() <= 36, "{healthy:?}");
}

#[test]
fn a_target_group_wants_the_full_threshold_of_a_host_that_was_registered_too_early() {
    let rig = Rig::new(deployment_with_target_groups());
    let host = serving_next_host(&rig);
    rig.stop(std::slice::from_ref(&host), Role::Edxapp);
    rig.run(rig.write(async |permit| rig.world.balancers.register(permit, &lms(), std::slice::from_ref(&host)).await));
    until(&rig, &host, Some(Health::OutOfService));
    rig.start(std::slice::from_ref(&host), Role::Edxapp);
    let healthy = until(&rig, &host, Some(Health::InService));
    assert!((50..=95).contains(&healthy.as_secs()), "{healthy:?}");
}

#[test]
fn a_balancer_notices_a_stopped_host_only_after_failed_checks() {
    let rig = Rig::new(deployment());
    let host = rig.current(Role::Edxapp).into_iter().find(|host| health(&rig, host).is_some()).expect("a member");
    rig.run(rig.order(&host, Verb::Stop, &rig.programs(Role::Edxapp)));
    assert_eq!(health(&rig, &host), Some(Health::InService));
    let noticed = until(&rig, &host, Some(Health::OutOfService));
    assert!((25..=66).contains(&noticed.as_secs()), "{noticed:?}");
}

#[test]
fn a_removed_host_drains_and_then_is_gone() {
    let rig = Rig::new(deployment());
    let host = rig.current(Role::Edxapp).into_iter().find(|host| health(&rig, host).is_some()).expect("a member");
    rig.run(
        rig.write(async |permit| rig.world.balancers.deregister(permit, &lms(), std::slice::from_ref(&host)).await),
    );
    assert_eq!(health(&rig, &host), Some(Health::Draining));
    let gone = until(&rig, &host, None);
    assert!((295..=306).contains(&gone.as_secs()), "{gone:?}");
    assert_eq!(rig.violated(), [], "others serve on");
}

#[test]
fn a_target_group_without_a_healthy_host_sends_requests_to_all_and_a_classic_elb_to_none() {
    for (deployment, served) in [(deployment_with_target_groups(), true), (deployment(), false)] {
        let rig = Rig::new(deployment);
        let hosts = rig.current(Role::Edxapp);
        rig.stop(&hosts, Role::Edxapp);
        rig.wait(300);
        rig.start(&hosts, Role::Edxapp);
        let member = hosts.iter().find(|host| health(&rig, host).is_some()).expect("a member");
        assert_eq!(health(&rig, member), Some(Health::OutOfService));
        let page = rig.run(rig.world.outside.fetch(&"lms.example.edu".into(), "/heartbeat", None));
        assert_eq!(page.status, if served { 200 } else { 503 });
    }
}

#[test]
fn registering_twice_is_registering_once_and_strangers_are_refused() {
    let rig = Rig::new(deployment());
    let hosts = rig.current(Role::Edxapp);
    let members = rig.run(rig.world.balancers.health(&lms()));
    let known: Vec<InstanceId> = members.keys().cloned().collect();
    rig.run(rig.write(async |permit| rig.world.balancers.register(permit, &lms(), &known).await));
    assert_eq!(rig.run(rig.world.balancers.health(&lms())), members);
    let stranger = crate::run(
        &rig.clock,
        rig.write(async |permit| rig.world.balancers.register(permit, &lms(), &["i-0".into()]).await),
    );
    assert!(stranger.expect_err("refused").message.contains("does not exist"));
    assert!(
        crate::run(
            &rig.clock,
            rig.write(async |permit| rig.world.balancers.register(permit, &"lsm".into(), &hosts).await)
        )
        .is_err()
    );
}
