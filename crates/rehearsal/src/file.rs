//! The file of a world that several processes share: it is read, locked, and replaced as a whole.
//!
//! The world itself is in `world`; this is only about its file.

use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cutover_core::names::DeploymentName;

use crate::pace::Pace;
use crate::world::{WORLD_VERSION, WorldState};

/// Why an embedded cloud could not be opened or saved.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// The file system returned an error.
    #[error("the embedded cloud cannot be kept in {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The file does not contain a world.
    #[error("{path} does not hold an embedded cloud")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Another version of this program wrote the file.
    #[error("{path} holds an embedded cloud of version {found}, and this program knows version {WORLD_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// The file existed, and is gone.
    #[error("the embedded cloud is gone: {path} was removed while it was in use")]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the lock and does not release it.
    #[error("the embedded cloud in {path} is locked by another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The folder belongs to another deployment.
    #[error("{path} holds the embedded cloud of {found}, not of {wanted}")]
    OtherDeployment {
        /// The file.
        path: PathBuf,
        /// The deployment of the world in the file.
        found: DeploymentName,
        /// The deployment that was wanted.
        wanted: DeploymentName,
    },
}

impl CloudError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "make sure that it can be read and written and that there is room; nothing was changed",
            Self::Unreadable { .. } => {
                "restore the file from a copy, or remove it to start with a new embedded cloud; nothing was changed"
            }
            Self::Version { .. } => "finish the upgrade with the program that started it, or remove the file",
            Self::Gone { .. } => "put the folder back; nothing was changed in it since",
            Self::Locked { .. } => {
                "find that process, which may be suspended, and resume or end it; nothing was changed"
            }
            Self::OtherDeployment { .. } => "give each deployment its own state location",
        }
    }
}

/// The file of a world, and how the time of that world passes.
pub(crate) struct WorldFile {
    path: PathBuf,
    writable: bool,
    /// What the file looked like when this process last read or wrote it.
    seen: Cell<Option<Stamp>>,
    pace: Cell<Pace>,
}

/// How often the lock is tried, and the time between two attempts: five seconds together, during which the conductor is
/// blocked. A process holds the lock for milliseconds, unless it is suspended during that time.
const LOOKS: u32 = 1000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

#[expect(clippy::disallowed_methods, reason = "the lock is held for milliseconds, and nothing goes on without it")]
fn wait_a_moment() {
    std::thread::sleep(BETWEEN_LOOKS);
}

/// Metadata that differs between two versions of a file, so that they do not have to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    file_number: u64,
}

impl WorldFile {
    /// The world's file in `folder`. Until a world is read from it, time passes by `pace`.
    pub(crate) fn new(folder: &Path, writable: bool, pace: Pace) -> Self {
        Self { path: folder.join("world.json"), writable, seen: Cell::new(None), pace: Cell::new(pace) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }

    /// How the world's time passes, according to what this process last read.
    pub(crate) fn pace(&self) -> Pace {
        self.pace.get()
    }

    /// Prevents other processes from changing the world until the returned lock is dropped.
    pub(crate) fn lock(&self) -> Result<Option<File>, CloudError> {
        if !self.writable {
            return Ok(None);
        }
        let path = self.path.with_extension("lock");
        // A world that was removed while this process uses it is not created again.
        if self.seen.get().is_none()
            && let Some(folder) = path.parent()
        {
            fs::create_dir_all(folder).map_err(|source| refused(folder, source))?;
        }
        let file = File::create(&path).map_err(|source| refused(&path, source))?;
        for _ in 0..LOOKS {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) => wait_a_moment(),
                Err(TryLockError::Error(source)) => return Err(refused(&path, source)),
            }
        }
        Err(CloudError::Locked { path: self.path.clone() })
    }

    /// The world, if the file has changed since this process last read or wrote it. `None` if it has not, or if there
    /// is no file.
    pub(crate) fn read_if_changed(&self) -> Result<Option<WorldState>, CloudError> {
        let (stamp, seen) = (self.stamp()?, self.seen.get());
        if stamp.is_none() && seen.is_some() && self.writable {
            return Err(CloudError::Gone { path: self.path.clone() });
        }
        if stamp.is_none() || stamp == seen {
            return Ok(None);
        }
        let world = self.read()?;
        self.seen.set(stamp);
        if let Some(pace) = world.pace {
            self.pace.set(pace);
        }
        Ok(Some(world))
    }

    /// Replaces the file atomically: if the process is killed at any point, the file is either the old or the new one.
    pub(crate) fn write(&self, world: &mut WorldState) -> Result<(), CloudError> {
        if !self.writable {
            return Ok(());
        }
        world.pace = Some(self.pace.get());
        let text =
            serde_json::to_vec(world).map_err(|source| CloudError::Unreadable { path: self.path.clone(), source })?;
        let beside = self.path.with_extension("json.new");
        fs::write(&beside, text).map_err(|source| refused(&beside, source))?;
        fs::rename(&beside, &self.path).map_err(|source| refused(&self.path, source))?;
        self.seen.set(self.stamp()?);
        Ok(())
    }

    /// Changes how time passes, for every process.
    pub(crate) fn change_pace(&self, change: impl FnOnce(&mut Pace)) -> Result<(), CloudError> {
        let _lock = self.lock()?;
        let saved = if self.stamp()?.is_some() { Some(self.read()?) } else { None };
        let mut pace = saved.as_ref().and_then(|world| world.pace).unwrap_or_else(|| self.pace.get());
        change(&mut pace);
        self.pace.set(pace);
        if let Some(mut world) = saved {
            self.write(&mut world)?;
            // This process has not read this version into its cloud, and another process may have changed it.
            self.seen.set(None);
        }
        Ok(())
    }

    fn read(&self) -> Result<WorldState, CloudError> {
        let unreadable = |source| CloudError::Unreadable { path: self.path.clone(), source };
        let text = fs::read(&self.path).map_err(|source| refused(&self.path, source))?;
        let versioned: Versioned = serde_json::from_slice(&text).map_err(unreadable)?;
        if versioned.version != WORLD_VERSION {
            return Err(CloudError::Version { path: self.path.clone(), found: versioned.version });
        }
        serde_json::from_slice(&text).map_err(unreadable)
    }

    fn stamp(&self) -> Result<Option<Stamp>, CloudError> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(refused(&self.path, source)),
        };
        #[cfg(unix)]
        let file_number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let file_number = 0;
        let modified = metadata.modified().map_err(|source| refused(&self.path, source))?;
        Ok(Some(Stamp { modified, length: metadata.len(), file_number }))
    }
}

/// Only the version of a saved world, which can be read even if everything else has changed.
#[derive(serde::Deserialize)]
struct Versioned {
    version: u32,
}

fn refused(path: &Path, source: io::Error) -> CloudError {
    CloudError::Io { path: path.to_owned(), source }
}
