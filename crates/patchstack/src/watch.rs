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
use crate::releases::{Codename, Conventions};
use crate::remote;
use crate::repository::{Repository, Revision};

/// The version of the file that is written, and the newest that can be read.
const VERSION: u32 = 1;

/// Where the files are, in the git directory.
const FOLDER: &str = "cutover/watch";

/// The candidates of releases as they were at the last look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    version: u32,
    /// Each candidate with its commit.
    candidates: BTreeMap<String, ObjectId>,
    /// Those of them that upstream does not have: it has removed them, or they are tags of our own.
    #[serde(default)]
    gone: BTreeSet<String>,
    /// The commits that candidates of upstream's had before.
    #[serde(default)]
    earlier: BTreeMap<String, BTreeSet<ObjectId>>,
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
        Self { version: VERSION, candidates: BTreeMap::new(), gone: BTreeSet::new(), earlier: BTreeMap::new() }
    }
}

impl Seen {
    /// Where the file is unless another one is named.
    #[must_use]
    pub fn file(repository: &Repository, branch: &str) -> PathBuf {
        let name = branch.replace('%', "%25").replace('/', "%2F");
        repository.directory().join(FOLDER).join(format!("{name}.json"))
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

    /// The names of candidates that upstream had at an earlier look and has removed since, each told once. `gone` are those of
    /// `candidates`, which this clone has, that upstream does not have; where fetches remove branches, this clone does not have them
    /// either.
    #[must_use]
    pub fn newly_gone(
        &self,
        conventions: &Conventions,
        candidates: &[Revision],
        gone: &[Revision],
    ) -> BTreeSet<String> {
        let here: BTreeSet<&String> = candidates.iter().map(|candidate| &candidate.name).collect();
        let releases = releases(conventions, candidates);
        let removed = self
            .candidates
            .keys()
            .filter(|name| !here.contains(name) && releases.contains(&conventions.codename_of_candidate(name)));
        let gone = gone.iter().map(|candidate| &candidate.name).filter(|name| self.candidates.contains_key(*name));
        removed.chain(gone).filter(|name| !self.gone.contains(*name)).cloned().collect()
    }

    /// What was seen after this look. What is known of other releases stays. `gone` are those of the candidates that upstream does not
    /// have; none if it was not asked.
    #[must_use]
    pub fn after(mut self, conventions: &Conventions, candidates: &[Revision], gone: Option<&[Revision]>) -> Self {
        let releases = releases(conventions, candidates);
        let is_other = |name: &String| !releases.contains(&conventions.codename_of_candidate(name));
        let now = candidates.iter().map(|candidate| (candidate.name.clone(), candidate.commit.clone())).collect();
        let before = std::mem::replace(&mut self.candidates, now);
        for (name, commit) in before {
            if is_other(&name) {
                self.candidates.insert(name, commit);
            } else if self.candidates.get(&name) != Some(&commit) && !self.gone.contains(&name) {
                self.earlier.entry(name).or_default().insert(commit);
            }
        }
        if let Some(gone) = gone {
            self.gone.retain(is_other);
            self.gone.extend(gone.iter().map(|candidate| candidate.name.clone()));
        }
        self
    }

    /// Every commit that a candidate of upstream's is known to have had, with its name.
    pub(crate) fn of_upstream(&self, conventions: &Conventions) -> Vec<(&str, &ObjectId)> {
        let last = self.candidates.iter().filter(|(name, _)| !self.gone.contains(*name));
        let earlier = self.earlier.iter().flat_map(|(name, commits)| commits.iter().map(move |commit| (name, commit)));
        let remote = format!("{}/", conventions.upstream);
        let all = last.chain(earlier).map(|(name, commit)| (name.as_str(), commit));
        // A tag may be one of our own.
        all.filter(|(name, _)| name.starts_with(&remote)).collect()
    }

    /// What `watch` has seen in this clone, for all our branches.
    pub(crate) fn all(repository: &Repository) -> Vec<Self> {
        let files = std::fs::read_dir(repository.directory().join(FOLDER)).into_iter().flatten().flatten();
        files.filter_map(|file| Self::read(&file.path()).ok()).collect()
    }

    /// Writes it as a whole or not at all.
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

/// The releases that candidates are of: one, unless they were named by hand.
fn releases(conventions: &Conventions, candidates: &[Revision]) -> BTreeSet<Option<Codename>> {
    candidates.iter().map(|candidate| conventions.codename_of_candidate(&candidate.name)).collect()
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

/// Of these candidates, which this clone has, those that upstream does not have. None of its branches where this clone fetches them
/// under other names than it has there.
///
/// # Errors
/// When upstream does not answer.
pub fn gone(repository: &Repository, conventions: &Conventions, candidates: &[Revision]) -> Result<Vec<Revision>> {
    let there = remote::heads(repository, &conventions.upstream, &["refs/heads/*", "refs/tags/*"], remote::LIMIT)?;
    let remote = format!("refs/remotes/{}/", conventions.upstream);
    let by_its_name = fetches_by_name(repository, &conventions.upstream)?;
    let is_there = |candidate: &&Revision| {
        let Some(name) = &candidate.reference else { return true };
        let branch = name.as_str().strip_prefix(&remote).map(|branch| format!("refs/heads/{branch}"));
        let is_known = branch.is_none() || by_its_name;
        let name = branch.unwrap_or_else(|| name.as_str().to_owned());
        !is_known || there.keys().any(|there| there.as_str() == name)
    };
    Ok(candidates.iter().filter(|candidate| !is_there(candidate)).cloned().collect())
}

/// Whether all branches of a remote are fetched under the names that they have there.
fn fetches_by_name(repository: &Repository, remote: &str) -> Result<bool> {
    let call = repository
        .call("config", format!("see what is fetched from {remote}"))
        .as_the_operator()
        .options(&["--get-all"])
        .operands([format!("remote.{remote}.fetch")]);
    let output = repository.git().run(&call)?;
    let usual = format!("refs/heads/*:refs/remotes/{remote}/*");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().any(|line| line.trim_start_matches('+') == usual))
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
        seen.after(&Conventions::default(), &candidates, None).write(file).expect("written");
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

    /// What is told as removed at one look after the other: of each, what this clone has, and what of it upstream does not have.
    fn told(sandbox: &Sandbox, looks: &[(&[&str], Option<&[&str]>)]) -> Vec<Vec<String>> {
        let conventions = Conventions::default();
        let mut seen = Seen::default();
        let mut told = Vec::new();
        for (here, gone) in looks {
            let (here, gone) = (candidates(sandbox, here), gone.map(|gone| candidates(sandbox, gone)));
            told.push(seen.newly_gone(&conventions, &here, gone.as_deref().unwrap_or_default()).into_iter().collect());
            seen = seen.after(&conventions, &here, gone.as_deref());
        }
        told
    }

    #[test]
    fn only_what_upstream_had_of_this_release_is_told_as_removed_and_once() {
        let sandbox = Sandbox::new();
        sandbox.commit("One", &[("a", "1\n")]);
        let [rc1, rc2, lilac] = ["koa.rc1", "koa.rc2", "lilac.rc1"].map(|release| {
            let name = format!("upstream/open-release/{release}");
            sandbox.git(&["update-ref", &format!("refs/remotes/{name}"), "HEAD"]);
            name
        });
        let (rc1, rc2, lilac) = (rc1.as_str(), rc2.as_str(), lilac.as_str());
        sandbox.git(&["tag", "open-release/koa.9"]);
        let (own, nothing) = ("open-release/koa.9", Vec::<String>::new());
        // One file for two releases.
        let releases = told(&sandbox, &[(&[rc1, rc2], Some(&[])), (&[lilac], Some(&[])), (&[rc1, rc2], Some(&[]))]);
        assert_eq!(releases, [nothing.clone(), nothing.clone(), nothing.clone()]);
        // A tag of our own that looks like a release.
        assert_eq!(
            told(&sandbox, &[(&[rc1, own], Some(&[own])), (&[rc1, own], Some(&[own]))]),
            [vec![], nothing.clone()]
        );
        // Removed by upstream, not asked again, asked again.
        let removed: [(&[&str], Option<&[&str]>); 4] =
            [(&[rc1, rc2], Some(&[])), (&[rc1, rc2], Some(&[rc2])), (&[rc1, rc2], None), (&[rc1, rc2], Some(&[rc2]))];
        assert_eq!(told(&sandbox, &removed), [vec![], vec![rc2.to_owned()], vec![], nothing.clone()]);
        // Removed here, too.
        let pruned = told(&sandbox, &[(&[rc1, rc2], Some(&[])), (&[rc1], Some(&[])), (&[rc1], Some(&[]))]);
        assert_eq!(pruned, [vec![], vec![rc2.to_owned()], nothing]);
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
