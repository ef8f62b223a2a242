//! Which gits are good enough.

use std::fmt;

/// A version of git.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// The oldest git that merges from a list with a base of our choosing (`merge-tree --stdin` with `BASE -- OURS
    /// THEIRS`).
    pub const MINIMUM: Self = Self::new(2, 40, 0);
    /// The first git that takes attributes from a tree (`GIT_ATTR_SOURCE`). Older ones pass over `.gitattributes` in
    /// merges.
    pub const READS_ATTRIBUTES: Self = Self::new(2, 41, 0);

    const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// From the answer of `git version`: `git version 2.39.5 (Apple Git-154)`.
    pub(super) fn parse(answer: &str) -> Option<Self> {
        let mut numbers = answer.trim().strip_prefix("git version ")?.split(['.', ' ', '-']);
        let mut number = || numbers.next()?.parse().ok();
        Some(Self::new(number()?, number()?, number().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_vendors_are_read() {
        let read = |answer: &str| Version::parse(answer).map(|version| version.to_string());
        assert_eq!(read("git version 2.47.3\n").as_deref(), Some("2.47.3"));
        assert_eq!(read("git version 2.39.5 (Apple Git-154)").as_deref(), Some("2.39.5"));
        assert_eq!(read("git version 2.50.0.rc1.12.gabcdef").as_deref(), Some("2.50.0"));
        assert_eq!(read("git version 2.45-rc2").as_deref(), Some("2.45.0"));
        assert_eq!(read("hub version 1"), None);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(Version::new(2, 9, 0) < Version::MINIMUM);
        assert!(Version::new(2, 100, 0) > Version::MINIMUM);
    }
}
