//! A new release branch of ours, on upstream's release. Nothing but the branch and what it tracks is written.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::names::{ObjectId, RefName};
use crate::releases::{Candidate, Codename, Conventions, Release, bare_name, in_order};
use crate::repository::{Ref, Repository, Revision};

/// A branch that was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Its name: `mitx/koa`.
    pub branch: String,
    /// Where it begins.
    pub commit: ObjectId,
    /// What that is called: `upstream/open-release/koa.master`.
    pub from: String,
    /// The remote that it tracks.
    pub tracks: String,
}

/// Creates our release branch of `codename`, at upstream's `.master` of it or at `from`, and lets it track origin.
/// It is not checked out.
///
/// # Errors
/// When the branch exists here or on origin, when upstream has no `.master` of it yet and no `from` is given, when a
/// remote is missing, or when git fails. No branch is created then.
pub fn create(
    repository: &Repository,
    conventions: &Conventions,
    codename: &str,
    from: Option<&str>,
) -> Result<Created> {
    conventions.check()?;
    let codename = Codename::parse(codename)?;
    conventions.need_remotes(repository, &[&conventions.origin])?;
    let branch = conventions.our_branch(&codename);
    let reference = RefName::branch(&branch)?;
    refuse_existing(repository, conventions, &codename, &reference)?;
    let start = match from {
        Some(from) => repository.revision(from)?,
        None => upstreams_master(repository, conventions, &codename)?,
    };
    make(repository, &reference, &start)?;
    if let Err(error) = track(repository, &branch, &conventions.origin) {
        take_back(repository, &reference, &start)?;
        return Err(error);
    }
    Ok(Created { branch, commit: start.commit, from: start.name, tracks: conventions.origin.clone() })
}

fn refuse_existing(
    repository: &Repository,
    conventions: &Conventions,
    codename: &Codename,
    reference: &RefName,
) -> Result<()> {
    if let Some(ours) = conventions.our_branches(repository, codename)? {
        let found: Vec<String> =
            ours.refs().map(|found| format!("{} at {}", found.name, found.commit.short())).collect();
        return Err(Error::refused(
            format!("{reference} exists already: {}", found.join(", ")),
            format!("nothing was changed; `cutover branch status` shows it, `git switch {reference}` checks it out"),
        ));
    }
    // A branch that HEAD names before it exists would be checked out by being made, over whatever is in the index.
    if repository.current_branch().is_ok_and(|current| current == *reference) {
        return Err(Error::refused(
            format!("{reference} is checked out already, without a commit"),
            "nothing was changed; check another branch out first",
        ));
    }
    Ok(())
}

/// The branch that upstream keeps for the release itself.
fn upstreams_master(repository: &Repository, conventions: &Conventions, codename: &Codename) -> Result<Revision> {
    let upstream = conventions.upstream_refs(repository)?;
    let of_codename = upstream.into_iter().filter_map(|(found, release)| Some((release?, found)));
    let releases: Vec<(Release, Ref)> = of_codename.filter(|(release, _)| release.codename == *codename).collect();
    let releases = in_order(repository, releases)?;
    let masters: Vec<&Ref> =
        releases.iter().filter(|(release, _)| release.candidate == Candidate::Master).map(|(_, found)| found).collect();
    match masters[..] {
        [] => Err(no_master(repository, conventions, codename, &releases)),
        [first, ref rest @ ..] if rest.iter().all(|other| other.commit == first.commit) => Ok(Revision {
            name: first.name.short().to_owned(),
            reference: Some(first.name.clone()),
            commit: first.commit.clone(),
        }),
        [..] => Err(Error::refused(
            format!("upstream has several branches for release {codename}, at different commits: {}", names(&masters)),
            "nothing was changed; choose one with --from",
        )),
    }
}

fn names(refs: &[&Ref]) -> String {
    refs.iter().map(|found| found.name.short()).collect::<Vec<&str>>().join(", ")
}

fn no_master(
    repository: &Repository,
    conventions: &Conventions,
    codename: &Codename,
    releases: &[(Release, Ref)],
) -> Error {
    if let Err(missing) = conventions.need_remotes(repository, &[&conventions.upstream]) {
        return missing;
    }
    let upstream = &conventions.upstream;
    let Some((_, newest)) = releases.last() else {
        return Error::refused(
            format!("this clone knows no branch or tag of {upstream} for {codename}"),
            format!("nothing was changed; `git fetch {upstream}`, check the name, or name a commit with --from"),
        );
    };
    let mut candidates: Vec<&str> = releases.iter().map(|(_, found)| bare_name(conventions, &found.name)).collect();
    candidates.dedup();
    Error::refused(
        format!("{upstream} has no .master of {codename} yet, only {}", candidates.join(", ")),
        format!(
            "nothing was changed; `git fetch {upstream}` if it is new, or start from a candidate with --from {}",
            newest.name
        ),
    )
}

/// Creates the ref, unless somebody has created it in the meantime.
fn make(repository: &Repository, reference: &RefName, start: &Revision) -> Result<()> {
    let call = repository
        .call("update-ref", format!("create the branch {reference}"))
        .as_the_operator()
        .option("-m", format!("branch: Created from {}", start.name))
        .operands([reference.as_str(), start.commit.as_str(), start.commit.null_like().as_str()]);
    repository.git().output(&call).map(drop)
}

fn track(repository: &Repository, branch: &str, remote: &str) -> Result<()> {
    let merge = format!("refs/heads/{branch}");
    for (name, value) in [("remote", remote), ("merge", merge.as_str())] {
        let call = repository
            .call("config", format!("record what {branch} tracks (the new branch was removed again)"))
            .options(&["--local", "--replace-all"])
            .operands([format!("branch.{branch}.{name}").as_str(), value]);
        repository.git().output(&call)?;
    }
    Ok(())
}

/// Removes the ref again, if it was not changed.
fn take_back(repository: &Repository, reference: &RefName, start: &Revision) -> Result<()> {
    let setting = format!("branch.{reference}.remote");
    let call = repository
        .call("config", format!("remove what {reference} tracks"))
        .options(&["--local", "--unset-all"])
        .operands([setting.as_str()]);
    // It may not have come to be written; a setting without its branch does no harm either.
    let _ = repository.git().run(&call);
    let call = repository
        .call("update-ref", format!("remove the branch {reference} again"))
        .options(&["-d"])
        .operands([reference.as_str(), start.commit.as_str()]);
    repository.git().output(&call).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    /// Upstream with `koa.rc1`, and `juniper.master`; both remotes are known.
    fn upstream() -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.git(&["remote", "add", "upstream", "https://example.org/upstream.git"]);
        sandbox.git(&["remote", "add", "origin", "https://example.org/origin.git"]);
        sandbox.commit("Juniper", &[("a", "1\n")]);
        sandbox.git(&["update-ref", "refs/remotes/upstream/open-release/juniper.master", "HEAD"]);
        sandbox.commit("Koa", &[("a", "2\n")]);
        sandbox.git(&["update-ref", "refs/remotes/upstream/open-release/koa.rc1", "HEAD"]);
        sandbox
    }

    fn created(sandbox: &Sandbox, codename: &str, from: Option<&str>) -> std::result::Result<Created, String> {
        create(&sandbox.open(), &Conventions::default(), codename, from)
            .map_err(|error| format!("{error}: {}", error.hint()))
    }

    fn config(sandbox: &Sandbox) -> String {
        sandbox.git(&["config", "--local", "--list"])
    }

    #[test]
    fn a_branch_begins_at_upstreams_master_and_tracks_origin_and_nothing_else_changes() {
        let sandbox = upstream();
        let master = sandbox.id("upstream/open-release/juniper.master");
        let (before, settings) = (sandbox.snapshot(), config(&sandbox));
        let created = created(&sandbox, "juniper", None).expect("made");
        assert_eq!((created.branch.as_str(), &created.commit), ("mitx/juniper", &master));
        assert_eq!(
            (created.from.as_str(), created.tracks.as_str()),
            ("upstream/open-release/juniper.master", "origin")
        );
        assert_eq!(sandbox.id("refs/heads/mitx/juniper"), master);
        let said = sandbox.git(&["reflog", "show", "--format=%gs", "mitx/juniper"]);
        assert_eq!(said, "branch: Created from upstream/open-release/juniper.master");
        let added = config(&sandbox).replace(&settings, "");
        assert_eq!(
            added.trim(),
            "branch.mitx/juniper.remote=origin\nbranch.mitx/juniper.merge=refs/heads/mitx/juniper"
        );
        sandbox.git(&["branch", "--quiet", "-D", "mitx/juniper"]);
        assert_eq!(config(&sandbox), settings);
        assert_eq!(sandbox.snapshot(), before);
    }

    #[test]
    fn a_branch_that_exists_here_or_on_origin_is_never_overwritten() {
        let sandbox = upstream();
        for name in ["refs/heads/mitx/juniper", "refs/remotes/origin/mitx/koa"] {
            sandbox.git(&["update-ref", name, "HEAD"]);
        }
        let before = sandbox.snapshot();
        for codename in ["juniper", "koa"] {
            let said = created(&sandbox, codename, Some("HEAD^")).expect_err("refused");
            assert!(said.contains("exists already"), "{said}");
        }
        assert_eq!(sandbox.snapshot(), before);
    }

    #[test]
    fn a_branch_that_somebody_made_in_the_meantime_is_left_alone() {
        let sandbox = upstream();
        let repository = sandbox.open();
        let start = repository.revision("HEAD").expect("a commit");
        sandbox.git(&["branch", "mitx/koa", "HEAD^"]);
        let reference = RefName::branch("mitx/koa").expect("a name");
        assert!(make(&repository, &reference, &start).is_err());
        assert_eq!(sandbox.id("mitx/koa"), sandbox.id("HEAD^"));
    }

    #[test]
    fn without_a_master_the_candidates_are_named_and_from_is_offered() {
        let sandbox = upstream();
        let before = sandbox.snapshot();
        let said = created(&sandbox, "koa", None).expect_err("refused");
        assert!(said.contains("only open-release/koa.rc1"), "{said}");
        assert!(said.contains("--from upstream/open-release/koa.rc1"), "{said}");
        assert!(created(&sandbox, "lilac", None).expect_err("refused").contains("git fetch upstream"));
        assert_eq!(sandbox.snapshot(), before);
        let created = created(&sandbox, "koa", Some("upstream/open-release/koa.rc1")).expect("made");
        assert_eq!(created.commit, sandbox.id("HEAD"));
    }

    #[test]
    fn a_branch_that_is_named_for_the_release_alone_is_its_master() {
        let sandbox = upstream();
        sandbox.git(&["update-ref", "refs/remotes/upstream/release/teak", "HEAD"]);
        assert_eq!(created(&sandbox, "teak", None).expect("made").from, "upstream/release/teak");
        sandbox.git(&["update-ref", "refs/remotes/upstream/release/juniper", "HEAD"]);
        let said = created(&sandbox, "juniper", None).expect_err("two that differ");
        assert!(said.contains("--from"), "{said}");
    }

    #[test]
    fn bad_code_names_and_a_missing_origin_are_refused() {
        let sandbox = upstream();
        for odd in ["--upload-pack=x", "koa\nlilac", "mitx/koa", "Koa", ""] {
            assert!(created(&sandbox, odd, None).expect_err(odd).contains("not a code name"), "{odd:?}");
        }
        sandbox.git(&["remote", "remove", "origin"]);
        assert!(created(&sandbox, "juniper", None).expect_err("refused").contains("it has upstream"));
    }

    #[test]
    fn a_branch_whose_tracking_cannot_be_recorded_is_removed_again() {
        let sandbox = upstream();
        std::fs::write(sandbox.repository().join(".git/config.lock"), "").expect("written");
        let before = sandbox.snapshot();
        let said = created(&sandbox, "juniper", None).expect_err("refused");
        assert!(said.contains("removed again"), "{said}");
        assert_eq!(sandbox.snapshot(), before);
    }

    #[test]
    fn a_branch_that_head_names_before_it_exists_is_not_made_under_the_index() {
        let sandbox = upstream();
        sandbox.git(&["symbolic-ref", "HEAD", "refs/heads/mitx/juniper"]);
        assert!(created(&sandbox, "juniper", None).expect_err("refused").contains("checked out already"));
    }
}
