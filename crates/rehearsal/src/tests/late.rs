//! Writes become visible late if the file says so, and not later than it says.

use cutover_core::deployment::Role;
use cutover_core::observation::SHOWN_WITHIN;
use cutover_core::time::Span;

use crate::testing::{Rig, deployment};

/// A world that shows writes as late as it may.
fn late() -> Rig {
    let mut deployment = deployment();
    deployment.embedded.shown_late = Span::seconds(SHOWN_WITHIN.as_secs());
    Rig::new(deployment)
}

/// Whether it showed, once a second, for as long as it may not and a while longer.
fn shown(rig: &Rig, mut shows: impl FnMut() -> bool) -> Vec<bool> {
    let look = |_| {
        rig.wait(1);
        shows()
    };
    (0..SHOWN_WITHIN.as_secs() + 20).map(look).collect()
}

/// It shows late, in some readings and not in later ones, and in the end in all.
fn assert_late(shown: &[bool], seconds: u64) {
    let first = shown.iter().position(|shows| *shows).expect("it shows in the end");
    let last_unseen = shown.iter().rposition(|shows| !shows).expect("it shows late");
    assert!(last_unseen > 0 && first < last_unseen, "copies differ: {shown:?}");
    assert!(last_unseen as u64 <= seconds, "for {seconds} s at most: {shown:?}");
}

#[test]
fn a_launched_instance_is_listed_late_and_a_terminated_one_is_listed_as_it_was() {
    let rig = late();
    let image = rig.build_image(Role::Edxapp);
    let launch = rig.launch(&rig.deployment.fleets[0], Role::Edxapp, 0);
    let id = rig.run(rig.write(async |permit| rig.world.compute.launch(permit, &launch, &image, "once").await));
    let listed = || rig.run(rig.world.compute.instances()).into_iter().find(|instance| instance.id == id);
    assert_late(&shown(&rig, || listed().is_some()), 30);
    rig.run(rig.write(async |permit| rig.world.compute.terminate(permit, &id).await));
    assert_late(&shown(&rig, || listed().is_none_or(|instance| !instance.lives())), 30);
}

#[test]
fn a_started_build_and_a_removed_image_become_visible_late() {
    let rig = late();
    let oldest = rig.run(rig.world.images.images()).remove(0).id;
    rig.run(rig.write(async |permit| rig.world.images.remove(permit, &oldest).await));
    let images = || rig.run(rig.world.images.images());
    assert_late(&shown(&rig, || images().iter().all(|image| image.id != oldest)), 30);
    assert!(images().is_sorted_by_key(|image| image.created), "oldest first all the same");
}

#[test]
fn a_started_snapshot_becomes_visible_late() {
    let rig = late();
    let (database, id) = (rig.deployment.databases[0].name.clone(), "upgrade".into());
    rig.run(rig.write(async |permit| rig.world.databases.begin_snapshot(permit, &database, &id).await));
    assert_late(&shown(&rig, || rig.run(rig.world.databases.snapshot(&database, &id)).is_some()), 30);
}

#[test]
fn members_of_balancers_show_late_for_a_few_seconds() {
    let rig = late();
    let balancer = rig.deployment.balancers[0].name.clone();
    let hosts = rig.current(Role::Edxapp);
    let health = || rig.run(rig.world.balancers.health(&balancer));
    let members: Vec<_> = hosts.into_iter().filter(|host| health().contains_key(host)).collect();
    rig.run(rig.write(async |permit| rig.world.balancers.deregister(permit, &balancer, &members).await));
    let draining = || members.iter().all(|host| health()[host] == cutover_core::observation::Health::Draining);
    let shown = shown(&rig, draining);
    assert!(!shown[0] && shown[5..].iter().all(|shows| *shows), "{shown:?}");
}

#[test]
fn everything_shows_at_once_unless_the_file_says_otherwise() {
    let rig = Rig::new(deployment());
    let (database, id) = (rig.deployment.databases[0].name.clone(), "upgrade".into());
    rig.run(rig.write(async |permit| rig.world.databases.begin_snapshot(permit, &database, &id).await));
    assert!(rig.run(rig.world.databases.snapshot(&database, &id)).is_some());
}
