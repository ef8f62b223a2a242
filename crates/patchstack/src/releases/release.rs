//! Upstream's releases: code names and candidates, and their order.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};

/// The code name of a release. Releases are named in alphabetical order, so code names sort like releases.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Codename(pub String);

/// The stage of a release, in the order in which upstream reaches the stages.
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
    /// Its stage.
    pub candidate: Candidate,
}

impl Codename {
    /// A code name from outside: lower-case letters, such as `koa`.
    ///
    /// # Errors
    /// When the text is not a code name.
    pub fn parse(text: &str) -> Result<Self> {
        Self::of(text).ok_or_else(|| {
            Error::refused(
                format!("{text:?} is not a code name: code names consist of lower-case letters"),
                "nothing was changed; name the release alone, such as koa",
            )
        })
    }

    /// A code name, if the text is one. Capitals would not sort among lower-case letters.
    pub(super) fn of(text: &str) -> Option<Self> {
        let whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
        whole.then(|| Self(text.to_owned()))
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
