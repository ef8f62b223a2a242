//! What the branch commands work with: the opened clone, the names from the deployment file and the options, and the
//! branch that is meant.

use std::path::{Path, PathBuf};

use cutover_core::deployment::Branches;
use cutover_patchstack::error::SAME_COMMAND;
use cutover_patchstack::git::Environment;
use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::names::{ObjectId, RefName};
use cutover_patchstack::rebase;
use cutover_patchstack::releases::{self, Codename, Conventions, Release};
use cutover_patchstack::remote;
use cutover_patchstack::repository::{Ref, Repository, Revision};
use cutover_patchstack::stack::{Base, Stack, compute_base};

use crate::args::branch::CommonArgs;
use crate::commands_to_type::branch_options;
use crate::error::CommandError;
use crate::output;
use crate::session::Loaded;
use crate::show::branch::Typed;
use crate::wall;

/// A clone of the fork, and how remotes and branches are named there.
pub(super) struct Fork {
    pub(super) repository: Repository,
    pub(super) conventions: Conventions,
    /// Branches that are never published to.
    pub(super) protected: Vec<String>,
    /// The code name of the deployment's release, if a deployment was named.
    codename: Option<String>,
    /// The common options as they were given, for commands to type.
    pub(super) typed: Typed,
}

impl Fork {
    pub(super) fn open(args: &CommonArgs) -> Result<Self, CommandError> {
        let loaded = args.deployment.as_deref().map(Loaded::read).transpose()?;
        let section = loaded.as_ref().and_then(|loaded| loaded.deployment.branches.clone()).unwrap_or_default();
        let folder = folder(args, loaded.as_ref(), &section)?;
        let conventions = conventions(args, &section);
        conventions.check()?;
        let repository = Repository::with_git_found(Environment::new(wall::variables()), &folder)?;
        let mut typed = branch_options(args);
        if rebase::shown_here(&repository).is_some() {
            // The folder of a conflict is empty once nothing conflicts any more.
            typed.add("--repository", repository.folder().to_str());
        }
        Ok(Self {
            repository,
            conventions,
            protected: section.protected,
            codename: loaded.map(|loaded| loaded.deployment.release.codename),
            typed,
        })
    }

    /// The branch that a command is about.
    pub(super) fn choose(&self, named: Option<&str>) -> Result<Revision, CommandError> {
        Ok(releases::choose(&self.repository, &self.conventions, named, self.codename.as_deref())?)
    }

    /// The branch whose patches are to be replayed. Says so when its counterpart, on origin or in this clone, has commits that are not
    /// in it: they would be left out, and an old head would be refused when it is published.
    pub(super) fn choose_to_replay(&self, named: Option<&str>) -> Result<Revision, CommandError> {
        let branch = self.choose(named)?;
        let Some(other) = branch.reference.as_ref().map(|name| self.counterpart(name)).transpose()?.flatten() else {
            return Ok(branch);
        };
        let Some(commit) = self.repository.find(&other)? else { return Ok(branch) };
        let lacks = self.repository.count(&commit, [&branch.commit])?;
        if lacks == 0 || self.has_replaced(&branch, &commit)? {
            return Ok(branch);
        }
        let commits = if lacks == 1 { "a commit".to_owned() } else { format!("{lacks} commits") };
        let name = &branch.name;
        output::note(&if other.as_str().starts_with("refs/heads/") {
            format!(
                "note: {other} in this clone has {commits} that {name} lacks, and that are left out: `git log {name}..{other}` lists \
                 them. They may be earlier versions of its patches"
            )
        } else {
            format!("note: {other} has {commits} that {name} lacks in this clone; use --branch {other} to include them")
        });
        Ok(branch)
    }

    /// Whether the head of a branch was verified in place of a commit, so that its patches are accounted for.
    fn has_replaced(&self, branch: &Revision, commit: &ObjectId) -> Result<bool, CommandError> {
        let Some(ledger) = Ledger::read(&self.repository, &branch.commit)? else { return Ok(false) };
        Ok(self.repository.is_ancestor(commit, &ledger.old.head).unwrap_or(false))
    }

    /// Our branch of the same name on origin; of one on origin, the branch in this clone.
    fn counterpart(&self, name: &RefName) -> Result<Option<RefName>, CommandError> {
        let origin = format!("refs/remotes/{}/", self.conventions.origin);
        if let Some(branch) = name.as_str().strip_prefix("refs/heads/") {
            return Ok(Some(RefName::new(format!("{origin}{branch}"))?));
        }
        Ok(name.as_str().strip_prefix(&origin).map(RefName::branch).transpose()?)
    }

    /// The stack of `branch`, from `base` where it is given.
    pub(super) fn stack(
        &self,
        branch: Revision,
        base: Option<&str>,
        onto: Option<&Revision>,
    ) -> Result<Stack, CommandError> {
        let base = self.base(&branch, base, onto)?;
        Ok(Stack::list(&self.repository, branch, base)?)
    }

    /// Where the stack of `branch` begins: `given`, or found.
    pub(super) fn base(
        &self,
        branch: &Revision,
        given: Option<&str>,
        onto: Option<&Revision>,
    ) -> Result<Base, CommandError> {
        Ok(match given {
            Some(name) => self.given(branch, name)?,
            None => compute_base(&self.repository, &self.conventions, branch, onto)?,
        })
    }

    /// A base that was named; where the branch parts from it, when that is not in the branch: the patches are the same.
    fn given(&self, branch: &Revision, name: &str) -> Result<Base, CommandError> {
        let given = self.repository.revision(name)?.commit;
        match &self.repository.merge_bases(&given, &branch.commit)?[..] {
            [same] if *same == given => Ok(Base { commit: given, found: format!("given as {name}") }),
            [parting] => Ok(Base { commit: parting.clone(), found: format!("given as where it parts from {name}") }),
            [] => Err(CommandError::refused(
                format!("{name} and {} have no commit in common", branch.name),
                "nothing was changed; name a commit of the branch with --base, or omit --base: then the base is computed",
            )),
            [..] => Err(CommandError::refused(
                format!("{name} is not in {}, and they have several merge bases", branch.name),
                "nothing was changed; name a commit of the branch with --base, or omit --base: then the base is computed",
            )),
        }
    }

    /// Upstream's candidates of the release that `branch` is ours of, as far as this clone knows: oldest first.
    pub(super) fn candidates(&self, branch: &Revision) -> Result<Vec<Revision>, CommandError> {
        let of_ref = branch.reference.as_ref().and_then(|name| self.conventions.codename_of(name));
        let Some(codename) = of_ref.or_else(|| self.conventions.codename(&branch.name)) else {
            return Err(CommandError::refused(
                format!(
                    "{} is not one of our release branches ({}), so its release is not known",
                    branch.name, self.conventions.ours
                ),
                "nothing was changed; name what it is to be rebased onto with --onto",
            ));
        };
        let refs = self.conventions.upstream_refs(&self.repository)?.into_iter();
        let candidates = refs.filter_map(|(found, release)| Some((release?, found)));
        let candidates: Vec<(Release, Ref)> = candidates.filter(|(release, _)| release.codename == codename).collect();
        if candidates.is_empty() {
            remote::require(&self.repository, &self.conventions.upstream)?;
            return Err(CommandError::refused(
                format!("this clone has no release {codename} of {}", self.conventions.upstream),
                format!("nothing was changed; `git fetch {}` fetches new releases", self.conventions.upstream),
            ));
        }
        let revision = |(_, found): (Release, Ref)| Revision {
            name: found.name.short().to_owned(),
            reference: Some(found.name),
            commit: found.commit,
        };
        Ok(releases::in_order(&self.repository, candidates)?.into_iter().map(revision).collect())
    }

    /// What `branch` is to be rebased onto: what is named, or the newest candidate of its release.
    pub(super) fn onto(&self, branch: &Revision, named: Option<&str>) -> Result<Revision, CommandError> {
        match named {
            Some(name) => Ok(self.repository.revision(name)?),
            None => {
                let newest = self.candidates(branch)?.pop();
                newest.ok_or_else(|| {
                    CommandError::refused("there is no candidate", "nothing was changed; name a commit with --onto")
                })
            }
        }
    }

    /// The name of the branch that rebases, ledgers and pushes are kept under: as given, which need not exist here yet.
    pub(super) fn ours(&self, named: Option<&str>) -> Result<String, CommandError> {
        match (named, &self.codename) {
            (Some(name), _) => own(name),
            (None, Some(codename)) => Ok(self.conventions.our_branch(&Codename::parse(codename)?)),
            // The folder of a conflict is detached, and yet it is clear what is meant there.
            (None, None) => match rebase::shown_here(&self.repository) {
                Some(branch) => Ok(branch),
                None => Ok(self.own_name(&self.choose(None)?)),
            },
        }
    }

    /// Our branch by name, without `refs/heads/` or the remote: what rebases, ledgers and pushes are kept under.
    pub(super) fn own_name(&self, branch: &Revision) -> String {
        let Some(reference) = &branch.reference else { return branch.name.clone() };
        let remote = format!("refs/remotes/{}/", self.conventions.origin);
        reference.as_str().strip_prefix(&remote).unwrap_or_else(|| reference.short()).to_owned()
    }
}

/// The name of a branch, with or without `refs/heads/`.
pub(super) fn own(name: &str) -> Result<String, CommandError> {
    let name = RefName::branch(name.strip_prefix("refs/heads/").unwrap_or(name))?;
    Ok(name.short().to_owned())
}

/// The flag, or the deployment file's, which is beside that file; or where the operator stands.
fn folder(args: &CommonArgs, loaded: Option<&Loaded>, section: &Branches) -> Result<PathBuf, CommandError> {
    if let Some(folder) = &args.repository {
        return Ok(folder.clone());
    }
    if let (Some(loaded), Some(folder)) = (loaded, &section.repository) {
        return Ok(loaded.path.parent().unwrap_or(Path::new(".")).join(folder));
    }
    // The folder of a conflict is removed when the conflict is decided, and may be the current folder of a shell.
    wall::current_folder().map_err(|source| {
        CommandError::refused(
            format!("the current folder does not exist any more ({source})"),
            format!("nothing was changed; cd to the clone and {SAME_COMMAND} again, or name it with --repository"),
        )
    })
}

fn conventions(args: &CommonArgs, section: &Branches) -> Conventions {
    let either = |flag: &Option<String>, file: &String| flag.as_ref().unwrap_or(file).clone();
    Conventions {
        upstream: either(&args.upstream, &section.upstream),
        origin: either(&args.origin, &section.origin),
        ours: either(&args.ours, &section.ours),
        theirs: if args.theirs.is_empty() { section.theirs.clone() } else { args.theirs.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded() -> Loaded {
        let text = include_str!("../../../../../examples/mitx-qa.toml");
        Loaded::parse(Path::new("sites/qa.toml"), text).expect("the example is right")
    }

    #[test]
    fn a_repository_of_the_deployment_file_is_beside_it_and_a_flag_outranks_it() {
        let section = loaded().deployment.branches.expect("a section");
        let mut args = CommonArgs::default();
        let found = |args: &CommonArgs| folder(args, Some(&loaded()), &section).expect("a folder");
        assert_eq!(found(&args), Path::new("sites/../edx-platform"));
        args.repository = Some("elsewhere".into());
        assert_eq!(found(&args), Path::new("elsewhere"));
    }

    #[test]
    fn each_flag_overrides_the_deployment_file() {
        let section = Branches { origin: "fork".to_owned(), ..Branches::default() };
        let args = CommonArgs {
            upstream: Some("openedx".to_owned()),
            theirs: vec!["release/{codename}".to_owned()],
            ..CommonArgs::default()
        };
        let conventions = conventions(&args, &section);
        assert_eq!((conventions.upstream.as_str(), conventions.origin.as_str()), ("openedx", "fork"));
        assert_eq!(conventions.theirs, ["release/{codename}"]);
        assert_eq!(conventions.ours, "mitx/{codename}");
    }

    #[test]
    fn the_defaults_of_the_deployment_file_are_those_of_the_library() {
        assert_eq!(conventions(&CommonArgs::default(), &Branches::default()), Conventions::default());
    }
}
