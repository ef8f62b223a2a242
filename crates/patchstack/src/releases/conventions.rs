//! How releases, our branches and the remotes are named, by patterns that the operator may change.

use super::pattern;
use super::release::{Candidate, Codename, Release};
use crate::error::{Error, Result};
use crate::git::without_secrets;
use crate::names::RefName;

/// How releases and remotes are named. The deployment file's `[branches]`, or its defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conventions {
    /// The remote that releases come from.
    pub upstream: String,
    /// The remote that our branches live on.
    pub origin: String,
    /// Our branches: `mitx/{codename}`.
    pub ours: String,
    /// Upstream's: `open-release/{codename}.{candidate}` and `release/{codename}`.
    pub theirs: Vec<String>,
}

impl Default for Conventions {
    fn default() -> Self {
        Self {
            upstream: "upstream".to_owned(),
            origin: "origin".to_owned(),
            ours: "mitx/{codename}".to_owned(),
            theirs: vec!["open-release/{codename}.{candidate}".to_owned(), "release/{codename}".to_owned()],
        }
    }
}

impl Conventions {
    /// The release that one of upstream's branch or tag names stands for; `name` comes without `refs/...` and remote.
    #[must_use]
    pub fn release(&self, name: &str) -> Option<Release> {
        self.theirs.iter().find_map(|pattern| pattern::release(pattern, name))
    }

    /// The code name that the name of one of our branches stands for.
    #[must_use]
    pub fn codename(&self, branch: &str) -> Option<Codename> {
        pattern::our_codename(&self.ours, branch)
    }

    /// The name of our branch for a code name.
    #[must_use]
    pub fn our_branch(&self, codename: &Codename) -> String {
        self.ours.replace(pattern::CODENAME, &codename.0)
    }

    /// The release that a full ref stands for, if it is upstream's: under the upstream remote, or a tag.
    #[must_use]
    pub fn release_of(&self, name: &RefName) -> Option<Release> {
        if let Some(tag) = name.as_str().strip_prefix("refs/tags/") {
            return self.release(tag);
        }
        // Points are tags; a branch that looks like one is not a release.
        self.release(self.upstream_branch(name)?).filter(|release| !matches!(release.candidate, Candidate::Point(_)))
    }

    /// The code name of upstream's release that patches leave: they are on a base that was found to be part of it, and go onto a
    /// release of another code name. None if somebody named the base, or either is no release.
    #[must_use]
    pub fn left(&self, base_found: &str, onto_name: &str) -> Option<Codename> {
        let found = base_found.strip_prefix("is ")?;
        let left = self.codename_of_candidate(found.strip_prefix("part of ").unwrap_or(found))?;
        let onto = self.codename_of_candidate(onto_name)?;
        (left != onto).then_some(left)
    }

    /// The code name of a release of upstream's, by its short name: `upstream/open-release/koa.rc3`, or the name of a tag.
    #[must_use]
    pub fn codename_of_candidate(&self, name: &str) -> Option<Codename> {
        let branch = name.strip_prefix(self.upstream.as_str()).and_then(|rest| rest.strip_prefix('/'));
        self.release(branch.unwrap_or(name)).map(|release| release.codename)
    }

    /// The name without its remote, of a ref under the upstream remote.
    pub(super) fn upstream_branch<'a>(&self, name: &'a RefName) -> Option<&'a str> {
        name.as_str().strip_prefix("refs/remotes/")?.strip_prefix(&self.upstream)?.strip_prefix('/')
    }

    /// The code name of a full ref, if it is one of our release branches: here, or as origin has it.
    #[must_use]
    pub fn codename_of(&self, name: &RefName) -> Option<Codename> {
        let name = name.as_str();
        let there = || name.strip_prefix("refs/remotes/")?.strip_prefix(&self.origin)?.strip_prefix('/');
        self.codename(name.strip_prefix("refs/heads/").or_else(there)?)
    }

    /// Whether a full ref is one of our release branches: here, or as origin has it.
    #[must_use]
    pub fn is_ours(&self, name: &RefName) -> bool {
        self.codename_of(name).is_some()
    }

    /// Explains what is wrong with the patterns and the names of the remotes, before they are used.
    ///
    /// # Errors
    /// For the first mistake.
    pub fn check(&self) -> Result<()> {
        for (what, remote) in [("upstream", &self.upstream), ("origin", &self.origin)] {
            if RefName::new(format!("refs/remotes/{remote}/x")).is_err() || remote.starts_with('-') {
                return Err(Error::refused(
                    format!("{:?} cannot be the name of a remote ({what})", without_secrets(remote)),
                    "nothing was changed; name a remote of the repository, as `git remote` lists them",
                ));
            }
        }
        if self.ours.contains(pattern::CANDIDATE) {
            return Err(pattern::mistaken(
                "ours",
                &self.ours,
                "each of our branches serves all candidates of a release",
            ));
        }
        pattern::check("ours", &self.ours)?;
        for theirs in &self.theirs {
            pattern::check("theirs", theirs)?;
            if *theirs == self.ours {
                return Err(pattern::mistaken(
                    "ours",
                    theirs,
                    "it is also a pattern of upstream's, so the two kinds of branches could not be told apart",
                ));
            }
        }
        if self.theirs.is_empty() {
            return Err(Error::refused("there is no pattern for upstream's release branches", pattern::HINT));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_leave_a_release_for_one_of_another_code_name_if_their_base_was_found_to_be_part_of_it() {
        let left = |base, onto| Conventions::default().left(base, onto).map(|codename| codename.0);
        let koa = Some("koa".to_owned());
        assert_eq!(left("is upstream/open-release/koa.rc2", "upstream/open-release/lilac.master"), koa);
        assert_eq!(left("is part of upstream/open-release/koa.master", "open-release/lilac.1"), koa);
        assert_eq!(left("is upstream/open-release/koa.rc2", "upstream/open-release/koa.rc3"), None);
        assert_eq!(left("is part of upstream/master", "upstream/open-release/lilac.master"), None);
        assert_eq!(left("given as upstream/open-release/koa.rc2", "upstream/open-release/lilac.master"), None);
    }
}
