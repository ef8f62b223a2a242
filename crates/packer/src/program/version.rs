//! Versions of Packer, and what differs between them.

use std::fmt;

/// A version of Packer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl Version {
    /// The oldest one that cutover works with: the first whose `-machine-readable` output names what failed in each builder.
    pub const MINIMUM: Self = Self::new(1, 6, 0);
    /// The first that knows `required_plugins` and `packer init`.
    pub const WITH_PLUGINS: Self = Self::new(1, 7, 0);

    const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `1.6.6` or `1.12.0-dev`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.trim().trim_start_matches('v').split(['-', '+', ' ']).next()?;
        let mut numbers = numbers.split('.').map(|number| number.parse().ok());
        let version = Self::new(numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then_some(version)
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
    fn versions_are_read_and_ordered_as_numbers() {
        let version = |text| Version::parse(text).expect("a version");
        assert_eq!(version("1.6.6"), Version::new(1, 6, 6));
        assert!(version("v1.10.0") > version("1.9.5"));
        assert_eq!(version("1.12.0-dev").to_string(), "1.12.0");
        for other in ["", "1.6", "1.6.6.1", "packer", "1.x.0"] {
            assert_eq!(Version::parse(other), None, "{other:?}");
        }
    }
}
