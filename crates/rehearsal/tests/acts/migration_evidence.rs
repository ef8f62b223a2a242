//! What the database shows of a migration that has failed.

use std::rc::Rc;
use std::time::Duration;

use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Edge, Line, Migrate, ReadStatements, Rule, Step};
use cutover_core::time::later;
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::command::Said;

use super::jobs::Jobs;
use super::migrations::{has_failed, migrate};
use super::stage::{Stage, host, step};

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

/// The step that comes before it: it reads what the migration will change, on this host.
fn read_on(instance: &str) -> Step {
    let Action::Migrate(migrate) = with_commands().action else { panic!("it migrates") };
    let read = ReadStatements::before(&migrate).expect("it can be read");
    step("statements", Action::ReadStatements(ReadStatements { host: host("edx-0", instance), ..read }))
}

/// Both, in their order.
fn read_and_migrate() -> Vec<Step> {
    let migrate = with_commands();
    let edge = Edge { step: "statements".into(), rule: Rule::StatementsFirst };
    vec![read_on("i-1"), Step { waits_for: vec![edge], ..migrate }]
}

/// A migration that fails at its first statement but one, on a host where both commands print this.
fn fails(stage: &mut Stage, sql: &str, schema: &str) -> Rc<Jobs> {
    let jobs = Jobs::of(stage, &[("lms", "Applying lms.0002_next...Traceback:\nboom\n", 1)]);
    let said = |stdout: &str| Said { stdout: stdout.to_owned(), ..Said::default() };
    jobs.answers.borrow_mut().extend([("sqlmigrate", said(sql)), ("schema", said(schema))]);
    jobs
}

const ASKED: [&str; 2] = ["sqlmigrate lms 0002_next", "sqlmigrate lms 0003_last"];

#[test]
fn statements_are_read_before_and_a_failure_says_which_have_taken_effect_and_that_stays_on_record() {
    let mut stage = Stage::new();
    let jobs = fails(&mut stage, SQL, HALF);
    assert_eq!(stage.conduct(read_and_migrate()), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains(&format!("stuck at lms.0002_next: {FOUND}; it says last: boom")), "{error}");
    let shown = Fact::Shown { job: "lms".into(), migration: "lms.0002_next".into(), words: FOUND.to_owned() };
    assert!(stage.facts_of("migrate").contains(&shown));
    assert_eq!(*jobs.calls.borrow(), [&ASKED[..], &["start lms", "schema"]].concat(), "each is asked once");

    jobs.calls.borrow_mut().clear();
    assert_eq!(stage.resume(), has_failed());
    assert!(stage.error_of("migrate").contains(&format!("{FOUND}; it says last")), "they are on record");
    assert_eq!(*jobs.calls.borrow(), ["schema"]);
}

#[test]
fn statements_that_were_not_read_before_or_on_another_host_are_those_of_after_the_failure() {
    for steps in [vec![with_commands()], vec![read_on("i-2"), read_and_migrate().remove(1)]] {
        let mut stage = Stage::new();
        let jobs = fails(&mut stage, SQL, HALF);
        assert_eq!(stage.conduct(steps), has_failed());
        let error = stage.error_of("migrate");
        assert!(error.contains(&format!("{FOUND}; its statements are those of after the failure")), "{error}");
        assert!(jobs.calls.borrow().ends_with(&["start lms", ASKED[0], "schema"].map(str::to_owned)));
    }
}

#[test]
fn statements_that_cannot_be_read_or_take_too_long_stop_nothing() {
    let refused = Said { exit: 1, stderr: "CommandError: no such app\n".to_owned(), ..Said::default() };
    let statements = Said { stdout: SQL.to_owned(), ..Said::default() };
    for (said, takes, read, words) in [
        (refused, 1, 0, "what lms.0002_next will change is not known: "),
        (statements.clone(), 119, 2, ""),
        (statements.clone(), 121, 0, "what lms.0002_next will change is not known: "),
        (statements, 20, 2, ""),
    ] {
        let mut stage = Stage::new();
        let jobs = Jobs::of(&mut stage, &[]);
        jobs.answers.borrow_mut().insert("sqlmigrate", said);
        jobs.takes.set(Duration::from_secs(takes));
        assert_eq!(stage.conduct(vec![read_on("i-1")]), Ending::Finished, "{}", stage.error_of("statements"));
        let facts = stage.facts_of("statements");
        let known = facts.iter().filter(|fact| matches!(fact, Fact::Statements { .. })).count();
        assert_eq!(known, read, "{facts:?}");
        let notes = facts.iter().filter_map(|fact| match fact {
            Fact::Note { text } => Some(text.as_str()),
            _ => None,
        });
        assert!(notes.collect::<String>().starts_with(words), "{facts:?}");
    }
}

#[test]
fn reading_ends_before_the_window_could_not_be_opened_in_time_any_more() {
    for (seconds, read) in [(119, 0), (121, 2)] {
        let mut stage = Stage::new();
        let jobs = Jobs::of(&mut stage, &[]);
        jobs.answers.borrow_mut().insert("sqlmigrate", Said { stdout: SQL.to_owned(), ..Said::default() });
        let moment = stage.clock.now();
        let open = Action::WaitUntil { moment, no_later_than: Some(later(moment, Duration::from_secs(seconds))) };
        let open = Step { line: Line::Open, ..step("open", open) };
        assert_eq!(stage.conduct(vec![read_on("i-1"), open]), Ending::Finished, "{}", stage.error_of("statements"));
        assert_eq!(jobs.calls.borrow().len(), read, "{seconds}");
    }
}

#[test]
fn no_question_lasts_until_the_window_could_not_be_opened_any_more() {
    for (latest, ends) in [(150, 30), (200, 80), (3600, 240)] {
        let mut stage = Stage::new();
        let jobs = Jobs::of(&mut stage, &[]);
        jobs.answers.borrow_mut().insert("sqlmigrate", Said { stdout: SQL.to_owned(), ..Said::default() });
        jobs.takes.set(Duration::from_secs(1000));
        let moment = stage.clock.now();
        let open = Action::WaitUntil { moment, no_later_than: Some(later(moment, Duration::from_secs(latest))) };
        let open = Step { line: Line::Open, ..step("open", open) };
        assert_eq!(stage.conduct(vec![read_on("i-1"), open]), Ending::Finished, "{}", stage.error_of("statements"));
        assert!((ends..ends + 20).contains(&stage.elapsed()), "{latest}: {} s", stage.elapsed());
    }
}

#[test]
fn a_list_command_that_hangs_is_asked_once_and_stops_no_window() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[]);
    jobs.answers.borrow_mut().insert("", Said::default());
    jobs.takes.set(Duration::from_secs(1000));
    assert_eq!(stage.conduct(vec![read_on("i-1")]), Ending::Finished, "{}", stage.error_of("statements"));
    assert_eq!((jobs.calls.borrow().len(), stage.elapsed()), (1, 120));
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
