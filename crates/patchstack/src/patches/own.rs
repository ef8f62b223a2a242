//! Lists the patches of a branch while its base is still being computed.
//!
//! Computing the base takes all refs of upstream, and a long walk for an old branch. Meanwhile the patches are listed
//! on the assumption that only the refs of the branch's own release matter, which is nearly always right. If the base
//! turns out to be another one, [`Stack`] lists them again.

use super::listing::Listed;
use crate::error::Result;
use crate::names::ObjectId;
use crate::releases::{Conventions, Survey};
use crate::repository::{Repository, Revision};
use crate::stack::{Base, Patch, Stack, compute_base_among, list_commits};
use crate::threads::joined;

/// A branch's own patches.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) base: Base,
    pub(super) merges: usize,
    pub(super) patches: Vec<Listed>,
}

/// What a listing says of the patches, without since when they are carried.
pub(super) fn list(
    repository: &Repository,
    conventions: &Conventions,
    survey: &Survey,
    branch: &Revision,
    base: Option<&Revision>,
) -> Result<Own> {
    if let Some(base) = base {
        return of_stack(repository, branch, Base { commit: base.commit.clone(), found: "given".to_owned() });
    }
    let (base, guess) = std::thread::scope(|scope| {
        let base = scope.spawn(|| compute_base_among(repository, conventions, &survey.upstream_refs(), branch, None));
        let guess = guess(repository, conventions, survey, branch);
        (joined(base), guess)
    });
    let base = base?;
    match guess? {
        Some(guess) if guess.edge == base.commit => Ok(Own { base, merges: guess.merges, patches: guess.patches }),
        _ => of_stack(repository, branch, base),
    }
}

fn of_stack(repository: &Repository, branch: &Revision, base: Base) -> Result<Own> {
    let stack = Stack::list(repository, branch.clone(), base)?;
    let merges = stack.merges.len();
    Ok(Own { base: stack.base, merges, patches: stack.patches.into_iter().map(listed).collect() })
}

pub(super) fn listed(patch: Patch) -> Listed {
    let files = patch.changes.into_iter().map(|change| change.path).collect();
    Listed { commit: patch.commit, subject: patch.subject, author: patch.author, files, since: None, withdrawn: None }
}

/// The patches on top of the one commit in which a branch touches upstream's history of its release.
#[derive(Debug)]
struct Guess {
    /// That commit. If it is the base, these are the patches: upstream has nothing else of what the branch has.
    edge: ObjectId,
    merges: usize,
    patches: Vec<Listed>,
}

/// None when the branch touches upstream's history of its release in no commit, or in several.
fn guess(
    repository: &Repository,
    conventions: &Conventions,
    survey: &Survey,
    branch: &Revision,
) -> Result<Option<Guess>> {
    let codename = branch.reference.as_ref().and_then(|name| conventions.codename_of(name));
    let Some(codename) = codename else { return Ok(None) };
    let release = survey.upstream_of(&codename).into_iter().map(|found| &found.commit);
    let mut found = list_commits(repository, &branch.name, [&branch.commit], release)?;
    let (Some(edge), true) = (found.edges.pop(), found.edges.is_empty()) else { return Ok(None) };
    let patches = found.patches.into_iter().map(listed).collect();
    Ok(Some(Guess { edge, merges: found.merges.len(), patches }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn upstream(sandbox: &Sandbox, release: &str) {
        sandbox.git(&["update-ref", &format!("refs/remotes/upstream/open-release/{release}"), "HEAD"]);
    }

    /// The listing by the guess, when it is right, and by the stack; debug output is equal when they are.
    fn both(sandbox: &Sandbox) -> (Option<String>, String) {
        let (repository, conventions) = (sandbox.open(), Conventions::default());
        let branch = repository.revision("mitx/koa").expect("a branch");
        let survey = conventions.survey(&repository).expect("surveyed");
        let guess = guess(&repository, &conventions, &survey, &branch).expect("listed");
        let base = crate::stack::compute_base(&repository, &conventions, &branch, None).expect("a base");
        let guess = guess.filter(|guess| guess.edge == base.commit);
        let guess = guess.map(|guess| Own { base: base.clone(), merges: guess.merges, patches: guess.patches });
        let slow = format!("{:#?}", of_stack(&repository, &branch, base).expect("listed"));
        let listed = list(&repository, &conventions, &survey, &branch, None).expect("listed");
        assert_eq!(format!("{listed:#?}"), slow);
        (guess.map(|own| format!("{own:#?}")), slow)
    }

    fn koa() -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.commit("Juniper", &[("a", "1\n")]);
        upstream(&sandbox, "juniper.master");
        sandbox.commit("Koa", &[("a", "2\n")]);
        upstream(&sandbox, "koa.rc1");
        sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa"]);
        sandbox.commit("Ours: ä", &[("ours", "1\n"), ("folder/\u{1}:odd\nname", "x")]);
        sandbox.commit("Nothing", &[]);
        sandbox
    }

    #[test]
    fn the_guess_and_the_stack_agree() {
        let sandbox = koa();
        let (quick, slow) = both(&sandbox);
        assert_eq!(quick.as_deref(), Some(slow.as_str()));
        assert!(slow.contains("is upstream/open-release/koa.rc1"), "{slow}");
    }

    #[test]
    fn merges_of_topics_are_set_apart_as_the_stack_does() {
        let sandbox = koa();
        sandbox.git(&["checkout", "--quiet", "-b", "topic", "HEAD^"]);
        sandbox.commit("Topic", &[("topic", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
        sandbox.git(&["merge", "--quiet", "--no-edit", "topic"]);
        let (quick, slow) = both(&sandbox);
        assert_eq!(quick.as_deref(), Some(slow.as_str()));
        assert!(slow.contains("merges: 1"), "{slow}");
    }

    #[test]
    fn a_branch_that_merged_upstream_again_is_not_listed_by_the_guess() {
        let sandbox = koa();
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.commit("Koa rc2", &[("b", "1\n")]);
        upstream(&sandbox, "koa.rc2");
        sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
        sandbox.git(&["merge", "--quiet", "--no-edit", "upstream/open-release/koa.rc2"]);
        let (quick, slow) = both(&sandbox);
        assert_eq!(quick, None);
        assert!(slow.contains("is upstream/open-release/koa.rc2"), "{slow}");
        assert!(slow.contains("merges: 1"), "{slow}");
    }

    #[test]
    fn a_branch_that_merged_a_later_release_is_not_listed_by_the_guess() {
        let sandbox = koa();
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.commit("Lilac", &[("b", "1\n")]);
        upstream(&sandbox, "lilac.rc1");
        sandbox.git(&["checkout", "--quiet", "-B", "mitx/koa", "main"]);
        sandbox.commit("Ours", &[("ours", "1\n")]);
        let (quick, slow) = both(&sandbox);
        assert_eq!(quick, None);
        assert!(slow.contains("is upstream/open-release/lilac.rc1"), "{slow}");
    }

    #[test]
    fn a_branch_without_patches_is_an_empty_listing() {
        let sandbox = koa();
        sandbox.git(&["checkout", "--quiet", "-B", "mitx/koa", "main"]);
        let (repository, conventions) = (sandbox.open(), Conventions::default());
        let branch = repository.revision("mitx/koa").expect("a branch");
        let survey = conventions.survey(&repository).expect("surveyed");
        let listing = super::super::list(&repository, &conventions, &survey, &branch, None).expect("listed");
        assert_eq!((listing.patches.len(), listing.base.commit), (0, sandbox.id("main")));
    }
}
