//! The lock of those who look at builds or start them, and what tells whether a build runs.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, Result};

/// Held while somebody looks or starts. It is unlocked when it is dropped.
#[derive(Debug)]
pub(super) struct Door {
    _locked: File,
}

impl Door {
    /// Waits for the door of this folder of jobs, which is made if it is not there.
    pub(super) fn of(jobs: &Path) -> Result<Self> {
        make_folder(jobs)?;
        let file = jobs.join("door");
        let door = open(&file)?;
        door.lock().map_err(Error::file(&file, "locked"))?;
        Ok(Self { _locked: door })
    }

    /// The lock of a build, unless the build holds it.
    pub(super) fn lock(&self, folder: &Path) -> Result<Option<File>> {
        let file = folder.join("lock");
        let lock = open(&file)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::File { path: file, done: "locked", source }),
        }
    }
}

/// Makes a folder that only its owner can enter.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Error::file(folder, "made"))
}

fn open(file: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(file).map_err(Error::file(file, "opened"))
}
