use super::*;
use crate::command::Said;
use crate::django::sql::{self, Statement};
use proptest::prelude::*;

fn printed(stdout: &str) -> Said {
    Said { exit: 0, stdout: stdout.to_owned(), stderr: String::new() }
}

fn statements(text: &str) -> Vec<Statement> {
    sql::read(&printed(text)).expect("statements")
}

fn schema(text: &str) -> Schema {
    read(&printed(text)).expect("a schema")
}

/// The lists of a real schema before the migration and after each of its statements. Recorded is the first one, and after each
/// `after N` the lines that are gone and the new ones. Changes that are no SQL have no list.
fn recorded(text: &str) -> Vec<String> {
    let mut sections = text.split("after ");
    let first = sections.next().expect("a first list");
    let mut lines: Vec<&str> = first.lines().collect();
    let mut lists = vec![lines.join("\n")];
    for section in sections {
        for line in section.lines().skip(1) {
            match line.split_at(2) {
                ("- ", gone) => lines.retain(|line| *line != gone),
                ("+ ", new) => lines.insert(0, new),
                other => panic!("{other:?}"),
            }
        }
        lists.push(lines.join("\n"));
    }
    lists
}

const RECORDED: [(&str, &str); 2] = [
    (include_str!("../recorded/sqlmigrate-2.2.28.txt"), include_str!("../recorded/schema-2.2.28.txt")),
    (include_str!("../recorded/sqlmigrate-5.2.19.txt"), include_str!("../recorded/schema-5.2.19.txt")),
];

#[test]
fn a_real_schema_is_never_said_to_be_further_or_less_far_than_it_is() {
    for (text, lists) in RECORDED {
        let statements = statements(text);
        let lists = recorded(lists);
        let is_sql = |statement: &Statement| statement.changes != [sql::Change::Unknown(sql::Reason::Python)];
        let numbers: Vec<usize> = (0..statements.len()).filter(|at| is_sql(&statements[*at])).collect();
        assert_eq!(numbers.len() + 1, lists.len(), "a list before, and one after each statement");
        for (ran, list) in lists.iter().enumerate() {
            let comparison = compare(&statements, &schema(list));
            assert!(comparison.is_in_order(), "after {ran}: {comparison}");
            for (number, at) in numbers.iter().enumerate() {
                let judged = &comparison.judged[*at];
                let is_right = match judged.verdict {
                    Verdict::Done => number < ran,
                    Verdict::NotDone => number >= ran,
                    Verdict::Partly => false,
                    Verdict::Unknown(_) => true,
                };
                assert!(is_right, "after {ran}: {} is {:?}", judged.statement.text, judged.verdict);
            }
        }
    }
}

#[test]
fn little_of_a_real_schema_cannot_be_told() {
    for (text, lists) in RECORDED {
        let statements = statements(text);
        for (ran, list) in recorded(lists).iter().enumerate() {
            let comparison = compare(&statements, &schema(list));
            let looks_the_same = comparison.unknown().filter(|why| **why == Why::LooksTheSame).count();
            assert!(looks_the_same <= 3, "after {ran}: {comparison}");
        }
    }
}

const GRADES: &str = "table grades\ncolumn grades id int NOT NULL\nindex grades PRIMARY\n";
const MIGRATION: &str = "ALTER TABLE grades ADD COLUMN value int NULL;\nALTER TABLE grades MODIFY id bigint NOT NULL;\n\
                         --\n-- Raw Python operation\n--\n-- THIS OPERATION CANNOT BE WRITTEN AS SQL\n\
                         CREATE INDEX grades_value_idx ON grades (value);\n";

fn said(migration: &str, list: &str) -> String {
    compare(&statements(migration), &schema(&format!("{list}end\n"))).to_string()
}

fn verdicts(migration: &str, list: &str) -> Vec<Verdict> {
    let statements = statements(&format!("{migration}\n"));
    let comparison = compare(&statements, &schema(&format!("{list}end\n")));
    comparison.judged.into_iter().map(|judged| judged.verdict).collect()
}

#[test]
fn the_words_say_what_is_there_what_is_not_and_what_cannot_be_told() {
    let half = "table grades\ncolumn grades id bigint NOT NULL\ncolumn grades value int NULL\nindex grades PRIMARY\n";
    assert_eq!(
        said(MIGRATION, half),
        "2 of 4 statements are in the database: column grades.value is there, column grades.id is bigint NOT NULL, \
         index grades_value_idx is not; 1 cannot be told (RunPython)"
    );
    assert_eq!(
        said(MIGRATION, GRADES),
        "nothing of 4 statements is in the database: column grades.value is not, column grades.id is not bigint NOT NULL, \
         index grades_value_idx is not; 1 cannot be told (RunPython)"
    );
    let by_hand = format!("{GRADES}column grades value int NULL\nindex grades grades_value_idx\n");
    assert_eq!(
        said(MIGRATION, &by_hand),
        "2 of 4 statements are in the database: column grades.value is there, column grades.id is not bigint NOT NULL, \
         index grades_value_idx is there; they are not in order, so somebody has changed the schema by hand; \
         1 cannot be told (RunPython)"
    );
}

#[test]
fn of_many_statements_only_the_last_that_is_done_and_the_first_that_is_not_are_named() {
    let (text, lists) = RECORDED[1];
    assert_eq!(
        compare(&statements(text), &schema(&recorded(lists)[7])).to_string(),
        "7 of 45 statements are in the database: column grades_grade.attempt_id is there and constraint \
         grades_grade_attempt_id_01bb5557_fk_grades_attempt_id is there, column grades_grade.code.v2 is not; \
         4 cannot be told (INSERT of rows, RunPython, 2 UPDATE of rows)"
    );
}

#[test]
fn a_dropped_column_that_is_not_there_is_done() {
    assert_eq!(verdicts("ALTER TABLE grades DROP COLUMN value;", GRADES), [Verdict::Done]);
    assert_eq!(verdicts("ALTER TABLE grades DROP COLUMN id;", GRADES), [Verdict::NotDone]);
}

#[test]
fn a_table_that_is_not_listed_shows_nothing() {
    let unknown = [Verdict::Unknown(Why::NoTable("marks".to_owned()))];
    for migration in ["DROP COLUMN value", "ADD COLUMN value int", "DROP INDEX value"] {
        assert_eq!(verdicts(&format!("ALTER TABLE marks {migration};"), GRADES), unknown, "{migration}");
    }
}

#[test]
fn what_is_added_and_dropped_again_is_only_told_by_what_comes_after_it() {
    let migration = "ALTER TABLE grades ADD COLUMN a int;\nALTER TABLE grades DROP COLUMN a;\n";
    let same = Verdict::Unknown(Why::LooksTheSame);
    assert_eq!(verdicts(migration, GRADES), [same.clone(), same.clone()]);
    let longer = format!("{migration}ALTER TABLE grades ADD COLUMN b int;");
    assert_eq!(verdicts(&longer, GRADES), [same.clone(), same, Verdict::NotDone]);
    let done = format!("{GRADES}column grades b int\n");
    assert_eq!(verdicts(&longer, &done), [const { Verdict::Done }; 3]);
}

#[test]
fn code_and_changes_of_rows_are_not_told_by_what_comes_after_them() {
    let migration = "UPDATE grades SET id = 1;\nALTER TABLE grades ADD COLUMN b int;";
    let [Verdict::Unknown(Why::Change(_)), Verdict::Done] =
        &verdicts(migration, &format!("{GRADES}column grades b int\n"))[..]
    else {
        panic!("it is told")
    };
}

#[test]
fn a_table_that_is_there_without_a_column_is_there_in_part() {
    let migration = "CREATE TABLE grades (id int, value int);";
    assert_eq!(verdicts(migration, GRADES), [Verdict::Partly]);
    assert_eq!(
        said(&format!("{migration}\n"), GRADES),
        "0 of 1 statement is in the database: only a part of `CREATE TABLE grades (id int, value int)` is there"
    );
}

#[test]
fn what_is_said_of_a_renamed_table_is_looked_for_under_the_name_that_is_there() {
    let migration =
        "ALTER TABLE grades ADD COLUMN a int;\nRENAME TABLE grades TO marks;\nALTER TABLE marks ADD COLUMN b int;";
    let list = format!("{GRADES}column grades a int\n");
    assert_eq!(verdicts(migration, &list), [Verdict::Done, Verdict::NotDone, Verdict::NotDone]);
    let renamed = list.replace("grades", "marks");
    assert_eq!(verdicts(migration, &renamed), [Verdict::Done, Verdict::Done, Verdict::NotDone]);
}

#[test]
fn indexes_and_constraints_that_are_not_listed_are_unknown() {
    let list = "table grades\ncolumn grades id int\n";
    let unknown = |what| Verdict::Unknown(Why::NotListed(what));
    assert_eq!(verdicts("DROP INDEX i ON grades;", list), [unknown("indexes")]);
    assert_eq!(verdicts("ALTER TABLE grades DROP FOREIGN KEY i;", list), [unknown("constraints")]);
}

#[test]
fn a_changed_column_is_done_only_if_all_that_is_said_of_it_is_listed() {
    let migration = "ALTER TABLE grades MODIFY id bigint NOT NULL;";
    let of = |listed: &str| verdicts(migration, &format!("table grades\ncolumn grades id {listed}\n")).remove(0);
    assert_eq!(of("bigint(20) NOT NULL"), Verdict::Done);
    assert_eq!(of("bigint(20) NULL"), Verdict::NotDone);
    assert_eq!(of("int(11) NOT NULL"), Verdict::NotDone);
    assert_eq!(of("bigint(20)"), Verdict::Unknown(Why::LooksTheSame));
}

#[test]
fn a_list_of_nothing_is_not_believed() {
    for text in [
        "",
        "end\n",
        "table grades\nend\n",
        "table grades\ncolumn grades id int\n",
        "column grades id int\nend\n",
        "ERROR 1045 (28000): Access denied\nend\n",
        "table grades\ncolumn grades id\nend\n",
    ] {
        assert!(read(&printed(text)).is_err(), "{text}");
    }
    let failed = Said { exit: 1, ..printed("table grades\ncolumn grades id int\nend\n") };
    assert!(matches!(read(&failed), Err(NotRead::Failed { exit: 1, .. })));
}

proptest! {
    #[test]
    fn a_list_that_was_cut_off_is_not_believed(cut in 0.0..1.0) {
        let list = &recorded(RECORDED[1].1)[0];
        let end = list.trim_end().len();
        let cut = (end as f64 * cut) as usize;
        prop_assert!(read(&printed(&list[..cut])).is_err());
    }
}
