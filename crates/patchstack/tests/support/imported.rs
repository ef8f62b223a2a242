//! Repositories that one `git fast-import` makes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::sandbox::Sandbox;

/// What every such repository has in its configuration.
pub(crate) const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n";

/// An empty repository with a work tree, made without starting git.
pub(crate) fn empty(sandbox: &Sandbox, name: &str) -> PathBuf {
    let folder = sandbox.path(name);
    let git = folder.join(".git");
    for part in ["objects/pack", "objects/info", "refs/heads"] {
        std::fs::create_dir_all(git.join(part)).expect("a folder can be made");
    }
    std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").expect("a file can be written");
    std::fs::write(git.join("config"), CONFIG).expect("a file can be written");
    folder
}

/// Makes what the stream tells, and gives the ids of its marks.
pub(crate) fn import(sandbox: &Sandbox, folder: &Path, stream: &[u8]) -> BTreeMap<usize, String> {
    let marks = sandbox.path("marks");
    let export = format!("--export-marks={}", marks.display());
    // One pack rather than many loose objects.
    let words = ["-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", "--force", &export];
    let mut command = sandbox.call(folder, &words);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("git can be started");
    let fed = child.stdin.take().expect("it has an input").write_all(stream);
    let output = child.wait_with_output().expect("git ends");
    assert!(output.status.success() && fed.is_ok(), "git fast-import: {}", String::from_utf8_lossy(&output.stderr));
    let marks = std::fs::read_to_string(marks).expect("git wrote the marks");
    let mark = |line: &str| {
        let (mark, id) = line.strip_prefix(':')?.split_once(' ')?;
        Some((mark.parse().ok()?, id.to_owned()))
    };
    marks.lines().filter_map(mark).collect()
}

/// A block of data in a stream.
pub(crate) fn data(content: &[u8], stream: &mut Vec<u8>) {
    stream.extend_from_slice(format!("data {}\n", content.len()).as_bytes());
    stream.extend_from_slice(content);
    stream.push(b'\n');
}
