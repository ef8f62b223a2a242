//! Commits of upstream's that a new base lacks: they would be gone from the branch, although all of our patches are kept.

use cutover_patchstack::ledger::Named;

use super::words::{fitted, left_out, plain};
use crate::show::text::{WIDTH, count, hang, length};

/// How many commits are shown.
const SHOWN: usize = 8;

/// The warning, with the commits; none if nothing is left behind. `onto` is the new base as the operator knows it.
pub(super) fn left_behind(commits: &[Named], onto: &str) -> Option<String> {
    if commits.is_empty() {
        return None;
    }
    let what = format!(
        "{} lacks {} of upstream's that the branch is based on now. Rebased onto it, the branch would lack {} too:",
        plain(onto),
        count(commits.len(), "commit"),
        if commits.len() == 1 { "it" } else { "them" }
    );
    let mut lines = vec![hang("GOES BACKWARDS: ", &what, WIDTH)];
    lines.extend(commits.iter().take(SHOWN).map(|named| {
        let first = format!("  {}  ", named.commit.short());
        format!("{first}{}", fitted(&named.subject, WIDTH - length(&first)))
    }));
    lines.extend(left_out("  ", commits.len().saturating_sub(SHOWN), "commit"));
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::testing::{assert_fits, id};

    #[test]
    fn what_the_branch_would_lack_is_named_and_counted() {
        let named = |number: u8| Named { commit: id(number), subject: format!("Fix number {number} of the release") };
        let text = left_behind(&(1..=10).map(named).collect::<Vec<_>>(), "upstream/open-release/koa.master");
        let text = text.expect("a warning");
        assert_fits(&text);
        insta::assert_snapshot!(text);
        assert_eq!(left_behind(&[], "upstream/open-release/koa.master"), None);
        let one = left_behind(&[named(1)], "koa.master").expect("a warning").replace('\n', " ");
        assert!(one.contains("lacks 1 commit of") && one.contains("would lack it too:"), "{one}");
    }
}
