//! What visitors have seen.

use std::collections::BTreeMap;
use std::ops::Add;
use std::time::Duration;

use super::habit::Habit;

/// How many answers visitors have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pages of the old release.
    pub old: u64,
    /// The maintenance page.
    pub page: u64,
    /// Pages of the new release.
    pub new: u64,
    /// Everything else.
    pub error: u64,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            old: self.old + other.old,
            page: self.page + other.page,
            new: self.new + other.new,
            error: self.error + other.error,
        }
    }
}

/// Something that a visitor should not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mishap {
    /// The time since the visitors came.
    pub after: Duration,
    /// Who has seen it.
    pub habit: Habit,
    /// The site.
    pub site: String,
    /// What it was, such as `502 Bad Gateway from 10.213.1.210`.
    pub what: String,
}

/// What visitors have seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Of visitors with each habit.
    pub counts: BTreeMap<Habit, Counts>,
    /// What has gone wrong, in the order in which it was seen.
    pub mishaps: Vec<Mishap>,
}

impl Seen {
    /// What all of them have seen together.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.counts.values().fold(Counts::default(), |sum, counts| sum + *counts)
    }
}
