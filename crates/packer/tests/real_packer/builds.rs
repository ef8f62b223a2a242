//! Builds that end, and ones that are cut off.

use cutover_packer::failure::Cause;
use cutover_packer::job::{Signalled, Started, State};
use cutover_packer::manifest;
use cutover_rig::{Host, Plain};
use serde_json::{Value, json};

use crate::account::tags;
use crate::stage::Stage;

/// A provisioner that is under way until it is ended.
const HELD: &str = "echo held; sleep 600";

fn ids(images: &[Value]) -> Vec<&str> {
    images.iter().map(|image| image["ImageId"].as_str().expect("an id")).collect()
}

/// Builds with a template, and looks at the image.
fn is_built(mut stage: Stage, template: &cutover_packer::template::Template) {
    assert_eq!(stage.start(template), Started::Now);
    assert_eq!(stage.end(), State::Ended(0), "{:?}", stage.failure());
    let images = stage.account.images();
    let reading = stage.reading();
    let told: Vec<_> = reading.images().iter().map(|image| image.id.as_str()).collect();
    assert_eq!(told, ids(&images), "the output tells which");
    assert_eq!(manifest::images(&stage.job().manifest()).expect("read"), *reading.images());
    assert_eq!(images[0]["Name"], stage.wanted.image_name.as_str());
    let tags = tags(&images[0]);
    assert_eq!(tags["cutover-build-token"], stage.wanted.token.as_str());
    assert_eq!(tags["commit"], stage.wanted.commit.as_str());
    assert_eq!(tags["environment"], stage.wanted.tags["environment"].as_str(), "whatever signs it has");
    assert_eq!(stage.builders(), [""; 0]);
}

#[test]
fn a_template_in_json_makes_an_image_with_our_tags() {
    let stage = Stage::new();
    let template = stage.json("echo provisioned");
    is_built(stage, &template);
}

#[test]
fn a_template_in_hcl2_makes_an_image_with_our_tags() {
    let stage = Stage::new();
    let template = stage.hcl2();
    is_built(stage, &template);
}

#[test]
fn what_a_killed_build_leaves_behind_is_found_by_its_tag_and_its_output() {
    let mut stage = Stage::new();
    let template = stage.json(HELD);
    stage.start(&template);
    stage.wait_for("held");
    assert_eq!(stage.job().kill().expect("killed"), Signalled::Sent);
    assert_eq!(stage.end(), State::Died);
    let made = stage.reading().made().clone();
    let builders = stage.builders();
    assert_eq!(builders, made.instances.iter().cloned().collect::<Vec<_>>(), "found by its tag, and in the output");
    assert_eq!(builders.len(), 1);
    let left = (made.key_pairs.into_iter().collect(), made.security_groups.into_iter().collect());
    assert_eq!(stage.account.keys_and_groups(), left);
    assert_eq!(stage.start(&template), Started::Before, "nothing is built again before that is removed");
    // Whoever has removed it builds again.
    stage.job().remove().expect("removed");
    assert_eq!(stage.start(&stage.json("true")), Started::Now);
    assert_eq!(stage.end(), State::Ended(0));
}

#[test]
fn an_interrupted_build_leaves_nothing_behind() {
    let mut stage = Stage::new();
    stage.start(&stage.json(HELD));
    stage.wait_for("held");
    assert_eq!(stage.builders().len(), 1);
    assert_eq!(stage.job().interrupt().expect("interrupted"), Signalled::Sent);
    assert_eq!(stage.end(), State::Ended(1));
    assert_eq!(stage.failure().cause, Cause::Interrupted);
    assert_eq!(stage.builders(), [""; 0]);
    assert_eq!(stage.account.keys_and_groups(), (Vec::new(), Vec::new()));
    assert!(stage.account.images().is_empty());
}

#[test]
fn a_second_start_makes_no_second_image() {
    let mut stage = Stage::new();
    let template = stage.json("echo provisioned");
    assert_eq!(stage.start(&template), Started::Now);
    assert_eq!(stage.start(&template), Started::Before);
    assert_eq!(stage.end(), State::Ended(0));
    assert_eq!(stage.start(&template), Started::Before);
    assert_eq!(stage.account.images().len(), 1);
}

#[test]
fn two_images_are_built_side_by_side() {
    let mut stage = Stage::new();
    // Each goes on once the other one has begun.
    let template = stage.json("touch $PPID.begun; until [ \"$(ls *.begun | wc -l)\" = 2 ]; do sleep 0.1; done");
    assert_eq!(stage.start(&template), Started::Now);
    let edxapp = stage.job();
    stage.wanted.token = "koa-v4.prepare.worker.image".to_owned();
    stage.wanted.image_name = "edx_worker_residential_koa_base_release_4".to_owned();
    assert_eq!(stage.start(&template), Started::Now);
    assert_eq!(stage.end(), State::Ended(0), "{:?}", stage.failure());
    let worker = manifest::images(&stage.job().manifest()).expect("read");
    stage.wanted.token = edxapp.token().to_owned();
    assert_eq!(stage.end(), State::Ended(0), "{:?}", stage.failure());
    let edxapp = manifest::images(&edxapp.manifest()).expect("read");
    assert_eq!((edxapp.len(), worker.len()), (1, 1), "each has a manifest of its own");
    assert_ne!(edxapp, worker);
    assert_eq!(stage.account.images().len(), 2);
}

#[test]
fn a_provisioner_that_fails_is_told_with_its_status_and_leaves_nothing_behind() {
    let mut stage = Stage::new();
    stage.start(&stage.json("echo cannot install edxapp; exit 3"));
    assert_eq!(stage.end(), State::Ended(1));
    let failure = stage.failure();
    assert_eq!(failure.cause, Cause::Provisioner);
    assert!(failure.message.starts_with("a provisioner has failed with exit status 3"), "{failure:?}");
    assert!(stage.reading().tail().any(|line| line == "cannot install edxapp"), "the tail tells why");
    assert_eq!(stage.builders(), [""; 0]);
    assert!(stage.account.images().is_empty());
}

#[test]
fn what_a_provisioner_prints_on_the_instance_is_seen_and_its_failure_is_told() {
    let mut stage = Stage::new();
    let host = Plain::start();
    let reached = host.endpoint();
    let options = json!({
        "communicator": "ssh", "ssh_host": reached.address, "ssh_port": reached.port, "ssh_username": reached.user,
        "ssh_private_key_file": host.operator().path().join("operator"),
    });
    let shell = json!({"type": "shell", "inline": ["echo installing, now", "echo AccessDenied >&2", "exit 5"]});
    stage.start(&stage.json_with(&shell, &options));
    assert_eq!(stage.end(), State::Ended(1));
    let reading = stage.reading();
    assert!(reading.tail().any(|line| line == "installing, now"), "{:#?}", reading.tail().collect::<Vec<_>>());
    let failure = stage.failure();
    assert_eq!(failure.cause, Cause::Provisioner, "and not what it has printed: {failure:?}");
    assert!(failure.message.contains("with exit status 5"), "{failure:?}");
    assert_eq!(stage.builders(), [""; 0]);
}

#[test]
fn a_name_that_is_taken_is_told_with_the_image_that_has_it() {
    let mut stage = Stage::new();
    let template = stage.json("true");
    stage.start(&template);
    assert_eq!(stage.end(), State::Ended(0));
    stage.wanted.token = "koa-v5.prepare.edxapp.image".to_owned();
    stage.start(&template);
    assert_eq!(stage.end(), State::Ended(1));
    let images = stage.account.images();
    let failure = stage.failure();
    assert_eq!((failure.cause, images.len()), (Cause::NameExists, 1));
    assert!(failure.message.contains(ids(&images)[0]), "{failure:?}");
}

#[test]
fn a_base_image_that_is_gone_is_told() {
    let mut stage = Stage::new();
    stage.wanted.base_image = "ami-0aaaaaaaaaaaaaaaa".to_owned();
    stage.start(&stage.json("true"));
    assert_eq!(stage.end(), State::Ended(1));
    assert_eq!(stage.failure().cause, Cause::BaseGone);
}

#[test]
fn an_instance_that_cannot_be_reached_is_told_and_is_gone() {
    let mut stage = Stage::new();
    // Nothing listens there.
    let closed = json!({"communicator": "ssh", "ssh_host": "127.0.0.1", "ssh_port": 9, "ssh_timeout": "2s"});
    stage.start(&stage.json_with(&json!({"type": "shell", "inline": ["true"]}), &closed));
    assert_eq!(stage.end(), State::Ended(1));
    let failure = stage.failure();
    assert_eq!(failure.cause, Cause::Unreachable, "{failure:?}");
    assert_eq!(stage.builders(), [""; 0]);
}

#[test]
fn credentials_that_are_missing_are_told() {
    let mut stage = Stage::new();
    let template = stage.json("true");
    let environment = cutover_packer::program::Environment::new([
        ("PATH".into(), std::env::var_os("PATH").expect("a PATH")),
        ("HOME".into(), stage.folder.path().into()),
        ("AWS_EC2_METADATA_DISABLED".into(), "true".into()),
    ]);
    stage.program = cutover_packer::program::Program::find(stage.program.path(), environment).expect("Packer");
    stage.start(&template);
    assert_eq!(stage.end(), State::Ended(1));
    assert_eq!(stage.failure().cause, Cause::Credentials, "{:?}", stage.failure());
}
