//! The deployment file as a tree of values with their positions in the text. This module does not know which values
//! are valid.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// A value and its position in the text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The byte range of the value; for a table, of its header.
    pub(super) span: Range<usize>,
    /// The byte range of its key; for an item of a list, of the value.
    pub(super) key_span: Range<usize>,
    /// The value itself.
    pub(super) value: Value,
}

/// The kinds of TOML values that matter here.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// A whole number. A number that is too large for this type becomes the largest one.
    Integer(i64),
    /// Any other number.
    Float,
    /// True or false.
    Boolean(bool),
    /// A date or a time or both, as TOML writes it.
    Moment(String),
    /// A list of values, or of tables.
    List(Vec<Node>),
    /// A table by its keys.
    Table(BTreeMap<String, Node>),
}

impl Node {
    /// The whole file.
    pub(super) fn root(file: &DeTable<'_>) -> Self {
        Self { span: 0..0, key_span: 0..0, value: Value::Table(table(file)) }
    }

    /// The value at `key`. If the file leaves it out, this table itself, so that a mistake points at its header.
    pub(super) fn get(&self, key: &str) -> &Self {
        match &self.value {
            Value::Table(table) => table.get(key).unwrap_or(self),
            _ => self,
        }
    }

    /// The item at `index`, or this list when there is none.
    pub(super) fn item(&self, index: usize) -> &Self {
        match &self.value {
            Value::List(items) => items.get(index).unwrap_or(self),
            _ => self,
        }
    }

    /// The same value as JSON; moments become strings. Table entries whose key or value is at the position of one of
    /// `mistakes` are left out.
    pub(super) fn to_json(&self, mistakes: &[Range<usize>]) -> serde_json::Value {
        match &self.value {
            Value::Text(text) | Value::Moment(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Float => serde_json::Value::Null,
            Value::Boolean(boolean) => (*boolean).into(),
            Value::List(items) => items.iter().map(|item| item.to_json(mistakes)).collect(),
            Value::Table(table) => {
                let right = table.iter().filter(|(_, node)| !node.stands_at(mistakes));
                right.map(|(key, node)| (key.clone(), node.to_json(mistakes))).collect()
            }
        }
    }

    /// The positions of tables from which entries at `mistakes` were left out.
    pub(super) fn incomplete(&self, mistakes: &[Range<usize>]) -> Vec<Range<usize>> {
        let (children, lacks): (Vec<&Self>, bool) = match &self.value {
            Value::List(items) => (items.iter().collect(), false),
            Value::Table(table) => (table.values().collect(), table.values().any(|node| node.stands_at(mistakes))),
            _ => return Vec::new(),
        };
        let below = children.into_iter().flat_map(|child| child.incomplete(mistakes));
        below.chain(lacks.then(|| self.span.clone())).collect()
    }

    fn stands_at(&self, mistakes: &[Range<usize>]) -> bool {
        mistakes.contains(&self.span) || mistakes.contains(&self.key_span)
    }
}

fn table(table: &DeTable<'_>) -> BTreeMap<String, Node> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), node(key.span(), value))).collect()
}

fn node(key_span: Range<usize>, spanned: &Spanned<DeValue<'_>>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Integer(integer(number)),
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item.span(), item)).collect()),
        DeValue::Table(entries) => Value::Table(table(entries)),
    };
    Node { span: spanned.span(), key_span, value }
}

fn integer(number: &DeInteger<'_>) -> i64 {
    i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX)
}
