//! A ledger as `git range-diff` would print it: one line for each patch, and below it what changed. Unexplained patches
//! come first.

use cutover_patchstack::ledger::{Account, Entry, Hint, How, Ledger, Likeness, Named};
use cutover_patchstack::names::ObjectId;

use super::left_behind::left_behind;
use super::typed::Typed;
use super::words::{base, excerpt, fitted, left_out, patches, plain};
use crate::show::text::{WIDTH, hang, length};

/// How many lines of a difference between two patches are shown.
const INTERDIFF_LINES: usize = 40;
/// Shown where there is no commit.
const NONE: &str = "----------";

/// `branch verify` for people. `typed` has the options that say which branch is meant, and `rebase` those of the rebase under way,
/// if that is what was verified.
#[must_use]
pub fn ledger_text(ledger: &Ledger, typed: &Typed, rebase: Option<&Typed>) -> String {
    let mut parts = vec![head(ledger)];
    let onto = ledger.new.base_name.strip_prefix("is ").unwrap_or(&ledger.new.base_name);
    parts.extend(left_behind(&ledger.left_behind, onto, None));
    parts.extend(ledger.unexplained().map(unexplained));
    let mut lines: Vec<String> = ledger.entries.iter().map(entry).collect();
    lines.extend(ledger.added.iter().map(added));
    if !lines.is_empty() {
        parts.push(lines.join("\n"));
    }
    parts.push(format!("{}\n{}", hang("", &verdict(ledger), WIDTH), next(ledger, typed, rebase)).trim_end().to_owned());
    parts.join("\n\n") + "\n"
}

fn head(ledger: &Ledger) -> String {
    let side = |name: &str, side: &cutover_patchstack::ledger::Side| {
        hang(name, &format!("{} on {}", side.head.short(), base(&side.base, &side.base_name)), WIDTH)
    };
    format!("{}\n{}\n{}", plain(&ledger.branch), side("  old  ", &ledger.old), side("  new  ", &ledger.new))
}

fn unexplained(entry: &Entry) -> String {
    let Account::Unexplained { what, now, interdiff } = &entry.account else { return String::new() };
    let title = format!("UNEXPLAINED  {}  ", entry.patch.commit.short());
    let mut lines = vec![
        format!("{title}{}", fitted(&entry.patch.subject, WIDTH - length(&title))),
        format!("  by    {}", fitted(&entry.author, WIDTH - 8)),
        hang("  what  ", &plain(what), WIDTH),
    ];
    lines.extend(now.as_ref().map(|now| format!("  now   {}", now.short())));
    lines.extend(entry.hints.iter().map(|hint| hang("  hint  ", &plain(&hinted(hint)), WIDTH)));
    lines.extend(difference(interdiff));
    lines.join("\n")
}

/// A commit that may be the same patch.
fn hinted(hint: &Hint) -> String {
    let why = match hint.likeness {
        Likeness::Picked => "one of them says that it was picked from the other",
        Likeness::ChangeId => "both have the same Change-Id",
        Likeness::Subject => "both have the same subject",
    };
    let Hint { commit: Named { commit, subject }, ours, .. } = hint;
    let whose = if *ours { "our" } else { "upstream's" };
    format!("{whose} {} ({subject}) may be the same patch: {why}. That proves nothing", commit.short())
}

fn entry(entry: &Entry) -> String {
    let (now, words) = told(&entry.account);
    let now = now.map_or(NONE, ObjectId::short);
    let mut lines = vec![line(entry.patch.commit.short(), sign(&entry.account), now, &entry.patch.subject)];
    if !words.is_empty() {
        lines.push(hang(&" ".repeat(26), &words, WIDTH));
    }
    let is_above = matches!(entry.account, Account::Unexplained { .. });
    lines.extend(difference(if is_above { "" } else { entry.account.interdiff() }));
    lines.join("\n")
}

/// The sign of an account, as `git range-diff` has them.
const fn sign(account: &Account) -> char {
    match account {
        Account::Kept { .. } => '=',
        Account::Changed { .. } | Account::Adopted { .. } => '!',
        Account::Upstreamed { .. } | Account::Included { .. } => '>',
        Account::Unneeded | Account::Dropped { .. } => 'x',
        Account::Unexplained { .. } => '?',
    }
}

/// The commit that has a patch now, and what became of it in words; none for what is kept as it was.
pub(super) fn told(account: &Account) -> (Option<&ObjectId>, String) {
    match account {
        Account::Kept { now } => (Some(now), String::new()),
        Account::Changed { now, how, .. } => (Some(now), changed(how)),
        Account::Upstreamed { by: Some(by), is_same } => {
            let what = if *is_same { "upstream has it:" } else { "upstream has its content since" };
            (Some(&by.commit), format!("{what} {}", plain(&by.subject)))
        }
        Account::Upstreamed { by: None, .. } => (None, "upstream has the same content in other commits".to_owned()),
        Account::Included { within, number, is_same } => {
            let what = if *is_same { "the same change as" } else { "its content is in" };
            (Some(&within.commit), format!("{what} our patch {number}: {}", plain(&within.subject)))
        }
        Account::Unneeded => (None, "the release had its content before our patches".to_owned()),
        Account::Adopted { now, because, by, how, .. } => {
            let kept = format!("upstream withdrew it; kept by {} because: {}", plain(by), plain(because));
            (Some(now), how.iter().fold(kept, |kept, how| format!("{kept}; {}", changed(how))))
        }
        Account::Dropped { because, by } => (None, format!("dropped by {} because: {}", plain(by), plain(because))),
        Account::Unexplained { now, .. } => (now.as_ref(), "UNEXPLAINED, see above".to_owned()),
    }
}

fn changed(how: &How) -> String {
    match how {
        How::Merged => "git merged it; the lines around it changed upstream".to_owned(),
        How::Resolved(files) => format!("a person resolved a conflict in {}", plain(&files.join(", "))),
        How::Reworded(what) => format!("the same change with another {}", what.join(" and ")),
        How::Explained(because) => format!("changed because: {}", plain(because)),
    }
}

fn added(named: &Named) -> String {
    line(NONE, '+', named.commit.short(), &named.subject)
}

fn line(old: &str, sign: char, new: &str, subject: &str) -> String {
    let first = format!("{old:<10} {sign} {new:<10}   ");
    format!("{first}{}", fitted(subject, WIDTH - length(&first))).trim_end().to_owned()
}

fn difference(interdiff: &str) -> Vec<String> {
    let (mut lines, more) = excerpt(interdiff.trim_end(), "    | ", INTERDIFF_LINES, WIDTH);
    lines.extend(left_out("    | ", more, "line"));
    lines
}

pub(super) fn verdict(ledger: &Ledger) -> String {
    let number = |of: fn(&Account) -> bool| ledger.entries.iter().filter(|entry| of(&entry.account)).count();
    let words = [
        (number(|account| matches!(account, Account::Unexplained { .. })), "UNEXPLAINED"),
        (number(|account| matches!(account, Account::Kept { .. })), "kept"),
        (number(|account| matches!(account, Account::Changed { .. })), "changed"),
        (number(|account| matches!(account, Account::Upstreamed { .. })), "already upstream"),
        (number(|account| matches!(account, Account::Included { .. })), "in another patch of ours"),
        (number(|account| matches!(account, Account::Unneeded)), "not needed"),
        (number(|account| matches!(account, Account::Adopted { .. })), "adopted from upstream"),
        (number(|account| matches!(account, Account::Dropped { .. })), "dropped"),
        (ledger.added.len(), "new"),
    ];
    let words: Vec<String> =
        words.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    let all = if words.is_empty() { "no patch".to_owned() } else { words.join(", ") };
    if ledger.is_complete() {
        format!(
            "Every patch is accounted for: {all}. The ledger was written, as a note on {}.",
            ledger.new.head.short()
        )
    } else {
        format!("NOT every patch is accounted for: {all}. No ledger was written, and the branch cannot be published.")
    }
}

fn next(ledger: &Ledger, typed: &Typed, rebase: Option<&Typed>) -> String {
    let Some(first) = ledger.unexplained().next() else {
        return format!("\nType:  {}", typed.command("publish", ""));
    };
    let explain =
        ledger.unexplained().map(|entry| format!("--explain {} --because \"...\"", entry.patch.commit.short()));
    let explain = explain.collect::<Vec<String>>().join(" ");
    let what = match ledger.unexplained().count() {
        1 => "Correct the new stack, or explain why it is right as it is:".to_owned(),
        number => {
            format!("Correct the new stack, or explain why each of these {} is right as it is:", patches(number))
        }
    };
    let has_it = matches!(first.account, Account::Unexplained { now: Some(_), .. });
    let skip = rebase.filter(|_| has_it).map_or_else(String::new, |rebase| {
        let patch = first.patch.commit.short();
        let again = rebase.command("rebase", &format!("--unskip {patch}"));
        let skip = rebase.command("rebase", &format!("--skip {patch} --because \"...\""));
        format!("\nIf its conflict was resolved wrongly, resolve it again:\n  {again}\nOr leave it out of the rebase:\n  {skip}")
    });
    format!("\n{what}\n  {}{skip}", typed.command("verify", &explain))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::show::branch::testing::{assert_fits, empty_ledger, id};

    fn named(number: u8, subject: &str) -> Named {
        Named { commit: id(number), subject: subject.to_owned() }
    }

    fn entry(number: u8, subject: &str, account: Account) -> Entry {
        Entry { patch: named(number, subject), author: "Alice <alice@mit.edu>".to_owned(), account, hints: Vec::new() }
    }

    pub(in crate::show::branch) fn ledger() -> Ledger {
        let interdiff =
            "@@ lms/envs/production.py\n  ##\n- CDN_URL = ENV_TOKENS.get('CDN_URL')\n+ CDN_URL = storage.CDN_URL\n";
        Ledger {
            entries: vec![
                entry(1, "Set the session cookie's name from the environment", Account::Kept { now: id(0x11) }),
                entry(
                    2,
                    "Pin the version of edx-sga",
                    Account::Changed { now: id(0x12), how: How::Merged, interdiff: String::new() },
                ),
                entry(
                    3,
                    "Serve course assets from the CDN",
                    Account::Changed {
                        now: id(0x13),
                        how: How::Resolved(vec!["lms/envs/production.py".to_owned()]),
                        interdiff: interdiff.to_owned(),
                    },
                ),
                entry(
                    4,
                    "Fix a typo",
                    Account::Upstreamed { by: Some(named(0x94, "Fix a typo in the registration form")), is_same: true },
                ),
                entry(
                    5,
                    "Turn the banner off",
                    Account::Upstreamed { by: Some(named(0x95, "Remove all banners")), is_same: false },
                ),
                entry(
                    9,
                    "Correct the CDN's address",
                    Account::Included {
                        within: named(0x13, "Serve course assets from the CDN"),
                        number: 3,
                        is_same: false,
                    },
                ),
                entry(
                    6,
                    "Show the old logo",
                    Account::Dropped {
                        because: "the theme has it since koa".to_owned(),
                        by: "Bob <bob@mit.edu>".to_owned(),
                    },
                ),
            ],
            added: vec![named(0x17, "Read the CDN's address from the storage settings")],
            left_behind: Vec::new(),
            ..empty_ledger()
        }
    }

    #[test]
    fn a_complete_ledger_has_a_line_a_patch_and_ends_in_the_command_that_publishes() {
        let text = ledger_text(&ledger(), &Typed::default().with("--branch", Some("mitx/koa")), None);
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_nobody_can_account_for_comes_first_and_nothing_is_offered_to_publish() {
        let mut ledger = ledger();
        let missing = Account::Unexplained { what: "it is missing".to_owned(), now: None, interdiff: String::new() };
        let edited = Account::Unexplained {
            what: "it is not what git makes of it on the new base, and nobody resolved a conflict in it".to_owned(),
            now: Some(id(0x18)),
            interdiff: "- a\n+ b\n".to_owned(),
        };
        ledger.entries.insert(1, entry(7, "Limit uploads to 10 MB", missing));
        ledger.entries[1].hints =
            vec![Hint { commit: named(0x96, "Limit the size of uploads"), ours: false, likeness: Likeness::ChangeId }];
        ledger.entries.push(entry(8, "Log the learner's id", edited));
        let text = ledger_text(&ledger, &Typed::default(), None);
        assert_fits(&text);
        assert!(!text.contains("publish\n"), "{text}");
        ledger.entries.remove(1);
        let rebase = Typed::default().with("--branch", Some("mitx/koa"));
        let leave_out = "rebase --branch mitx/koa --skip 0808080808 --because \"...\"\n";
        assert!(ledger_text(&ledger, &rebase, Some(&rebase)).ends_with(leave_out));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_long_difference_is_cut_with_a_count() {
        let mut ledger = ledger();
        let interdiff = (0..100).map(|line| format!("+ line {line}\n")).collect();
        ledger.entries[1].account = Account::Changed { now: id(0x12), how: How::Merged, interdiff };
        assert!(ledger_text(&ledger, &Typed::default(), None).contains("(60 more lines not shown: --json lists all)"));
    }

    #[test]
    fn a_patch_that_is_kept_and_was_changed_as_well_says_why_both() {
        let mut ledger = ledger();
        ledger.entries[1].account = Account::Adopted {
            now: id(0x12),
            known_from: "it was in upstream/open-release/koa.rc2 until 2020-12-01".to_owned(),
            because: "our theme needs it".to_owned(),
            by: "Alice".to_owned(),
            how: Some(How::Resolved(vec!["theme.scss".to_owned()])),
            interdiff: String::new(),
        };
        let text = ledger_text(&ledger, &Typed::default(), None).split_whitespace().collect::<Vec<&str>>().join(" ");
        assert!(
            text.contains("kept by Alice because: our theme needs it; a person resolved a conflict in theme.scss"),
            "{text}"
        );
    }
}
