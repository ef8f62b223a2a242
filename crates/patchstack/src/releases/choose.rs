//! Which branch a command is about, when the operator names a branch, a code name, or neither.

use super::refs::Ours;
use super::{Codename, Conventions};
use crate::error::{Error, Result};
use crate::names::ObjectId;
use crate::repository::{Ref, Repository, Revision};

/// How far two commits are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Apart {
    /// Commits only on the first.
    pub(crate) ahead: usize,
    /// Commits only on the second.
    pub(crate) behind: usize,
}

/// The branch that a command is about: `named`, which may be any revision; else our branch of `codename`; else the one
/// that is checked out, if it is one of ours.
///
/// Of a branch that is both here and on origin it is the one that contains the other.
///
/// # Errors
/// When there is no such branch, when the branch here and origin's have diverged, or when nothing is named and no
/// branch of ours is checked out.
pub fn choose(
    repository: &Repository,
    conventions: &Conventions,
    named: Option<&str>,
    codename: Option<&str>,
) -> Result<Revision> {
    match (named, codename) {
        (Some(named), _) => repository.revision(named),
        (None, Some(codename)) => of_codename(repository, conventions, &Codename::parse(codename)?),
        (None, None) => checked_out(repository, conventions),
    }
}

fn of_codename(repository: &Repository, conventions: &Conventions, codename: &Codename) -> Result<Revision> {
    match conventions.our_branches(repository, codename)? {
        Some(Ours { here: Some(here), there: Some(there), .. }) => containing(repository, &here, &there),
        Some(Ours { here, there, .. }) => here.or(there).map(revision).ok_or_else(|| missing(conventions, codename)),
        None => Err(missing(conventions, codename)),
    }
}

/// Of the branch here and origin's, the one that contains the other; the one here when they are the same.
fn containing(repository: &Repository, here: &Ref, there: &Ref) -> Result<Revision> {
    let Apart { ahead, behind } = apart(repository, &here.commit, &there.commit)?;
    match (ahead, behind) {
        (_, 0) => Ok(revision(here.clone())),
        (0, _) => Ok(revision(there.clone())),
        _ => Err(Error::refused(
            format!(
                "{} and {} have diverged: {ahead} commits only in the first, {behind} only in the second",
                here.name, there.name
            ),
            format!("nothing was changed; choose one with --branch {} or --branch {}", here.name, there.name),
        )),
    }
}

fn checked_out(repository: &Repository, conventions: &Conventions) -> Result<Revision> {
    conventions.check()?;
    let name = repository.current_branch()?;
    if conventions.codename_of(&name).is_none() {
        return Err(Error::refused(
            format!("the branch that is checked out, {name}, is not one of ours ({})", conventions.ours),
            "nothing was changed; name it with --branch if it is meant, or say how our branches are named with --ours",
        ));
    }
    let Some(commit) = repository.find(&name)? else {
        return Err(Error::refused(
            format!("the branch that is checked out, {name}, has no commit yet"),
            "nothing was changed; name another one with --branch",
        ));
    };
    Ok(Revision { name: name.short().to_owned(), reference: Some(name), commit })
}

/// How many commits each of two commits has that the other lacks.
pub(crate) fn apart(repository: &Repository, one: &ObjectId, other: &ObjectId) -> Result<Apart> {
    if one == other {
        return Ok(Apart { ahead: 0, behind: 0 });
    }
    let call = repository
        .call("rev-list", format!("compare {} with {}", one.short(), other.short()))
        .options(&["--left-right", "--count"])
        .operands([format!("{one}...{other}")]);
    let text = repository.git().text(&call)?;
    let counts: Vec<usize> = text.split_whitespace().filter_map(|count| count.parse().ok()).collect();
    let [ahead, behind] = counts[..] else {
        return Err(Error::refused(format!("git counted {text:?}"), "nothing was changed"));
    };
    Ok(Apart { ahead, behind })
}

fn revision(found: Ref) -> Revision {
    Revision { name: found.name.short().to_owned(), reference: Some(found.name), commit: found.commit }
}

fn missing(conventions: &Conventions, codename: &Codename) -> Error {
    let branch = conventions.our_branch(codename);
    Error::refused(
        format!("there is no branch {branch}, neither in this clone nor as {}/{branch}", conventions.origin),
        format!(
            "nothing was changed; if it is new on {0}, `git fetch {0}` fetches it; `cutover branch create {codename}` creates it",
            conventions.origin
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn chosen(sandbox: &Sandbox, named: Option<&str>, codename: Option<&str>) -> std::result::Result<String, String> {
        let chosen = choose(&sandbox.open(), &Conventions::default(), named, codename);
        chosen.map(|revision| revision.name).map_err(|error| format!("{error}: {}", error.hint()))
    }

    /// One commit on `mitx/koa`, which is checked out, and origin's at the same.
    fn koa() -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.commit("Upstream", &[("a", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa"]);
        sandbox.commit("Ours", &[("a", "2\n")]);
        sandbox.git(&["update-ref", "refs/remotes/origin/mitx/koa", "HEAD"]);
        sandbox
    }

    #[test]
    fn what_is_named_comes_before_a_code_name_and_before_what_is_checked_out() {
        let sandbox = koa();
        assert_eq!(chosen(&sandbox, Some("main"), Some("koa")).as_deref(), Ok("main"));
        assert_eq!(chosen(&sandbox, None, None).as_deref(), Ok("mitx/koa"));
        assert!(chosen(&sandbox, Some("nowhere"), None).expect_err("refused").contains("nowhere"));
    }

    #[test]
    fn of_the_branch_here_and_origins_the_one_that_contains_the_other_is_meant() {
        let sandbox = koa();
        assert_eq!(chosen(&sandbox, None, Some("koa")).as_deref(), Ok("mitx/koa"), "the same");
        sandbox.commit("Ahead", &[("a", "3\n")]);
        assert_eq!(chosen(&sandbox, None, Some("koa")).as_deref(), Ok("mitx/koa"), "ahead");
        sandbox.git(&["update-ref", "refs/remotes/origin/mitx/koa", "HEAD"]);
        sandbox.git(&["reset", "--quiet", "--hard", "HEAD^"]);
        assert_eq!(chosen(&sandbox, None, Some("koa")).as_deref(), Ok("origin/mitx/koa"), "behind");
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.git(&["branch", "--quiet", "-D", "mitx/koa"]);
        assert_eq!(chosen(&sandbox, None, Some("koa")).as_deref(), Ok("origin/mitx/koa"), "only there");
    }

    #[test]
    fn a_diverged_branch_is_refused_with_both_counts() {
        let sandbox = koa();
        sandbox.git(&["reset", "--quiet", "--hard", "HEAD^"]);
        sandbox.commit("One", &[("b", "1\n")]);
        sandbox.commit("Two", &[("b", "2\n")]);
        let said = chosen(&sandbox, None, Some("koa")).expect_err("refused");
        assert!(said.contains("2 commits only in the first, 1 only in the second"), "{said}");
        assert!(said.contains("--branch origin/mitx/koa"), "{said}");
    }

    #[test]
    fn a_code_name_without_a_branch_and_a_bad_code_name_are_refused() {
        let sandbox = koa();
        assert!(chosen(&sandbox, None, Some("lilac")).expect_err("refused").contains("origin/mitx/lilac"));
        for odd in ["Koa", "--upload-pack=x", "koa\n", "mitx/koa", ""] {
            assert!(chosen(&sandbox, None, Some(odd)).expect_err(odd).contains("not a code name"), "{odd:?}");
        }
    }

    #[test]
    fn a_detached_head_and_a_foreign_branch_are_refused_when_nothing_is_named() {
        let sandbox = koa();
        sandbox.git(&["checkout", "--quiet", "--detach"]);
        assert!(chosen(&sandbox, None, None).expect_err("refused").contains("detached"));
        sandbox.git(&["checkout", "--quiet", "main"]);
        assert!(chosen(&sandbox, None, None).expect_err("refused").contains("--branch"));
    }
}
