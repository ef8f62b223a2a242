//! The record of a rebase: one JSON file for each branch, in the git directory, replaced as a whole.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, SAME_COMMAND};
use crate::names::{ObjectId, RefName};
use crate::releases::Codename;
use crate::replay::{Decisions, Resolution};
use crate::repository::{Repository, Revision};
use crate::stack::{Base, Stack};
use crate::withdrawn::Withdrawn;

/// The version of the file that is written, and the newest that can be read.
pub(super) const VERSION: u32 = 1;

/// Where records are, in the git directory.
const FOLDER: &str = "cutover/rebase";

/// The inputs of a rebase, and the decisions so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) version: u32,
    /// The branch that the result is for, without `refs/heads/`.
    pub(crate) target: String,
    /// What is rebased, as it was named, and the ref that this means.
    pub(crate) branch: String,
    pub(crate) reference: Option<RefName>,
    /// The head that is rebased.
    pub(crate) old: ObjectId,
    pub(crate) base: ObjectId,
    pub(crate) base_found: String,
    pub(crate) onto: ObjectId,
    pub(crate) onto_name: String,
    pub(crate) skips: Vec<Skip>,
    pub(crate) resolutions: Vec<Resolved>,
    /// Where a person finds a conflict.
    pub(crate) folder: PathBuf,
    /// Why changes made in merges may be lost, and who said so.
    pub(crate) loss_accepted: Option<Accepted>,
    /// Whether commits of upstream's are left behind, as was asked for.
    #[serde(default)]
    pub(crate) backwards: bool,
    /// The code name of the release that the patches leave.
    #[serde(default)]
    pub(crate) leaves: Option<Codename>,
    /// The command that is run on the result.
    #[serde(default)]
    pub(crate) exec: Option<Ran>,
    /// The result, once nothing is left to decide.
    #[serde(default)]
    pub(crate) result: Option<ObjectId>,
    /// Patches that upstream had and has withdrawn.
    #[serde(default)]
    pub(crate) withdrawn: Vec<Withdrawn>,
}

/// A patch that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Skip {
    pub(crate) patch: ObjectId,
    pub(crate) because: String,
    pub(crate) by: String,
}

/// The resolution of a conflict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resolved {
    pub(crate) patch: ObjectId,
    pub(crate) tree: ObjectId,
    pub(crate) on: ObjectId,
    /// `Alice <alice@mit.edu> 1606000000 -0500`.
    pub(crate) committer: String,
    /// The message, if that person edited it.
    #[serde(default)]
    pub(crate) message: Option<String>,
}

/// A command that is run on the result, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ran {
    pub(crate) command: String,
    /// The result that it was last run on.
    pub(crate) on: Option<ObjectId>,
    pub(crate) succeeded: bool,
    /// Whether it was started, and nobody has recorded how it ended.
    #[serde(default)]
    pub(crate) running: bool,
}

impl Ran {
    /// A command that was not run yet. `earlier` is the one in its place before, whose work tree may be there still.
    pub(super) fn new(command: String, earlier: Option<&Self>) -> Self {
        Self { command, on: None, succeeded: false, running: earlier.is_some_and(|ran| ran.running) }
    }

    /// Whether it succeeded on `result`; none if it was not run on it.
    pub(super) fn succeeded_on(&self, result: &ObjectId) -> Option<bool> {
        (self.on.as_ref() == Some(result)).then_some(self.succeeded)
    }
}

/// A loss that somebody has accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) because: String,
    pub(crate) by: String,
}

/// While this lives, no other cutover works on the rebase of the same branch. The system releases it when the process
/// ends.
#[derive(Debug)]
pub(crate) struct Hold(File);

impl Hold {
    /// The same lock for another process.
    pub(super) fn share(&self) -> std::io::Result<File> {
        self.0.try_clone()
    }
}

impl State {
    /// The rebase that is under way for a branch, if there is one.
    pub(crate) fn load(repository: &Repository, branch: &str) -> Result<Option<Self>> {
        let path = file(repository, branch)?;
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::File { path, done: "read", source }),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(state) if state.version <= VERSION && state.target == branch => Ok(Some(state)),
            Ok(state) if state.target != branch => Err(damaged(path, format!("it is about {}", state.target), branch)),
            Ok(state) => Err(damaged(path, format!("it has version {}, of a newer cutover", state.version), branch)),
            Err(error) => Err(damaged(path, error.to_string(), branch)),
        }
    }

    /// The same, for commands that need one.
    pub(super) fn expect(repository: &Repository, branch: &str) -> Result<Self> {
        Self::load(repository, branch)?.ok_or_else(|| none_under_way(branch))
    }

    /// Writes it. Whenever the process is killed, either the old file or the new one is there as a whole.
    pub(super) fn save(&self, repository: &Repository) -> Result<()> {
        let path = file(repository, &self.target)?;
        let text = serde_json::to_vec_pretty(self).map_err(|error| {
            Error::refused(
                format!("the rebase of {} cannot be recorded: {error}", self.target),
                "nothing was changed; choose a folder whose name is UTF-8 with --folder",
            )
        })?;
        write(&path, &text).map_err(|source| Error::File { path, done: "written", source })
    }

    /// Deletes it.
    pub(super) fn remove(repository: &Repository, branch: &str) -> Result<()> {
        let path = file(repository, branch)?;
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::File { path, done: "removed", source })
            }
            _ => Ok(()),
        }
    }

    /// The stack that is rebased.
    pub(crate) fn stack(&self, repository: &Repository) -> Result<Stack> {
        let branch =
            Revision { name: self.branch.clone(), reference: self.reference.clone(), commit: self.old.clone() };
        Stack::list(repository, branch, self.old_base())
    }

    /// Where that stack begins.
    pub(crate) fn old_base(&self) -> Base {
        Base { commit: self.base.clone(), found: self.base_found.clone() }
    }

    /// The decisions that a replay has to follow.
    pub(super) fn decisions(&self) -> Decisions {
        let resolved = self.resolutions.iter().map(|resolved| {
            let Resolved { patch, tree, on, committer, message } = resolved.clone();
            (patch, Resolution { tree, on, committer, message })
        });
        Decisions { skipped: self.skips.iter().map(|skip| skip.patch.clone()).collect(), resolved: resolved.collect() }
    }

    /// The rebases of all branches, in the order of their names.
    pub(crate) fn all(repository: &Repository) -> Result<Vec<Self>> {
        let folder = repository.directory().join(FOLDER);
        let mut branches: Vec<String> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|record| target(&record)).collect();
        branches.sort();
        let states = branches.iter().map(|branch| Self::load(repository, branch));
        states.filter_map(Result::transpose).collect()
    }

    /// The folder that the command of `--exec` is run in.
    pub(super) fn exec_folder(&self) -> PathBuf {
        let mut name = self.folder.clone().into_os_string();
        name.push(".exec");
        name.into()
    }

    /// Refuses a result on which the command of `--exec` has not succeeded.
    pub(crate) fn refuse_failed_command(&self) -> Result<()> {
        let succeeded = |ran: &Ran| self.result.as_ref().and_then(|result| ran.succeeded_on(result)) == Some(true);
        let Some(Ran { command, .. }) = self.exec.as_ref().filter(|ran| !succeeded(ran)) else { return Ok(()) };
        let branch = &self.target;
        Err(Error::refused(
            format!("the command of --exec has not succeeded on the result of the rebase of {branch}: {command}"),
            format!("nothing was changed; `cutover branch rebase --branch {branch} --continue` runs it again"),
        ))
    }

    /// Whether somebody decided what becomes of a patch on this commit. A resolution does not hold on another one.
    pub(super) fn has_decided(&self, patch: &ObjectId, on: &ObjectId) -> bool {
        let skipped = self.skips.iter().any(|skip| skip.patch == *patch);
        skipped || self.resolutions.iter().any(|resolved| resolved.patch == *patch && resolved.on == *on)
    }

    /// The ref that holds the head so far.
    pub(crate) fn work_ref(branch: &str) -> Result<RefName> {
        RefName::branch(branch)?;
        RefName::new(format!("refs/cutover/rebased/{branch}"))
    }
}

/// Locks the rebase of a branch.
pub(super) fn hold(repository: &Repository, branch: &str) -> Result<Hold> {
    let path = file(repository, branch)?.with_extension("lock");
    let opened = folder_of(&path).and_then(|()| File::create(&path));
    let lock = opened.map_err(|source| Error::File { path: path.clone(), done: "written", source })?;
    match lock.try_lock() {
        Ok(()) => Ok(Hold(lock)),
        Err(std::fs::TryLockError::WouldBlock) => Err(held(repository, branch)),
        Err(std::fs::TryLockError::Error(source)) => Err(Error::File { path, done: "locked", source }),
    }
}

/// What another process does with the rebase.
fn held(repository: &Repository, branch: &str) -> Error {
    let state = State::load(repository, branch).ok().flatten();
    let running =
        state.as_ref().and_then(|state| Some((state.exec.as_ref().filter(|ran| ran.running)?, state.exec_folder())));
    let Some((Ran { command, .. }, folder)) = running else {
        return Error::refused(
            format!("another cutover is working on the rebase of {branch}"),
            format!("nothing was changed; wait for it to end, then {SAME_COMMAND} again"),
        );
    };
    Error::refused(
        format!(
            "the command of --exec is running on the result of the rebase of {branch}, in {}: {command}",
            folder.display()
        ),
        format!("nothing was changed; wait for the command to end, or end it yourself, then {SAME_COMMAND} again"),
    )
}

/// The operator as a committer, with the time: `Alice <alice@mit.edu> 1606000000 -0500`.
pub(super) fn committer(repository: &Repository) -> Result<String> {
    let call = repository.call("var", "say who you are").as_the_operator().options(&["GIT_COMMITTER_IDENT"]);
    let output = repository.git().run(&call)?;
    if output.success {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Error::refused(
        "git does not know who you are, and decisions are recorded with your name",
        "nothing was changed; set your name and address: git config --global user.name 'NAME' && git config --global user.email 'ADDRESS'",
    ))
}

fn file(repository: &Repository, branch: &str) -> Result<PathBuf> {
    RefName::branch(branch)?;
    let name = branch.replace('%', "%25").replace('/', "%2F");
    Ok(repository.directory().join(FOLDER).join(format!("{name}.json")))
}

/// The branch that a record is about, by the record's name.
fn target(record: &std::fs::DirEntry) -> Option<String> {
    let name = record.file_name().into_string().ok()?;
    Some(name.strip_suffix(".json")?.replace("%2F", "/").replace("%25", "%"))
}

/// Writes a file as a whole or not at all, and syncs it to disk.
pub(super) fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    folder_of(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

fn damaged(path: PathBuf, because: String, branch: &str) -> Error {
    let hint = format!("{branch} is untouched; remove the rebase with --abort, then start again");
    Error::Damaged { path, because, hint }
}

fn none_under_way(branch: &str) -> Error {
    Error::refused(
        format!("no rebase of {branch} is under way"),
        "nothing was changed; start one with --onto REF, or name another branch with --branch",
    )
}
