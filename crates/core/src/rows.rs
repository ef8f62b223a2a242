//! How many rows tables have, before the migrations of a window and after them.

use serde::{Deserialize, Serialize};

use crate::words::grouped;

/// From how many rows on a table is large: a migration that rewrites it takes ten minutes or more.
const LARGE: u64 = 10_000_000;

/// When rows are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountedWhen {
    /// Before the migrations, once nothing writes any more.
    Before,
    /// After them.
    After,
}

/// How many rows a table has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// The table with its schema, such as `edxapp.courseware_studentmodule`.
    pub table: String,
    /// How many; `None` if there is no such table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Whether the database has estimated the number, which may be wrong by half.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_estimate: bool,
}

impl TableRows {
    /// Whether a migration that rewrites the table takes long.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.rows.is_some_and(|rows| rows >= LARGE)
    }

    /// The number in words, such as `1,204`, `about 180,000,000` or `no such table`.
    #[must_use]
    pub fn words(&self) -> String {
        match self.rows {
            None => "no such table".to_owned(),
            Some(rows) if self.is_estimate => format!("about {}", grouped(rows)),
            Some(rows) => grouped(rows),
        }
    }

    /// Whether rows are missing that were there `before`. Estimates tell nothing of that.
    fn has_lost(&self, before: &Self) -> bool {
        self.rows < before.rows && !self.is_estimate && !before.is_estimate
    }
}

/// How many rows the tables of a database instance had before the migrations of a window, and how many after them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Before the migrations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<TableRows>,
    /// After them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TableRows>,
}

impl RowCounts {
    /// Keeps what was counted. Of several counts the last one holds.
    pub fn keep(&mut self, when: CountedWhen, tables: &[TableRows]) {
        let kept = match when {
            CountedWhen::Before => &mut self.before,
            CountedWhen::After => &mut self.after,
        };
        tables.clone_into(kept);
    }

    /// What is known of each table, such as `edxapp.auth_user: 1,204 -> 1,204`.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let after = |table: &TableRows| named(&self.after, &table.table);
        let compared = self.before.iter().map(|before| match after(before) {
            Some(after) => format!("{}: {} -> {}", before.table, before.words(), after.words()),
            None => format!("{}: {} before, not counted after", before.table, before.words()),
        });
        let new = self.after.iter().filter(|after| named(&self.before, &after.table).is_none());
        let new = new.map(|after| format!("{}: not counted before, {} after", after.table, after.words()));
        compared.chain(new).collect()
    }

    /// The tables that have lost rows, each with both numbers.
    #[must_use]
    pub fn lost(&self) -> Vec<String> {
        let pairs = self.before.iter().filter_map(|before| Some((before, named(&self.after, &before.table)?)));
        let lost = pairs.filter(|(before, after)| after.has_lost(before));
        lost.map(|(before, after)| format!("{} ({} -> {})", before.table, before.words(), after.words())).collect()
    }
}

fn named<'a>(tables: &'a [TableRows], name: &str) -> Option<&'a TableRows> {
    tables.iter().find(|table| table.table == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: Option<u64>, is_estimate: bool) -> TableRows {
        TableRows { table: name.to_owned(), rows, is_estimate }
    }

    #[test]
    fn numbers_are_compared_by_table_and_only_exact_ones_tell_of_lost_rows() {
        let mut counts = RowCounts::default();
        let before = [("u", 1204, false), ("m", 180_000_000, true), ("gone", 7, false), ("old", 1, false)];
        counts.keep(CountedWhen::Before, &before.map(|(name, rows, guess)| table(name, Some(rows), guess)));
        let after = [table("u", Some(1200), false), table("m", Some(9), true), table("gone", None, false)];
        counts.keep(CountedWhen::After, &after);
        assert_eq!(
            counts.words(),
            [
                "u: 1,204 -> 1,200",
                "m: about 180,000,000 -> about 9",
                "gone: 7 -> no such table",
                "old: 1 before, not counted after",
            ]
        );
        assert_eq!(counts.lost(), ["u (1,204 -> 1,200)", "gone (7 -> no such table)"]);
        counts.keep(CountedWhen::Before, &after);
        assert_eq!(counts.lost(), [""; 0]);
        counts.keep(CountedWhen::Before, &[]);
        assert_eq!(counts.words()[0], "u: not counted before, 1,200 after");
    }
}
