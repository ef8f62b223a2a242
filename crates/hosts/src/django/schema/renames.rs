//! The tables that a migration renames, under one name each.

use std::collections::BTreeMap;

use crate::django::sql::Change;

/// For each change, the last name of its table, and the names of the tables that are renamed by their last one.
///
/// From the end to the beginning: before a table is renamed, its old name means the table with the new one, and its new name
/// means another table, if any.
pub(super) fn renames(changes: &[&Change]) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut of_changes = Vec::with_capacity(changes.len());
    for change in changes.iter().rev() {
        let name = table(change).to_lowercase();
        if let Change::RenameTable { from, to } = change {
            let (from, to) = (from.to_lowercase(), to.to_lowercase());
            let final_name = last.remove(&to).unwrap_or_else(|| to.clone());
            let known = names.entry(final_name.clone()).or_insert_with(|| vec![to.clone()]);
            known.insert(0, from.clone());
            last.insert(from, final_name);
        }
        of_changes.push(last.get(&name).cloned().unwrap_or(name));
    }
    of_changes.reverse();
    (of_changes, names)
}

/// The table that a change is about, by its name before.
fn table(change: &Change) -> &str {
    match change {
        Change::CreateTable { table, .. }
        | Change::DropTable { table }
        | Change::RenameTable { from: table, .. }
        | Change::AddColumn { table, .. }
        | Change::DropColumn { table, .. }
        | Change::ModifyColumn { table, .. }
        | Change::RenameColumn { table, .. }
        | Change::AlterDefault { table, .. }
        | Change::AddIndex { table, .. }
        | Change::DropIndex { table, .. }
        | Change::RenameIndex { table, .. }
        | Change::AddConstraint { table, .. }
        | Change::DropConstraint { table, .. } => table,
        Change::Unknown(_) => "",
    }
}
