//! The comparison of a migration with the database, for people who are tired.

use std::collections::BTreeMap;
use std::fmt;

use super::compare::{Comparison, Extent, Judged, Verdict, Why};
use crate::django::sql::Change;

/// How many statements are named one by one. Of more than these, only the last that is done and the first that is not.
const NAMED: usize = 4;

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&Judged<'_>> =
            self.judged.iter().filter(|judged| !matches!(judged.verdict, Verdict::Unknown(_))).collect();
        let done = known.iter().filter(|judged| judged.verdict == Verdict::Done).count();
        let count = self.judged.len();
        match self.extent() {
            _ if count == 0 => return out.write_str("the migration has no statements"),
            Extent::Unknown => write!(out, "what the database shows of {} cannot be told", statements(count))?,
            Extent::AllDone if done == count => write!(out, "{} in the database", all(count))?,
            Extent::NothingDone => write!(out, "nothing of {} is in the database", statements(count))?,
            _ => write!(
                out,
                "{done} of {} {} in the database",
                statements(count),
                if done == 1 || count == 1 { "is" } else { "are" }
            )?,
        }
        let named = if known.len() <= NAMED { known.clone() } else { around_the_end(&known) };
        let phrases: Vec<String> = named.into_iter().map(phrase).collect();
        if !phrases.is_empty() {
            write!(out, ": {}", phrases.join(", "))?;
        }
        if !self.is_in_order() {
            out.write_str("; they are not in order, so somebody has changed the schema by hand")?;
        }
        let unknown: Vec<&Why> = self.unknown().collect();
        if !unknown.is_empty() {
            write!(out, "; {} cannot be told ({})", unknown.len(), counted(&unknown))?;
        }
        Ok(())
    }
}

fn statements(count: usize) -> String {
    format!("{count} statement{}", if count == 1 { "" } else { "s" })
}

fn all(count: usize) -> String {
    if count == 1 { "its statement is".to_owned() } else { format!("all {count} statements are") }
}

/// The statements where what is done ends and what is not done begins.
fn around_the_end<'a, 'b>(known: &[&'a Judged<'b>]) -> Vec<&'a Judged<'b>> {
    let done = known.iter().rposition(|judged| judged.verdict == Verdict::Done);
    let not_done = known.iter().position(|judged| judged.verdict != Verdict::Done);
    let mut at: Vec<usize> = [done, not_done].into_iter().flatten().collect();
    at.sort_unstable();
    at.into_iter().map(|at| known[at]).collect()
}

/// `RunPython` for one, `2 UPDATE of rows and RunPython` for more.
fn counted(unknown: &[&Why]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for why in unknown {
        *counts.entry(why.to_string()).or_default() += 1;
    }
    let is_single = counts.len() == 1;
    let words =
        counts.into_iter().map(|(why, count)| if count == 1 || is_single { why } else { format!("{count} {why}") });
    words.collect::<Vec<_>>().join(", ")
}

/// `column grades.value is there`, or what else is seen of a statement.
fn phrase(judged: &Judged<'_>) -> String {
    let is_done = match judged.verdict {
        Verdict::Done => true,
        Verdict::NotDone => false,
        Verdict::Partly | Verdict::Unknown(_) => return format!("only a part of `{}` is there", judged.statement.text),
    };
    let phrases: Vec<String> = judged.statement.changes.iter().filter_map(|change| seen(change, is_done)).collect();
    phrases.join(" and ")
}

fn seen(change: &Change, is_done: bool) -> Option<String> {
    let (made, removed) = if is_done { ("is there", "is gone") } else { ("is not", "is still there") };
    let renamed = if is_done { "is renamed to" } else { "is not renamed to" };
    Some(match change {
        Change::CreateTable { table, .. } => format!("table {table} {made}"),
        Change::DropTable { table } => format!("table {table} {removed}"),
        Change::RenameTable { from, to } => format!("table {from} {renamed} {to}"),
        Change::AddColumn { table, column } => format!("column {table}.{} {made}", column.name),
        Change::DropColumn { table, column } => format!("column {table}.{column} {removed}"),
        Change::ModifyColumn { table, column } => {
            let null = match column.nullable {
                Some(true) => " NULL",
                Some(false) => " NOT NULL",
                None => "",
            };
            format!("column {table}.{} {} {}{null}", column.name, if is_done { "is" } else { "is not" }, column.kind)
        }
        Change::RenameColumn { table, from, to } => format!("column {table}.{from} {renamed} {to}"),
        Change::AlterDefault { table, column } => {
            format!("the default of column {table}.{column} {}", if is_done { "is changed" } else { "is not changed" })
        }
        Change::AddIndex { index, .. } => format!("index {index} {made}"),
        Change::DropIndex { index, .. } => format!("index {index} {removed}"),
        Change::RenameIndex { from, to, .. } => format!("index {from} {renamed} {to}"),
        Change::AddConstraint { constraint, .. } => format!("constraint {constraint} {made}"),
        Change::DropConstraint { constraint, .. } => format!("constraint {constraint} {removed}"),
        Change::Unknown(_) => return None,
    })
}
