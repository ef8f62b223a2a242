//! Which processes a build has: those that have its lock open. It is passed on to all that Packer starts.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, getpid};

use crate::error::{Error, Result};

/// The processes that have this file open, but not this one. Those of other users are seen by root only.
pub(super) fn that_have_open(file: &Path) -> Result<Vec<Pid>> {
    let file = file.canonicalize().map_err(Error::file(file, "found"))?;
    let processes = fs::read_dir("/proc").map_err(Error::file(Path::new("/proc"), "read"))?;
    let number = |entry: fs::DirEntry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?);
    let processes = processes.filter_map(|entry| number(entry.ok()?)).filter(|process| *process != getpid());
    Ok(processes.filter(|process| has_open(*process, &file)).collect())
}

/// A process that ends meanwhile has nothing open.
fn has_open(process: Pid, file: &Path) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", process.as_raw_nonzero())) else { return false };
    descriptors.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == file))
}
