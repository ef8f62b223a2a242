//! Earlier resolutions: applied to the files of a conflict for review, and recorded when a conflict is resolved.
//!
//! If a folder `rr-cache` exists, git uses rerere for everything. So where the operator does not use rerere, the
//! resolutions are kept in a separate directory, and the operator's git is not affected.

use std::path::{Path, PathBuf};

use super::work_tree::Folder;
use crate::error::{Error, Result};
use crate::git::Call;
use crate::names::GitPath;
use crate::repository::Repository;

/// Applies earlier resolutions to the conflicting files. Nothing is staged.
pub(super) fn offer(repository: &Repository, folder: &Folder) -> Result<()> {
    repository.git().output(&call(repository, folder, "apply earlier resolutions")?).map(drop)
}

/// Records the resolution of a conflict, for the next time.
pub(super) fn record(repository: &Repository, folder: &Folder) -> Result<()> {
    repository.git().output(&call(repository, folder, "record the resolution")?).map(drop)
}

/// The conflicting files to which an earlier resolution was applied and that are not staged yet.
pub(super) fn offered(repository: &Repository, folder: &Folder) -> Result<Vec<GitPath>> {
    let unmerged = folder.unmerged(repository.git())?;
    if unmerged.is_empty() {
        return Ok(unmerged);
    }
    let call = call(repository, folder, "list files without an earlier resolution")?.options(&["remaining"]);
    // The output has one path per line, without quoting, so a path that contains a newline is ambiguous. It is left
    // out.
    let remaining = repository.git().output(&call)?;
    let remaining =
        GitPath::list(&remaining.iter().map(|byte| if *byte == b'\n' { 0 } else { *byte }).collect::<Vec<u8>>());
    let is_plain = |path: &GitPath| !path.as_bytes().contains(&b'\n');
    Ok(unmerged.into_iter().filter(|path| is_plain(path) && !remaining.contains(path)).collect())
}

fn call(repository: &Repository, folder: &Folder, doing: &str) -> Result<Call> {
    let call = folder.call("rerere", doing).setting("rerere.enabled", "true").setting("rerere.autoUpdate", "false");
    match own_directory(repository)? {
        Some(directory) => Ok(call.variable("GIT_COMMON_DIR", directory)),
        None => Ok(call),
    }
}

/// Cutover's own directory for resolutions; `None` if the operator uses rerere.
fn own_directory(repository: &Repository) -> Result<Option<PathBuf>> {
    let wish = repository.call("config", "find out whether you use rerere").as_the_operator().options(&[
        "--type=bool",
        "--get",
        "rerere.enabled",
    ]);
    let output = repository.git().run(&wish)?;
    let uses = match output.stdout.trim_ascii() {
        b"true" => true,
        b"false" => false,
        _ => repository.directory().join("rr-cache").is_dir(),
    };
    if uses {
        return Ok(None);
    }
    let directory = repository.directory().join("cutover/rerere");
    furnish(repository, &directory).map_err(|source| Error::File {
        path: directory.clone(),
        done: "written",
        source,
    })?;
    Ok(Some(directory))
}

/// A git directory that borrows the repository's objects. It is written again each time, because it consists of only
/// five small files.
fn furnish(repository: &Repository, directory: &Path) -> std::io::Result<()> {
    for name in ["objects/info", "objects/pack", "refs/heads"] {
        std::fs::create_dir_all(directory.join(name))?;
    }
    let format = match repository.object_format() {
        "sha1" => "[core]\n\trepositoryformatversion = 0\n".to_owned(),
        other => format!("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = {other}\n"),
    };
    std::fs::write(directory.join("config"), format)?;
    std::fs::write(directory.join("HEAD"), "ref: refs/heads/none\n")?;
    // A path relative to the same git directory, so that the repository can be moved.
    std::fs::write(directory.join("objects/info/alternates"), "../../../objects\n")
}
