//! Folders on disk: which one it is, and what is in it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A folder, which another one at the same path is not.
#[derive(Clone, Debug)]
pub(super) struct OneFolder {
    path: PathBuf,
    identity: Identity,
}

impl OneFolder {
    /// The folder that is at `path` now.
    pub(super) fn at(path: &Path) -> std::io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder is still there, and no other one.
    pub(super) fn is_still_there(&self) -> std::io::Result<()> {
        match identity(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            _ => Err(std::io::Error::other(format!("the folder {} was removed or replaced", self.path.display()))),
        }
    }
}

/// A folder's device and inode, and when it was made where the disk knows that: an inode is used again.
type Identity = (u64, u64, Option<SystemTime>);

fn identity(path: &Path) -> std::io::Result<Identity> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino(), metadata.created().ok()))
}

/// The names in a folder on disk, read beside the conductor.
pub(super) async fn names(folder: PathBuf) -> object_store::Result<Vec<String>> {
    beside(folder, names_in).await.map_err(unlisted)
}

/// Reads a folder in another thread if there is a runtime: in the thread of a conductor it would hold up its timers and
/// signals too.
async fn beside<T: Send + 'static>(folder: PathBuf, read: fn(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(move || read(&folder)).await?,
        Err(_) => read(&folder),
    }
}

/// The names in a folder on disk; none if there is no such folder. A name that is not valid text, or that no object
/// could have, is listed like any other: only reading it fails.
fn names_in(folder: &Path) -> std::io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    // A file that was half written before a crash does not count as an object, and is not reported.
    let names: std::io::Result<Vec<String>> = names.collect();
    Ok(names?.into_iter().filter(|name| !name.contains(".json#")).collect())
}

/// The error for a folder that could not be listed.
pub(super) fn unlisted(source: std::io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(source) }
}
