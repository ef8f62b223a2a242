//! Upgrades whose images Packer builds, beside the conductor of the embedded cloud.

use std::collections::BTreeMap;

use cutover_core::deployment::{Deployment, Packer, Role};
use cutover_core::journal::{Fact, Run, StepStatus};
use cutover_core::names::InstanceId;
use cutover_core::plan::Phase;
use cutover_rehearsal::{Fault, RehearsalEnding};

use super::builds::{KINDS, builds, dies_after_any_record, ends_well_at_last, launched, living};
use super::stage::{Stage, qa_with_few_migrations};
use super::whole::assert_well;

/// An upgrade whose images Packer builds from that template.
fn from_template(template: &str) -> Deployment {
    let mut deployment = qa_with_few_migrations();
    let packer = Packer {
        template: template.to_owned(),
        only: None,
        program: "packer".to_owned(),
        variables: BTreeMap::from([("play".to_owned(), "edxapp.yml".to_owned())]),
        identity: Vec::new(),
    };
    deployment.role.worker.as_mut().expect("it has workers").image.packer = Some(packer.clone());
    deployment.role.edxapp.image.packer = Some(packer);
    deployment
}

fn packed() -> Deployment {
    from_template("packer/edxapp.json")
}

/// What the journal has of the output of builds: its last lines.
fn outputs(stage: &Stage) -> Vec<Vec<String>> {
    let upgrade = stage.reading().upgrade;
    let facts = upgrade.runs.iter().flat_map(Run::runs).flat_map(|(_, run)| &run.facts);
    let lines = facts.filter_map(|fact| match fact {
        Fact::BuildOutput { lines, .. } => Some(lines.clone()),
        _ => None,
    });
    lines.collect()
}

/// Why steps of `prepare` have failed.
fn errors(stage: &Stage) -> Vec<String> {
    let upgrade = stage.reading().upgrade;
    let prepare = upgrade.run_of(Phase::Prepare).expect("it has begun");
    let errors = prepare.runs().filter_map(|(_, run)| match &run.status {
        StepStatus::Failed { error, .. } => Some(error.clone()),
        _ => None,
    });
    errors.collect()
}

#[test]
fn packer_builds_images_of_the_ledgers_commit_and_leaves_nothing() {
    let stage = Stage::new(packed(), |_| {});
    assert_well(&stage.conducted(), "packed");
    let builds = builds(&stage);
    assert_eq!(builds.iter().map(|build| build.role).collect::<Vec<_>>(), Role::ALL);
    assert!(builds.iter().all(|build| build.commit.is_some() && build.base.starts_with("ami-")));
    assert_eq!((living(&stage, &builds), launched(&stage)), (Vec::new(), 2));
    let outputs = outputs(&stage);
    assert_eq!(outputs.len(), 2, "{outputs:?}");
    assert!(outputs.iter().all(|lines| lines.last().is_some_and(|line| line.contains("AMI: "))), "{outputs:?}");
}

#[test]
fn a_build_that_fails_is_told_with_its_last_lines_and_leaves_no_instance() {
    let stage = Stage::new(from_template("packer/fails.json"), |_| {});
    let ended = stage.conducted();
    assert_ne!(ended.ending, RehearsalEnding::Completed);
    let errors = errors(&stage);
    assert_eq!(errors.len(), 2, "{errors:?}");
    for error in &errors {
        assert!(error.contains("exit status 1: a provisioner has failed with exit status 2"), "{error}");
        assert!(error.contains("Its last lines:\n  amazon-ebs: Instance ID: i-"), "{error}");
    }
    assert_eq!(living(&stage, &builds(&stage)), Vec::<InstanceId>::new());
}

#[test]
fn hosts_that_have_the_same_machine_id_from_their_image_are_found() {
    let stage = Stage::new(from_template("packer/bakes-in.json"), |_| {});
    let ended = stage.conducted();
    assert_ne!(ended.ending, RehearsalEnding::Completed);
    let told = errors(&stage).join("\n");
    assert!(told.contains(": its image has them baked in") && told.contains("has the same machine-id as"), "{told}");
}

#[test]
fn packer_is_told_to_give_up_when_its_limit_has_passed_and_leaves_no_instance() {
    let stage = Stage::new(from_template("packer/hangs.json"), |_| {});
    let ended = stage.conducted();
    assert_ne!(ended.ending, RehearsalEnding::Completed);
    assert_eq!(living(&stage, &builds(&stage)), Vec::<InstanceId>::new());
    let outputs = outputs(&stage);
    assert_eq!(outputs.len(), 2, "{outputs:?}");
    assert!(outputs.iter().all(|lines| lines.iter().any(|line| line.contains("Terminating"))), "{outputs:?}");
}

#[test]
fn a_conductor_that_dies_after_any_record_finds_the_build_again() {
    dies_after_any_record(packed, |stage, what| {
        assert_eq!((living(stage, &builds(stage)), launched(stage)), (Vec::new(), 2), "{what}");
    });
}

#[test]
fn each_call_of_a_build_by_packer_may_fail_in_each_way() {
    for call in ["packed", "start_packer"] {
        for kind in KINDS {
            let stage = Stage::new(packed(), |world| {
                world.faults = vec![Fault::Call { call: call.to_owned(), nth: 1, kind }];
            });
            ends_well_at_last(&stage, &format!("{call} fails: {kind:?}"));
        }
    }
}
