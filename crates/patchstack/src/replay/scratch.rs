//! The scratch repository: a folder in memory where there is one, which borrows the objects of the operator's
//! repository and takes the new ones. Its files are written directly: a repository without work tree and branches
//! consists of five.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::sweep;
use crate::error::{Error, Result};
use crate::git::Call;
use crate::names::ObjectId;
use crate::repository::Repository;

/// Where Linux keeps files in memory.
const IN_MEMORY: &str = "/dev/shm";

/// The ref that takes a commit on its way to the operator's repository.
pub(super) const KEPT: &str = "refs/heads/kept";

/// A scratch repository. It is removed when this is dropped; one whose process was killed is removed when the next is
/// made.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    _hold: File,
}

impl Scratch {
    /// A scratch repository that borrows from `repository` and merges as it would.
    pub(super) fn new(repository: &Repository) -> Result<Self> {
        Self::at(Some(IN_MEMORY), repository).or_else(|_| Self::at(None, repository))
    }

    /// In `parent`, or where the system keeps temporary files.
    fn at(parent: Option<&str>, repository: &Repository) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(sweep::PREFIX);
        let folder = parent.map_or_else(|| builder.tempdir(), |parent| builder.tempdir_in(parent));
        let folder =
            folder.map_err(|source| Error::File { path: "a temporary folder".into(), done: "made", source })?;
        let hold = sweep::hold(folder.path());
        let hold = hold.map_err(|source| Error::File { path: folder.path().to_owned(), done: "locked", source })?;
        sweep::sweep_beside(folder.path());
        let scratch = Self { folder, settings: settings(repository)?, _hold: hold };
        let written = scratch.write(repository);
        written.map_err(|source| Error::File { path: scratch.folder.path().to_owned(), done: "written", source })?;
        Ok(scratch)
    }

    fn write(&self, repository: &Repository) -> io::Result<()> {
        let folder = self.folder.path();
        for name in ["objects/info", "objects/pack", "refs/heads", "info", "tree", "commits"] {
            std::fs::create_dir_all(folder.join(name))?;
        }
        std::fs::write(folder.join("HEAD"), "ref: refs/heads/none\n")?;
        let format = match repository.object_format() {
            "sha1" => "[core]\n\trepositoryformatversion = 0\n".to_owned(),
            other => format!("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = {other}\n"),
        };
        std::fs::write(folder.join("config"), format)?;
        let lenders = lenders(&repository.directory().join("objects"));
        std::fs::write(folder.join("objects/info/alternates"), alternates(&lenders))?;
        let attributes = repository.directory().join("info/attributes");
        if attributes.exists() {
            std::fs::copy(attributes, folder.join("info/attributes"))?;
        }
        Ok(())
    }

    /// Its git directory.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A call in it.
    pub(super) fn call(&self, name: &'static str, doing: &str) -> Call {
        let tree = self.folder.path().join("tree");
        let call = Call::new(name, doing).of_repository(self.folder.path()).inside(&tree);
        // Not bare, for git aborts where a bare one is to renormalise (merge.renormalize).
        let call = call.setting("core.bare", "false").variable("GIT_WORK_TREE", &tree);
        self.settings.iter().fold(call, |call, (name, value)| call.setting(name.clone(), value.clone()))
    }

    /// Names a commit, so that it can be fetched from here.
    pub(super) fn name(&self, commit: &ObjectId) -> Result<()> {
        let path = self.folder.path().join(KEPT);
        std::fs::write(&path, format!("{commit}\n")).map_err(|source| Error::File { path, done: "written", source })
    }
}

/// The settings of the repository that affect the outcome of a merge.
fn settings(repository: &Repository) -> Result<Vec<(String, String)>> {
    const NAMES: [&str; 4] = ["diff.renames", "diff.renamelimit", "core.autocrlf", "core.eol"];
    let mut settings = repository.settings(|name| name.starts_with("merge.") || NAMES.contains(&name))?;
    settings.extend(OURS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(settings)
}

/// Settings of ours: hunks are read from conflict markers; ids are no names of refs; and what is written here is soon gone.
const OURS: [(&str, &str); 5] = [
    ("merge.conflictStyle", "merge"),
    ("core.warnAmbiguousRefs", "false"),
    ("core.looseCompression", "0"),
    ("core.createObject", "rename"),
    ("core.fsync", "none"),
];

/// The object folders of a repository: its own, and those that it borrows from itself. Git would not follow a relative
/// one of those from here.
fn lenders(objects: &Path) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let mut lenders = vec![objects.to_owned()];
    let borrowed = std::fs::read(objects.join("info/alternates")).unwrap_or_default();
    for line in borrowed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#') {
        lenders.push(objects.join(std::ffi::OsStr::from_bytes(line)));
    }
    lenders
}

/// One path a line; quoted as in C where git could read it otherwise.
fn alternates(lenders: &[PathBuf]) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let mut text = Vec::new();
    for lender in lenders {
        let bytes = lender.as_os_str().as_bytes();
        if bytes.iter().any(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'#')) {
            text.push(b'"');
            bytes.iter().for_each(|byte| match byte {
                b'"' | b'\\' => text.extend([b'\\', *byte]),
                b'\n' => text.extend(b"\\n"),
                _ => text.push(*byte),
            });
            text.push(b'"');
        } else {
            text.extend(bytes);
        }
        text.push(b'\n');
    }
    text
}
