//! The lock of those who look at builds or start them, and what tells whether a build runs.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::folder;

/// Held while somebody looks or starts.
#[derive(Debug)]
pub(super) struct Door {
    _locked: Lock,
}

impl Door {
    /// Waits for the door of this folder of jobs, which is made if it is not there.
    pub(super) fn of(jobs: &Path) -> Result<Self> {
        folder::make(jobs)?;
        let file = jobs.join("door");
        let door = open(&file)?;
        door.lock().map_err(Error::file(&file, "locked"))?;
        Ok(Self { _locked: Lock(Some(door)) })
    }

    /// The lock of a build, unless the build holds it.
    pub(super) fn lock(&self, folder: &Path) -> Result<Option<Lock>> {
        let file = folder.join("lock");
        let lock = open(&file)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Lock(Some(lock)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::File { path: file, done: "locked", source }),
        }
    }
}

/// A file that this process has locked. It is unlocked when this is dropped: to close it is not enough, because a process that
/// another thread has just started may have it open until it becomes another program.
#[derive(Debug)]
pub(super) struct Lock(Option<File>);

impl Lock {
    /// The file, still locked, for whoever keeps it from now on.
    pub(super) fn hand_over(mut self) -> File {
        self.0.take().expect("it is there until it is handed over")
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // What cannot be unlocked is unlocked when it is closed.
            let _ = file.unlock();
        }
    }
}

fn open(file: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(file).map_err(Error::file(file, "opened"))
}
