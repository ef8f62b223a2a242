//! A ledger as Markdown, for a pull request: a table with a row for each patch, and below it what changed.

use cutover_patchstack::ledger::{Account, Entry, Ledger, Named, Side};
use cutover_patchstack::names::ObjectId;

use super::ledger::{told, verdict};
use super::words::plain;

/// `branch verify --markdown`.
#[must_use]
pub fn ledger_markdown(ledger: &Ledger) -> String {
    let mut parts = vec![head(ledger)];
    parts.extend(left_behind(&ledger.left_behind));
    let mut rows: Vec<String> = ledger.entries.iter().map(row).collect();
    rows.extend(ledger.added.iter().map(added));
    if !rows.is_empty() {
        parts.push(format!("| was | now | patch | what became of it |\n|---|---|---|---|\n{}", rows.join("\n")));
    }
    parts.extend(ledger.entries.iter().filter_map(difference));
    parts.join("\n\n") + "\n"
}

fn head(ledger: &Ledger) -> String {
    let side = |name: &str, side: &Side| {
        let found = side.base_name.strip_prefix("is ").unwrap_or(&side.base_name);
        format!("- {name}: `{}` on {} (`{}`)", side.head.short(), text(found), side.base.short())
    };
    format!(
        "## {}: what became of our patches\n\n{}\n\n{}\n{}\n- accounted for by {}, {}",
        text(&ledger.branch),
        text(&verdict(ledger)),
        side("old", &ledger.old),
        side("new", &ledger.new),
        text(&ledger.by),
        ledger.at
    )
}

fn left_behind(commits: &[Named]) -> Option<String> {
    if commits.is_empty() {
        return None;
    }
    let lines = commits.iter().map(|named| format!("- `{}` {}", named.commit.short(), text(&named.subject)));
    let lines: Vec<String> = lines.collect();
    Some(format!("**The new base lacks these commits of upstream's:**\n\n{}", lines.join("\n")))
}

fn row(entry: &Entry) -> String {
    let (now, words) = match &entry.account {
        Account::Kept { now } => (Some(now), "kept".to_owned()),
        Account::Unexplained { what, now, .. } => (now.as_ref(), format!("**UNEXPLAINED**: {}", text(what))),
        account => {
            let (now, words) = told(account);
            (now, text(&words))
        }
    };
    format!("| {} | {} | {} | {words} |", id(Some(&entry.patch.commit)), id(now), text(&entry.patch.subject))
}

fn added(named: &Named) -> String {
    format!("| | {} | {} | new |", id(Some(&named.commit)), text(&named.subject))
}

fn id(commit: Option<&ObjectId>) -> String {
    commit.map_or_else(String::new, |commit| format!("`{}`", commit.short()))
}

/// The difference between two patches, folded.
fn difference(entry: &Entry) -> Option<String> {
    let interdiff = entry.account.interdiff().trim_end();
    if interdiff.is_empty() {
        return None;
    }
    let lines: Vec<String> = interdiff.lines().map(plain).collect();
    let title = format!("{} {}", entry.patch.commit.short(), entry.patch.subject);
    Some(format!(
        "<details><summary>{}</summary>\n\n{}\n\n</details>",
        unlinked(&html(&plain(&title))),
        fenced(&lines.join("\n"))
    ))
}

/// A block of code whose fence is longer than any in it.
fn fenced(code: &str) -> String {
    let longest = code.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}diff\n{code}\n{fence}")
}

/// Text from outside as Markdown that shows it as it is, also within a table.
fn text(text: &str) -> String {
    let mut shown = String::new();
    for letter in html(&plain(text)).chars() {
        if "\\`*_[]|#~!".contains(letter) {
            shown.push('\\');
        }
        shown.push(letter);
    }
    unlinked(&shown)
}

/// Nobody is to be called by a subject that has a name in it, and no issue is to be linked.
fn unlinked(text: &str) -> String {
    text.replace('@', "@\u{200b}").replace('#', "#\u{200b}")
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::ledger::tests::ledger;
    use crate::show::branch::testing::id as commit;

    #[test]
    fn a_ledger_is_a_table_with_the_differences_below_it() {
        let mut ledger = ledger();
        ledger.left_behind = vec![Named { commit: commit(0x71), subject: "Escape names in certificates".to_owned() }];
        insta::assert_snapshot!(ledger_markdown(&ledger));
    }

    #[test]
    fn words_of_others_are_shown_as_they_are() {
        let mut ledger = ledger();
        ledger.entries[0].patch.subject = "a|b <img src=x> [x](http://y) `c` *d*".to_owned();
        let shown = ledger_markdown(&ledger);
        assert!(shown.contains(r"a\|b &lt;img src=x&gt; \[x\](http://y) \`c\` \*d\*"), "{shown}");
        ledger.entries[1].patch.subject = "@alice fixes mit/repo#3".to_owned();
        let shown = ledger_markdown(&ledger);
        assert!(!shown.contains("@alice") && !shown.contains("#3"), "{shown}");
        assert_eq!(fenced("```\nx\n````"), "`````diff\n```\nx\n````\n`````");
    }
}
