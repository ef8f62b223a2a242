//! The ledger: what became of every patch of the old stack, by name. A note on the new head, in `refs/notes/cutover`,
//! that is pushed with the branch. Later phases read from it which commit may be imaged.

use std::fs::File;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::git::Git;
use crate::names::ObjectId;
use crate::repository::Repository;

/// The ref that ledgers are kept in.
pub const NOTES: &str = "refs/notes/cutover";

/// The version of ledgers that is written, and the newest that can be read.
pub const VERSION: u32 = 3;

/// What became of every patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The version of the format, from 1 to [`VERSION`].
    pub version: u32,
    /// Our branch, without `refs/heads/`.
    pub branch: String,
    /// The old stack.
    pub old: Side,
    /// The new stack.
    pub new: Side,
    /// Every patch of the old stack, in stack order.
    pub entries: Vec<Entry>,
    /// Patches of the new stack without a counterpart in the old one, in stack order.
    pub added: Vec<Named>,
    /// Commits of upstream's that the old stack stood on and the new base lacks, newest first; somebody asked for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<Named>,
    /// Who verified it, as git names a committer: `Alice <alice@mit.edu>`.
    pub by: String,
    /// When, as RFC 3339.
    pub at: String,
    /// Who published it, and when; none before that. It is written just before the push, so it is true only if the
    /// remote has the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
}

/// Who published a branch, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Who, as git names a committer.
    pub by: String,
    /// When, as RFC 3339.
    pub at: String,
}

/// A stack, by where it begins and ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Its newest commit.
    pub head: ObjectId,
    /// The commit that it stands on.
    pub base: ObjectId,
    /// What that commit is called, such as `upstream/open-release/koa.rc3`.
    pub base_name: String,
}

/// A commit by id and subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The commit.
    pub commit: ObjectId,
    /// The first line of its message.
    pub subject: String,
}

impl Named {
    pub(crate) fn new(commit: &ObjectId, subject: &str) -> Self {
        Self { commit: commit.clone(), subject: subject.to_owned() }
    }
}

/// What became of one patch of the old stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The patch.
    #[serde(flatten)]
    pub patch: Named,
    /// Who wrote it: `Alice <alice@mit.edu>`.
    pub author: String,
    /// What became of it.
    #[serde(flatten)]
    pub account: Account,
    /// Commits that may have it, if nothing accounts for it. None of them proves that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

/// A commit that may be the same patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The commit.
    #[serde(flatten)]
    pub commit: Named,
    /// Whether it is a patch of the new stack, and not a commit of upstream's.
    pub ours: bool,
    /// Why it may be.
    pub likeness: Likeness,
}

/// Why two commits may be the same patch, the best reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likeness {
    /// One of them says that it was picked from the other (`git cherry-pick -x`).
    Picked,
    /// Both have the same `Change-Id`.
    ChangeId,
    /// Both have the same subject.
    Subject,
}

/// What became of a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "account")]
pub enum Account {
    /// The same change, line for line.
    Kept {
        /// The commit that it is now.
        now: ObjectId,
    },
    /// It changed, and the reason is known.
    Changed {
        /// The commit that it is now.
        now: ObjectId,
        /// The reason.
        how: How,
        /// The difference between the two patches, as `git range-diff` shows it.
        interdiff: String,
    },
    /// Upstream has it.
    Upstreamed {
        /// The commit of upstream's that is the same patch, or since which upstream has its content. Ledgers of version 1
        /// have none where upstream has the content in other commits.
        by: Option<Named>,
        /// Whether it is the same patch.
        #[serde(default = "yes")]
        is_same: bool,
    },
    /// Another patch of ours has it.
    Included {
        /// That patch in the new stack.
        within: Named,
        /// Its number in the new stack, from 1.
        number: usize,
        /// Whether it makes the same change; if not, it has the content of both, as after a squash.
        is_same: bool,
    },
    /// The release had its content before the stack began: the patch changes back what an earlier one of ours changed, or
    /// changes nothing.
    Unneeded,
    /// Upstream had it and has withdrawn it, and somebody decided to keep it as a patch of ours.
    Adopted {
        /// The commit that it is now.
        now: ObjectId,
        /// How it is known that upstream had it.
        known_from: String,
        /// Why it is kept.
        because: String,
        /// Who decided it.
        by: String,
        /// Why it changed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<How>,
        /// The difference between the two patches; empty where nothing differs.
        interdiff: String,
    },
    /// Somebody left it out.
    Dropped {
        /// Why.
        because: String,
        /// Who.
        by: String,
    },
    /// Nothing accounts for it: the verification fails.
    Unexplained {
        /// What is wrong, in words.
        what: String,
        /// The commit that looks like it, if any.
        now: Option<ObjectId>,
        /// The difference between the two patches, if there are two.
        interdiff: String,
    },
}

impl Account {
    /// The difference between the two patches; empty where there are not two, or nothing differs.
    #[must_use]
    pub fn interdiff(&self) -> &str {
        match self {
            Self::Changed { interdiff, .. } | Self::Adopted { interdiff, .. } | Self::Unexplained { interdiff, .. } => {
                interdiff
            }
            _ => "",
        }
    }
}

const fn yes() -> bool {
    true
}

/// Why a patch changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Git merged it; the lines around it changed upstream.
    Merged,
    /// It conflicted in these files, and a person resolved it.
    Resolved(Vec<String>),
    /// The change is the same; these are not: `author`, `message`.
    Reworded(Vec<String>),
    /// A person explained it.
    Explained(String),
}

impl Ledger {
    /// The ledger of `commit`, as far as this clone knows. None when there is no note, or the note tells of another
    /// commit: `notes.rewriteRef` has git copy notes to commits that nobody verified.
    ///
    /// # Errors
    /// When the note is no ledger, or was written by a newer cutover, or git cannot read it.
    pub fn read(repository: &Repository, commit: &ObjectId) -> Result<Option<Self>> {
        let call = repository
            .call("notes", format!("read the ledger of {}", commit.short()))
            .option("--ref=", NOTES)
            .options(&["show"])
            .operands([commit.as_str()]);
        let output = repository.git().run(&call)?;
        if output.success {
            return Ok(Some(understood(&output.stdout, commit)?).filter(|ledger| ledger.new.head == *commit));
        }
        if output.words.contains("no note found") { Ok(None) } else { Err(Git::failure(&call, &output)) }
    }

    /// Writes it as the note of the new head, in place of the note that is there. Nothing but [`NOTES`] changes.
    ///
    /// # Errors
    /// When git does not know who you are, or cannot write.
    pub fn write(&self, repository: &Repository) -> Result<()> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::refused(format!("the ledger cannot be written: {error}"), "nothing was changed"))?;
        let call = repository
            .call("notes", format!("write the ledger of {}", self.new.head.short()))
            .as_the_operator()
            .option("--ref=", NOTES)
            .options(&["add", "--force", "--file=-"])
            .operands([self.new.head.as_str()])
            .input(text);
        let hold = hold(repository)?;
        let output = repository.git().run(&call)?;
        drop(hold);
        match output.success {
            true => Ok(()),
            false if output.words.contains("tell me who you are") => Err(nobody()),
            false => Err(Git::failure(&call, &output)),
        }
    }

    /// The patches that are not accounted for.
    pub fn unexplained(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| matches!(entry.account, Account::Unexplained { .. }))
    }

    /// Whether every patch is accounted for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unexplained().next().is_none()
    }

    /// The ledger of a commit, if there is one and it is complete.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub fn complete(repository: &Repository, commit: &ObjectId) -> Result<Option<Self>> {
        Ok(Self::read(repository, commit)?.filter(Self::is_complete))
    }
}

/// Waits until no other cutover changes the notes of this repository, and keeps others from it while what is returned
/// lives: git itself writes notes without checking for other writers. It is held for one call of git at most.
///
/// # Errors
/// When the lock cannot be made.
pub(crate) fn hold(repository: &Repository) -> Result<File> {
    let folder = repository.directory().join("cutover");
    let path = folder.join("notes.lock");
    let held = std::fs::create_dir_all(&folder).and_then(|()| File::create(&path));
    let held = held.and_then(|file| file.lock().map(|()| file));
    held.map_err(|source| Error::File { path, done: "locked", source })
}

/// Who the operator is to git: `Alice <alice@mit.edu>`.
///
/// # Errors
/// When git does not know.
pub fn operator(repository: &Repository) -> Result<String> {
    let call = repository.call("var", "say who you are").as_the_operator().options(&["GIT_COMMITTER_IDENT"]);
    let output = repository.git().run(&call)?;
    if !output.success {
        return Err(nobody());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Behind the address come seconds and an offset.
    Ok(text.rfind('>').map_or_else(|| text.trim().to_owned(), |end| text[..=end].to_owned()))
}

fn nobody() -> Error {
    Error::refused(
        "git does not know who you are, and a ledger records who made it",
        "nothing was changed; set your name and address: git config --global user.name 'NAME' && git config --global user.email 'ADDRESS'",
    )
}

/// A note as a ledger.
fn understood(note: &[u8], commit: &ObjectId) -> Result<Ledger> {
    #[derive(Deserialize)]
    struct Form {
        version: u32,
    }
    let look = format!("`git notes --ref={NOTES} show {commit}` shows it");
    let no_ledger = |error: serde_json::Error| {
        Error::refused(
            format!("the note of {commit} in {NOTES} is not a ledger: {error}"),
            format!("nothing was changed; {look}. If nobody needs it, verify the branch again, which replaces it"),
        )
    };
    let form: Form = serde_json::from_slice(note).map_err(no_ledger)?;
    if form.version > VERSION {
        return Err(Error::refused(
            format!(
                "the ledger of {commit} has version {}, and this cutover knows versions up to {VERSION}",
                form.version
            ),
            format!("nothing was changed; use the newer cutover that wrote it. {look}"),
        ));
    }
    serde_json::from_slice(note).map_err(no_ledger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn ledger(old: &ObjectId, new: &ObjectId) -> Ledger {
        let side = |head: &ObjectId| Side {
            head: head.clone(),
            base: old.clone(),
            base_name: "upstream/open-release/koa.rc2".to_owned(),
        };
        Ledger {
            version: VERSION,
            branch: "mitx/koa".to_owned(),
            old: side(old),
            new: side(new),
            entries: vec![Entry {
                patch: Named { commit: old.clone(), subject: "Grüße: \"quoted\"".to_owned() },
                author: "Alice <alice@example.org>".to_owned(),
                account: Account::Changed {
                    now: new.clone(),
                    how: How::Resolved(vec!["a b.py".to_owned()]),
                    interdiff: "  line\n\n\n# no comment\n- old\n".to_owned(),
                },
                hints: Vec::new(),
            }],
            added: Vec::new(),
            left_behind: Vec::new(),
            by: "Carol <carol@example.org>".to_owned(),
            at: "2026-05-01T04:00:00Z".to_owned(),
            published: None,
        }
    }

    #[test]
    fn a_ledger_comes_back_as_it_was_written_and_only_the_notes_change() {
        let sandbox = Sandbox::new();
        let (old, new) = (sandbox.commit("one", &[("a", "1")]), sandbox.commit("two", &[("a", "2")]));
        let (repository, before) = (sandbox.open(), sandbox.snapshot());
        assert_eq!(Ledger::read(&repository, &new).expect("it reads"), None);
        let mut ledger = ledger(&old, &new);
        ledger.write(&repository).expect("it writes");
        assert_eq!(Ledger::read(&repository, &new).expect("it reads").as_ref(), Some(&ledger));
        ledger.published = Some(Published { by: "Bob <bob@example.org>".to_owned(), at: ledger.at.clone() });
        ledger.write(&repository).expect("it is replaced");
        assert_eq!(Ledger::read(&repository, &new).expect("it reads"), Some(ledger));
        assert_eq!(sandbox.snapshot(), before);
    }

    #[test]
    fn ledgers_that_are_written_at_once_are_all_there() {
        let sandbox = Sandbox::new();
        let old = sandbox.commit("old", &[("a", "0")]);
        let new: Vec<ObjectId> = (1..=6).map(|number| sandbox.commit("new", &[("a", &number.to_string())])).collect();
        let repository = sandbox.open();
        std::thread::scope(|scope| {
            for commit in &new {
                scope.spawn(|| ledger(&old, commit).write(&repository).expect("it writes"));
            }
        });
        for commit in &new {
            assert!(Ledger::read(&repository, commit).expect("it reads").is_some(), "{commit}");
        }
    }

    #[test]
    fn a_ledger_that_git_copied_to_another_commit_does_not_count() {
        let sandbox = Sandbox::new();
        let (old, new) = (sandbox.commit("one", &[("a", "1")]), sandbox.commit("two", &[("a", "2")]));
        let repository = sandbox.open();
        ledger(&old, &new).write(&repository).expect("it writes");
        sandbox.git(&["notes", "--ref=cutover", "copy", new.as_str(), old.as_str()]);
        assert_eq!(Ledger::read(&repository, &old).expect("it reads"), None);
    }

    #[test]
    fn a_note_that_is_not_a_ledger_or_a_newer_one_is_named_with_its_commit() {
        let sandbox = Sandbox::new();
        let commit = sandbox.commit("one", &[("a", "1")]);
        let repository = sandbox.open();
        for (note, words) in [("looks good", "is not a ledger"), (r#"{"version": 4}"#, "has version 4")] {
            sandbox.git(&["notes", "--ref=cutover", "add", "--force", "-m", note, commit.as_str()]);
            let error = Ledger::read(&repository, &commit).expect_err(note);
            assert!(error.to_string().contains(words) && error.to_string().contains(commit.as_str()), "{error}");
            assert!(error.hint().contains(&format!("git notes --ref={NOTES} show {commit}")), "{}", error.hint());
        }
    }

    #[test]
    fn the_operator_is_who_git_says() {
        let sandbox = Sandbox::new();
        assert_eq!(operator(&sandbox.open()).expect("known"), "Carol <carol@example.org>");
    }
}
