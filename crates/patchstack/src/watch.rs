//! What upstream has published since the last look: `branch watch`, which is run by a timer or a pipeline.
//!
//! What was seen is a small JSON file, in the git directory unless another one is named. Pipelines start from new clones and keep it
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::remote;
use crate::repository::{Repository, Revision};

/// The version of the file that is written, and the newest that can be read.
const VERSION: u32 = 1;

/// The candidates of a release as they were at the last look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    version: u32,
    /// Each candidate with its commit.
    candidates: BTreeMap<String, ObjectId>,
    /// Those of them that upstream has removed.
    #[serde(default)]
    gone: BTreeSet<String>,
}

/// A candidate that is new, or is another commit than at the last look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct News {
    /// Its name: `upstream/open-release/koa.rc3`.
    pub name: String,
    /// Its commit.
    pub commit: ObjectId,
    /// Its commit at the last look.
    pub was: Option<ObjectId>,
    /// Whether upstream has forced it: commits that it had then are not in it any more.
    pub forced: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { version: VERSION, candidates: BTreeMap::new(), gone: BTreeSet::new() }
    }
}

impl Seen {
    /// Where the file is unless another one is named.
    #[must_use]
    pub fn file(repository: &Repository, branch: &str) -> PathBuf {
        let name = branch.replace('%', "%25").replace('/', "%2F");
        repository.directory().join("cutover/watch").join(format!("{name}.json"))
    }

    /// What was seen; nothing if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, or was written by a newer cutover.
    pub fn read(file: &Path) -> Result<Self> {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::File { path: file.to_owned(), done: "read", source }),
        };
        let damaged = |because: String| Error::Damaged {
            path: file.to_owned(),
            because,
            hint: "nothing was changed; remove the file, and all candidates count as new".to_owned(),
        };
        let seen: Self = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        match seen.version {
            version if version <= VERSION => Ok(seen),
            version => {
                Err(damaged(format!("it has version {version}, and this cutover knows versions up to {VERSION}")))
            }
        }
    }

    /// What is new in `candidates`, in their order.
    ///
    /// # Errors
    /// When git fails.
    pub fn news(&self, repository: &Repository, candidates: &[Revision]) -> Result<Vec<News>> {
        let mut news = Vec::new();
        for candidate in candidates {
            let was = self.candidates.get(&candidate.name).cloned();
            if was.as_ref() == Some(&candidate.commit) {
                continue;
            }
            // The earlier commit of a forced candidate may be gone from a new clone.
            let is_forward = |was: &ObjectId| repository.is_ancestor(was, &candidate.commit).unwrap_or(false);
            let forced = was.as_ref().is_some_and(|was| !is_forward(was));
            news.push(News { name: candidate.name.clone(), commit: candidate.commit.clone(), was, forced });
        }
        Ok(news)
    }

    /// The names of candidates that upstream had at an earlier look, has removed, and that were not told yet. `gone` are those of
    /// `candidates`, which this clone has, that upstream does not have; where fetches remove branches, this clone does not have them
    /// either. `is_own` says whether a name is of the same release: a file can be about several.
    #[must_use]
    pub fn newly_gone(
        &self,
        candidates: &[Revision],
        gone: &[Revision],
        is_own: impl Fn(&str) -> bool,
    ) -> BTreeSet<String> {
        let is_gone = |name: &String| {
            gone.iter().any(|gone| gone.name == *name) || !candidates.iter().any(|candidate| candidate.name == *name)
        };
        let seen = self.candidates.keys().filter(|name| is_own(name) && !self.gone.contains(*name));
        seen.filter(|name| is_gone(name)).cloned().collect()
    }

    /// What is seen now. `gone` are those of the candidates that upstream does not have; none if it was not asked.
    #[must_use]
    pub fn with(&self, candidates: &[Revision], gone: Option<&[Revision]>, is_own: impl Fn(&str) -> bool) -> Self {
        let mut seen = self.clone();
        seen.candidates.retain(|name, _| !is_own(name));
        seen.candidates.extend(candidates.iter().map(|candidate| (candidate.name.clone(), candidate.commit.clone())));
        if let Some(gone) = gone {
            seen.gone.retain(|name| !is_own(name));
            seen.gone.extend(gone.iter().map(|candidate| candidate.name.clone()));
        }
        seen
    }

    /// Writes it, as a whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let written = || -> std::io::Result<()> {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            new.write_all(&serde_json::to_vec_pretty(self)?)?;
            new.persist(file)?;
            Ok(())
        };
        written().map_err(|source| Error::File { path: file.to_owned(), done: "written", source })
    }
}

/// Fetches upstream's releases and our own branches.
///
/// # Errors
/// When a remote is missing or does not answer.
pub fn fetch(repository: &Repository, conventions: &Conventions, progress: &mut dyn FnMut(&str)) -> Result<()> {
    for remote in [&conventions.upstream, &conventions.origin] {
        progress(&format!("fetching {remote}"));
        remote::update(repository, remote, remote::LIMIT)?;
    }
    Ok(())
}

/// Of these candidates, which this clone has, those that upstream does not have any more.
///
/// # Errors
/// When upstream does not answer.
pub fn gone(repository: &Repository, conventions: &Conventions, candidates: &[Revision]) -> Result<Vec<Revision>> {
    let there = remote::heads(repository, &conventions.upstream, &["refs/heads/*", "refs/tags/*"], remote::LIMIT)?;
    let remote = format!("refs/remotes/{}/", conventions.upstream);
    let is_there = |candidate: &&Revision| {
        let Some(name) = &candidate.reference else { return true };
        let branch = name.as_str().strip_prefix(&remote).map(|branch| format!("refs/heads/{branch}"));
        let name = branch.unwrap_or_else(|| name.as_str().to_owned());
        there.keys().any(|there| there.as_str() == name)
    };
    Ok(candidates.iter().filter(|candidate| !is_there(candidate)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn candidates(sandbox: &Sandbox, names: &[&str]) -> Vec<Revision> {
        names.iter().map(|name| sandbox.open().revision(name).expect("a commit")).collect()
    }

    fn news(sandbox: &Sandbox, file: &Path, names: &[&str]) -> Vec<(String, bool, bool)> {
        let candidates = candidates(sandbox, names);
        let seen = Seen::read(file).expect("read");
        let news = seen.news(&sandbox.open(), &candidates).expect("compared");
        seen.with(&candidates, None, |_| true).write(file).expect("written");
        news.into_iter().map(|news| (news.name, news.was.is_some(), news.forced)).collect()
    }

    #[test]
    fn each_candidate_is_new_once_and_again_when_it_moves() {
        let sandbox = Sandbox::new();
        sandbox.commit("One", &[("a", "1\n")]);
        sandbox.git(&["branch", "rc1"]);
        let file = Seen::file(&sandbox.open(), "mitx/koa");
        assert_eq!(news(&sandbox, &file, &["rc1"]), [("rc1".to_owned(), false, false)]);
        assert_eq!(news(&sandbox, &file, &["rc1"]), []);
        sandbox.commit("Two", &[("a", "2\n")]);
        sandbox.git(&["branch", "rc2"]);
        assert_eq!(news(&sandbox, &file, &["rc1", "rc2"]), [("rc2".to_owned(), false, false)]);
        sandbox.git(&["branch", "--force", "rc1", "rc2"]);
        assert_eq!(news(&sandbox, &file, &["rc1", "rc2"]), [("rc1".to_owned(), true, false)]);
        sandbox.git(&["branch", "--force", "rc2", "rc2~1"]);
        assert_eq!(news(&sandbox, &file, &["rc1", "rc2"]), [("rc2".to_owned(), true, true)]);
    }

    #[test]
    fn only_what_was_seen_of_the_same_release_is_told_to_be_removed_and_once() {
        let sandbox = Sandbox::new();
        sandbox.commit("One", &[("a", "1\n")]);
        ["koa.rc1", "koa.rc2", "koa.own", "lilac.rc1"].iter().for_each(|name| drop(sandbox.git(&["branch", name])));
        let koa = |name: &str| name.starts_with("koa.");
        let (all, own) = (candidates(&sandbox, &["koa.rc1", "koa.rc2", "koa.own"]), candidates(&sandbox, &["koa.own"]));
        let seen = Seen::default();
        assert_eq!(seen.newly_gone(&all, &own, koa), BTreeSet::new(), "nobody has seen it with upstream");
        let seen = seen.with(&all, Some(&own), koa);
        let lilac = |name: &str| name.starts_with("lilac.");
        let seen = seen.with(&candidates(&sandbox, &["lilac.rc1"]), Some(&[]), lilac);
        let gone = candidates(&sandbox, &["koa.rc2", "koa.own"]);
        let removed = BTreeSet::from(["koa.rc2".to_owned()]);
        assert_eq!(seen.newly_gone(&all, &gone, koa), removed);
        let seen = seen.with(&all, Some(&gone), koa);
        assert_eq!(seen.with(&all, None, koa).newly_gone(&all, &gone, koa), BTreeSet::new(), "it was told");
        assert_eq!(seen.newly_gone(&[], &[], lilac), BTreeSet::from(["lilac.rc1".to_owned()]));
    }

    #[test]
    fn a_file_that_is_damaged_or_newer_is_named_with_what_to_do() {
        let sandbox = Sandbox::new();
        let file = sandbox.folder().join("seen.json");
        for text in ["{", r#"{"version": 2, "candidates": {}}"#] {
            std::fs::write(&file, text).expect("written");
            let error = Seen::read(&file).expect_err("refused");
            assert!(error.to_string().contains("seen.json") && error.hint().contains("remove the file"), "{error}");
        }
    }
}
