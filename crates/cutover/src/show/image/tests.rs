//! What people read, for the images of a small deployment.

use cutover_core::deployment::Role;
use cutover_core::inventory::{GoesOn, Inventory, ListedBuilder, ListedImage, Use, prune};
use cutover_core::observation::{BuilderInstance, InstanceState, MachineImage, Part, Unseen};
use cutover_core::time::earlier;
use cutover_engine::removals::Removal;
use jiff::Timestamp;
use std::time::Duration;

use super::{Around, list_text, one_text, prune_text};
use crate::layout::{WIDTH, length};

fn now() -> Timestamp {
    "2021-01-04T09:00:00Z".parse().expect("a moment")
}

fn image(number: u64, role: Role, hours: u64) -> ListedImage {
    let image = MachineImage {
        id: format!("ami-{number:017x}").as_str().into(),
        name: format!("{role}_mitx-production_koa_base_release_{number}").as_str().into(),
        role,
        codename: "koa".into(),
        version: "4".into(),
        commit: Some("1a2b3c4d5e6f7081928374655647382910abcdef".into()),
        available: true,
        failed: None,
        created: earlier(now(), Duration::from_secs(3600 * hours)),
    };
    ListedImage { image, newest: false, accounted: None, uses: Vec::new() }
}

pub(super) fn inventory() -> Inventory {
    let host = |number: u32, state| Use::Host {
        instance: format!("i-{number:017x}").as_str().into(),
        name: format!("edxapp-{number}").as_str().into(),
        state,
    };
    let mut old = image(1, Role::Edxapp, 9000);
    old.image.commit = None;
    let mut current = ListedImage { accounted: Some(false), ..image(2, Role::Edxapp, 4400) };
    current.uses = vec![host(1, InstanceState::Running), host(2, InstanceState::Stopped)];
    let mut failed = image(3, Role::Edxapp, 30);
    (failed.image.available, failed.image.failed) = (false, Some("the snapshot was not made".to_owned()));
    let next = ListedImage { newest: true, accounted: Some(true), ..image(4, Role::Edxapp, 28) };
    let next = ListedImage { uses: vec![Use::Upgrade { upgrade: "mitx-production-koa-v4".into() }], ..next };
    let worker =
        ListedImage { newest: true, uses: vec![Use::Base { role: Role::Worker }], ..image(7, Role::Worker, 4400) };
    let mut made = image(8, Role::Worker, 0);
    (made.image.available, made.uses) = (false, vec![Use::Builder { instance: "i-000000000000000b1".into() }]);
    let builder = |number: u32, image: &str, state, goes_on| ListedBuilder {
        builder: BuilderInstance {
            id: format!("i-{number:017x}").as_str().into(),
            image: image.into(),
            token: "t".to_owned(),
            state,
            why_gone: None,
        },
        goes_on,
    };
    Inventory {
        images: vec![old, current, failed, next, worker, made],
        builders: vec![
            builder(0xb1, "worker_mitx-production_koa_base_release_8", InstanceState::Stopped, GoesOn::Now),
            builder(0xb2, "worker_mitx-production_koa_base_release_9", InstanceState::Running, GoesOn::WithPrepare),
            builder(0xb3, "worker_mitx-production_koa_base_release_6", InstanceState::Stopped, GoesOn::Never),
        ],
    }
}

fn around(options: &String) -> Around<'_> {
    let file = "cutover.toml".to_owned();
    Around { deployment: "mitx-production", file, now: now(), aws_options: Some(options) }
}

/// The text, in which only a command may be longer than a line.
fn fits(text: String) -> String {
    let is_command = |line: &str| line.trim_start().starts_with("aws ");
    assert!(text.lines().all(|line| length(line) <= WIDTH || is_command(line)), "{text}");
    text
}

#[test]
fn the_list_says_of_each_image_what_it_contains_and_what_uses_it() {
    let unseen = [Unseen { part: Part::ReleaseBranch("mitx/koa".to_owned()), why: "git fetch failed".to_owned() }];
    let options = " --profile mitx".to_owned();
    insta::assert_snapshot!(fits(list_text(&inventory(), &unseen, &around(&options))));
}

#[test]
fn without_images_the_list_says_what_to_check() {
    let nothing = Inventory { images: Vec::new(), builders: Vec::new() };
    insta::assert_snapshot!(fits(list_text(&nothing, &[], &around(&String::new()))));
}

#[test]
fn one_image_is_shown_with_its_whole_commit_and_its_snapshots() {
    let options = String::new();
    let inventory = inventory();
    let shown = [(3, vec!["snap-1".into(), "snap-2".into()]), (2, Vec::new())]
        .map(|(index, disks)| fits(one_text(&inventory.images[index], &disks, &around(&options))));
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn what_is_removed_comes_before_why_the_others_stay() {
    let left = Removal {
        image: "ami-000000000000000aa".into(),
        name: "edxapp_mitx-production_juniper_base_release_9".into(),
        disks: vec!["snap-1".into()],
    };
    let options = String::new();
    let texts = [(1, vec![left]), (3, Vec::new())]
        .map(|(keep, left)| fits(prune_text(&prune(&inventory(), keep), &left, &around(&options))));
    insta::assert_snapshot!(texts.join("\n----\n\n"));
}
