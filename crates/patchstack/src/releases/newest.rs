//! The order of upstream's candidates of a release. A later one contains the earlier ones: upstream cuts candidates ahead of
//! `.master`, and moves `.master` ahead of point tags, so names alone do not tell.

use std::collections::BTreeMap;

use super::Release;
use crate::error::Result;
use crate::names::ObjectId;
use crate::repository::{Ref, Repository, ids};

/// Candidates of one release in order, the newest last: by how many commits they contain, then by their names. Where names say
/// the same, a branch comes after a tag, and a later commit after an earlier one.
///
/// # Errors
/// When git cannot count.
pub fn in_order(repository: &Repository, mut candidates: Vec<(Release, Ref)>) -> Result<Vec<(Release, Ref)>> {
    let sizes = sizes(repository, &candidates)?;
    candidates.sort_by(|one, other| key(one, &sizes).cmp(&key(other, &sizes)));
    Ok(candidates)
}

fn key<'a>((release, found): &'a (Release, Ref), sizes: &BTreeMap<ObjectId, usize>) -> impl Ord + use<'a> {
    let is_branch = !found.name.as_str().starts_with("refs/tags/");
    (sizes.get(&found.commit).copied(), release.candidate, is_branch, found.committed, found.name.as_str())
}

/// How many commits each of them has beyond what all of them have. One that contains another has more.
fn sizes(repository: &Repository, candidates: &[(Release, Ref)]) -> Result<BTreeMap<ObjectId, usize>> {
    let mut commits: Vec<&ObjectId> = candidates.iter().map(|(_, found)| &found.commit).collect();
    commits.sort();
    commits.dedup();
    if commits.len() < 2 {
        return Ok(BTreeMap::new());
    }
    let common = common(repository, &commits)?;
    let sized = commits.into_iter().map(|commit| Ok((commit.clone(), repository.count(commit, &common)?)));
    sized.collect()
}

/// A commit that all of them contain, if there is one.
fn common(repository: &Repository, commits: &[&ObjectId]) -> Result<Option<ObjectId>> {
    let call = repository
        .call("merge-base", "compare upstream's candidates")
        .options(&["--octopus"])
        .operands(commits.iter().map(|commit| commit.as_str()));
    let output = repository.git().run(&call)?;
    Ok(ids(&output.stdout).into_iter().next())
}

#[cfg(test)]
mod tests {
    use crate::releases::Conventions;
    use crate::testing::Sandbox;

    /// The names of upstream's candidates, in order.
    fn order(sandbox: &Sandbox) -> Vec<String> {
        let repository = sandbox.open();
        let refs = Conventions::default().upstream_refs(&repository).expect("listed");
        let candidates = refs.into_iter().filter_map(|(found, release)| Some((release?, found))).collect();
        let order = super::in_order(&repository, candidates).expect("in order");
        order.into_iter().map(|(_, found)| found.name.short().to_owned()).collect()
    }

    fn at_head(sandbox: &Sandbox, names: &[&str]) {
        for name in names {
            sandbox.git(&["update-ref", &format!("refs/{name}"), "HEAD"]);
        }
    }

    #[test]
    fn a_candidate_that_was_cut_ahead_of_master_is_newer_and_so_is_a_master_ahead_of_a_point_tag() {
        let sandbox = Sandbox::new();
        sandbox.commit("branched", &[("a", "1\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.master"]);
        sandbox.commit("rc", &[("a", "2\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.rc3"]);
        assert_eq!(order(&sandbox), ["upstream/open-release/koa.master", "upstream/open-release/koa.rc3"]);
        at_head(&sandbox, &["tags/open-release/koa.1"]);
        sandbox.commit("fixes", &[("a", "3\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.master"]);
        assert_eq!(
            order(&sandbox),
            ["upstream/open-release/koa.rc3", "open-release/koa.1", "upstream/open-release/koa.master"]
        );
    }

    #[test]
    fn where_neither_contains_the_other_the_one_with_more_commits_is_newer_and_names_break_ties() {
        let sandbox = Sandbox::new();
        sandbox.commit("branched", &[("a", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "-b", "side"]);
        sandbox.commit("point", &[("b", "1\n")]);
        at_head(&sandbox, &["tags/open-release/koa.1"]);
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.commit("one", &[("a", "2\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.master", "tags/open-release/koa.master"]);
        let tie = ["open-release/koa.master", "upstream/open-release/koa.master", "open-release/koa.1"];
        assert_eq!(order(&sandbox), tie);
        sandbox.commit("two", &[("a", "3\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.master"]);
        assert_eq!(order(&sandbox).last().map(String::as_str), Some("upstream/open-release/koa.master"));
    }

    #[test]
    fn candidates_of_histories_that_have_nothing_in_common_have_an_order_too() {
        let sandbox = Sandbox::new();
        sandbox.commit("one", &[("a", "1\n")]);
        sandbox.commit("two", &[("a", "2\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.rc1"]);
        sandbox.git(&["checkout", "--quiet", "--orphan", "elsewhere"]);
        sandbox.commit("another history", &[("b", "1\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.rc2"]);
        assert_eq!(order(&sandbox), ["upstream/open-release/koa.rc2", "upstream/open-release/koa.rc1"]);
    }
}
