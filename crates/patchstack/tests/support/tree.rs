//! What a commit contains, as a map from paths to what is there: enough of git's model to tell histories in.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as TreeEntry;

use super::imported::data;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A file, which may be executable.
    File { executable: bool, content: Vec<u8> },
    /// A symbolic link and where it leads.
    Link(Vec<u8>),
    /// A submodule, at the commit whose id is this digit over and over.
    Module(u8),
}

impl Entry {
    /// An ordinary file.
    pub(crate) fn file(content: impl Into<Vec<u8>>) -> Self {
        Self::File { executable: false, content: content.into() }
    }
}

/// A path, which need not be UTF-8.
pub(crate) type Path = Vec<u8>;

/// What a commit contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree(pub(crate) BTreeMap<Path, Entry>);

impl Tree {
    /// Puts something at a path; what is in its way goes.
    pub(crate) fn put(&mut self, path: &[u8], entry: Entry) {
        let inside = [path, b"/"].concat();
        self.0.retain(|other, _| {
            let below = other.starts_with(&inside);
            let above = path.starts_with(other) && path.get(other.len()) == Some(&b'/');
            !below && !above
        });
        self.0.insert(path.to_vec(), entry);
    }

    /// Takes away what is at a path.
    pub(crate) fn remove(&mut self, path: &[u8]) {
        if let TreeEntry::Occupied(entry) = self.0.entry(path.to_vec()) {
            entry.remove();
        }
    }

    /// The path whose turn it is when `choice` goes round over those with files that pass `wanted`.
    pub(crate) fn choose(&self, choice: u8, wanted: impl Fn(&[u8], &Entry) -> bool) -> Option<Path> {
        let paths: Vec<&Path> =
            self.0.iter().filter(|(path, entry)| wanted(path, entry)).map(|(path, _)| path).collect();
        (!paths.is_empty()).then(|| paths[usize::from(choice) % paths.len()].clone())
    }

    /// What was at the paths where `after` is otherwise: with this one gets back here.
    pub(crate) fn before(&self, after: &Self) -> Vec<(Path, Option<Entry>)> {
        let paths = self.0.keys().chain(after.0.keys());
        let mut paths: Vec<&Path> = paths.filter(|path| self.0.get(*path) != after.0.get(*path)).collect();
        paths.sort();
        paths.dedup();
        paths.into_iter().map(|path| (path.clone(), self.0.get(path).cloned())).collect()
    }

    /// The lines of a fast-import stream that make this tree of `parent`.
    pub(crate) fn differences(&self, parent: &Self, stream: &mut Vec<u8>) {
        for path in parent.0.keys().filter(|path| !self.0.contains_key(*path)) {
            stream.extend_from_slice(b"D ");
            quote(path, stream);
            stream.push(b'\n');
        }
        for (path, entry) in self.0.iter().filter(|(path, entry)| parent.0.get(*path) != Some(entry)) {
            let (mode, content) = match entry {
                Entry::File { executable: false, content } => ("100644", content),
                Entry::File { executable: true, content } => ("100755", content),
                Entry::Link(target) => ("120000", target),
                Entry::Module(digit) => {
                    let id = format!("{:x}", digit % 16).repeat(40);
                    stream.extend_from_slice(format!("M 160000 {id} ").as_bytes());
                    quote(path, stream);
                    stream.push(b'\n');
                    continue;
                }
            };
            stream.extend_from_slice(format!("M {mode} inline ").as_bytes());
            quote(path, stream);
            stream.push(b'\n');
            data(content, stream);
        }
    }
}

fn quote(path: &[u8], stream: &mut Vec<u8>) {
    stream.push(b'"');
    for &byte in path {
        match byte {
            b'"' | b'\\' => stream.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => stream.push(byte),
            _ => stream.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    stream.push(b'"');
}
