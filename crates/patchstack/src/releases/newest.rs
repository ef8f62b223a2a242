//! The order of upstream's candidates of a release. A later one contains the earlier ones: upstream cuts candidates ahead of
//! `.master`, and moves `.master` ahead of point tags, so names alone do not tell.

use std::collections::{BTreeMap, BTreeSet};

use super::Release;
use crate::error::Result;
use crate::names::ObjectId;
use crate::repository::{Ref, Repository, ids};

/// Candidates of one release in order, the newest last: a candidate comes after all that it contains. Between two of which neither
/// contains the other, names decide: a candidate that was cut again may have fewer commits than the one that it replaces. Where
/// names say the same, a branch comes after a tag, and a later commit after an earlier one.
///
/// # Errors
/// When git cannot list commits.
pub fn in_order(repository: &Repository, mut candidates: Vec<(Release, Ref)>) -> Result<Vec<(Release, Ref)>> {
    candidates.sort_by(|one, other| key(one).cmp(&key(other)));
    let contained = contained(repository, &candidates)?;
    let mut order = Vec::with_capacity(candidates.len());
    let mut left: BTreeSet<usize> = (0..candidates.len()).collect();
    // From the newest on: of those that no other one that is left contains, the one with the greatest name.
    while let Some(next) =
        left.iter().rev().copied().find(|one| !left.iter().any(|other| contained[*other].contains(one)))
    {
        left.remove(&next);
        order.push(next);
    }
    let mut candidates: Vec<Option<(Release, Ref)>> = candidates.into_iter().map(Some).collect();
    Ok(order.into_iter().rev().filter_map(|index| candidates[index].take()).collect())
}

fn key((release, found): &(Release, Ref)) -> impl Ord + use<'_> {
    let is_branch = !found.name.as_str().starts_with("refs/tags/");
    (release.candidate, is_branch, found.committed, found.name.as_str())
}

/// For each candidate, the others that it contains and is not the same as.
fn contained(repository: &Repository, candidates: &[(Release, Ref)]) -> Result<Vec<BTreeSet<usize>>> {
    let mut commits: Vec<&ObjectId> = candidates.iter().map(|(_, found)| &found.commit).collect();
    commits.sort();
    commits.dedup();
    let mut contained = vec![BTreeSet::new(); candidates.len()];
    if commits.len() < 2 {
        return Ok(contained);
    }
    let common = common(repository, &commits)?;
    let mut input: String = commits.iter().map(|commit| format!("{commit}\n")).collect();
    common.iter().for_each(|common| input.push_str(&format!("^{common}\n")));
    // One walk for all of them, in which a commit comes before its parents.
    let call = repository
        .call("rev-list", "compare upstream's candidates")
        .options(&["--topo-order", "--parents", "--stdin"])
        .input(input);
    let text = repository.git().text(&call)?;
    let at = |commit: &ObjectId| (0..candidates.len()).filter(|index| candidates[*index].1.commit == *commit).collect();
    let mut within: BTreeMap<ObjectId, BTreeSet<usize>> = BTreeMap::new();
    for line in text.lines() {
        let mut ids = line.split(' ').filter_map(ObjectId::parse);
        let Some(commit) = ids.next() else { continue };
        let mut containing = within.remove(&commit).unwrap_or_default();
        let here: Vec<usize> = at(&commit);
        containing.iter().for_each(|one| contained[*one].extend(&here));
        containing.extend(&here);
        ids.for_each(|parent| within.entry(parent).or_default().extend(&containing));
    }
    // What all of them have is not in the walk, except for what is reached from it.
    for (commit, containing) in within {
        let here: Vec<usize> = at(&commit);
        containing.iter().for_each(|one| contained[*one].extend(here.iter().filter(|index| *index != one)));
    }
    Ok(contained)
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
    fn where_neither_contains_the_other_names_decide_as_for_a_candidate_that_was_cut_again() {
        let sandbox = Sandbox::new();
        sandbox.commit("branched", &[("a", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "-b", "side"]);
        sandbox.commit("one", &[("b", "1\n")]);
        sandbox.commit("two", &[("b", "2\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.rc1"]);
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.commit("cut again", &[("a", "2\n")]);
        at_head(&sandbox, &["remotes/upstream/open-release/koa.rc2", "tags/open-release/koa.rc2"]);
        let order = order(&sandbox);
        let again = ["open-release/koa.rc2", "upstream/open-release/koa.rc2"];
        assert_eq!(order, [["upstream/open-release/koa.rc1"].as_slice(), &again].concat());
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
        assert_eq!(order(&sandbox), ["upstream/open-release/koa.rc1", "upstream/open-release/koa.rc2"]);
    }
}
