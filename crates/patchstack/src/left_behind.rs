//! What a rebase leaves behind: commits of upstream's that the stack stands on and that its new base lacks.
//!
//! A rebase takes only our patches along. If the new base lacks something that the old one had, that is gone from the branch,
//! although every one of our patches is kept. Candidates of a release have been withdrawn and cut again from an earlier commit,
//! and a `.master` can be behind a point release.

use crate::error::{Error, Result};
use crate::ledger::Named;
use crate::names::ObjectId;
use crate::releases::Codename;
use crate::repository::Repository;

/// How many commits an error names.
const NAMED: usize = 5;

/// The commits of upstream's that `base` has and `onto` lacks, newest first, without merges. Not those that `onto` has as other
/// commits with the same change, as upstream backports fixes to its releases.
///
/// # Errors
/// When git fails.
pub(crate) fn left_behind(repository: &Repository, base: &ObjectId, onto: &ObjectId) -> Result<Vec<Named>> {
    if repository.is_ancestor(base, onto)? {
        return Ok(Vec::new());
    }
    let call = repository
        .log(format!("look for what {} has and {} lacks", base.short(), onto.short()))
        .options(&["-z", "--no-merges", "--topo-order", "--cherry-pick", "--right-only", "--format=%H%x01%s"])
        .operands([format!("{onto}...{base}")]);
    let text = repository.git().text(&call)?;
    let named = |record: &str| {
        let (commit, subject) = record.split_once('\u{1}')?;
        Some(Named::new(&ObjectId::parse(commit.trim())?, subject))
    };
    Ok(text.split('\0').filter_map(named).collect())
}

/// Refuses to leave commits behind unless that was asked for. `branch` has them now; `leaves` is the release that the patches leave for another one.
///
/// # Errors
/// When there are any, and `backwards` is not set.
pub(crate) fn refuse(
    left_behind: &[Named],
    branch: &str,
    onto: &str,
    leaves: Option<&Codename>,
    backwards: bool,
) -> Result<()> {
    if left_behind.is_empty() || backwards {
        return Ok(());
    }
    if let (Some(release), [newest, .., oldest]) = (leaves, left_behind) {
        return Err(Error::refused(
            format!(
                "{onto} lacks {} commits that upstream made for {release} after the two parted, from {} ({}) to {} ({}); none of \
                 them is yours",
                left_behind.len(),
                oldest.commit.short(),
                oldest.subject,
                newest.commit.short(),
                newest.subject
            ),
            "nothing was changed; the same command with --backwards leaves them behind, which the ledger records",
        ));
    }
    let named = left_behind.iter().take(NAMED).map(|it| format!("{} ({})", it.commit.short(), it.subject));
    let more = match left_behind.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let commits = if left_behind.len() == 1 { "a commit" } else { &format!("{} commits", left_behind.len()) };
    Err(Error::refused(
        format!(
            "{onto} lacks {commits} of upstream's that the patches stand on now: {}{more}",
            named.collect::<Vec<String>>().join(", ")
        ),
        format!(
            "nothing was changed; choose a release that has them (`cutover branch forecast --branch {branch} --all-candidates` \
             compares them), or leave them behind with --backwards, which the ledger records"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn subjects(sandbox: &Sandbox, base: &str, onto: &str) -> Vec<String> {
        let left = left_behind(&sandbox.open(), &sandbox.id(base), &sandbox.id(onto)).expect("listed");
        left.into_iter().map(|named| named.subject).collect()
    }

    #[test]
    fn a_release_that_contains_the_base_leaves_nothing_behind_and_one_before_it_all_that_came_between() {
        let sandbox = Sandbox::new();
        sandbox.commit("Branched", &[("a", "1\n")]);
        sandbox.git(&["tag", "master"]);
        sandbox.commit("Fix one", &[("a", "2\n")]);
        sandbox.commit("Fix two", &[("b", "2\n")]);
        sandbox.git(&["tag", "rc3"]);
        assert_eq!(subjects(&sandbox, "master", "rc3"), Vec::<String>::new());
        assert_eq!(subjects(&sandbox, "rc3", "rc3"), Vec::<String>::new());
        assert_eq!(subjects(&sandbox, "rc3", "master"), ["Fix two", "Fix one"]);
    }

    #[test]
    fn a_backport_is_not_left_behind_where_the_release_has_the_same_change_as_another_commit() {
        let sandbox = Sandbox::new();
        sandbox.commit("Branched", &[("a", "1\n2\n3\n"), ("z", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "-b", "koa"]);
        sandbox.commit("Backported", &[("a", "1\n2\nthree\n")]);
        sandbox.commit("Version 1.2", &[("version", "1.2\n")]);
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.commit("Something else", &[("z", "2\n")]);
        sandbox.commit("Fixed", &[("a", "1\n2\nthree\n")]);
        assert_eq!(subjects(&sandbox, "koa", "main"), ["Version 1.2"]);
    }

    #[test]
    fn an_error_counts_all_of_them_and_names_the_first() {
        let commit = ObjectId::parse(&"a".repeat(40)).expect("an id");
        let left: Vec<Named> = (1..=7).map(|number| Named::new(&commit, &format!("Fix {number}"))).collect();
        let error = refuse(&left, "mitx/koa", "koa.master", None, false).expect_err("refused");
        assert!(error.to_string().starts_with("koa.master lacks 7 commits of upstream's"), "{error}");
        assert!(error.to_string().ends_with("aaaaaaaaaa (Fix 5) and 2 more"), "{error}");
        assert!(error.hint().contains("--backwards"), "{}", error.hint());
        refuse(&left, "mitx/koa", "koa.master", None, true).expect("asked for");
        refuse(&[], "mitx/koa", "koa.master", None, false).expect("nothing is left behind");
        let koa = Codename("koa".to_owned());
        let error = refuse(&left, "mitx/koa", "lilac.master", Some(&koa), false).expect_err("refused");
        let words =
            "lilac.master lacks 7 commits that upstream made for koa after the two parted, from aaaaaaaaaa (Fix 7) to";
        assert!(error.to_string().starts_with(words), "{error}");
        assert!(error.to_string().ends_with("(Fix 1); none of them is yours"), "{error}");
    }
}
