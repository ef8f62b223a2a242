//! What a work tree contains beside its commit, so that a person's work in it is noticed: whatever `git status` tells, ignored
//! files, and repositories in it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::git::{Call, Git};
use crate::replay::Stage;

/// The mode of a submodule in an index.
const SUBMODULE: u32 = 0o160_000;

/// How many lines there are of every work tree: what is checked out, and the log of that.
const ALWAYS: usize = 2;

/// What a work tree was like, as lines that differ when it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents(Vec<String>);

impl Contents {
    /// Whether nothing differs from the commit.
    pub(super) fn is_clean(&self) -> bool {
        self.0.len() == ALWAYS
    }

    /// What the work tree is like now. Each file that is not as its commit has it is known by size and times.
    pub(super) fn of(git: &Git, folder: &Path) -> Result<Self> {
        let tree = Tree::open(git, folder)?;
        let mut lines = vec![tree.head(git)?, known_by(&tree.directory.join("logs/HEAD"))];
        let entries = tree.status(git)?;
        for entry in &entries {
            let path = path(entry).map(|path| known_by(&folder.join(path)));
            lines.push(format!("{} {}", String::from_utf8_lossy(entry), path.unwrap_or_default()));
        }
        for nested in tree.repositories(git, &entries)? {
            let path = folder.join(&nested);
            let inner = Tree::open(git, &path)?;
            lines.push(format!("{} {}", nested.display(), inner.refs(git)?));
            lines.extend(Self::of(git, &path)?.0);
        }
        Ok(Self(lines))
    }
}

/// The submodules that are checked out in a work tree, and the repositories that were cloned into it.
pub(super) fn repositories(git: &Git, folder: &Path) -> Result<Vec<PathBuf>> {
    let tree = Tree::open(git, folder)?;
    tree.repositories(git, &tree.status(git)?)
}

struct Tree<'a> {
    folder: &'a Path,
    directory: PathBuf,
}

impl<'a> Tree<'a> {
    fn open(git: &Git, folder: &'a Path) -> Result<Self> {
        let call = Call::new("rev-parse", format!("look at {}", folder.display())).inside(folder);
        let directory = git.output(&call.as_the_operator().options(&["--absolute-git-dir"]))?;
        let directory = directory.strip_suffix(b"\n").unwrap_or(&directory);
        Ok(Self { folder, directory: PathBuf::from(OsStr::from_bytes(directory)) })
    }

    fn call(&self, name: &'static str, doing: &str) -> Call {
        let call = Call::new(name, doing).of_repository(&self.directory).inside(self.folder);
        call.variable("GIT_WORK_TREE", self.folder)
    }

    /// What is checked out; nothing in a repository without a commit.
    fn head(&self, git: &Git) -> Result<String> {
        let call = self.call("rev-parse", "see what is checked out in the folder").options(&["--verify", "--quiet"]);
        Ok(String::from_utf8_lossy(&git.run(&call.operands(["HEAD"]))?.stdout).trim().to_owned())
    }

    fn refs(&self, git: &Git) -> Result<String> {
        git.text(&self.call("for-each-ref", "list the refs in the folder"))
    }

    /// What differs from the commit, in the second format of `git status`, with what the index has of it.
    fn status(&self, git: &Git) -> Result<Vec<Vec<u8>>> {
        let call = self.call("status", "see what was changed in the folder").options(&[
            "--porcelain=v2",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignored=traditional",
            "--ignore-submodules=none",
        ]);
        let entries = git.output(&call)?;
        Ok(entries.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()).map(<[u8]>::to_vec).collect())
    }

    /// The repositories in it; `entries` are those of `status`.
    fn repositories(&self, git: &Git, entries: &[Vec<u8>]) -> Result<Vec<PathBuf>> {
        let call = self.call("ls-files", "list submodules").options(&["--stage", "-z", "--full-name"]);
        let staged = git.output(&call)?;
        let staged = staged.split(|byte| *byte == 0).filter_map(Stage::read).filter(|stage| stage.mode == SUBMODULE);
        let mut found: Vec<PathBuf> = staged.map(|stage| OsStr::from_bytes(stage.path.as_bytes()).into()).collect();
        // Git does not look into these.
        let folders =
            entries.iter().filter_map(|entry| path(entry)).filter(|path| path.as_os_str().as_bytes().ends_with(b"/"));
        found.extend(folders.map(Path::to_owned));
        found.retain(|path| self.folder.join(path).join(".git").exists());
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// The path of an entry of `git status`.
fn path(entry: &[u8]) -> Option<&Path> {
    let fields = match entry.first()? {
        b'1' => 8,
        b'u' => 10,
        b'?' | b'!' => 1,
        _ => return None,
    };
    let path = entry.splitn(fields + 1, |byte| *byte == b' ').nth(fields)?;
    Some(Path::new(OsStr::from_bytes(path)))
}

/// What tells whether a file was written.
fn known_by(path: &Path) -> String {
    path.symlink_metadata().map_or_else(
        |_| String::new(),
        |file| {
            let (written, changed) = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
            format!("{} {written:?} {changed:?}", file.len())
        },
    )
}
