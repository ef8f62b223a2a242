//! The rows of tables before and after migrations, for logs, statuses and reports.

use cutover_core::journal::{Fact, Upgrade};
use cutover_core::rows::{CountedWhen, RowCounts};
use cutover_core::status::Status;

use super::text::{WIDTH, hang};

/// What a log says of rows that were just counted; nothing if none are missing.
pub(super) fn told(upgrade: &Upgrade, fact: &Fact) -> Option<String> {
    let Fact::Rows { database, when: CountedWhen::After, .. } = fact else { return None };
    let lost = upgrade.rows.get(database).map(RowCounts::lost).unwrap_or_default();
    (!lost.is_empty()).then(|| format!("FEWER ROWS since the migrations on {database}: {}", lost.join(", ")))
}

/// What a person has to look at before visitors come back, for a status.
pub(super) fn attention(status: &Status) -> Option<String> {
    let about = "these tables have fewer rows since the migrations. Find out whether a migration was to remove them before \
                 visitors come back; the snapshot has them:";
    let lines = status.lost_rows.iter().map(|lost| hang("         ", lost, WIDTH));
    let lines: Vec<String> = std::iter::once(hang("ROWS     ", about, WIDTH)).chain(lines).collect();
    (lines.len() > 1).then(|| lines.join("\n"))
}

/// The section of a report; nothing if no rows were counted.
pub(super) fn report(upgrade: &Upgrade) -> Option<String> {
    let line = |text: &String| hang("- ", text, WIDTH);
    let of = |counts: &RowCounts| {
        let lost = counts.lost();
        let lost = (!lost.is_empty()).then(|| format!("**Fewer rows than before**: {}", lost.join(", ")));
        lost.iter().chain(&counts.words()).map(line).collect::<Vec<_>>()
    };
    let lines: Vec<String> = upgrade.rows.values().flat_map(of).collect();
    (!lines.is_empty()).then(|| format!("## Rows before and after the migrations\n\n{}", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use cutover_core::rows::TableRows;

    use super::*;

    fn counted(rows: [u64; 2]) -> Vec<TableRows> {
        let table =
            |(table, rows): (&str, u64)| TableRows { table: table.to_owned(), rows: Some(rows), is_estimate: false };
        ["edxapp.auth_user", "edxapp.grades"].into_iter().zip(rows).map(table).collect()
    }

    fn with(after: [u64; 2]) -> Upgrade {
        let counts = RowCounts { before: counted([1204, 88]), after: counted(after) };
        Upgrade { rows: [("rds".into(), counts)].into(), ..Upgrade::default() }
    }

    #[test]
    fn the_report_has_both_numbers_and_begins_with_what_is_missing() {
        insta::assert_snapshot!(report(&with([1200, 90])).expect("a section"), @"
        ## Rows before and after the migrations

        - **Fewer rows than before**: edxapp.auth_user (1,204 -> 1,200)
        - edxapp.auth_user: 1,204 -> 1,200
        - edxapp.grades: 88 -> 90
        ");
        assert_eq!(report(&Upgrade::default()), None);
    }

    #[test]
    fn a_log_tells_of_rows_only_if_some_are_missing() {
        let told =
            |upgrade: &Upgrade, when| told(upgrade, &Fact::Rows { database: "rds".into(), when, tables: Vec::new() });
        let words = "FEWER ROWS since the migrations on rds: edxapp.auth_user (1,204 -> 1,200)";
        assert_eq!(told(&with([1200, 90]), CountedWhen::After).as_deref(), Some(words));
        assert_eq!(told(&with([1204, 90]), CountedWhen::After), None);
        assert_eq!(told(&with([1200, 90]), CountedWhen::Before), None);
    }
}
