//! A migration that takes longer than its limit: its job is waited for, and not run again before its end is known.

use super::deployment::Deployment;
use super::edited::{flat, next_command};
use super::gone::type_next;

#[test]
fn a_migration_whose_job_may_still_run_is_waited_for_and_not_retried() {
    let deployment = Deployment::prepared("retried");
    // The file that the world was made from says five minutes.
    deployment.edit("expected = \"5m\"\nlimit = \"30m\"", "expected = \"1m\"\nlimit = \"1m\"");
    assert_eq!(type_next(&deployment), Some(6), "{}", deployment.log());
    let status = deployment.status();
    let failed = &status["failed"][0];
    assert_eq!(
        (&failed["job_may_run"], &failed["retry_command"]),
        (&true.into(), &serde_json::Value::Null),
        "{failed}"
    );
    let text = flat(&deployment, 0, &["status"]);
    assert!(text.contains("Its job may still run. It is waited for") && !text.contains("--retry"), "{text}");
    let step = failed["step"].as_str().expect("a step");
    let refused = flat(&deployment, 4, &["window", "--retry", step]);
    let wait = format!("wait for its end: cutover window {}", deployment.file().display());
    assert!(refused.contains("may still run on edx-mitx-qa-residential-") && refused.contains(&wait), "{refused}");
    assert_eq!(next_command(&deployment), ["window"]);
    assert_eq!(type_next(&deployment), Some(0), "{}", deployment.log());
}
