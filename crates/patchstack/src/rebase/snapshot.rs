//! What a linked work tree of ours was like when cutover last left it. Whoever would remove one asks here whether anything was done in
//! it since.
//!
//! A snapshot covers HEAD and how often it moved, the index, and every file: ignored ones, and those of submodules and of other
//! repositories below the folder, too. It is kept in the work tree's git directory.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::state::write;
use super::work_tree::Folder;
use crate::error::{Error, Result};
use crate::git::Git;
use crate::names::ObjectId;

/// The file, in the work tree's git directory.
const FILE: &str = "cutover-snapshot";
/// How many files are named at most.
const NAMED: usize = 5;

/// What a work tree is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    head: ObjectId,
    /// How many entries HEAD's reflog has: a commit that somebody made and left again is only there.
    moves: usize,
    /// The hash of what is staged.
    staged: String,
    /// Each file by its path in the folder, with what changes when it is written or replaced.
    files: BTreeMap<String, String>,
}

impl Snapshot {
    /// What the work tree is like now.
    pub(super) fn take(git: &Git, folder: &Folder) -> Result<Self> {
        let mut files = BTreeMap::new();
        walk(&folder.path, &mut |path, file| note(&mut files, &folder.path, path, file))?;
        // The git directories of submodules.
        walk(&folder.directory.join("modules"), &mut |path, file| note(&mut files, &folder.directory, path, file))?;
        files.remove(".git");
        Ok(Self { head: folder.head(git)?, moves: moves(git, folder)?, staged: staged(git, folder)?, files })
    }

    /// Takes a snapshot and keeps it: what the work tree is like now is cutover's doing.
    pub(super) fn keep(git: &Git, folder: &Folder) -> Result<Self> {
        let snapshot = Self::take(git, folder)?;
        let path = folder.directory.join(FILE);
        let text = serde_json::to_vec(&snapshot).unwrap_or_default();
        write(&path, &text).map_err(|source| Error::File { path, done: "written", source })?;
        Ok(snapshot)
    }

    /// The snapshot that was kept; none if there is none, or another cutover wrote it in another form.
    pub(super) fn kept(folder: &Folder) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.directory.join(FILE)).ok()?).ok()
    }

    /// What is different in `now`, in words: `HEAD moved, other files are staged, changed: conf/local.py`. None if nothing is.
    pub(super) fn difference(&self, now: &Self) -> Option<String> {
        let mut words = Vec::new();
        if (&self.head, self.moves) != (&now.head, now.moves) {
            words.push("HEAD moved".to_owned());
        }
        if self.staged != now.staged {
            words.push("other content is staged".to_owned());
        }
        let changed = self.changed(now);
        if !changed.is_empty() {
            let more = if changed.len() > NAMED { ", ..." } else { "" };
            words.push(format!("changed: {}{more}", changed[..changed.len().min(NAMED)].join(", ")));
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// The files that were written, made or removed.
    fn changed<'a>(&'a self, now: &'a Self) -> Vec<&'a str> {
        let written = now.files.iter().filter(|(path, file)| self.files.get(*path) != Some(*file));
        let removed = self.files.keys().filter(|path| !now.files.contains_key(*path));
        written.map(|(path, _)| path.as_str()).chain(removed.map(String::as_str)).collect()
    }
}

/// What was done in a work tree since cutover left it, in words; none if nothing was. Where nothing is known of how it was left, that
/// counts as done.
pub(super) fn done_since(git: &Git, folder: &Folder) -> Result<Option<String>> {
    let Some(kept) = Snapshot::kept(folder) else { return Ok(Some("nothing is known of how it was left".to_owned())) };
    Ok(kept.difference(&Snapshot::take(git, folder)?))
}

/// The repositories below a folder: submodules that were checked out, and clones. Their commits may be nowhere else.
pub(super) fn repositories_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk_folders(folder, &mut |entries| {
        let dot_git = entries.iter().find(|path| path.file_name().is_some_and(|name| name == ".git"));
        found.extend(dot_git.and_then(|path| path.parent()).filter(|path| *path != folder).map(Path::to_owned));
    })?;
    Ok(found)
}

/// How many entries HEAD's reflog has; none where git keeps none.
fn moves(git: &Git, folder: &Folder) -> Result<usize> {
    let call = folder
        .call("rev-list", "count how often HEAD of the folder moved")
        .options(&["--walk-reflogs", "--count"])
        .operands(["HEAD"]);
    let output = git.run(&call)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0))
}

/// The hash of the list of what is staged. The index file itself also changes when git only looks at the files.
fn staged(git: &Git, folder: &Folder) -> Result<String> {
    let list = git.output(&folder.call("ls-files", "list what is staged in the folder").options(&[
        "--stage",
        "-z",
        "--full-name",
    ]))?;
    let call = folder.call("hash-object", "take the hash of what is staged").options(&["--stdin"]);
    git.text(&call.input(list))
}

/// Notes a file. A file of the same size can have its old time (`cp -p`), but not its old change time.
fn note(files: &mut BTreeMap<String, String>, top: &Path, path: &Path, file: &Metadata) {
    let name = path.strip_prefix(top).unwrap_or(path).as_os_str().as_bytes();
    let times = [(file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec())];
    let times: Vec<String> = times.iter().map(|(seconds, rest)| format!("{seconds}.{rest:09}")).collect();
    // Names that are no text stay different from each other.
    let name = std::str::from_utf8(name).map_or_else(|_| name.escape_ascii().to_string(), str::to_owned);
    files.insert(name, format!("{} {} {}", file.len(), times.join(" "), file.ino()));
}

/// Calls `each` with every file below a folder, without following links, and with the folders that cannot be read. The index of a
/// repository below it is left out: git writes it when it only looks at the files.
fn walk(folder: &Path, each: &mut dyn FnMut(&Path, &Metadata)) -> Result<()> {
    let unreadable = walk_folders(folder, &mut |entries| {
        let is_git_directory = entries.iter().any(|path| path.file_name().is_some_and(|name| name == "HEAD"));
        for path in entries {
            let is_index = is_git_directory && path.file_name().is_some_and(|name| name == "index");
            if let Ok(file) = path.symlink_metadata()
                && !file.is_dir()
                && !is_index
            {
                each(path, &file);
            }
        }
    })?;
    for folder in unreadable {
        if let Ok(file) = folder.symlink_metadata() {
            each(&folder, &file);
        }
    }
    Ok(())
}

/// Calls `each` with the entries of a folder and of every folder below it. What is removed meanwhile is passed over. Returns the
/// folders that this user may not read, such as a database's.
fn walk_folders(folder: &Path, each: &mut dyn FnMut(&[PathBuf])) -> Result<Vec<PathBuf>> {
    let mut open = vec![folder.to_owned()];
    let mut unreadable = Vec::new();
    while let Some(folder) = open.pop() {
        let entries = match std::fs::read_dir(&folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                unreadable.push(folder);
                continue;
            }
            Err(source) => return Err(Error::File { path: folder, done: "read", source }),
        };
        let folders = entries.iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        open.extend(folders.map(std::fs::DirEntry::path));
        each(&entries.iter().map(std::fs::DirEntry::path).collect::<Vec<PathBuf>>());
    }
    Ok(unreadable)
}
