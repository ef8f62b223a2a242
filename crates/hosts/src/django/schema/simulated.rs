//! Migrations that are made up, on a schema that is simulated: what is compared is never said to be done before it is, or not
//! done after it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Verdict, compare, read};
use crate::command::Said;
use crate::django::sql;

#[derive(Clone, Default)]
struct Table {
    columns: BTreeMap<&'static str, &'static str>,
    indexes: BTreeMap<&'static str, Vec<&'static str>>,
}

type Tables = BTreeMap<&'static str, Table>;

fn before() -> Tables {
    let columns = BTreeMap::from([("id", "int NOT NULL"), ("a", "int NULL"), ("b", "bigint NOT NULL")]);
    let marks = Table { columns, indexes: BTreeMap::from([("i", vec!["a", "b"]), ("j", vec!["b"])]) };
    let old = Table { columns: BTreeMap::from([("id", "int NOT NULL"), ("b", "int NULL")]), ..Table::default() };
    Tables::from([("marks", marks), ("old", old)])
}

fn list(tables: &Tables) -> String {
    let mut lines =
        vec!["table log".to_owned(), "column log id int NOT NULL".to_owned(), "index log PRIMARY".to_owned()];
    for (name, table) in tables {
        lines.push(format!("table {name}"));
        lines.extend(table.columns.iter().map(|(column, kind)| format!("column {name} {column} {kind}")));
        lines.extend(table.indexes.keys().map(|index| format!("index {name} {index}")));
    }
    lines.push("end\n".to_owned());
    lines.join("\n")
}

const TABLES: [&str; 3] = ["marks", "old", "new"];
const COLUMNS: [&str; 3] = ["a", "b", "c"];
const INDEXES: [&str; 3] = ["i", "j", "k"];
/// What the indexes cover. Django makes their names from that, or drops them with a statement of their own.
const COVERED: [&[&str]; 3] = [&["a", "b"], &["b"], &["c", "a"]];
const KINDS: [&str; 4] = ["int NULL", "int NOT NULL", "bigint NULL", "bigint NOT NULL"];

/// A kind of statement, a table, and what else it is about, as numbers.
type Step = (u8, usize, usize, usize);

/// A statement that can be run on the tables, and runs it; `None` if it would fail or change nothing.
fn step(tables: &mut Tables, step: Step) -> Option<String> {
    let (what, table, one, other) = step;
    let (name, to) = (TABLES[table], TABLES[one]);
    if what == 0 {
        (!tables.contains_key(name)).then_some(())?;
        let columns = BTreeMap::from([("id", "int NOT NULL"), (COLUMNS[one], KINDS[other])]);
        tables.insert(name, Table { columns, ..Table::default() });
        return Some(format!("CREATE TABLE {name} (id int NOT NULL, {} {})", COLUMNS[one], KINDS[other]));
    }
    let mut found = tables.get(name).cloned()?;
    match what {
        1 => {
            tables.remove(name);
            Some(format!("DROP TABLE {name}"))
        }
        2 => {
            (!tables.contains_key(to)).then_some(())?;
            tables.remove(name);
            tables.insert(to, found);
            Some(format!("RENAME TABLE {name} TO {to}"))
        }
        _ => {
            let statement = if what < 9 { of_column(&mut found, step) } else { of_index(&mut found, step) }?;
            tables.insert(name, found);
            Some(statement)
        }
    }
}

fn of_column(found: &mut Table, (what, table, one, other): Step) -> Option<String> {
    let (name, column, kind) = (TABLES[table], COLUMNS[one], KINDS[other]);
    Some(match what {
        3 | 4 => {
            (!found.columns.contains_key(column)).then_some(())?;
            found.columns.insert(column, kind);
            format!("ALTER TABLE {name} ADD COLUMN {column} {kind}")
        }
        5 => {
            found.columns.remove(column)?;
            found.indexes.values_mut().for_each(|columns| columns.retain(|covered| *covered != column));
            found.indexes.retain(|_, columns| !columns.is_empty());
            format!("ALTER TABLE {name} DROP COLUMN {column}")
        }
        6 => {
            let old = found.columns.insert(column, kind)?;
            (old != kind).then_some(())?;
            format!("ALTER TABLE {name} MODIFY {column} {kind}")
        }
        7 => {
            found.columns.get(column)?;
            format!("ALTER TABLE {name} ALTER COLUMN {column} DROP DEFAULT")
        }
        _ => {
            let to = COLUMNS[other % 3];
            (!found.columns.contains_key(to)).then_some(())?;
            let kind = found.columns.remove(column)?;
            found.columns.insert(to, kind);
            found
                .indexes
                .values_mut()
                .flatten()
                .filter(|covered| **covered == column)
                .for_each(|covered| *covered = to);
            format!("ALTER TABLE {name} RENAME COLUMN {column} TO {to}")
        }
    })
}

fn of_index(found: &mut Table, (what, table, one, other): Step) -> Option<String> {
    let (name, index) = (TABLES[table], INDEXES[one]);
    Some(match what {
        9 => {
            let covers = COVERED[one];
            let has_all = covers.iter().all(|column| found.columns.contains_key(column));
            (has_all && !found.indexes.contains_key(index)).then_some(())?;
            let statement = format!("CREATE INDEX {index} ON {name} ({})", covers.join(", "));
            found.indexes.insert(index, covers.to_vec());
            statement
        }
        10 => {
            found.indexes.remove(index)?;
            format!("DROP INDEX {index} ON {name}")
        }
        _ => {
            let to = ["l", "m", "n"][other % 3];
            (!found.indexes.contains_key(to)).then_some(())?;
            let columns = found.indexes.remove(index)?;
            found.indexes.insert(to, columns);
            format!("ALTER TABLE {name} RENAME INDEX {index} TO {to}")
        }
    })
}

fn said(stdout: String) -> Said {
    Said { exit: 0, stdout, stderr: String::new() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_statement_is_said_to_be_done_before_it_is_or_not_done_after_it(
        steps in prop::collection::vec((0..12_u8, 0..3_usize, 0..3_usize, 0..4_usize), 1..14)
    ) {
        let mut tables = before();
        let (mut lists, mut text) = (vec![list(&tables)], String::new());
        for one in steps {
            if let Some(statement) = step(&mut tables, one) {
                lists.push(list(&tables));
                text.extend([&statement, ";\n"]);
            }
        }
        let statements = sql::read(&said(format!("BEGIN;\n{text}COMMIT;\n"))).expect("statements");
        for (ran, list) in lists.iter().enumerate() {
            let comparison = compare(&statements, &read(&said(list.clone())).expect("a schema"));
            for (number, judged) in comparison.judged.iter().enumerate() {
                let is_right = match judged.verdict {
                    Verdict::Done => number < ran,
                    Verdict::NotDone => number >= ran,
                    Verdict::Partly => false,
                    Verdict::Unknown(_) => true,
                };
                prop_assert!(is_right, "after {ran} of\n{}\n{} is {:?}", statements.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join(";\n"), judged.statement.text, judged.verdict);
            }
        }
    }
}
