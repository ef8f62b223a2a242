//! What a machine has besides the system that all machines share.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Files, links and folders that are in a machine when it boots for the first time. Paths are those in the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outfit {
    files: Vec<(String, String, u32)>,
    links: Vec<(String, String)>,
    mounts: Vec<(PathBuf, String)>,
    disk_mib: Option<u32>,
}

impl Outfit {
    /// The same with a file.
    #[must_use]
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned(), 0o644));
        self
    }

    /// The same with a program: a file that can be executed.
    #[must_use]
    pub fn program(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned(), 0o755));
        self
    }

    /// The same with a symbolic link.
    #[must_use]
    pub fn link(mut self, path: &str, target: &str) -> Self {
        self.links.push((path.to_owned(), target.to_owned()));
        self
    }

    /// The same with a folder of this computer, which the machine can only read. It takes no room on its disk.
    #[must_use]
    pub fn mount(mut self, folder: &Path, path: &str) -> Self {
        self.mounts.push((folder.to_owned(), path.to_owned()));
        self
    }

    /// The same with all files and links in a folder instead of where they belong, from which a program can copy them there.
    #[must_use]
    pub fn beneath(mut self, folder: &str) -> Self {
        self.files.iter_mut().for_each(|(path, ..)| path.insert_str(0, folder));
        self.links.iter_mut().for_each(|(path, _)| path.insert_str(0, folder));
        self
    }

    /// The same with all files, links and mounts of another one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.links.extend(other.links);
        self.mounts.extend(other.mounts);
        self.disk_mib = other.disk_mib.or(self.disk_mib);
        self
    }

    /// The same with a disk of that size, which is in memory and takes no more of that than what is written to it.
    #[must_use]
    pub fn disk(mut self, mib: u32) -> Self {
        self.disk_mib = Some(mib);
        self
    }

    /// The size of its disk in MiB, if it is not the usual one.
    pub(super) fn disk_mib(&self) -> Option<u32> {
        self.disk_mib
    }

    /// The options for systemd-nspawn that mount the folders.
    pub(super) fn options(&self) -> Vec<String> {
        let option = |(folder, path): &(PathBuf, String)| format!("--bind-ro={}:{path}", folder.display());
        self.mounts.iter().map(option).collect()
    }

    /// Each folder of this computer, and its path in the machine.
    pub(super) fn mounts(&self) -> Vec<String> {
        self.mounts.iter().flat_map(|(folder, path)| [folder.display().to_string(), path.clone()]).collect()
    }

    /// Writes files and links beneath `root`.
    pub(super) fn write(&self, root: &Path) {
        let at = |path: &str| {
            let file = root.join(path.trim_start_matches('/'));
            std::fs::create_dir_all(file.parent().expect("it has a folder")).expect("a folder");
            file
        };
        for (path, text, mode) in &self.files {
            let file = at(path);
            std::fs::write(&file, text).expect("written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(*mode)).expect("it is ours");
        }
        self.links.iter().for_each(|(path, target)| symlink(target, at(path)).expect("a link"));
    }
}
