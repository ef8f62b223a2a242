//! The rows of tables, which are counted and never stop a window.

use cutover_core::journal::{Event, Fact};
use cutover_core::plan::{Action, CountRows, Step};
use cutover_core::rows::{CountedWhen, TableRows};
use cutover_engine::phase::Ending;
use cutover_hosts::command::Said;

use super::jobs::Jobs;
use super::migrations::{job, migrate};
use super::stage::{Stage, host, learned, step};

const USERS: &str = "edxapp.auth_user";

fn count(when: CountedWhen) -> Step {
    let count = CountRows {
        database: "rds".into(),
        when,
        host: host("edx-0", "i-1"),
        command: vec!["count-rows".to_owned()],
        tables: vec![USERS.to_owned()],
        directory: "/edx/app".to_owned(),
        user: "edxapp".to_owned(),
    };
    step("rows", Action::CountRows(count))
}

/// What a host is asked, and the facts that are on record after the step.
fn counted(exit: i32, stdout: &str) -> (Vec<String>, Vec<Fact>) {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[]);
    let said = Said { exit, stdout: stdout.to_owned(), stderr: "ERROR 1142 (42000): denied\n".to_owned() };
    jobs.answers.borrow_mut().insert("count-rows", said);
    assert_eq!(stage.conduct(vec![count(CountedWhen::Before)]), Ending::Finished, "{}", stage.error_of("rows"));
    (jobs.calls.take(), stage.facts_of("rows"))
}

#[test]
fn tables_are_given_to_the_command_and_their_rows_are_on_record() {
    let (asked, facts) = counted(0, "edxapp.auth_user\t1204\n");
    assert_eq!(asked, ["count-rows edxapp.auth_user"]);
    let tables = vec![TableRows { table: USERS.to_owned(), rows: Some(1204), is_estimate: false }];
    assert_eq!(facts, [Fact::Rows { database: "rds".into(), when: CountedWhen::Before, tables }]);
}

#[test]
fn rows_that_cannot_be_counted_are_not_known_and_counted_once() {
    for (exit, stdout, why) in [
        (1, "", "exit status 1: ERROR 1142 (42000): denied"),
        (0, "other\t3\n", "it printed no line for edxapp.auth_user"),
    ] {
        let (asked, facts) = counted(exit, stdout);
        assert_eq!(
            (asked.len(), facts),
            (1, vec![Fact::Note { text: format!("the rows on rds are not known: {why}") }])
        );
    }
}

#[test]
fn rows_from_before_migrations_are_not_counted_once_these_were_begun() {
    for (when, asked) in [(CountedWhen::Before, 0), (CountedWhen::After, 1)] {
        let mut stage = Stage::new();
        let jobs = Jobs::of(&mut stage, &[]);
        let said = Said { stdout: "edxapp.auth_user\t1204\n".to_owned(), ..Said::default() };
        jobs.answers.borrow_mut().insert("count-rows", said);
        let begun =
            vec![learned("migrate", job("lms", true)), Event::StepDone { step: "migrate".into(), facts: vec![] }];
        stage.was_begun(vec![migrate(), count(when)], begun);
        assert_eq!(stage.resume(), Ending::Finished);
        assert_eq!(jobs.calls.borrow().len(), asked);
    }
}
