//! Worlds with the same seed are equal, and saved worlds outlive their process.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::deployment::Role;
use cutover_core::time::{earlier, later};
use cutover_engine::failure::FailureClass;
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::halt::WriteError;
use cutover_engine::ports::{Answer, Clock};

use crate::testing::{Rig, deployment};
use crate::{CloudError, EmbeddedCloud, SimulatedClock, WallTime, WorldState};

fn saved(state: &WorldState) -> String {
    serde_json::to_string(state).expect("a world is JSON")
}

/// Wall time that passes only during sleeps.
struct FakeWall(Rc<Cell<Timestamp>>);

impl FakeWall {
    fn new() -> Self {
        Self(Rc::new(Cell::new("2026-05-01T12:00:00Z".parse().expect("a moment"))))
    }

    fn time(&self) -> WallTime {
        let (read, moved) = (Rc::clone(&self.0), Rc::clone(&self.0));
        WallTime {
            now: Rc::new(move || read.get()),
            sleeper: Rc::new(move |length| {
                moved.set(later(moved.get(), length));
                Box::pin(std::future::ready(()))
            }),
        }
    }
}

/// A separate folder for each test, which is removed after it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cutover-rehearsal-{}-{name}", std::process::id()));
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Nothing here waits on a simulated clock, so any will do.
fn block_on<F: Future>(future: F) -> F::Output {
    crate::run(&SimulatedClock::new(Timestamp::UNIX_EPOCH), future)
}

#[test]
fn two_upgrades_with_one_seed_are_identical_and_with_another_they_are_not() {
    let run = |seed| {
        let rig = Rig::with_seed(deployment(), Vec::new(), seed);
        rig.prepare();
        rig.window();
        (rig.clock.now(), rig.cloud.visitors())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn a_world_that_was_saved_and_loaded_has_the_same_future() {
    let deployment = deployment();
    let start = deployment.window.start.timestamp;
    let busy = RefCell::new(EmbeddedCloud::furnish(&deployment, 3, start));
    {
        let mut world = busy.borrow_mut();
        let hosts: Vec<_> = world.instances().into_iter().map(|host| (host.id, host.role)).collect();
        for (host, role) in hosts {
            let programs = deployment.role.services(role).expect("the role").programs.clone();
            world.stop(&host, &programs);
            world.settle();
        }
        world.advance(later(start, Duration::from_secs(9)));
    }
    let mut one = busy.into_inner();
    let mut other: WorldState = serde_json::from_str(&saved(&one)).expect("the same world");
    for world in [&mut one, &mut other] {
        world.advance(later(start, Duration::from_secs(7200)));
    }
    // The order in the agenda's heap may differ, but what has happened may not.
    assert_eq!(one.visitors_between(start, one.now), other.visitors_between(start, other.now));
    assert_eq!(one.violations(), other.violations());
    assert!(!one.violations().is_empty());
}

#[test]
fn a_length_of_time_that_is_written_shorter_than_it_is_does_not_change_the_future() {
    let mut deployment = deployment();
    deployment.expected.boot = "1h2m3s".parse().expect("a span");
    let state = EmbeddedCloud::furnish(&deployment, 1, deployment.window.start.timestamp);
    let loaded: WorldState = serde_json::from_str(&saved(&state)).expect("the same world");
    assert_eq!(state.deployment, loaded.deployment);
}

/// Writes a page, whatever its current version.
async fn put_page(cloud: &Rc<EmbeddedCloud>, clock: Rc<dyn Clock>) -> Answer<()> {
    let pages = cloud.world().pages;
    let there = pages.page("upgrading", "index.html").await?.map(|page| page.version);
    let put = async |permit: &Permit| pages.put_page(permit, "upgrading", "index.html", "Soon.", there.as_ref()).await;
    Gate::alone(&clock).write("put_page", put).await.map_err(WriteError::into_failure)
}

#[test]
fn a_world_in_a_folder_outlives_its_process() {
    let (folder, wall, deployment) = (Folder::new("outlives"), FakeWall::new(), deployment());
    let (cloud, clock) = EmbeddedCloud::open(&folder.0, &deployment, 5, wall.time()).expect("opened");
    let start = clock.now();
    assert_eq!(deployment.window.start.timestamp.duration_since(start).as_hours(), 72);
    block_on(put_page(&cloud, clock.clone())).expect("written");
    drop((cloud, clock));
    let (cloud, clock) = EmbeddedCloud::open(&folder.0, &deployment, 6, wall.time()).expect("opened again");
    let page = block_on(cloud.world().pages.page("upgrading", "index.html")).expect("read");
    assert_eq!(page.map(|page| page.text).as_deref(), Some("Soon."));
    assert!(clock.now() > start);
}

#[test]
fn a_length_of_time_passes_although_the_wall_clock_is_set_back() {
    let (folder, wall, mut deployment) = (Folder::new("set-back"), FakeWall::new(), deployment());
    deployment.embedded.pace = 60;
    let (slept, set_back) = (Rc::new(Cell::new(Duration::ZERO)), wall.time());
    let (read, naps, count) = (Rc::clone(&wall.0), set_back.sleeper, Rc::clone(&slept));
    let sleeper = Rc::new(move |length| {
        // During the first sleep the wall clock is set back by 20 seconds.
        if count.get().is_zero() {
            read.set(earlier(read.get(), Duration::from_secs(20)));
        }
        count.set(count.get() + length);
        naps(length)
    });
    let time = WallTime { now: set_back.now, sleeper };
    let (_cloud, clock) = EmbeddedCloud::open(&folder.0, &deployment, 5, time).expect("opened");
    block_on(clock.sleep(Duration::from_secs(60)));
    assert_eq!(slept.get(), Duration::from_secs(1));
}

#[test]
fn processes_that_share_a_folder_see_each_others_changes_and_dates() {
    let (folder, wall, deployment) = (Folder::new("shared"), FakeWall::new(), deployment());
    let (one, one_clock) = EmbeddedCloud::open(&folder.0, &deployment, 5, wall.time()).expect("opened");
    let (other, other_clock) = EmbeddedCloud::open_read_only(&folder.0, &deployment, 5, wall.time()).expect("opened");
    block_on(put_page(&one, one_clock.clone())).expect("written");
    let page = block_on(other.world().pages.page("upgrading", "index.html")).expect("read");
    assert_eq!(page.map(|page| page.text).as_deref(), Some("Soon."));

    block_on(one_clock.wait_for_date(deployment.window.start.timestamp));
    assert!(one_clock.now() >= deployment.window.start.timestamp);
    let _ = other.violations();
    assert_eq!(other_clock.now(), one_clock.now());
    let page = block_on(one.world().pages.page("upgrading", "index.html")).expect("read");
    assert_eq!(page.map(|page| page.text).as_deref(), Some("Soon."));

    one.set_pace(6000).expect("saved");
    let before = one_clock.now();
    block_on((wall.time().sleeper)(Duration::from_secs(1)));
    assert_eq!(one_clock.now().duration_since(before).as_secs(), 6000);
    let _ = other.violations();
    assert_eq!(other_clock.now(), one_clock.now());
}

#[test]
fn a_cloud_for_reading_writes_nothing_and_refuses_changes() {
    let (folder, wall, deployment) = (Folder::new("reading"), FakeWall::new(), deployment());
    let (cloud, clock) = EmbeddedCloud::open_read_only(&folder.0, &deployment, 5, wall.time()).expect("opened");
    assert_eq!(block_on(cloud.world().compute.instances()).expect("read").len(), 6);
    block_on(clock.wait_for_date(deployment.window.start.timestamp));
    let refused = block_on(put_page(&cloud, clock.clone()));
    assert_eq!(refused.expect_err("refused").class, FailureClass::Permanent);
    assert!(!folder.0.exists());
}

#[test]
fn a_process_killed_between_a_call_and_its_end_leaves_the_world_as_it_was() {
    let (folder, wall, deployment) = (Folder::new("killed"), FakeWall::new(), deployment());
    let (cloud, _clock) = EmbeddedCloud::open(&folder.0, &deployment, 5, wall.time()).expect("opened");
    std::fs::write(folder.0.join("world.json.new"), "{ half a wor").expect("written");
    drop(cloud);
    let (cloud, _clock) = EmbeddedCloud::open(&folder.0, &deployment, 5, wall.time()).expect("opened again");
    let hosts = block_on(cloud.world().compute.instances()).expect("read");
    assert_eq!(hosts.iter().filter(|host| host.role == Role::Worker).count(), 2);
}

#[test]
fn what_is_no_world_of_this_deployment_is_refused_and_says_why() {
    let (folder, wall, deployment) = (Folder::new("refused"), FakeWall::new(), deployment());
    drop(EmbeddedCloud::open(&folder.0, &deployment, 5, wall.time()).expect("opened"));
    let mut other = deployment.clone();
    other.name = "mitx".into();
    let refused = EmbeddedCloud::open(&folder.0, &other, 5, wall.time()).err().expect("refused");
    assert!(matches!(&refused, CloudError::OtherDeployment { .. }), "{refused}");
    std::fs::write(folder.0.join("world.json"), "{ \"version\": 99 }").expect("written");
    let refused = EmbeddedCloud::open(&folder.0, &deployment, 5, wall.time()).err().expect("refused");
    assert!(matches!(&refused, CloudError::Version { found: 99, .. }), "{refused}");
    std::fs::write(folder.0.join("world.json"), "[]").expect("written");
    let refused = EmbeddedCloud::open(&folder.0, &deployment, 5, wall.time()).err().expect("refused");
    assert!(matches!(&refused, CloudError::Unreadable { .. }), "{refused}");
}

#[test]
fn a_lock_that_another_process_does_not_give_back_is_an_error_and_not_a_wait_without_end() {
    let (folder, wall) = (Folder::new("locked"), FakeWall::new());
    drop(EmbeddedCloud::open(&folder.0, &deployment(), 1, wall.time()).expect("it is furnished"));
    let lock = std::fs::File::open(folder.0.join("world.lock")).expect("a lock");
    lock.lock().expect("nobody has it");
    let refused = EmbeddedCloud::open(&folder.0, &deployment(), 1, wall.time());
    assert!(matches!(refused.err(), Some(CloudError::Locked { .. })));
    lock.unlock().expect("it was locked");
    assert!(EmbeddedCloud::open(&folder.0, &deployment(), 1, wall.time()).is_ok());
}
