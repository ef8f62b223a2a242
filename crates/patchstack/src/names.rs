//! Names that git gives or takes: object ids, refs, paths. Each is checked where it is made, and never a bare string.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};

/// The id of an object: 40 hexadecimal digits, or 64 in a repository that uses SHA-256.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ObjectId(String);

impl ObjectId {
    /// An id as git prints it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let whole = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| Self(text.to_ascii_lowercase()))
    }

    /// All digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first ten digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }

    /// Whether it stands for nothing: git's null id.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }

    /// Git's null id of the same length, which stands for "does not exist".
    #[must_use]
    pub fn null_like(&self) -> Self {
        Self("0".repeat(self.0.len()))
    }
}

impl TryFrom<String> for ObjectId {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not an object id"))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// A full ref name, such as `refs/heads/mitx/koa`. Git's rules for names hold (git-check-ref-format).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct RefName(String);

impl RefName {
    /// A full ref name.
    ///
    /// # Errors
    /// When git would not take it, or it could be taken for an option.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match flaw(&name) {
            None if name.starts_with("refs/") => Ok(Self(name)),
            None => Err(refused(&name, "it does not begin with refs/")),
            Some(flaw) => Err(refused(&name, flaw)),
        }
    }

    /// `refs/heads/` and a branch name.
    ///
    /// # Errors
    /// When it is no branch name, such as `--upload-pack=x` or one with a newline.
    pub fn branch(name: &str) -> Result<Self> {
        if name == "HEAD" {
            return Err(refused(name, "HEAD is not a branch"));
        }
        if let Some(flaw) = flaw(name) {
            return Err(refused(name, flaw));
        }
        Ok(Self(format!("refs/heads/{name}")))
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without `refs/heads/`, `refs/remotes/` or `refs/tags/`, as people name it.
    #[must_use]
    pub fn short(&self) -> &str {
        let kinds = ["refs/heads/", "refs/remotes/", "refs/tags/"];
        kinds.iter().find_map(|kind| self.0.strip_prefix(kind)).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for RefName {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        Self::new(text).map_err(|error| error.to_string())
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl fmt::Debug for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refused(name: &str, flaw: &str) -> Error {
    Error::refused(
        format!("{name:?} is not a valid branch name: {flaw}"),
        "nothing was changed; name a branch such as mitx/koa",
    )
}

/// Why git does not take a name, following git-check-ref-format(1).
fn flaw(name: &str) -> Option<&'static str> {
    const MARKS: [char; 7] = ['~', '^', ':', '?', '*', '[', '\\'];
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.starts_with('-') {
        return Some("it begins with a dash, like an option");
    }
    if name.chars().any(|letter| letter.is_control() || letter == ' ') {
        return Some("it has a space, a newline or another control character in it");
    }
    if name.contains(MARKS) || name.contains("..") || name.contains("@{") || name == "@" {
        return Some("it has one of  ~ ^ : ? * [ \\ .. @{  in it");
    }
    let odd_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if name.split('/').any(odd_part) || name.ends_with('.') {
        return Some("a part of it is empty, begins with a dot, or ends in .lock or a dot");
    }
    None
}

/// A path inside a repository: bytes, which need not be UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitPath(Vec<u8>);

impl GitPath {
    /// A path as git gives it with `-z`.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Paths as git lists them with `-z`, each once, in order.
    #[must_use]
    pub fn list(bytes: &[u8]) -> Vec<Self> {
        let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let mut paths: Vec<Self> = names.map(Self::new).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for GitPath {
    /// As it is where it is UTF-8 without control characters, else quoted the way git quotes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.chars().any(char::is_control) => f.write_str(text),
            _ => {
                f.write_str("\"")?;
                for &byte in &self.0 {
                    match byte {
                        b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                        b' '..=b'~' => write!(f, "{}", char::from(byte))?,
                        _ => write!(f, "\\{byte:03o}")?,
                    }
                }
                f.write_str("\"")
            }
        }
    }
}

impl fmt::Debug for GitPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for GitPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Paths on one line, for an error: the first ten, and how many more there are.
pub(crate) fn abridged(paths: &[GitPath]) -> String {
    let shown: Vec<String> = paths.iter().take(10).map(ToString::to_string).collect();
    match paths.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_or_a_shell_could_take_for_something_else_are_no_branches() {
        let odd =
            ["", "-x", "--upload-pack=x", "a\nb", "a b", "a..b", "a~1", "a:b", "a/", "/a", ".a", "a/.b", "a.lock"];
        let odder = ["a.lock/b", "a@{1}", "@", "HEAD", "a\\b", "a*", "a.", "a\u{7f}"];
        for name in odd.iter().chain(&odder) {
            assert!(RefName::branch(name).is_err(), "{name:?}");
        }
        for name in ["mitx/koa", "a@b", "open-release/koa.rc3", "ünï"] {
            assert_eq!(RefName::branch(name).expect(name).short(), name);
        }
    }

    #[test]
    fn an_object_id_is_whole_or_not_at_all() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(ObjectId::parse(id).expect("an id").short(), "0123456789");
        assert_eq!(ObjectId::parse(&id[1..]), None);
        assert_eq!(ObjectId::parse(&id.replace('f', "g")), None);
        assert!(ObjectId::parse(id).expect("an id").null_like().is_null());
    }

    #[test]
    fn a_path_that_is_no_text_is_quoted_as_git_does() {
        assert_eq!(GitPath::new(*b"caf\xe9\n").to_string(), r#""caf\351\012""#);
        assert_eq!(GitPath::new("café").to_string(), "café");
    }
}
