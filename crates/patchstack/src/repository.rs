//! Reads the operator's repository: its kind, its refs, and how its commits are related.
//!
//! Repositories that cannot be used are refused when they are opened. Names from outside become object ids here, once;
//! everything else works with ids.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::{Call, Environment, Git, Output};
use crate::names::{ObjectId, RefName};

/// The operator's repository.
#[derive(Clone, Debug)]
pub struct Repository {
    git: Git,
    /// As the operator named it.
    named: PathBuf,
    /// The git directory that its work trees share.
    directory: PathBuf,
    /// The git directory of the work tree that was named.
    own_directory: PathBuf,
    bare: bool,
    object_format: String,
}

/// A commit with the name that somebody used for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// As it was asked for: `upstream/open-release/koa.rc3`.
    pub name: String,
    /// The ref that the name means, if it is one.
    pub reference: Option<RefName>,
    /// The commit.
    pub commit: ObjectId,
}

/// A ref and the commit that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// Its full name.
    pub name: RefName,
    /// The commit; of a tag, the tagged one.
    pub commit: ObjectId,
    /// When the commit was made, in seconds since 1970.
    pub committed: i64,
    /// Who made the commit.
    pub committer: String,
}

impl Repository {
    /// Finds git and opens the repository in or above `path`. Everything that must be known first is asked at the same
    /// time: a process takes as long to start as a small question takes to answer.
    ///
    /// # Errors
    /// When no git is recent enough, there is no repository, git does not trust it, or it is a shallow or
    /// partial clone.
    pub fn with_git_found(environment: Environment, path: &Path) -> Result<Self> {
        let unchecked = Git::unchecked(environment);
        let (git, repository) = std::thread::scope(|scope| {
            let version = scope.spawn(|| unchecked.clone().checked());
            let repository = Self::open(&unchecked, path);
            (version.join(), repository)
        });
        let git = git.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(Self { git, ..repository? })
    }

    /// Opens the repository in or above `path`.
    ///
    /// # Errors
    /// When there is none, git does not trust it, or it is a shallow or partial clone.
    pub fn open(git: &Git, path: &Path) -> Result<Self> {
        let asked = Call::new("rev-parse", format!("open the repository {}", path.display()))
            .inside(path)
            .as_the_operator()
            .options(&["--path-format=absolute", "--git-common-dir", "--absolute-git-dir", "--is-bare-repository"])
            .options(&["--is-shallow-repository", "--show-object-format"]);
        let output = git.run(&asked);
        let output = match output {
            Err(Error::File { path, .. }) => return Err(no_repository(&path)),
            other => other?,
        };
        if !output.success {
            return Err(not_opened(path, &asked, &output));
        }
        let lines: Vec<&[u8]> = output.stdout.trim_ascii_end().split(|byte| *byte == b'\n').collect();
        let [common, own, bare, shallow, format] = lines[..] else { return Err(newline_in(path)) };
        let repository = Self {
            git: git.clone(),
            named: path.to_owned(),
            directory: PathBuf::from(OsStr::from_bytes(common)),
            own_directory: PathBuf::from(OsStr::from_bytes(own)),
            bare: bare == b"true",
            object_format: String::from_utf8_lossy(format).into_owned(),
        };
        repository.refuse_part_of_a_history(shallow == b"true")?;
        repository.refuse_a_lost_lender()?;
        Ok(repository)
    }

    fn refuse_part_of_a_history(&self, shallow: bool) -> Result<()> {
        let named = self.named.display();
        if shallow {
            return Err(Error::refused(
                format!("{named} is a shallow clone: it lacks a part of the history that patches are found by"),
                "nothing was changed; `git fetch --unshallow` fetches the rest",
            ));
        }
        // What came with a filter lies in packs that are marked so.
        let packs = std::fs::read_dir(self.directory.join("objects/pack")).into_iter().flatten().flatten();
        let mut marks = packs.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "promisor"));
        if marks.next().is_none() {
            return Ok(());
        }
        Err(Error::refused(
            format!("{named} is a partial clone: git would have to fetch missing objects during the work"),
            "nothing was changed; clone it again without --filter",
        ))
    }

    /// Git itself would report missing objects, or branches without commits.
    fn refuse_a_lost_lender(&self) -> Result<()> {
        let objects = self.directory.join("objects");
        let lenders = std::fs::read_to_string(objects.join("info/alternates")).unwrap_or_default();
        // Git writes paths in quotes only where they have odd letters; those it has to look for itself.
        let mut plain = lenders.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '"']));
        let Some(lost) = plain.find(|line| !objects.join(line).is_dir()) else { return Ok(()) };
        let named = self.named.display();
        Err(Error::refused(
            format!("{named} borrows its objects from {lost}, which does not exist"),
            "nothing was changed; put that repository back where it was, or clone again without --shared or --reference",
        ))
    }

    /// The git that works on it.
    #[must_use]
    pub const fn git(&self) -> &Git {
        &self.git
    }

    /// As the operator named it.
    #[must_use]
    pub fn named(&self) -> &Path {
        &self.named
    }

    /// The git directory that its work trees share: objects, refs, configuration.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The git directory of the work tree that was named.
    pub(crate) fn own_directory(&self) -> &Path {
        &self.own_directory
    }

    /// The folder of its main work tree, or the bare repository itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        if self.bare { &self.directory } else { self.directory.parent().unwrap_or(&self.directory) }
    }

    /// `sha1` or `sha256`.
    #[must_use]
    pub fn object_format(&self) -> &str {
        &self.object_format
    }

    /// A call on this repository.
    pub fn call(&self, name: &'static str, doing: impl Into<String>) -> Call {
        Call::new(name, doing).of_repository(&self.directory)
    }

    /// A call of `git log` whose answer is the same whatever the repository's configuration makes of logs, in UTF-8.
    pub(crate) fn log(&self, doing: impl Into<String>) -> Call {
        self.call("log", doing)
            .options(&["--encoding=UTF-8", "--no-color", "--no-mailmap", "--no-notes"])
            .options(&["--no-show-signature", "--no-decorate"])
    }

    /// Settings of the repository's own configuration whose lower-cased name is wanted.
    ///
    /// # Errors
    /// When git cannot read them.
    pub fn settings(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, String)>> {
        let call = self.call("config", "read the repository's configuration").options(&[
            "--local",
            "--includes",
            "--list",
            "-z",
        ]);
        let text = String::from_utf8_lossy(&self.git.output(&call)?).into_owned();
        let entries = text.split('\0').filter(|entry| !entry.is_empty());
        // A name without a value stands for true.
        let pairs = entries.map(|entry| entry.split_once('\n').unwrap_or((entry, "true")));
        let pairs = pairs.filter(|(name, _)| wanted(&name.to_ascii_lowercase()));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The commit that git finds for `name`.
    ///
    /// # Errors
    /// When it does not name a commit.
    pub fn revision(&self, name: &str) -> Result<Revision> {
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(Error::refused(
                format!("{name:?} does not name a commit"),
                "nothing was changed; name a branch, tag or commit",
            ));
        }
        if let Some(found) = self.plain_ref(name)? {
            return Ok(Revision { name: name.to_owned(), reference: Some(found.name), commit: found.commit });
        }
        // `HEAD` is the one of the work tree that the operator stands in.
        let call = Call::new("rev-parse", format!("look {name} up"))
            .of_repository(&self.own_directory)
            .options(&["--verify", "--quiet"])
            .operands([format!("{name}^{{commit}}")]);
        let output = self.git.run(&call)?;
        let commit = ObjectId::parse(String::from_utf8_lossy(&output.stdout).trim());
        let Some(commit) = commit.filter(|_| output.success) else { return Err(self.unknown(name)) };
        Ok(Revision { name: name.to_owned(), reference: self.full_name(name)?, commit })
    }

    /// The ref that `name` is the short name of: a branch before others that are at the same commit. Git would take a
    /// tag where a branch of the same name is meant.
    fn plain_ref(&self, name: &str) -> Result<Option<Ref>> {
        if RefName::branch(name).is_err() || ObjectId::parse(name).is_some() {
            return Ok(None);
        }
        let full = ["refs/heads/", "refs/tags/", "refs/remotes/"].map(|kind| format!("{kind}{name}"));
        let found = self.refs(&full.each_ref().map(String::as_str))?;
        // for-each-ref also lists what is below such a name.
        let exact: Vec<Ref> =
            found.into_iter().filter(|found| full.iter().any(|full| full == found.name.as_str())).collect();
        if exact.iter().any(|found| found.commit != exact[0].commit) {
            return Err(ambiguous(name, &exact));
        }
        Ok(exact.into_iter().next())
    }

    fn full_name(&self, name: &str) -> Result<Option<RefName>> {
        let call = Call::new("rev-parse", format!("look {name} up"))
            .of_repository(&self.own_directory)
            .options(&["--verify", "--quiet", "--symbolic-full-name"])
            .operands([name]);
        let output = self.git.run(&call)?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().find(|line| line.starts_with("refs/")).and_then(|line| RefName::new(line).ok()))
    }

    fn unknown(&self, name: &str) -> Error {
        let remote = name.split_once('/').map(|(remote, _)| remote);
        let remote = remote.filter(|remote| self.remotes().is_ok_and(|remotes| remotes.contains_key(*remote)));
        let hint = match remote {
            Some(remote) => format!(
                "nothing was changed; if it is new, `git fetch {remote}` brings it. `git branch -a` lists what is here"
            ),
            None => "nothing was changed; `git branch -a` lists what is here".to_owned(),
        };
        Error::refused(format!("{} has no branch, tag or commit {name:?}", self.named.display()), hint)
    }

    /// The branch that is checked out in the operator's work tree.
    ///
    /// # Errors
    /// When `HEAD` is detached.
    pub fn current_branch(&self) -> Result<RefName> {
        let call = Call::new("symbolic-ref", "see which branch is checked out")
            .of_repository(&self.own_directory)
            .options(&["--quiet"])
            .operands(["HEAD"]);
        let output = self.git.run(&call)?;
        let name = RefName::new(String::from_utf8_lossy(&output.stdout).trim());
        name.ok().filter(|_| output.success).ok_or_else(|| {
            Error::refused(
                format!("HEAD of {} is detached, so no branch is meant", self.named.display()),
                "nothing was changed; name the branch with --branch",
            )
        })
    }

    /// All refs under `prefixes`, such as `refs/remotes/upstream`, that lead to commits, in the order of their names.
    ///
    /// # Errors
    /// When git cannot list them.
    pub fn refs(&self, prefixes: &[&str]) -> Result<Vec<Ref>> {
        let format = "%(refname)%00%(objectname)%00%(objecttype)%00%(*objectname)%00%(*objecttype)%00\
                      %(committerdate:unix)%00%(*committerdate:unix)%00%(committername)%00%(*committername)";
        let call = self.call("for-each-ref", "list refs").option("--format=", format).operands(prefixes);
        let text = String::from_utf8_lossy(&self.git.output(&call)?).into_owned();
        Ok(text.lines().filter_map(parse_ref).collect())
    }

    /// The commit that a ref leads to, if it exists.
    ///
    /// # Errors
    /// When git cannot look.
    pub fn find(&self, name: &RefName) -> Result<Option<ObjectId>> {
        let call = self
            .call("rev-parse", format!("look {name} up"))
            .options(&["--verify", "--quiet"])
            .operands([format!("{}^{{commit}}", name.as_str())]);
        let output = self.git.run(&call)?;
        Ok(ObjectId::parse(String::from_utf8_lossy(&output.stdout).trim()).filter(|_| output.success))
    }

    /// The remotes and where each is, as git would reach them for fetching. Secrets in addresses are taken out.
    ///
    /// # Errors
    /// When git cannot list them.
    pub fn remotes(&self) -> Result<BTreeMap<String, String>> {
        let call = self.call("remote", "list the remotes").as_the_operator().options(&["-v"]);
        let text = self.git.text(&call)?;
        let lines = text.lines().filter_map(|line| line.strip_suffix(" (fetch)")?.split_once('\t'));
        Ok(lines.map(|(name, address)| (name.to_owned(), crate::git::without_secrets(address))).collect())
    }

    /// Whether `ancestor` is `commit` or comes before it.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn is_ancestor(&self, ancestor: &ObjectId, commit: &ObjectId) -> Result<bool> {
        let call = self
            .call("merge-base", format!("compare {} with {}", ancestor.short(), commit.short()))
            .options(&["--is-ancestor"])
            .operands([ancestor.as_str(), commit.as_str()]);
        let output = self.git.run(&call)?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(Git::failure(&call, &output)),
        }
    }

    /// The best common ancestors of two commits: none, one, or several.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn merge_bases(&self, one: &ObjectId, other: &ObjectId) -> Result<Vec<ObjectId>> {
        let call = self
            .call("merge-base", format!("find where {} and {} part", one.short(), other.short()))
            .options(&["--all"])
            .operands([one.as_str(), other.as_str()]);
        let output = self.git.run(&call)?;
        match output.code {
            Some(0 | 1) => Ok(ids(&output.stdout)),
            _ => Err(Git::failure(&call, &output)),
        }
    }

    /// How many commits lead to `commit` and not to `without`.
    ///
    /// # Errors
    /// When git cannot count.
    pub fn count<'a>(&self, commit: &ObjectId, without: impl IntoIterator<Item = &'a ObjectId>) -> Result<usize> {
        let without = without.into_iter().map(|without| format!("^{without}"));
        let call = self
            .call("rev-list", format!("count commits up to {}", commit.short()))
            .options(&["--count"])
            .operands(std::iter::once(commit.to_string()).chain(without));
        let text = self.git.text(&call)?;
        text.parse().map_err(|_| Error::refused(format!("git counted {text:?}"), "nothing was changed"))
    }
}

/// The ids in a list with one a line.
pub(crate) fn ids(bytes: &[u8]) -> Vec<ObjectId> {
    String::from_utf8_lossy(bytes).lines().filter_map(|line| ObjectId::parse(line.trim())).collect()
}

fn parse_ref(line: &str) -> Option<Ref> {
    let fields: Vec<&str> = line.split('\0').collect();
    let [name, object, kind, tagged, tagged_kind, date, tagged_date, committer, tagged_committer] = fields[..] else {
        return None;
    };
    let (object, date, committer) = match (kind, tagged_kind) {
        ("commit", _) => (object, date, committer),
        ("tag", "commit") => (tagged, tagged_date, tagged_committer),
        _ => return None,
    };
    Some(Ref {
        name: RefName::new(name).ok()?,
        commit: ObjectId::parse(object)?,
        committed: date.parse().ok()?,
        committer: committer.to_owned(),
    })
}

fn ambiguous(name: &str, refs: &[Ref]) -> Error {
    let found: Vec<String> =
        refs.iter().map(|found| format!("{} at {}", found.name.as_str(), found.commit.short())).collect();
    Error::refused(
        format!("{name} is ambiguous: {}", found.join(", ")),
        format!("nothing was changed; use the full name of the one you mean, such as {}", refs[0].name.as_str()),
    )
}

fn no_repository(path: &Path) -> Error {
    Error::refused(
        format!("{} is not a git repository", path.display()),
        "nothing was changed; name the clone of your fork with --repository, or in [branches] of the deployment file",
    )
}

/// Git says paths one a line, and so does what reads them.
fn newline_in(path: &Path) -> Error {
    Error::refused(
        format!("the path of {} cannot be read from git's output: does it contain a newline?", path.display()),
        "nothing was changed; move it to a path without newlines",
    )
}

fn not_opened(path: &Path, call: &Call, output: &Output) -> Error {
    match Git::failure(call, output) {
        _ if output.words.contains("not a git repository") => no_repository(path),
        Error::Git { hint, .. } if output.words.contains("dubious ownership") => {
            Error::refused(format!("git does not trust {}", path.display()), hint)
        }
        other => other,
    }
}
