//! The facts that a plan was made from, in a form that people can read. They are part of the plan's hash, and show what
//! has changed since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Order, Phase};
use crate::digest::Digest;
use crate::names::UpgradeId;

/// The facts that a plan was made from. Equal facts make equal plans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Basis(BTreeMap<String, String>);

/// A fact that differs between two bases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What it is about, such as `record lms.mitx.mit.edu`.
    pub subject: String,
    /// What it was when the plan was made; `None` if it did not exist.
    pub was: Option<String>,
    /// What it is now; `None` if it is gone.
    pub is: Option<String>,
}

impl Basis {
    /// Adds a fact.
    pub fn state(&mut self, subject: impl Into<String>, value: impl Into<String>) {
        self.0.insert(subject.into(), value.into());
    }

    /// The digest of the facts and of the request. This was the plan's hash in the first format of journals.
    #[must_use]
    pub fn digest(&self, upgrade: &UpgradeId, phase: Phase, order: Order) -> Digest {
        Digest::of_json(&(upgrade, phase, order, &self.0))
    }

    /// What differs in `now`, by subject.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let subjects: std::collections::BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        subjects
            .into_iter()
            .filter(|subject| self.0.get(*subject) != now.0.get(*subject))
            .map(|subject| Change {
                subject: subject.clone(),
                was: self.0.get(subject).cloned(),
                is: now.0.get(subject).cloned(),
            })
            .collect()
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.was, &self.is) {
            (Some(was), Some(is)) => write!(f, "{}: was {was}, is {is}", self.subject),
            (Some(was), None) => write!(f, "{}: was {was}, is gone", self.subject),
            (None, Some(is)) => write!(f, "{}: is new: {is}", self.subject),
            (None, None) => write!(f, "{}: unknown", self.subject),
        }
    }
}
