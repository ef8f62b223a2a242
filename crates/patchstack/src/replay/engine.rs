//! Git processes in a scratch repository, which merge, write commits and read objects. They keep running, because
//! starting one for each patch would take longer than the merges.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::commit::Words;
use super::scratch::{KEPT, Scratch};
use super::{Merged, Resolution, answer, commit};
use crate::error::{Error, Result};
use crate::git::{Call, Conversation, Git, Version};
use crate::names::{GitPath, ObjectId, RefName};
use crate::repository::Repository;

/// Git, ready to merge in a scratch repository. The scratch repository is removed when this is dropped.
#[derive(Debug)]
pub struct Engine {
    git: Git,
    repository: Repository,
    scratch: Arc<Scratch>,
    /// Where the next commit is written for git to read, which no other engine of the scratch repository uses.
    next_commit: PathBuf,
    attributes: ObjectId,
    objects: Conversation,
    renames: Renames,
    /// One that follows renames, and one that does not.
    merges: [Option<Conversation>; 2],
    commits: Option<Conversation>,
    /// A commit of an empty tree, which stands for the parent of root commits.
    void: Option<ObjectId>,
    /// The time of the commits that are made here, in seconds since 1970.
    committed: BTreeMap<ObjectId, i64>,
}

/// Whether merges follow the renames of files and folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renames {
    /// As the repository is configured, which is how rebases merge.
    Followed,
    /// Never.
    PassedOver,
}

/// What an engine is started from.
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    git: Git,
    repository: Repository,
    scratch: Arc<Scratch>,
    attributes: ObjectId,
}

impl Spare {
    /// Starts the engine.
    ///
    /// # Errors
    /// When git cannot be started.
    pub(crate) fn start(self) -> Result<Engine> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let Self { git, repository, scratch, attributes } = self;
        let next_commit = scratch.folder().join(format!("commits/next{number}"));
        let call = scratch.call("cat-file", "read objects").options(&["--batch"]);
        let objects = Conversation::start(&git, &call)?;
        Ok(Engine {
            git,
            repository,
            scratch,
            next_commit,
            attributes,
            objects,
            renames: Renames::Followed,
            merges: [None, None],
            commits: None,
            void: None,
            committed: BTreeMap::new(),
        })
    }
}

impl Engine {
    /// A scratch repository that borrows the objects of `repository`, with the attributes (`.gitattributes`) of the
    /// commit `attributes`: the new base.
    ///
    /// # Errors
    /// When it cannot be made, or git is too old for the attributes.
    pub fn open(repository: &Repository, attributes: &ObjectId) -> Result<Self> {
        let git = repository.git().clone();
        if git.version() < Version::READS_ATTRIBUTES {
            refuse_attributes(repository, attributes)?;
        }
        let scratch = Arc::new(Scratch::new(repository)?);
        Spare { git, repository: repository.clone(), scratch, attributes: attributes.clone() }.start()
    }

    /// What another engine in the same scratch repository is started from, on another thread.
    pub(crate) fn spare(&self) -> Spare {
        Spare {
            git: self.git.clone(),
            repository: self.repository.clone(),
            scratch: Arc::clone(&self.scratch),
            attributes: self.attributes.clone(),
        }
    }

    /// Merges `theirs` into `ours`, with `base` as their merge base. All three are commits.
    ///
    /// # Errors
    /// When git fails.
    pub fn merge(&mut self, base: &ObjectId, ours: &ObjectId, theirs: &ObjectId) -> Result<Merged> {
        let void = self.void()?;
        let merges = &mut self.merges[self.renames as usize];
        let first = merges.is_none();
        let merges = match merges {
            Some(merges) => merges,
            empty => {
                let call = merging(&self.scratch, &self.attributes, self.renames);
                empty.insert(Conversation::start(&self.git, &call)?)
            }
        };
        // Git before 2.49 does not flush the end of an answer until the next one. So an empty merge is requested as
        // well: its answer flushes the end of the first one, and its own end comes with the next answer.
        merges.ask(format!("{base} -- {ours} {theirs}\n{void} -- {void} {void}\n").as_bytes())?;
        if !first {
            answer::messages(merges)?;
        }
        let mut merged = answer::read(merges, ours)?;
        let messages = answer::messages(merges)?;
        if let Merged::Conflict(conflict) = &mut merged {
            conflict.messages = messages;
        }
        answer::read(merges, &void)?;
        Ok(merged)
    }

    /// From now on, merges use the attributes (`.gitattributes`) of this commit. Returns the commit whose attributes
    /// were used before.
    ///
    /// # Errors
    /// When git is too old for the attributes.
    pub(crate) fn heed(&mut self, attributes: &ObjectId) -> Result<ObjectId> {
        if self.attributes != *attributes {
            if self.git.version() < Version::READS_ATTRIBUTES {
                refuse_attributes(&self.repository, attributes)?;
            }
            self.merges = [None, None];
        }
        Ok(std::mem::replace(&mut self.attributes, attributes.clone()))
    }

    /// From now on, merges follow renames or do not, which is faster.
    pub(crate) const fn follow(&mut self, renames: Renames) {
        self.renames = renames;
    }

    /// Writes `patch` as a new commit with `tree` and `parent`, with what a person's resolution says of it.
    ///
    /// # Errors
    /// When git fails, or the disk is full.
    pub fn commit(
        &mut self,
        patch: &ObjectId,
        tree: &ObjectId,
        parent: &ObjectId,
        resolution: Option<&Resolution>,
    ) -> Result<ObjectId> {
        let not_before = self.committed(parent)?;
        let raw = commit::rewrite(&self.object(patch)?, tree, parent, not_before, resolution);
        let made = self.write(&raw)?;
        self.committed.insert(made.clone(), commit::committed(&raw));
        Ok(made)
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// When git fails.
    pub fn tree_of(&mut self, commit: &ObjectId) -> Result<ObjectId> {
        let raw = self.object(commit)?;
        commit::tree(&raw).ok_or_else(|| no_such(commit))
    }

    /// The author and the message of a commit.
    pub(crate) fn words(&mut self, commit: &ObjectId) -> Result<Words> {
        Ok(commit::words(&self.object(commit)?))
    }

    /// The content of a blob.
    ///
    /// # Errors
    /// When git fails.
    pub fn blob(&mut self, blob: &ObjectId) -> Result<Vec<u8>> {
        self.object(blob)
    }

    /// The content of the file at `path` in a tree or commit; none when there is no such file.
    ///
    /// # Errors
    /// When git fails.
    pub fn file(&mut self, tree: &ObjectId, path: &[u8]) -> Result<Option<Vec<u8>>> {
        if path.contains(&b'\n') {
            return Ok(None);
        }
        let mut name = format!("{tree}:").into_bytes();
        name.extend(path);
        self.look_up(&name)
    }

    /// The id of what is at `path` in a tree or commit; none when nothing is.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn id_at(&mut self, tree: &ObjectId, path: &GitPath) -> Result<Option<ObjectId>> {
        if path.as_bytes().contains(&b'\n') {
            return Ok(None);
        }
        let name = [tree.as_str().as_bytes(), b":", path.as_bytes()].concat();
        Ok(self.look_up_named(&name)?.map(|(id, _)| id))
    }

    /// The files in which two trees differ.
    ///
    /// # Errors
    /// When git fails.
    pub fn difference(&self, one: &ObjectId, other: &ObjectId) -> Result<Vec<GitPath>> {
        let call = self
            .call("diff-tree", "compare trees")
            .options(&["-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules=none"])
            .operands([one.as_str(), other.as_str()]);
        Ok(GitPath::list(&self.git.output(&call)?))
    }

    /// A commit of an empty tree, which stands for the parent of root commits.
    ///
    /// # Errors
    /// When git fails.
    pub fn void(&mut self) -> Result<ObjectId> {
        if let Some(void) = &self.void {
            return Ok(void.clone());
        }
        let call = self.scratch.call("hash-object", "write an empty tree").options(&["-t", "tree", "-w", "--stdin"]);
        let tree = self.git.text(&call)?;
        let raw = format!("tree {tree}\nauthor cutover <> 0 +0000\ncommitter cutover <> 0 +0000\n\nnothing\n");
        let void = self.write(raw.as_bytes())?;
        self.void = Some(void.clone());
        Ok(void)
    }

    /// A call in the scratch repository, which has the operator's objects and the new ones.
    pub fn call(&self, name: &'static str, doing: &str) -> Call {
        self.scratch.call(name, doing)
    }

    /// The git that works here.
    #[must_use]
    pub const fn git(&self) -> &Git {
        &self.git
    }

    /// Copies `commit` and everything that it needs into the operator's repository, under the ref `reference`
    /// (`refs/cutover/...`), whatever that ref pointed at before. The ref is moved last, so that nothing is half done
    /// if the disk is full.
    ///
    /// # Errors
    /// When the objects cannot be copied or the ref cannot be moved.
    pub fn keep(&self, commit: &ObjectId, reference: &RefName) -> Result<()> {
        self.scratch.name(commit)?;
        let call = self
            .repository
            .call("fetch", format!("keep the result as {}", reference.as_str()))
            .options(&[
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-auto-maintenance",
                "--no-recurse-submodules",
                "--no-write-commit-graph",
            ])
            // The repository's settings for checking objects from others do not apply to its own objects.
            .setting("fetch.fsckObjects", "false")
            .setting("protocol.file.allow", "always")
            .operands([self.scratch.folder().as_os_str().to_owned(), format!("+{KEPT}:{}", reference.as_str()).into()]);
        self.git.output(&call).map(drop)
    }

    fn committed(&mut self, commit: &ObjectId) -> Result<i64> {
        if let Some(seconds) = self.committed.get(commit) {
            return Ok(*seconds);
        }
        let seconds = commit::committed(&self.object(commit)?);
        self.committed.insert(commit.clone(), seconds);
        Ok(seconds)
    }

    fn object(&mut self, id: &ObjectId) -> Result<Vec<u8>> {
        self.look_up(id.as_str().as_bytes())?.ok_or_else(|| no_such(id))
    }

    /// Asks `cat-file --batch`; none when there is no such object.
    fn look_up(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.look_up_named(name)?.map(|(_, content)| content))
    }

    /// The same with the object's id.
    fn look_up_named(&mut self, name: &[u8]) -> Result<Option<(ObjectId, Vec<u8>)>> {
        self.objects.ask(&[name, b"\n"].concat())?;
        let header = String::from_utf8_lossy(&self.objects.until(b'\n')?).into_owned();
        let Some(size) = header.rsplit(' ').next().and_then(|word| word.parse().ok()) else { return Ok(None) };
        let content = self.objects.exactly(size)?;
        self.objects.exactly(1)?;
        Ok(header.split(' ').next().and_then(ObjectId::parse).map(|id| (id, content)))
    }

    /// Writes a commit object unchanged. `hash-object` reads it from a file whose name is passed to it.
    fn write(&mut self, raw: &[u8]) -> Result<ObjectId> {
        let path = self.next_commit.clone();
        std::fs::write(&path, raw).map_err(|source| Error::File { path: path.clone(), done: "written", source })?;
        let commits = match &mut self.commits {
            Some(commits) => commits,
            empty => {
                let call = self.scratch.call("hash-object", "write commits");
                let call = call.options(&["-t", "commit", "-w", "--literally", "--no-filters", "--stdin-paths"]);
                empty.insert(Conversation::start(&self.git, &call)?)
            }
        };
        use std::os::unix::ffi::OsStrExt;
        commits.ask(&[path.as_os_str().as_bytes(), b"\n"].concat())?;
        let answer = commits.until(b'\n')?;
        let id = std::str::from_utf8(&answer).ok().and_then(ObjectId::parse);
        id.ok_or_else(|| Error::refused("git wrote a commit and did not say which", "nothing was changed"))
    }
}

fn merging(scratch: &Scratch, attributes: &ObjectId, renames: Renames) -> Call {
    let call = scratch
        .call("merge-tree", "merge")
        .options(&["--write-tree", "--stdin", "-z", "--messages"])
        .variable("GIT_ATTR_SOURCE", attributes.as_str());
    // The C library would return memory to the system after each merge, and fetch it page by page for the next.
    let call = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"]
        .iter()
        .fold(call, |call, name| call.variable(name, "1000000000"));
    match renames {
        Renames::Followed => call,
        Renames::PassedOver => call.setting("merge.renames", "false").setting("merge.directoryRenames", "false"),
    }
}

/// Refuses attributes that this git would ignore: the result would silently be a different one.
fn refuse_attributes(repository: &Repository, commit: &ObjectId) -> Result<()> {
    let call = repository
        .call("ls-tree", "look for .gitattributes")
        .options(&["-r", "-z", "--name-only", "--full-tree"])
        .operands([commit.as_str()]);
    let names = repository.git().output(&call)?;
    let is_attributes = |name: &[u8]| name.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes".as_slice());
    if !names.split(|byte| *byte == 0).any(is_attributes) {
        return Ok(());
    }
    Err(Error::refused(
        format!("git {} passes over the .gitattributes that {} has", repository.git().version(), commit.short()),
        format!("nothing was changed; git {} or later heeds them in merges", Version::READS_ATTRIBUTES),
    ))
}

fn no_such(id: &ObjectId) -> Error {
    Error::refused(
        format!("the object {id} is not in the repository"),
        "nothing was changed; `git fsck` says what else is missing. Fetching again, or a fresh clone, mends it",
    )
}
