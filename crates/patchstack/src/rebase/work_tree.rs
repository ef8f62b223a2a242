//! The linked work tree that a conflict is shown in, and calls of git on it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::{Call, Git};
use crate::names::{GitPath, ObjectId};
use crate::replay::Stage;

/// How many digits of a patch's id are in git's conflict markers: enough that no other text contains them.
pub(super) const MARK_DIGITS: usize = 12;

/// A linked work tree of ours.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Its git directory, `worktrees/...` in the repository's.
    pub(super) directory: PathBuf,
}

impl Folder {
    /// A call on this work tree.
    pub(super) fn call(&self, name: &'static str, doing: impl Into<String>) -> Call {
        let call = Call::new(name, doing).of_repository(&self.directory).inside(&self.path);
        call.variable("GIT_WORK_TREE", &self.path)
    }

    /// What is not resolved in its index.
    pub(super) fn stages(&self, git: &Git) -> Result<Vec<Stage>> {
        let call = self.call("ls-files", "list unresolved files").options(&["--unmerged", "-z", "--full-name"]);
        Ok(git.output(&call)?.split(|byte| *byte == 0).filter_map(Stage::read).collect())
    }

    /// The paths that are not resolved in its index, each once.
    pub(super) fn unmerged(&self, git: &Git) -> Result<Vec<GitPath>> {
        let mut paths: Vec<GitPath> = self.stages(git)?.into_iter().map(|stage| stage.path).collect();
        paths.dedup();
        Ok(paths)
    }

    /// New files that were not added, as the operator's git sees them. Copies that `git mergetool` leaves are none.
    pub(super) fn new_files(&self, git: &Git) -> Result<Vec<GitPath>> {
        let call = self.call("ls-files", "look for new files").as_the_operator().options(&[
            "--others",
            "--exclude-standard",
            "--directory",
            "--no-empty-directory",
            "-z",
        ]);
        let mut new = GitPath::list(&git.output(&call)?);
        new.retain(|path| !path.as_bytes().ends_with(b".orig"));
        Ok(new)
    }

    /// Whether the folder shows nothing of the conflict any more: somebody has given the cherry-pick up, as with
    /// `git cherry-pick --abort` or `git reset --hard`.
    pub(super) fn is_given_up(&self, git: &Git, on: &ObjectId) -> Result<bool> {
        if self.head(git)? != *on || !self.stages(git)?.is_empty() {
            return Ok(false);
        }
        if self.is_picking(git)? {
            return Ok(false);
        }
        let call = self.call("diff-index", "see what is staged in the folder").options(&["--cached", "--quiet"]);
        Ok(git.run(&call.object(on))?.success)
    }

    /// Whether git is in the middle of a cherry-pick there.
    pub(super) fn is_picking(&self, git: &Git) -> Result<bool> {
        let call = self.call("rev-parse", "see whether git is cherry-picking there").options(&["--verify", "--quiet"]);
        Ok(git.run(&call.operands(["CHERRY_PICK_HEAD"]))?.success)
    }

    /// The branch that is checked out in it, which is none of cutover's doing: `mitx/koa`.
    pub(super) fn branch(&self, git: &Git) -> Result<Option<String>> {
        let call = self.call("symbolic-ref", "see what is checked out in the folder").options(&["--quiet", "--short"]);
        let output = git.run(&call.operands(["HEAD"]))?;
        Ok(output.success.then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    }

    /// The commit that it stands on.
    pub(super) fn head(&self, git: &Git) -> Result<ObjectId> {
        let call = self.call("rev-parse", "find the commit of the folder").options(&["--verify"]).operands(["HEAD"]);
        let text = git.text(&call)?;
        ObjectId::parse(&text).ok_or_else(|| foreign(&self.path))
    }
}

/// Whether submodules were cloned into the git directory of a work tree.
pub(super) fn has_modules(directory: &Path) -> bool {
    std::fs::read_dir(directory.join("modules")).is_ok_and(|mut entries| entries.next().is_some())
}

pub(super) fn foreign(path: &Path) -> Error {
    Error::refused(
        format!("{} is the folder for conflicts, but contains something else", path.display()),
        "it was not touched, and no branch was changed; move it away, or choose another folder with --folder",
    )
}
