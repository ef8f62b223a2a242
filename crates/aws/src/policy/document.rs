//! A policy as IAM reads it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// The conditions of a statement: operator, key, the values that are let through.
pub type Condition = BTreeMap<&'static str, BTreeMap<String, Vec<String>>>;

/// The length of the longest managed policy that IAM takes.
pub const LONGEST: usize = 6144;

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// The version of IAM's language.
    pub version: &'static str,
    /// What is allowed. All else is not.
    pub statement: Vec<Statement>,
}

impl Policy {
    pub(super) fn of(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// How long it is as IAM counts: in characters, white space aside.
    #[must_use]
    pub fn length(&self) -> usize {
        let text = serde_json::to_string(self).unwrap_or_default();
        text.chars().filter(|letter| !letter.is_whitespace()).count()
    }
}

/// Actions that are allowed, on which resources, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// What it is for, in letters alone.
    pub sid: &'static str,
    /// `Allow`.
    pub effect: &'static str,
    /// The actions, such as `ec2:RunInstances`.
    pub action: Vec<&'static str>,
    /// The ARNs of what they may be done to, with `*` and `?` as IAM understands them.
    pub resource: Vec<String>,
    /// What else must be so.
    #[serde(skip_serializing_if = "Condition::is_empty")]
    pub condition: Condition,
}

impl Statement {
    /// Allows `action` on `resource`.
    pub(super) fn allow(sid: &'static str, action: &[&'static str], resource: Vec<String>) -> Self {
        Self { sid, effect: "Allow", action: action.to_vec(), resource, condition: Condition::new() }
    }

    /// Only where `key` is one of `values`.
    pub(super) fn where_equal<V: Into<String>>(
        self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.only_where("StringEquals", key, values)
    }

    /// Only where `operator` says so of `key` and `values`.
    pub(super) fn only_where<V: Into<String>>(
        mut self,
        operator: &'static str,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.condition.entry(operator).or_default().insert(key.into(), values);
        self
    }

    /// What remains of it with those actions alone; nothing when none does, or when there is nothing to do them to.
    pub(super) fn only(mut self, needed: &BTreeSet<&'static str>) -> Option<Self> {
        self.action.retain(|action| needed.contains(action));
        let has_work = !self.action.is_empty() && !self.resource.is_empty();
        has_work.then_some(self)
    }
}
