//! Commits of upstream's that a new base lacks: they would be gone from the branch, although all of our patches are kept.

use cutover_patchstack::ledger::Named;
use cutover_patchstack::releases::Codename;

use super::words::{fitted, left_out, plain};
use crate::show::text::{WIDTH, count, hang, length};

/// How many commits are shown.
const SHOWN: usize = 8;

/// The warning, with the commits; none if nothing is left behind. `onto` is the new base as the operator knows it, and `leaves` the
/// release that the patches leave for another one: then what upstream made for it is only counted.
pub(super) fn left_behind(commits: &[Named], onto: &str, leaves: Option<&Codename>) -> Option<String> {
    if commits.is_empty() {
        return None;
    }
    if let (Some(release), [newest, .., oldest]) = (leaves, commits) {
        return Some(left_release(commits.len(), newest, oldest, onto, release));
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

fn left_release(number: usize, newest: &Named, oldest: &Named, onto: &str, release: &Codename) -> String {
    let what = format!(
        "{} lacks {number} commits that upstream made for {release} after the two parted. None of them is yours.",
        plain(onto)
    );
    let line = |word: &str, named: &Named| {
        let first = format!("  {word}  {}  ", named.commit.short());
        format!("{first}{}", fitted(&named.subject, WIDTH - length(&first)))
    };
    let title = format!("LEAVES {release}: ");
    format!("{}\n{}\n{}", hang(&title, &what, WIDTH), line("first", oldest), line("last ", newest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::testing::{assert_fits, id};

    #[test]
    fn what_the_branch_would_lack_is_named_and_counted() {
        let named = |number: u8| Named { commit: id(number), subject: format!("Fix number {number} of the release") };
        let text = left_behind(&(1..=10).map(named).collect::<Vec<_>>(), "upstream/open-release/koa.master", None);
        let text = text.expect("a warning");
        assert_fits(&text);
        insta::assert_snapshot!(text);
        assert_eq!(left_behind(&[], "upstream/open-release/koa.master", None), None);
        let koa = Codename("koa".to_owned());
        let commits = (1..=37).rev().map(named).collect::<Vec<_>>();
        let text = left_behind(&commits, "upstream/open-release/lilac.master", Some(&koa)).expect("a note");
        assert_fits(&text);
        insta::assert_snapshot!(text, @"
        LEAVES koa: upstream/open-release/lilac.master lacks 37 commits that upstream
                    made for koa after the two parted. None of them is yours.
          first  0101010101  Fix number 1 of the release
          last   2525252525  Fix number 37 of the release
        ");
        let one = left_behind(&[named(1)], "koa.master", None).expect("a warning").replace('\n', " ");
        assert!(one.contains("lacks 1 commit of") && one.contains("would lack it too:"), "{one}");
    }
}
