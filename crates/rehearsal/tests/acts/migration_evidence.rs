//! What the database shows of a migration that has failed.

use std::rc::Rc;

use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Migrate, Step};
use cutover_hosts::command::Said;

use super::jobs::Jobs;
use super::migrations::{has_failed, migrate};
use super::stage::Stage;

const SQL: &str =
    "ALTER TABLE `lms_grade` ADD COLUMN `value` integer NULL;\nCREATE INDEX `v` ON `lms_grade` (`value`);\n";
const HALF: &str = "table lms_grade\ncolumn lms_grade value int(11) NULL\nindex lms_grade PRIMARY\nend\n";
const FOUND: &str = "1 of 2 statements is in the database: column lms_grade.value is there, index v is not";

fn with_commands() -> Step {
    let step = migrate();
    let Action::Migrate(migrate) = step.action else { panic!("{step:?}") };
    let (sql_command, schema_command) = (vec!["sqlmigrate".to_owned()], vec!["schema".to_owned()]);
    Step { action: Action::Migrate(Migrate { sql_command, schema_command, ..migrate }), ..step }
}

/// A migration that fails at its first statement but one, on a host where both commands print this.
fn fails(stage: &mut Stage, sql: &str, schema: &str) -> Rc<Jobs> {
    let jobs = Jobs::of(stage, &[("lms", "Applying lms.0002_next...Traceback:\nboom\n", 1)]);
    let said = |stdout: &str| Said { stdout: stdout.to_owned(), ..Said::default() };
    jobs.answers.borrow_mut().extend([("sqlmigrate", said(sql)), ("schema", said(schema))]);
    jobs
}

#[test]
fn a_failure_says_which_statements_have_taken_effect_and_that_stays_on_record() {
    let mut stage = Stage::new();
    let jobs = fails(&mut stage, SQL, HALF);
    assert_eq!(stage.conduct(vec![with_commands()]), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains(&format!("stuck at lms.0002_next: {FOUND}; it says last: boom")), "{error}");
    let shown = Fact::Shown { job: "lms".into(), migration: "lms.0002_next".into(), words: FOUND.to_owned() };
    assert!(stage.facts_of("migrate").contains(&shown));
    let asked = ["sqlmigrate lms 0002_next", "sqlmigrate lms 0003_last", "start lms", "schema"];
    assert_eq!(*jobs.calls.borrow(), asked, "statements are asked for before, and the schema once");
}

#[test]
fn a_conductor_that_has_not_seen_the_begin_says_that_it_has_asked_for_the_statements_afterwards() {
    let mut stage = Stage::new();
    let jobs = fails(&mut stage, SQL, HALF);
    assert_eq!(stage.conduct(vec![with_commands()]), has_failed());
    jobs.calls.borrow_mut().clear();
    assert_eq!(stage.resume(), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains(&format!("{FOUND}; its statements are those of after the failure")), "{error}");
    assert_eq!(*jobs.calls.borrow(), ["sqlmigrate lms 0002_next", "schema"]);
}

#[test]
fn what_cannot_be_told_is_unknown_with_the_reason() {
    let python = "--\n-- Raw Python operation\n--\n-- THIS OPERATION CANNOT BE WRITTEN AS SQL\n";
    for (sql, schema, words) in [
        (
            SQL,
            "table lms_grade\n",
            "what the database shows of it is unknown: `schema_command`: it does not end with `end`",
        ),
        ("", HALF, "what the database shows of it is unknown: `sql_command`: it printed no statements"),
        (python, HALF, "what the database shows of 1 statement cannot be told; 1 cannot be told (RunPython)"),
    ] {
        let mut stage = Stage::new();
        fails(&mut stage, sql, schema);
        assert_eq!(stage.conduct(vec![with_commands()]), has_failed());
        let error = stage.error_of("migrate");
        assert!(error.contains(words), "{error}");
    }
}
