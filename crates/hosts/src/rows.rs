//! The rows of tables, as a command of the deployment file counts them. It prints a line for each table: its name, a tab, and the
//! number of its rows, `~` and an estimate, or `-` if there is no such table.

use cutover_core::rows::TableRows;

use crate::command::Said;
use crate::failed::CommandFailed;

/// Why rows are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// It printed no line for a table.
    #[error("it printed no line for {0}")]
    Missing(String),
    /// What it printed for a table is no number.
    #[error("it printed no number for {table}: `{printed}`")]
    NotANumber {
        /// The table.
        table: String,
        /// What it printed.
        printed: String,
    },
}

/// The rows of these tables, in their order.
///
/// # Errors
/// When the command failed, or has not told the rows of every table.
pub fn read(said: &Said, tables: &[String]) -> Result<Vec<TableRows>, NotCounted> {
    CommandFailed::check(said)?;
    tables.iter().map(|table| of_table(&said.stdout, table)).collect()
}

fn of_table(printed: &str, table: &str) -> Result<TableRows, NotCounted> {
    let told = |line: &'_ str| {
        Some(line.split_once('\t')?).filter(|(name, _)| *name == table).map(|(_, rows)| rows.trim().to_owned())
    };
    let rows = printed.lines().find_map(told).ok_or_else(|| NotCounted::Missing(table.to_owned()))?;
    let (number, is_estimate) = match rows.strip_prefix('~') {
        Some(estimate) => (estimate, true),
        None => (rows.as_str(), false),
    };
    if rows == "-" {
        return Ok(TableRows { table: table.to_owned(), rows: None, is_estimate });
    }
    match number.parse() {
        Ok(count) => Ok(TableRows { table: table.to_owned(), rows: Some(count), is_estimate }),
        Err(_) => Err(NotCounted::NotANumber { table: table.to_owned(), printed: rows }),
    }
}

/// What a command prints for these tables, for a simulation.
#[must_use]
pub fn printed(tables: &[TableRows]) -> String {
    let rows = |table: &TableRows| match table.rows {
        None => "-".to_owned(),
        Some(rows) if table.is_estimate => format!("~{rows}"),
        Some(rows) => rows.to_string(),
    };
    tables.iter().map(|table| format!("{}\t{}\n", table.table, rows(table))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(exit: i32, stdout: &str) -> Said {
        Said { exit, stdout: stdout.to_owned(), stderr: "ERROR 2002\n".to_owned() }
    }

    #[test]
    fn every_table_needs_a_number_an_estimate_or_that_it_is_not_there() {
        let tables = ["e.users", "e.modules", "e.gone"].map(str::to_owned);
        let rows = |text: &str| read(&said(0, text), &tables).map_err(|why| why.to_string());
        let text = "a warning\ne.modules\t~180000000\ne.users\t1204\ne.gone\t-\n";
        let known = rows(text).expect("rows");
        let numbers: Vec<_> = known.iter().map(|table| (table.rows, table.is_estimate)).collect();
        assert_eq!(numbers, [(Some(1204), false), (Some(180_000_000), true), (None, false)]);
        assert_eq!(rows(&printed(&known)), Ok(known));
        assert_eq!(rows("e.users\t1\n"), Err("it printed no line for e.modules".to_owned()));
        assert_eq!(rows("e.users\tNULL\n"), Err("it printed no number for e.users: `NULL`".to_owned()));
        assert_eq!(rows("e.users\t~\n"), Err("it printed no number for e.users: `~`".to_owned()));
        let failed = read(&said(1, text), &tables).map_err(|why| why.to_string());
        assert_eq!(failed, Err("exit status 1: ERROR 2002".to_owned()));
    }
}
