//! Removes scratch repositories whose process was killed, which would use memory forever.
//!
//! A running process holds a lock on its folder, which the system releases when the process ends in any way.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the names of scratch repositories begin with.
pub(super) const PREFIX: &str = "cutover-";
/// Written once the lock is held: only a folder with this file is a scratch repository, and without a lock it is
/// unused.
const MARK: &str = "cutover-scratch";

/// Locks a new folder until the returned value is dropped.
pub(super) fn hold(folder: &Path) -> io::Result<File> {
    let lock = File::open(folder)?;
    lock.try_lock()?;
    File::create(folder.join(MARK))?;
    Ok(lock)
}

/// Removes unused scratch repositories beside `folder` that belong to the same user. What cannot be removed stays,
/// which does no harm.
pub(super) fn sweep_beside(folder: &Path) {
    let (Some(parent), Ok(ours)) = (folder.parent(), std::fs::symlink_metadata(folder)) else { return };
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let is_ours = std::fs::symlink_metadata(&path).is_ok_and(|there| there.is_dir() && there.uid() == ours.uid());
        if is_ours && path.join(MARK).is_file() && is_dead(&path) {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

fn is_dead(folder: &Path) -> bool {
    File::open(folder).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_swept_and_the_living_and_strangers_stay() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| {
            let folder = parent.path().join(name);
            std::fs::create_dir(&folder).expect("a folder");
            folder
        };
        let (dead, living, ours) = (folder("cutover-dead"), folder("cutover-living"), folder("cutover-ours"));
        let (newborn, strange) = (folder("cutover-newborn"), folder("clone"));
        drop(hold(&dead).expect("held"));
        drop(hold(&strange).expect("held"));
        let _living = hold(&living).expect("held");
        let _ours = hold(&ours).expect("held");
        sweep_beside(&ours);
        assert!(!dead.exists());
        assert!([living, ours, newborn, strange].iter().all(|folder| folder.exists()));
    }
}
