//! What was read of an answer, whatever its protocol.

/// What was read: an XML element or a JSON value, with its text and what is within.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The text; of a structure or list, nothing.
    pub text: String,
    /// Members, or the elements of a list, in order.
    pub children: Vec<(String, Document)>,
}

impl Document {
    /// The first member of that name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|(child, _)| child == name).map(|(_, document)| document)
    }

    /// The first member of that name at any depth, its own members first.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Self> {
        self.child(name).or_else(|| self.children.iter().find_map(|(_, child)| child.find(name)))
    }

    /// A leaf.
    #[must_use]
    pub fn leaf(text: impl Into<String>) -> Self {
        Self { text: text.into(), children: Vec::new() }
    }
}

/// An answer that is not as AWS's model says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {trouble}")]
pub struct Unreadable {
    /// The members that lead there.
    pub path: String,
    /// What is wrong with it.
    pub trouble: String,
}

impl Unreadable {
    pub(super) fn new(trouble: impl Into<String>) -> Self {
        Self { path: String::new(), trouble: trouble.into() }
    }

    /// The same, seen from the member that contains it.
    #[must_use]
    pub fn within(mut self, member: &str) -> Self {
        self.path = if self.path.is_empty() { member.to_owned() } else { format!("{member}.{}", self.path) };
        self
    }
}
