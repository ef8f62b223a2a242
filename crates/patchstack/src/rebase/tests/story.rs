//! The repository that the tests rebase in: a release, its successor, and a branch of ours with patches on the first.

use std::path::PathBuf;

use crate::names::ObjectId;
use crate::rebase::{Request, Standing, begin, proceed, skip};
use crate::releases::Conventions;
use crate::repository::{Repository, Revision};
use crate::stack::{Base, Stack};
use crate::testing::Sandbox;

/// A release `up` that moved on from `old`, and our `mitx/koa` on `old`, which is not what is checked out.
pub(crate) struct Story {
    pub(crate) sandbox: Sandbox,
}

/// Twenty lines, of which some are replaced.
pub(crate) fn lines(replaced: &[(usize, &str)]) -> String {
    let line = |number: usize| {
        let other = replaced.iter().find(|(line, _)| *line == number);
        other.map_or_else(|| format!("line {number}\n"), |(_, text)| format!("{text}\n"))
    };
    (1..=20).map(line).collect()
}

impl Story {
    /// `upstream` are lines that the new release has otherwise; each patch has a subject and the lines as it leaves
    /// them.
    pub(crate) fn new(upstream: &[(usize, &str)], patches: &[(&str, &[(usize, &str)])]) -> Self {
        Self::within(Sandbox::new(), upstream, patches)
    }

    /// The same in a repository that is there.
    pub(crate) fn within(sandbox: Sandbox, upstream: &[(usize, &str)], patches: &[(&str, &[(usize, &str)])]) -> Self {
        sandbox.commit("base", &[("code", &lines(&[])), ("other", "other\n")]);
        sandbox.git(&["tag", "old"]);
        sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa"]);
        for (subject, replaced) in patches {
            sandbox.commit(subject, &[("code", &lines(replaced))]);
        }
        sandbox.git(&["checkout", "--quiet", "-b", "up", "old"]);
        sandbox.commit("upstream moves on", &[("code", &lines(upstream)), ("new", "new\n")]);
        sandbox.git(&["checkout", "--quiet", "main"]);
        Self { sandbox }
    }

    /// Three patches, of which the second conflicts.
    pub(crate) fn with_a_conflict() -> Self {
        Self::new(
            &[(10, "upstream's ten")],
            &[
                ("first", &[(2, "our two")]),
                ("second", &[(2, "our two"), (10, "our ten")]),
                ("third", &[(2, "our two"), (10, "our ten"), (18, "our eighteen")]),
            ],
        )
    }

    /// A patch, and a topic that was merged with a file that is in none of its patches: `slipped-in`.
    pub(crate) fn with_an_evil_merge() -> Self {
        let story = Self::new(&[(10, "upstream's ten")], &[("first", &[(2, "our two")])]);
        let sandbox = &story.sandbox;
        sandbox.git(&["checkout", "--quiet", "-b", "topic", "mitx/koa"]);
        sandbox.commit("on a topic", &[("topic", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
        sandbox.commit("beside it", &[("beside", "1\n")]);
        sandbox.git(&["merge", "--quiet", "--no-commit", "topic"]);
        sandbox.commit("merge the topic", &[("slipped-in", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "main"]);
        story
    }

    pub(crate) fn open(&self) -> Repository {
        self.sandbox.open()
    }

    pub(crate) fn revision(&self, name: &str) -> Revision {
        self.open().revision(name).expect("a commit")
    }

    pub(crate) fn request(&self) -> Request {
        let base = Base { commit: self.sandbox.id("old"), found: "given".to_owned() };
        Request {
            conventions: Conventions::default(),
            stack: Stack::list(&self.open(), self.revision("mitx/koa"), base).expect("a stack"),
            onto: self.revision("up"),
            target: "mitx/koa".to_owned(),
            skip: Vec::new(),
            folder: None,
            accept_loss: None,
            exec: None,
            backwards: false,
        }
    }

    pub(crate) fn begin(&self) -> Standing {
        begin(&self.open(), self.request(), &mut |_, _| {}).expect("it begins")
    }

    pub(crate) fn proceed(&self) -> crate::error::Result<Standing> {
        proceed(&self.open(), "mitx/koa", &mut |_, _| {})
    }

    pub(crate) fn skip(&self, patch: &str, because: &str) -> crate::error::Result<Standing> {
        skip(&self.open(), "mitx/koa", patch, because, &mut |_, _| {})
    }

    pub(crate) fn unskip(&self, patch: &str) -> crate::error::Result<Standing> {
        crate::rebase::unskip(&self.open(), "mitx/koa", patch, &mut |_, _| {})
    }

    /// The folder beside the repository.
    pub(crate) fn folder(&self) -> PathBuf {
        std::fs::canonicalize(self.sandbox.folder()).expect("a folder").join("repository.mitx-koa.rebase")
    }

    pub(crate) fn in_folder(&self, arguments: &[&str]) -> String {
        self.sandbox.git_in(&self.folder(), arguments)
    }

    /// Writes `code` in the folder, and stages it.
    pub(crate) fn resolve(&self, content: &str) {
        std::fs::write(self.folder().join("code"), content).expect("written");
        self.in_folder(&["add", "code"]);
    }

    /// The right end of `with_a_conflict`'s second patch.
    pub(crate) fn resolve_second(&self) {
        self.resolve(&lines(&[(2, "our two"), (10, "upstream's and our ten")]));
    }

    /// What a commit has in `code`.
    pub(crate) fn code(&self, commit: &ObjectId) -> String {
        self.sandbox.git(&["show", &format!("{commit}:code")]) + "\n"
    }
}

/// What git says of a failed command, with its hint.
pub(crate) fn words<T: std::fmt::Debug>(result: crate::error::Result<T>) -> String {
    let error = result.expect_err("it is refused");
    format!("{error} | {}", error.hint())
}
