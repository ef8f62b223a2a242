//! The tables whose rows are counted.

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::{Mistake, list};
use crate::deployment::{Database, Deployment};

pub(super) const RULES: &[Rule] = &[tables_are_counted, tables_name_their_schema, tables_are_named_once];

fn tables_are_counted(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, database) in deployment.databases.iter().enumerate() {
        let node = file.get("database").item(index);
        match (database.count_rows_command.is_empty(), database.tables.is_empty()) {
            (true, false) => {
                let message = "`tables` without `count_rows_command`";
                mistakes.push(Mistake::at(node.get("tables"), message, "add count_rows_command = [...] beside it"));
            }
            (false, true) => {
                let message = "`count_rows_command` without `tables`";
                let label = "add tables = [\"edxapp.courseware_studentmodule\"] beside it";
                mistakes.push(Mistake::at(node.get("count_rows_command"), message, label));
            }
            _ => {}
        }
    }
    mistakes
}

fn tables_name_their_schema(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, database) in deployment.databases.iter().enumerate() {
        let wrong = database.tables.iter().enumerate().filter(|(_, table)| !is_on(database, table));
        for (nth, table) in wrong {
            let node = file.get("database").item(index).get("tables").item(nth);
            let message = format!("`{table}` is no table of a schema of this database");
            let label = format!("write SCHEMA.TABLE, with a schema of its own: {}", list(&database.schemas, "or"));
            mistakes.push(Mistake::at(node, message, label));
        }
    }
    mistakes
}

/// Whether this is a table of one of the database's schemas.
fn is_on(database: &Database, table: &str) -> bool {
    let parts = table.split_once('.').filter(|(_, name)| !name.is_empty() && !name.contains(char::is_whitespace));
    parts.is_some_and(|(schema, _)| database.schemas.iter().any(|known| known.as_str() == schema))
}

fn tables_are_named_once(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, database) in deployment.databases.iter().enumerate() {
        let repeated = (0..).zip(&database.tables).filter(|(nth, table)| database.tables[..*nth].contains(table));
        for (nth, table) in repeated {
            let node = file.get("database").item(index).get("tables").item(nth);
            mistakes.push(Mistake::at(node, format!("table `{table}` appears twice"), "already named above"));
        }
    }
    mistakes
}
