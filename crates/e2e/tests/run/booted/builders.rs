//! Builders whose commands fail, or leave what belongs to one host only.

use std::time::Duration;

use cutover_e2e::run::{conduct, publish};
use cutover_e2e::stage::{Deployment, Stage};

use crate::support::{must, one_line, planned, tell};

/// More than `prepare` takes here.
const UNTIL_WINDOW: i64 = 600;
/// The last command of the file that is run on a builder.
const LAST: &str = r#"["/opt/playbooks/playbook", "edxapp"]"#;

/// `prepare` fails. Returns what `status` says of it, once it is seen that nothing of the build is left.
#[track_caller]
fn fails(stage: &Stage, words: &[&str]) -> String {
    let failed = conduct(stage.program(), words, &tell);
    assert_eq!(failed.code, 6, "{}", failed.said);
    assert_eq!(stage.moto().builders(), Vec::<String>::new(), "no builder is left");
    let made = stage.moto().made();
    assert!(made.iter().all(|image| image.version == "3"), "no image is left: {made:?}");
    assert_eq!(stage.moto().living().len(), stage.deployment().hosts(), "only the current host is there");
    let status = stage.program().run(&["status"]).ended(0);
    tell(&status);
    one_line(&status)
}

#[test]
fn a_build_whose_commands_fail_or_bake_a_machine_id_in_says_so_with_their_last_lines_and_leaves_nothing() {
    let stage = planned(Deployment::small().building_images(), UNTIL_WINDOW);
    publish(&stage, &tell).expect("it is published");
    must(&stage, &["announce"]);

    // Its builder has booted sooner. EC2 takes some minutes.
    stage.show_consoles_after(Duration::from_secs(8));
    let failing = r#"["sh", "-c", "echo the last words; echo no such package >&2; exit 3"]"#;
    stage.edit(LAST, failing);
    let said = fails(&stage, &["prepare"]);
    assert!(said.contains("command 2 (sh) ended with exit status 3 on builder i-"), "{said}");
    assert!(said.contains("Its last lines:") && said.contains("the last words no such package"), "{said}");
    assert!(said.contains("cutover prepare campus.toml"), "{said}");

    stage.show_consoles_after(Duration::ZERO);
    // A mount keeps the machine id from being removed.
    let baked = r#"["mount", "--bind", "--options", "ro", "/etc/machine-id", "/etc/machine-id"]"#;
    stage.edit(failing, baked);
    let said = fails(&stage, &["prepare", "--replan"]);
    assert!(said.contains("the removal of what belongs to one host ended with exit status 9"), "{said}");
    assert!(said.contains("left on the builder: /etc/machine-id"), "{said}");
}
