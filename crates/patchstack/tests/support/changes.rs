//! What commits of random histories do to the files: single changes, what they come to on a tree, and how likely
//! each is. A change names its file by a number that goes round over the files there are, so that it means something
//! on every tree.

use proptest::prelude::*;

use super::tree::{Entry, Path, Tree};

/// One change.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Another text in a line of a file.
    Replace { file: u8, line: u8, text: u8 },
    /// A line more.
    Insert { file: u8, line: u8, text: u8 },
    /// Lines less.
    Cut { file: u8, line: u8 },
    /// A line in the shared list of which everybody's additions are kept.
    Note { text: u8 },
    /// Another name for a file.
    Rename { file: u8, to: u8 },
    /// Another name for a folder.
    RenameFolder { folder: u8, to: u8 },
    /// The other mode.
    Mode { file: u8 },
    /// A file less.
    Delete { file: u8 },
    /// A file more.
    Create { name: u8, text: u8 },
    /// Other bytes in the binary file.
    Binary { offset: u8, byte: u8 },
    /// A symbolic link, new or to another target.
    Link { name: u8, to: u8 },
    /// A submodule, new or at another commit.
    Module { name: u8, at: u8 },
    /// Other attributes.
    Attributes { inside: u8, are: u8 },
    /// The other line ends throughout a file.
    LineEnds { file: u8 },
}

/// Whose changes they are: in calm histories the two sides keep to their own half of a file and to their own files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Upstream's.
    Theirs,
    /// Ours.
    Ours,
}

const FOLDERS: [&[u8]; 4] = [b"app", b"lib", b"app/sub", b"docs"];
const OTHER_FOLDERS: [&[u8]; 4] = [b"application", b"library/deep", b"lib", b"d\xf6cs"];
const NAMES: [&[u8]; 8] = [
    b"app/new.py",
    b"app/sub/new.txt",
    b"lib/new.py",
    b"lib/na\xefve.txt",
    b"docs/new.md",
    b"other/new name.py",
    b"app/a.py",
    b"lib",
];
const LINKS: [&[u8]; 3] = [b"current", b"app/link", b"lib/d.txt"];
const MODULES: [&[u8]; 3] = [b"vendored", b"lib/module", b"docs"];
const ATTRIBUTE_FILES: [&[u8]; 2] = [b".gitattributes", b"lib/.gitattributes"];

/// `notes.md` is merged with `union`, `keep.cfg` by the driver of the repository's configuration. All have the same
/// word on line ends: where a check-out changes it, git takes files for modified that it has left as they were.
pub(crate) const ATTRIBUTES: [&str; 6] = [
    "*.dos text=auto eol=crlf\n*.txt text=auto\n*.md merge=union\n*.cfg merge=keep\n*.bin binary\n",
    "*.dos text=auto eol=crlf\n* text=auto\n*.md merge=union\n",
    "*.dos text=auto eol=crlf\n*.bin -text -diff\n*.py -merge\n",
    "*.dos text=auto eol=crlf\n*.txt -text\n*.md merge=union\n*.py merge=text conflict-marker-size=12\n",
    "*.dos text=auto eol=crlf\n*.txt merge=union\n*.py merge=keep\n",
    "*.dos text=auto eol=crlf\n# nothing\n",
];

/// The tree that every history begins with.
pub(crate) fn first_tree(attributes: u8) -> Tree {
    let mut tree = Tree::default();
    let names: [&[u8]; 9] = [
        b"app/a.py",
        b"app/b.py",
        b"app/caf\xe9.py",
        b"app/sub/c.py",
        b"app/sub/f.dos",
        b"lib/d.txt",
        b"lib/e.py",
        b"docs/guide.md",
        b"keep.cfg",
    ];
    for (index, name) in names.iter().enumerate() {
        // Some of the text files are Windows' own: their line ends are in the repository.
        let end = if index == 5 { "\r\n" } else { "\n" };
        let lines = (0..20).map(|line| format!("line {line} of file {index}{end}"));
        tree.put(name, Entry::file(lines.collect::<String>()));
    }
    tree.put(b"notes.md", Entry::file("- first\n- second\n"));
    tree.put(b"logo.bin", Entry::file((0..60_u8).map(|byte| byte.wrapping_mul(37)).collect::<Vec<u8>>()));
    tree.put(b"current", Entry::Link(b"app/a.py".to_vec()));
    tree.put(b"vendored", Entry::Module(1));
    if let Some(text) = ATTRIBUTES.get(usize::from(attributes)) {
        tree.put(ATTRIBUTE_FILES[0], Entry::file(*text));
    }
    tree
}

impl Change {
    /// Does it to a tree.
    pub(crate) fn apply(&self, tree: &mut Tree) {
        match *self {
            Self::Replace { file, line, text } => lines(tree, file, |lines| {
                let index = usize::from(line) % lines.len();
                lines[index] = line_of(text, line, &lines[index]);
            }),
            Self::Insert { file, line, text } => lines(tree, file, |lines| {
                let index = usize::from(line) % lines.len();
                lines.insert(index, line_of(text, line, &lines[index]));
            }),
            Self::Cut { file, line } => lines(tree, file, |lines| {
                let index = usize::from(line) % lines.len();
                lines.drain(index..(index + 2).min(lines.len()));
            }),
            Self::Note { text } => change(tree, b"notes.md", |content| {
                content.extend_from_slice(format!("- note {text}\n").as_bytes());
            }),
            Self::Rename { file, to } => {
                let Some(path) = tree.choose(file, movable) else { return };
                rename(tree, &path, NAMES[usize::from(to) % NAMES.len()]);
            }
            Self::RenameFolder { folder, to } => {
                let from = FOLDERS[usize::from(folder) % FOLDERS.len()];
                rename_folder(tree, from, OTHER_FOLDERS[usize::from(to) % OTHER_FOLDERS.len()]);
            }
            Self::Mode { file } => {
                let Some(path) = tree.choose(file, is_file) else { return };
                if let Some(Entry::File { executable, .. }) = tree.0.get_mut(&path) {
                    *executable = !*executable;
                }
            }
            Self::Delete { file } => {
                let Some(path) = tree.choose(file, movable) else { return };
                tree.remove(&path);
            }
            Self::Create { name, text } => {
                let lines = (0..8).map(|line| format!("new line {line} of {}\n", text / 2));
                let content = lines.chain([format!("text {text}\n")]).collect::<String>();
                tree.put(NAMES[usize::from(name) % NAMES.len()], Entry::file(content));
            }
            Self::Binary { offset, byte } => change(tree, b"logo.bin", |content| {
                let offset = usize::from(offset) % content.len().max(1);
                if let Some(there) = content.get_mut(offset) {
                    *there = byte;
                }
            }),
            Self::Link { name, to } => {
                let target = format!("target-{}", to % 3).into_bytes();
                tree.put(LINKS[usize::from(name) % LINKS.len()], Entry::Link(target));
            }
            Self::Module { name, at } => {
                tree.put(MODULES[usize::from(name) % MODULES.len()], Entry::Module(1 + at % 4));
            }
            Self::Attributes { inside, are } => {
                let text = ATTRIBUTES[usize::from(are) % ATTRIBUTES.len()];
                tree.put(ATTRIBUTE_FILES[usize::from(inside) % ATTRIBUTE_FILES.len()], Entry::file(text));
            }
            Self::LineEnds { file } => {
                let Some(path) = tree.choose(file, |path, entry| {
                    is_text(path, entry) && (path.ends_with(b".txt") || path.ends_with(b".dos"))
                }) else {
                    return;
                };
                change(tree, &path, other_line_ends);
            }
        }
    }

    /// The same, kept to the half of the file and to the files of one side.
    pub(crate) fn kept_apart(&self, side: Side) -> Self {
        let half = |line: u8| if side == Side::Theirs { line % 7 } else { 12 + line % 7 };
        let own = |name: u8| name / 2 * 2 + u8::from(side == Side::Ours);
        match *self {
            Self::Replace { file, line, text } => Self::Replace { file, line: half(line), text },
            Self::Insert { file, line, text } => Self::Insert { file, line: half(line), text },
            // Files that come and go are upstream's, so that ours do not stand on them.
            Self::Cut { file, line } => Self::Replace { file, line: half(line), text: line },
            Self::Delete { file } | Self::LineEnds { file } => Self::Mode { file: own(file) },
            Self::Rename { file, to } if side == Side::Ours => Self::Insert { file, line: half(to), text: to },
            Self::RenameFolder { folder, to } if side == Side::Ours => {
                Self::Insert { file: folder, line: half(to), text: to }
            }
            Self::Create { name, text } => Self::Create { name: own(name % 6), text },
            Self::Binary { offset, byte } if side == Side::Theirs => Self::Note { text: offset ^ byte },
            Self::Link { to, .. } if side == Side::Ours => Self::Link { name: 1, to },
            Self::Link { to, .. } => Self::Link { name: 0, to },
            Self::Module { at, .. } if side == Side::Ours => Self::Module { name: 0, at },
            Self::Module { at, .. } => Self::Module { name: 1, at },
            Self::Attributes { are, .. } if side == Side::Ours => Self::Attributes { inside: 1, are },
            Self::Attributes { are, .. } => Self::Attributes { inside: 0, are },
            ref other => other.clone(),
        }
    }
}

/// A change, the common ones more often.
pub(crate) fn any_change() -> impl Strategy<Value = Change> {
    let (file, line, text) = (0..12_u8, 0..20_u8, 0..3_u8);
    prop_oneof![
        24 => (file.clone(), line.clone(), text.clone()).prop_map(|(file, line, text)| Change::Replace { file, line, text }),
        12 => (file.clone(), line.clone(), text).prop_map(|(file, line, text)| Change::Insert { file, line, text }),
        4 => (file.clone(), line).prop_map(|(file, line)| Change::Cut { file, line }),
        4 => (0..6_u8).prop_map(|text| Change::Note { text }),
        4 => (file.clone(), 0..8_u8).prop_map(|(file, to)| Change::Rename { file, to }),
        3 => (0..4_u8, 0..4_u8).prop_map(|(folder, to)| Change::RenameFolder { folder, to }),
        3 => file.clone().prop_map(|file| Change::Mode { file }),
        2 => file.clone().prop_map(|file| Change::Delete { file }),
        5 => (0..8_u8, 0..4_u8).prop_map(|(name, text)| Change::Create { name, text }),
        2 => (0..60_u8, 0..4_u8).prop_map(|(offset, byte)| Change::Binary { offset, byte }),
        2 => (0..3_u8, 0..3_u8).prop_map(|(name, to)| Change::Link { name, to }),
        2 => (0..3_u8, 0..4_u8).prop_map(|(name, at)| Change::Module { name, at }),
        2 => (0..2_u8, 0..6_u8).prop_map(|(inside, are)| Change::Attributes { inside, are }),
        1 => file.prop_map(|file| Change::LineEnds { file }),
    ]
}

fn is_file(_: &[u8], entry: &Entry) -> bool {
    matches!(entry, Entry::File { .. })
}

fn is_text(path: &[u8], entry: &Entry) -> bool {
    is_file(path, entry) && !path.ends_with(b".bin") && !path.ends_with(b".gitattributes") && path != b"notes.md"
}

/// Attributes stay where they mean something.
fn movable(path: &[u8], _: &Entry) -> bool {
    !path.ends_with(b".gitattributes")
}

fn change(tree: &mut Tree, path: &[u8], with: impl FnOnce(&mut Vec<u8>)) {
    if let Some(Entry::File { content, .. }) = tree.0.get_mut(path) {
        with(content);
    }
}

fn lines(tree: &mut Tree, file: u8, with: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let Some(path) = tree.choose(file, is_text) else { return };
    change(tree, &path, |content| {
        let mut lines: Vec<Vec<u8>> = content.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        if lines.is_empty() {
            lines.push(b"\n".to_vec());
        }
        with(&mut lines);
        *content = lines.concat();
    });
}

/// A line that ends the way `like` does.
fn line_of(text: u8, line: u8, like: &[u8]) -> Vec<u8> {
    let end = if like.ends_with(b"\r\n") { "\r\n" } else { "\n" };
    format!("text {text} at {line}{end}").into_bytes()
}

fn other_line_ends(content: &mut Vec<u8>) {
    let windows = content.windows(2).any(|pair| pair == b"\r\n");
    let plain = content.iter().copied().filter(|&byte| byte != b'\r');
    *content = if windows {
        plain.collect()
    } else {
        plain.flat_map(|byte| if byte == b'\n' { vec![b'\r', b'\n'] } else { vec![byte] }).collect()
    };
}

fn rename(tree: &mut Tree, from: &[u8], to: &[u8]) {
    if let Some(entry) = tree.0.get(from).cloned() {
        tree.remove(from);
        tree.put(to, entry);
    }
}

fn rename_folder(tree: &mut Tree, from: &[u8], to: &[u8]) {
    let inside = [from, b"/"].concat();
    let paths: Vec<Path> = tree.0.keys().filter(|path| path.starts_with(&inside)).cloned().collect();
    for path in paths {
        let new = [to, &path[from.len()..]].concat();
        rename(tree, &path, &new);
    }
}
