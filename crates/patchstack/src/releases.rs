//! How releases are named: upstream's code names and candidates, our branches, the remotes.
//!
//! Upstream's releases are `open-release/koa.rc3` and, since 2024, `release/teak`; ours are `mitx/koa`. The patterns
//! are the operator's to change. `pattern` reads names by them, `refs` finds the refs that they mean, `choose` the
//! branch that a command is about.

mod choose;
mod pattern;
mod refs;

use std::fmt;

use serde::{Serialize, Serializer};

pub use choose::choose;
pub(crate) use choose::{Apart, apart};
pub use refs::Survey;
pub(crate) use refs::{Ours, bare_name};

use crate::error::{Error, Result};
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

/// A release's code name. They run alphabetically, so that their order is that of their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Codename(pub String);

/// How far along a release is, in the order in which upstream gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Candidate {
    /// `alpha1`.
    Alpha(u32),
    /// `beta2`.
    Beta(u32),
    /// `rc3`.
    Rc(u32),
    /// `master`, or a branch that is named for the release alone.
    Master,
    /// A point tag: `koa.1`, `koa.2a` counts as 2.
    Point(u32),
}

/// One of upstream's releases, as a ref names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// Its code name.
    pub codename: Codename,
    /// How far along it is.
    pub candidate: Candidate,
}

impl Codename {
    /// A code name from outside: lower-case letters, such as `koa`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self> {
        pattern::codename(text).ok_or_else(|| {
            Error::refused(
                format!("{text:?} is no code name: they are lower-case letters and nothing else"),
                "nothing was changed; name the release alone, such as koa",
            )
        })
    }
}

impl fmt::Display for Codename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alpha(number) => write!(f, "alpha{number}"),
            Self::Beta(number) => write!(f, "beta{number}"),
            Self::Rc(number) => write!(f, "rc{number}"),
            Self::Master => f.write_str("master"),
            Self::Point(number) => write!(f, "{number}"),
        }
    }
}

impl Serialize for Candidate {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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

    /// The name without its remote, of a ref under the upstream remote.
    fn upstream_branch<'a>(&self, name: &'a RefName) -> Option<&'a str> {
        name.as_str().strip_prefix("refs/remotes/")?.strip_prefix(&self.upstream)?.strip_prefix('/')
    }

    /// The code name of a full ref, if it is one of our release branches: here, or as origin has it.
    #[must_use]
    pub fn codename_of(&self, name: &RefName) -> Option<Codename> {
        let name = name.as_str();
        let there = || name.strip_prefix("refs/remotes/")?.strip_prefix(&self.origin)?.strip_prefix('/');
        self.codename(name.strip_prefix("refs/heads/").or_else(there)?)
    }

    /// Explains what is wrong with the patterns and the names of the remotes, before anything is done by them.
    ///
    /// # Errors
    /// At the first mistake.
    pub fn check(&self) -> Result<()> {
        pattern::check(self)
    }
}
