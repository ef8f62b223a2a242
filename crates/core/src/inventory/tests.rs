//! What decides which images stay.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use super::{GoesOn, Inventory, Kept, KeptImage, Seen, Use, prune};
use crate::deployment::{Deployment, Role, parse};
use crate::digest::Digest;
use crate::journal::{Event, RunKind, RunNumber, Upgrade};
use crate::names::ImageId;
use crate::observation::{BuilderInstance, Instance, InstanceState, MachineImage};
use crate::plan::{Action, BuildImage, Phase};
use crate::testing::{plan, step};

fn deployment() -> Deployment {
    parse(include_str!("../../../../examples/mitx-qa.toml")).expect("the example is right")
}

fn image(number: u32, role: Role) -> MachineImage {
    MachineImage {
        id: format!("ami-{number}").as_str().into(),
        name: format!("image-{number}").as_str().into(),
        role,
        codename: "koa".into(),
        version: "4".into(),
        commit: None,
        available: true,
        failed: None,
        created: Timestamp::from_second(i64::from(number)).expect("a moment"),
    }
}

fn host(number: u32, image: u32, state: InstanceState) -> Instance {
    Instance {
        id: format!("i-{number}").as_str().into(),
        name: format!("host-{number}").as_str().into(),
        fleet: "live".into(),
        role: Role::Edxapp,
        version: "4".to_owned(),
        launched: Timestamp::UNIX_EPOCH,
        upgrade: None,
        state,
        image: format!("ami-{image}").as_str().into(),
    }
}

fn builder(image: &str, state: InstanceState) -> BuilderInstance {
    BuilderInstance { id: "i-b".into(), image: image.into(), token: "t".to_owned(), state, why_gone: None }
}

/// An upgrade whose `prepare` builds `image-9` from `ami-1`, and whose journal has these events after that.
fn upgrade(more: Vec<Event>) -> Upgrade {
    let build = BuildImage {
        name: "image-9".into(),
        role: Role::Edxapp,
        base: "ami-1".to_owned(),
        repository: String::new(),
        branch: String::new(),
        commit: None,
        builder: None,
        packer: None,
        tags: [].into(),
    };
    let mut upgrade = Upgrade::default();
    let prepare = started(1, Phase::Prepare, Action::BuildImage(build));
    for event in std::iter::once(prepare).chain(more) {
        upgrade.apply(Timestamp::UNIX_EPOCH, &event).expect("the events are in order");
    }
    upgrade
}

fn started(number: u32, phase: Phase, action: Action) -> Event {
    Event::RunStarted {
        run: RunNumber(number),
        kind: RunKind::from(phase),
        plan: Arc::new(plan(phase, vec![step("only", action, &[])])),
        deployment: Digest::of(b""),
    }
}

fn removed(seen: &Seen, upgrade: &Upgrade, keep: u32) -> Vec<String> {
    let inventory = Inventory::of(&deployment(), upgrade, seen, false);
    prune(&inventory, keep).ids().into_iter().map(ToString::to_string).collect()
}

fn of_images(numbers: std::ops::RangeInclusive<u32>) -> Seen {
    Seen { images: numbers.map(|number| image(number, Role::Edxapp)).collect(), ..Seen::default() }
}

#[test]
fn what_is_older_than_the_newest_ones_of_its_role_goes() {
    let mut seen = of_images(1..=4);
    seen.images.push(image(0, Role::Worker));
    assert_eq!(removed(&seen, &Upgrade::default(), 2), ["ami-1", "ami-2"], "the only one of the workers stays");
    assert_eq!(removed(&seen, &Upgrade::default(), 0), ["ami-1", "ami-2", "ami-3"], "the newest stays in any case");
    assert_eq!(removed(&seen, &Upgrade::default(), 9), [""; 0]);
}

#[test]
fn an_image_with_a_host_stays_unless_the_host_is_gone() {
    let lives = [InstanceState::Pending, InstanceState::Running, InstanceState::Stopping, InstanceState::Stopped];
    for state in lives {
        let seen = Seen { instances: vec![host(1, 1, state)], ..of_images(1..=2) };
        assert_eq!(removed(&seen, &Upgrade::default(), 1), [""; 0], "{state:?}");
    }
    for state in [InstanceState::ShuttingDown, InstanceState::Terminated] {
        let seen = Seen { instances: vec![host(1, 1, state)], ..of_images(1..=2) };
        assert_eq!(removed(&seen, &Upgrade::default(), 1), ["ami-1"], "{state:?}");
    }
}

#[test]
fn images_that_are_being_made_stay_and_those_that_have_failed_go() {
    let mut seen = of_images(1..=4);
    seen.images[0].available = false;
    seen.images[1] = MachineImage { available: false, failed: Some("no".to_owned()), ..image(2, Role::Edxapp) };
    assert_eq!(removed(&seen, &Upgrade::default(), 1), ["ami-2", "ami-3"]);
    seen.images[3].available = false;
    assert_eq!(
        removed(&seen, &Upgrade::default(), 1),
        ["ami-2"],
        "one that is not available makes no other one superfluous"
    );
    seen.builders = vec![builder("image-2", InstanceState::Stopped)];
    assert_eq!(removed(&seen, &Upgrade::default(), 1), [""; 0], "its builder lives");
}

#[test]
fn images_that_the_journal_of_an_upgrade_names_stay_until_it_has_ended() {
    let seen = Seen { images: [1, 2, 9, 10].map(|number| image(number, Role::Edxapp)).into(), ..Seen::default() };
    assert_eq!(removed(&seen, &upgrade(Vec::new()), 1), ["ami-2"], "ami-1 is the base, and image-9 is built");
    let action = Action::RemoveImage { image: "ami-2".into(), name: "image-2".into() };
    let retire = started(2, Phase::Retire, action);
    assert_eq!(removed(&seen, &upgrade(vec![retire.clone()]), 1), [""; 0], "`retire` removes ami-2 itself");
    let only = || "only".into();
    let ended = vec![
        retire,
        Event::StepStarted { step: only(), attempt: 1 },
        Event::StepDone { step: only(), facts: Vec::new() },
        Event::RunFinished { run: RunNumber(2) },
    ];
    assert_eq!(removed(&seen, &upgrade(ended), 1), ["ami-1", "ami-2", "ami-9"]);
}

#[test]
fn a_builder_is_left_behind_unless_a_plan_that_is_under_way_builds_its_image() {
    let goes_on = |image: &str, conducted: bool| {
        let seen = Seen { builders: vec![builder(image, InstanceState::Running)], ..Seen::default() };
        Inventory::of(&deployment(), &upgrade(Vec::new()), &seen, conducted).builders[0].goes_on
    };
    assert_eq!(goes_on("image-9", true), GoesOn::Now);
    assert_eq!(goes_on("image-9", false), GoesOn::WithPrepare);
    assert_eq!([goes_on("image-8", true), goes_on("image-8", false)], [GoesOn::Never; 2]);
    let seen = Seen { builders: vec![builder("image-8", InstanceState::Terminated)], ..Seen::default() };
    assert!(Inventory::of(&deployment(), &Upgrade::default(), &seen, false).builders.is_empty());
}

#[test]
fn an_image_is_found_by_id_and_by_a_name_that_only_one_has() {
    let mut seen = of_images(1..=3);
    seen.images[1].name = "image-3".into();
    let inventory = Inventory::of(&deployment(), &Upgrade::default(), &seen, false);
    let found = |text: &str| inventory.find(text).map(|one| one.image.id.to_string());
    assert_eq!(found("image-1").as_deref(), Some("ami-1"));
    assert_eq!(found("ami-2").as_deref(), Some("ami-2"));
    assert_eq!([found("image-3"), found("image-7")], [None, None]);
}

fn any_image(number: u32) -> impl Strategy<Value = MachineImage> {
    (any::<bool>(), 0..3_u32, 0..9_u32).prop_map(move |(is_worker, state, age)| MachineImage {
        available: state == 0,
        failed: (state == 1).then(|| "no".to_owned()),
        created: Timestamp::from_second(i64::from(age)).expect("a moment"),
        ..image(number, if is_worker { Role::Worker } else { Role::Edxapp })
    })
}

fn any_images() -> impl Strategy<Value = Vec<MachineImage>> {
    (0..9_u32).prop_flat_map(|count| (0..count).map(any_image).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn nothing_goes_that_is_in_use_unfinished_or_among_the_newest(
        images in any_images(), used in proptest::collection::vec(0..9_u32, 0..4), keep in 0..4_u32,
    ) {
        let instances = used.iter().map(|number| host(*number, *number, InstanceState::Running)).collect();
        let seen = Seen { images, instances, ..Seen::default() };
        let inventory = Inventory::of(&deployment(), &Upgrade::default(), &seen, false);
        let pruning = prune(&inventory, keep);
        let gone: BTreeSet<&ImageId> = pruning.ids().into_iter().collect();
        for one in &pruning.removed {
            prop_assert!(one.uses.is_empty() && !one.newest && !one.is_being_made());
        }
        for role in Role::ALL {
            let of_role = |one: &&MachineImage| one.role == role && one.available;
            let available = seen.images.iter().filter(of_role).count();
            let left = seen.images.iter().filter(of_role).filter(|one| !gone.contains(&one.id)).count();
            prop_assert!(left >= available.min(keep.max(1) as usize), "{role}: {left} of {available} are left");
        }
        // Each image is in one list, and whatever stays has a reason that is true of it.
        prop_assert_eq!(pruning.removed.len() + pruning.kept.len(), seen.images.len());
        for KeptImage { image: one, reasons } in &pruning.kept {
            prop_assert!(!reasons.is_empty());
            for reason in reasons {
                match reason {
                    Kept::Recent { newer } => prop_assert!(*newer < keep.max(1)),
                    Kept::BeingMade => prop_assert!(one.is_being_made()),
                    Kept::InUse { by: Use::Host { instance, .. } } => {
                        let host = seen.instances.iter().find(|host| host.id == *instance);
                        prop_assert!(host.is_some_and(|host| host.image == one.image.id));
                    }
                    Kept::InUse { by } => prop_assert!(false, "nothing else uses an image here: {by:?}"),
                }
            }
        }
    }
}
