//! What is on record of a migration while it runs, and of what it has done.

use cutover_core::journal::{Applying, Fact, Moved, Ran};
use cutover_core::names::JobName;
use cutover_engine::phase::Ending;
use cutover_hosts::job::JobState;

use super::jobs::Jobs;
use super::migrations::{job, migrate};
use super::stage::{Stage, learned};

/// The output of a job as it grows, line by line.
const LINES: &str = "Applying lms.0002_next...\n OK\nApplying lms.0003_last...\n OK\n";

/// Each record of the progress: what had ended, with whether its time is known, and what ran then.
fn progress(facts: &[Fact]) -> Vec<String> {
    let shown = facts.iter().filter_map(|fact| match fact {
        Fact::Applied { ran, now, .. } => {
            let ended = ran.iter().map(|ran| format!("{} {}", ran.migration, ran.seconds.is_some()));
            let now = now.as_ref().map_or_else(|| "nothing".to_owned(), |now| now.migration.to_string());
            Some(format!("{:?}, now {now}", ended.collect::<Vec<_>>()))
        }
        _ => None,
    });
    shown.collect()
}

#[test]
fn each_migration_is_on_record_when_it_begins_and_when_it_ends_and_not_at_each_look() {
    let mut stage = Stage::new();
    // What the migration prints itself is no progress.
    let lines = LINES.replace("...\n", "...\nrow 1\nrow 2\nrow 3\n");
    Jobs::of(&mut stage, &[("lms", &lines, 0)]);
    assert_eq!(stage.conduct(vec![migrate()]), Ending::Finished);
    let told = [
        "[], now lms.0002_next",
        "[\"lms.0002_next true\"], now nothing",
        "[], now lms.0003_last",
        "[\"lms.0003_last true\"], now nothing",
    ];
    assert_eq!(progress(&stage.facts_of("migrate")), told);
}

#[test]
fn a_conductor_that_goes_on_records_only_what_has_ended_since() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", LINES, 0)]);
    jobs.has("lms", 4);
    let ran = Ran { migration: "lms.0002_next".into(), seconds: Some(7) };
    let now = Applying { migration: "lms.0003_last".into(), since: jiff::Timestamp::UNIX_EPOCH };
    let known = Fact::Applied { job: JobName::from("lms"), ran: vec![ran.clone()], now: Some(now) };
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms", true)), learned("migrate", known)]);
    assert_eq!(stage.resume(), Ending::Finished);
    let facts = stage.facts_of("migrate");
    assert_eq!(progress(&facts)[1..], ["[\"lms.0003_last true\"], now nothing"]);
    let Some(Fact::Migrated { ran: all, .. }) = facts.last() else { panic!("{facts:?}") };
    assert_eq!(all[0], ran);
    assert_eq!(all.len(), 2);
}

#[test]
fn what_has_run_is_on_record_with_the_state_before_and_after_and_the_memory_that_it_took() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[]);
    let ended = JobState::Ended { exit: 0, out_of_memory: false, peak_memory: Some(7 << 20) };
    jobs.prints.borrow_mut().insert("lms".into(), (LINES.to_owned(), ended));
    assert_eq!(stage.conduct(vec![migrate()]), Ending::Finished);
    let facts = stage.facts_of("migrate");
    let Some(Fact::Migrated { applied, ran, moved, peak_memory, .. }) = facts.last() else { panic!("{facts:?}") };
    assert_eq!((*applied, ran.len(), *peak_memory), (2, 2, Some(7 << 20)));
    let change = Moved { app: "lms".to_owned(), from: Some("0001_initial".to_owned()), to: "0003_last".to_owned() };
    assert_eq!(*moved, [change]);
}
