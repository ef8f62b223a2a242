//! A project that grows commit by commit, as the stream that `git fast-import` makes a repository of. The same calls make
//! the same commits, with the same ids, on every machine.

use super::imported::data;

/// A project: its files as lines, and the stream that tells of its commits.
pub(crate) struct Project {
    pub(crate) stream: Vec<u8>,
    pub(crate) files: Vec<File>,
    marks: usize,
    chance: u64,
}

/// A file: where it is, and its lines. One without lines is gone.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) lines: Vec<String>,
}

impl Project {
    /// One of `files` files of `lines` lines each, in 30 folders of ten folders.
    pub(crate) fn new(files: usize, lines: usize) -> Self {
        let file = |file: usize| File {
            path: format!("part{}/module{}/file{file}.py", file % 30, file / 30 % 10),
            lines: (0..lines).map(|line| format!("line {line} of file {file}")).collect(),
        };
        Self { stream: Vec::new(), files: (0..files).map(file).collect(), marks: 0, chance: 1 }
    }

    /// A number below `limit`, the same ones in every run.
    pub(crate) fn number(&mut self, limit: usize) -> usize {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.chance >> 33).expect("31 bits") % limit
    }

    /// Writes a commit: the files at these `paths` go, and `files`, by index, are as they are now. Returns its mark.
    pub(crate) fn commit(&mut self, message: &str, parents: &[usize], paths: &[String], files: &[usize]) -> usize {
        self.marks += 1;
        let (mark, when) = (self.marks, 1_600_000_000 + self.marks * 60);
        let who = format!("Alice <alice@example.org> {when} +0000");
        self.tell(&format!("commit refs/heads/main\nmark :{mark}\nauthor {who}\ncommitter {who}\n"));
        data(format!("{message}\n").as_bytes(), &mut self.stream);
        for (index, parent) in parents.iter().enumerate() {
            self.tell(&format!("{} :{parent}\n", if index == 0 { "from" } else { "merge" }));
        }
        for path in paths {
            self.tell(&format!("D {path}\n"));
        }
        for File { path, lines } in files.iter().map(|file| &self.files[*file]).filter(|file| !file.lines.is_empty()) {
            self.stream.extend(format!("M 100644 inline {path}\n").into_bytes());
            data(format!("{}\n", lines.join("\n")).as_bytes(), &mut self.stream);
        }
        self.tell("\n");
        mark
    }

    /// Names a commit, such as `heads/main`.
    pub(crate) fn name(&mut self, name: &str, mark: usize) {
        self.tell(&format!("reset refs/{name}\nfrom :{mark}\n\n"));
    }

    fn tell(&mut self, text: &str) {
        self.stream.extend_from_slice(text.as_bytes());
    }
}
