//! Files that a deployment file names. Whether they can be read is for the program to see: this crate has no disk.

use super::mistake::Mistake;
use super::{Deployment, syntax};

/// A file that a deployment file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The section and the key that name it.
    pub key: (&'static str, &'static str),
    /// Its path, absolute or relative to the deployment file.
    pub path: String,
}

impl NamedFile {
    /// The mistake at the position of its path in `text`, which is the text of the deployment file, if it cannot be read.
    #[must_use]
    pub fn unreadable(&self, text: &str, why: &str) -> Mistake {
        let (file, _) = syntax::read(text);
        let (section, key) = self.key;
        let message = format!("`{section}.{key}` names a file that cannot be read: {why}");
        Mistake::at(file.get(section).get(key), message, "a path is relative to this file")
    }
}

/// The files that connections to hosts need.
#[must_use]
pub fn files_for_ssh(deployment: &Deployment) -> Vec<NamedFile> {
    let ssh = &deployment.ssh;
    let named = [("config", &ssh.config), ("known_hosts", &ssh.known_hosts)];
    let named = named.into_iter().filter_map(|(key, path)| Some(NamedFile { key: ("ssh", key), path: path.clone()? }));
    named.collect()
}
