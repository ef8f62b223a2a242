//! The tables, columns, indexes and constraints of a schema, as a command of the deployment file prints them.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::Said;
use crate::django::sql::Kind;
use crate::failed::CommandFailed;

/// What a schema consists of. Names are compared without regard to upper and lower case, as MySQL compares those of columns
/// and indexes. Two tables whose names differ only in that count as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    tables: BTreeMap<String, Table>,
    /// Whether any index and any constraint is listed. If there is none, the command does not list them.
    pub(super) lists_indexes: bool,
    pub(super) lists_constraints: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    columns: BTreeMap<String, Listed>,
    indexes: BTreeSet<String>,
    constraints: BTreeSet<String>,
}

/// A column, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its type.
    pub(super) kind: Kind,
    /// Whether it may be NULL, if the list says so.
    pub(super) nullable: Option<bool>,
}

impl Schema {
    pub(super) fn has_table(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    pub(super) fn column(&self, table: &str, column: &str) -> Option<&Listed> {
        self.tables.get(table)?.columns.get(column)
    }

    pub(super) fn has_index(&self, table: &str, index: &str) -> bool {
        self.tables.get(table).is_some_and(|table| table.indexes.contains(index))
    }

    pub(super) fn has_constraint(&self, table: &str, constraint: &str) -> bool {
        self.tables.get(table).is_some_and(|table| table.constraints.contains(constraint))
    }
}

/// Why the schema is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// It listed no table, or no column. A list of nothing would show everything as missing.
    #[error("it listed no {0}")]
    Nothing(&'static str),
    /// A line is none of the four kinds.
    #[error("`{0}` is no table, column, index or constraint")]
    NotUnderstood(String),
    /// The last line is not `end`, so the list may be incomplete.
    #[error("it does not end with `end`, but with `{0}`")]
    CutOff(String),
}

/// Reads a list of the schema. Its lines, in any order, are
///
/// ```text
/// table NAME
/// column TABLE NAME TYPE
/// index TABLE NAME
/// constraint TABLE NAME
/// ```
///
/// and the last one is `end`. Tabs separate the words; a line without tabs is separated by blanks. `NULL` or `NOT NULL` may
/// follow the type. Unique constraints and the primary key are indexes; foreign keys and checks are constraints. For MySQL and
/// MariaDB, the query in `examples/schema.sql` prints them.
///
/// # Errors
/// When the command failed, or printed anything else or less.
pub fn read(said: &Said) -> Result<Schema, NotRead> {
    CommandFailed::check(said)?;
    let lines: Vec<&str> = said.stdout.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let Some((&"end", lines)) = lines.split_last() else {
        return Err(NotRead::CutOff(said.last_line().to_owned()));
    };
    let mut schema = Schema::default();
    let words = |line: &&'_ str| -> Vec<String> { separated(line) };
    for table in lines.iter().map(words).filter(|words| words[0] == "table") {
        let [_, name] = &table[..] else { return Err(NotRead::NotUnderstood(table.join(" "))) };
        schema.tables.entry(name.to_lowercase()).or_default();
    }
    for line in lines {
        add(&mut schema, &separated(line)).ok_or_else(|| NotRead::NotUnderstood((*line).to_owned()))?;
    }
    match schema.tables.values().any(|table| !table.columns.is_empty()) {
        _ if schema.tables.is_empty() => Err(NotRead::Nothing("table")),
        true => Ok(schema),
        false => Err(NotRead::Nothing("column")),
    }
}

fn separated(line: &str) -> Vec<String> {
    match line.contains('\t') {
        true => line.split('\t').map(|word| word.trim().to_owned()).collect(),
        false => line.split_whitespace().map(str::to_owned).collect(),
    }
}

/// Adds a line's part to its table, which has to be listed too.
fn add(schema: &mut Schema, words: &[String]) -> Option<()> {
    let (kind, rest) = words.split_first()?;
    let (table, rest) = rest.split_first()?;
    let of = schema.tables.get_mut(&table.to_lowercase())?;
    match (kind.as_str(), rest) {
        ("table", []) => {}
        ("column", [name, kind @ ..]) if !kind.is_empty() => {
            of.columns.insert(name.to_lowercase(), listed(&kind.join(" ")));
        }
        ("index", [name]) => {
            of.indexes.insert(name.to_lowercase());
            schema.lists_indexes = true;
        }
        ("constraint", [name]) => {
            of.constraints.insert(name.to_lowercase());
            schema.lists_constraints = true;
        }
        _ => return None,
    }
    Some(())
}

fn listed(kind: &str) -> Listed {
    let (kind, nullable) = match (kind.strip_suffix(" NOT NULL"), kind.strip_suffix(" NULL")) {
        (Some(kind), _) => (kind, Some(false)),
        (None, Some(kind)) => (kind, Some(true)),
        (None, None) => (kind, None),
    };
    Listed { kind: Kind::new(kind), nullable }
}
