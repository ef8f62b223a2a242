//! Amounts of storage as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The units, the larger first. RDS counts in GiB, and its consoles write GB for some of them.
const UNITS: [(&str, u64); 7] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("B", 1),
];

/// An amount of storage in the deployment file: `20 GB`, `512 MiB`. A fraction is not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

impl Size {
    /// As many bytes.
    #[must_use]
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In GB with one digit after the point, for people who compare it with another one: `3.1 GB`.
    #[must_use]
    pub fn in_gigabytes(self) -> String {
        format!("{}.{} GB", self.0 / 1_000_000_000, self.0 / 100_000_000 % 10)
    }
}

/// A text that is not an amount of storage.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an amount of storage; write for example \"20 GB\" or \"512 MiB\"")]
pub struct NotASize(String);

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let read = |(unit, bytes): &(&str, u64)| {
            let number: u64 = text.trim().strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(*bytes)
        };
        UNITS.iter().find_map(read).map(Self).ok_or_else(|| NotASize(text.to_owned()))
    }
}

impl TryFrom<String> for Size {
    type Error = NotASize;

    fn try_from(text: String) -> Result<Self, NotASize> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl fmt::Display for Size {
    /// In the largest unit in which it is a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, bytes)| self.0 != 0 && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = whole.unwrap_or(&UNITS[6]);
        write!(f, "{} {unit}", self.0 / bytes)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "size" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_with_their_unit() {
        for (text, bytes) in
            [("20 GB", 20_000_000_000), ("20GiB", 20 << 30), (" 512 MiB ", 512 << 20), ("7 B", 7), ("0 B", 0)]
        {
            let size: Size = text.parse().expect("a size");
            assert_eq!(size.bytes(), bytes, "{text}");
            assert_eq!(size.to_string().parse(), Ok(size), "{text}");
        }
        assert_eq!(Size::of_bytes(20_000_000_000).to_string(), "20 GB");
        assert_eq!(Size::of_bytes(3_149_000_000).in_gigabytes(), "3.1 GB");
    }

    #[test]
    fn what_has_no_unit_or_is_no_whole_number_is_refused() {
        for text in ["20", "GB", "1.5 GB", "-1 GB", "20 GO", "99999999999 TB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
