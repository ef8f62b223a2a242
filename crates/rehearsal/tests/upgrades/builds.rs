//! Upgrades whose images cutover builds itself, on instances of the embedded cloud.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable};

use cutover_core::deployment::{Builder, Deployment, Role, SmokeTest};
use cutover_core::journal::{Fact, Run, StepStatus};
use cutover_core::names::{ImageName, InstanceId};
use cutover_core::observation::InstanceState;
use cutover_core::plan::{Action, BuildImage, Phase};
use cutover_core::progress::Progress;
use cutover_core::time::between;
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::journal::Listener;
use cutover_engine::observe::observe;
use cutover_engine::ports::{Builders, Hosts, Images};
use cutover_hosts::bake;
use cutover_hosts::job::{Job, JobState};
use cutover_rehearsal::{Fault, FaultKind, RehearsalEnding, run};

use super::stage::{Stage, qa_with_few_migrations};
use super::whole::assert_well;

/// An upgrade whose images are built on instances.
fn built() -> Deployment {
    let mut deployment = qa_with_few_migrations();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let builder = Builder {
        instance_type: "m5.xlarge".to_owned(),
        subnet: "subnet-build".to_owned(),
        security_groups: words(&["sg-build"]),
        profile: None,
        root_volume: None,
        provision: vec![words(&["git", "clone", "{repository}"]), words(&["ansible-playbook", "-e", "v={commit}"])],
        identity: words(&["/etc/salt/minion_id"]),
    };
    let worker = deployment.role.worker.as_mut().expect("it has workers");
    worker.image.builder = Some(builder.clone());
    deployment.role.edxapp.image.builder = Some(builder);
    let (command, contains) = (words(&["git", "rev-parse", "HEAD"]), Some("{commit}".to_owned()));
    deployment.role.edxapp.smoke_tests.push(SmokeTest { name: CODE.to_owned(), command, contains });
    deployment
}

/// The smoke test that compares the code on a host with the commit of its image.
const CODE: &str = "the code is the ledger's";

/// The images that the plan of `prepare` builds.
pub(crate) fn builds(stage: &Stage) -> Vec<BuildImage> {
    let upgrade = stage.reading().upgrade;
    let prepare = upgrade.run_of(Phase::Prepare).expect("it was prepared");
    let build = |action: &Action| match action {
        Action::BuildImage(build) => Some(build.clone()),
        _ => None,
    };
    prepare.plan.steps.iter().filter_map(|step| build(&step.action)).collect()
}

/// The builders of these images that live.
pub(crate) fn living(stage: &Stage, images: &[BuildImage]) -> Vec<InstanceId> {
    let of = |name: &ImageName| run(&stage.clock, stage.cloud.builders(name)).expect("they are listed");
    let all = images.iter().flat_map(|build| of(&build.name));
    let lives = |state: InstanceState| !matches!(state, InstanceState::ShuttingDown | InstanceState::Terminated);
    all.filter(|builder| lives(builder.state)).map(|builder| builder.id).collect()
}

/// How many builders were launched, according to the journal.
pub(crate) fn launched(stage: &Stage) -> usize {
    let upgrade = stage.reading().upgrade;
    let facts = upgrade.runs.iter().flat_map(Run::runs).flat_map(|(_, run)| &run.facts);
    let builders = facts.filter_map(|fact| match fact {
        Fact::Builder { instance, .. } => Some(instance.clone()),
        _ => None,
    });
    builders.collect::<BTreeSet<_>>().len()
}

#[test]
fn images_are_built_from_the_commit_of_the_ledger_and_no_builder_is_left() {
    let stage = Stage::new(built(), |_| {});
    assert_well(&stage.conducted(), "built");
    let builds = builds(&stage);
    assert_eq!(builds.iter().map(|build| build.role).collect::<Vec<_>>(), Role::ALL);
    for build in &builds {
        let commit = build.commit.as_deref().expect("the head of the branch");
        assert_eq!(build.tags.get("commit").map(String::as_str), Some(commit));
        let builder = build.builder.as_ref().expect("it is built here");
        assert_eq!(builder.provision[1], ["ansible-playbook", "-e", &format!("v={commit}")]);
        assert!(build.base.starts_with("ami-"), "the base is resolved when the plan is made: {}", build.base);
    }
    assert_eq!((living(&stage, &builds), launched(&stage)), (Vec::new(), 2));
    let upgrade = stage.reading().upgrade;
    let steps = &upgrade.run_of(Phase::Prepare).expect("it was prepared").plan.steps;
    let tests = steps.iter().filter_map(|step| match &step.action {
        Action::SmokeTest { tests, .. } => tests.iter().find(|test| test.name == CODE),
        _ => None,
    });
    let asked: BTreeSet<Option<&str>> = tests.map(|test| test.contains.as_deref()).collect();
    assert_eq!(asked, BTreeSet::from([builds[0].commit.as_deref()]), "the code on each next host is compared");
}

/// How long an image takes in that cloud if each call is made in the second in which it can be made.
fn alone(build: &BuildImage, token: &str) -> Duration {
    let stage = Stage::new(built(), |_| {});
    let (clock, cloud) = (stage.clock(), Rc::clone(&stage.cloud));
    let gate = Gate::alone_at(&clock, 1);
    let builder = build.builder.as_ref().expect("it is built here");
    let begin = clock.now();
    run(&stage.clock, async {
        let second = async || clock.sleep(Duration::from_secs(1)).await;
        let limit = Duration::from_secs(9_000);
        let launch = async |permit: &Permit| cloud.launch_builder(permit, build, builder, token, limit).await;
        let id = gate.write("launch_builder", launch).await.expect("it is launched");
        let state = async || cloud.builders(&build.name).await.expect("it is listed")[0].state;
        while state().await != InstanceState::Running {
            second().await;
        }
        let job = Job::new("provision".into(), bake::command(&builder.provision, &builder.identity));
        gate.write("start_job", async |permit: &Permit| cloud.start_job(permit, &id, &job).await).await.expect("a job");
        while cloud.job(&id, &job.name, 0).await.expect("known").expect("known").state == JobState::Running {
            second().await;
        }
        gate.write("stop_builder", async |permit: &Permit| cloud.stop_builder(permit, &id).await)
            .await
            .expect("it stops");
        while state().await != InstanceState::Stopped {
            second().await;
        }
        let make = async |permit: &Permit| cloud.make_image(permit, build, &id).await;
        let image = gate.write("make_image", make).await.expect("it is made");
        while !cloud.images().await.expect("listed").iter().any(|one| one.id == image && one.available) {
            second().await;
        }
        let discard = async |permit: &Permit| cloud.discard_builder(permit, &id).await;
        gate.write("discard_builder", discard).await.expect("it is terminated");
    });
    between(begin, clock.now())
}

#[test]
fn both_images_are_built_side_by_side_within_two_hundredths_of_the_longer_one() {
    let stage = Stage::new(built(), |_| {});
    assert_well(&stage.conducted(), "built");
    let builds = builds(&stage);
    let token = |build: &BuildImage| {
        let listed = run(&stage.clock, stage.cloud.builders(&build.name)).expect("they are listed");
        listed.first().expect("it was launched").token.clone()
    };
    let longest = builds.iter().map(|build| alone(build, &token(build))).max().expect("two");
    let upgrade = stage.reading().upgrade;
    let prepare = upgrade.run_of(Phase::Prepare).expect("it was prepared");
    let steps = prepare.plan.steps.iter().filter(|step| matches!(step.action, Action::BuildImage(_)));
    let times: Vec<_> = steps.map(|step| prepare.run(&step.id)).collect();
    let begin = times.iter().filter_map(|run| run.started_at).min().expect("two");
    let end = times.iter().filter_map(|run| run.ended_at).max().expect("two");
    let took = between(begin, end);
    assert!(took <= longest * 102 / 100, "{took:?}; an image alone takes {longest:?}");
}

#[test]
fn a_build_that_hangs_fails_at_its_limit_and_its_builder_is_terminated() {
    let mut deployment = built();
    let builder = deployment.role.edxapp.image.builder.as_mut().expect("it is built here");
    builder.provision = vec![vec!["hangs".to_owned()]];
    let stage = Stage::new(deployment, |_| {});
    assert_ne!(stage.conducted().ending, RehearsalEnding::Completed);
    let upgrade = stage.reading().upgrade;
    let prepare = upgrade.run_of(Phase::Prepare).expect("it has begun");
    let status = &prepare.run(&"prepare.image.edxapp".into()).status;
    let StepStatus::Failed { error, .. } = status else { panic!("{status:?}") };
    assert!(error.contains("command 1 (hangs)") || error.contains("limit"), "{error}");
    assert_eq!(living(&stage, &builds(&stage)), Vec::<InstanceId>::new());
}

#[test]
fn a_conductor_that_dies_after_any_record_leaves_one_image_of_each_name_and_no_builder() {
    dies_after_any_record(built, |stage, what| {
        assert_eq!((living(stage, &builds(stage)), launched(stage)), (Vec::new(), 2), "{what}");
    });
}

/// Lets a conductor die after every fifth record until the last image is built. Another one goes on then, and must end well.
pub(crate) fn dies_after_any_record(deployment: fn() -> Deployment, check: impl Fn(&Stage, &str)) {
    let whole = Stage::new(deployment(), |_| {});
    let (all, last) = (Cell::new(0_u64), Rc::new(Cell::new(0_u64)));
    let last_of_builds = Rc::clone(&last);
    let listener: Listener = Rc::new(move |progress| {
        all.set(all.get() + 1);
        if format!("{progress:?}").contains("prepare.image.") {
            last_of_builds.set(all.get());
        }
    });
    assert_well(&run(&whole.clock, whole.conduct(listener)).expect("it works"), "whole");
    for record in (1..last.get()).step_by(5) {
        let stage = Stage::new(deployment(), |_| {});
        let (dies, registration) = AbortHandle::new_pair();
        let left = Cell::new(record);
        let listener: Listener = Rc::new(move |_| {
            left.set(left.get().saturating_sub(1));
            if left.get() == 0 {
                dies.abort();
            }
        });
        let _ = run(&stage.clock, Abortable::new(stage.conduct(listener), registration));
        assert_well(&stage.conducted(), &format!("died after {record}"));
        check(&stage, &format!("died after {record}"));
    }
}

#[test]
fn nobody_asks_where_images_come_from_once_visitors_may_see_the_page() {
    // Calls are counted once there is a fault.
    let none = Fault::Call { call: String::new(), nth: 0, kind: FaultKind::Throttled };
    let stage = Stage::new(built(), |world| world.faults = vec![none]);
    let asked = || ["branch", "base"].map(|call| stage.cloud.calls().get(call).copied().unwrap_or_default());
    let look = || {
        let (world, upgrade) = (stage.cloud.world(), stage.reading().upgrade);
        let before = asked();
        run(&stage.clock, observe(&world, &*stage.clock, &stage.deployment, &upgrade)).expect("it is observed");
        asked() != before
    };
    assert!(look(), "plans of `prepare` are made from it");
    stage.die_at(|progress| matches!(progress, Progress::Waiting { detail, .. } if detail.contains("applied; ")));
    assert!(!look(), "the page is up");
}

pub(crate) const KINDS: [FaultKind; 5] = [
    FaultKind::LostAnswer,
    FaultKind::DelayedEffect(7),
    FaultKind::Throttled,
    FaultKind::NotApplied,
    FaultKind::Permanent,
];

#[test]
fn each_call_of_a_build_may_fail_in_each_way() {
    for call in ["builders", "launch_builder", "stop_builder", "make_image", "require_tokens", "discard_builder"] {
        for kind in KINDS {
            let stage =
                Stage::new(built(), |world| world.faults = vec![Fault::Call { call: call.to_owned(), nth: 1, kind }]);
            ends_well_at_last(&stage, &format!("{call} fails: {kind:?}"));
        }
    }
}

/// The upgrade ends well, after some more attempts if it has to, and no builder is left.
pub(crate) fn ends_well_at_last(stage: &Stage, what: &str) {
    let mut ended = stage.conducted();
    for _ in 0..4 {
        if ended.ending == RehearsalEnding::Completed {
            break;
        }
        ended = stage.conducted();
    }
    assert_well(&ended, what);
    assert_eq!(living(stage, &builds(stage)), Vec::<InstanceId>::new(), "{what}");
}
