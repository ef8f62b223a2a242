//! Migrations that take longer than their limit. A job that may still run is waited for; one that was ended runs again with consent.

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

/// How many runs of the migration's job are on record.
fn runs(deployment: &Deployment, step: &str) -> usize {
    let name = step.replacen("window.migrate.", "", 1).replace('.', "-");
    let records = std::fs::read_dir(deployment.state().join("journal")).expect("the journal");
    let records = records.map(|record| std::fs::read_to_string(record.expect("a record").path()).expect("a text"));
    let text: String = records.collect();
    let started = |run: &usize| {
        let suffix = if *run == 1 { String::new() } else { format!("-run-{run}") };
        text.contains(&format!("{name}{suffix}\",\"started\":true"))
    };
    (1..10).take_while(started).count()
}

#[test]
fn a_migration_that_was_ended_runs_again_once_for_each_consent() {
    let deployment = Deployment::prepared("consented");
    deployment.edit("expected = \"5m\"\nlimit = \"30m\"", "expected = \"1m\"\nlimit = \"1m\"\npast_limit = \"kill\"");
    assert_eq!(type_next(&deployment), Some(6), "{}", deployment.log());
    let failed = deployment.status()["failed"][0].clone();
    let step = failed["step"].as_str().expect("a step").to_owned();
    assert_ne!(failed["job_may_run"], true);
    let command = failed["retry_command"].to_string();
    assert!(command.contains("--retry") && command.contains(&step), "{command}");
    assert_eq!(runs(&deployment, &step), 1);

    let again = flat(&deployment, 6, &["window"]);
    assert!(again.contains("was killed by its limit of 1m"), "{again}");
    assert_eq!(runs(&deployment, &step), 1, "without consent it is only looked at");
    let _ = flat(&deployment, 6, &["window", "--retry", &step]);
    let _ = flat(&deployment, 6, &["window"]);
    assert_eq!(runs(&deployment, &step), 2, "a consent counts for one run");
}
