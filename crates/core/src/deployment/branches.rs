//! Release branches of the fork that images are built from: where the clone is, and how branches and remotes are
//! named. `cutover branch` works with them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fork's release branches, for `cutover branch`. The command's flags override these settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Branches {
    /// The folder of a clone of the fork, absolute or relative to the deployment file. Default: the current folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The remote that releases come from.
    pub upstream: String,
    /// The remote that our branches live on.
    pub origin: String,
    /// How our release branches are named; `{codename}` is filled in.
    pub ours: String,
    /// How upstream's release branches are named. `{codename}` is filled in, and so is `{candidate}` (`alpha1`, `rc3`,
    /// `master`) where a pattern has it.
    #[schemars(length(min = 1))]
    pub theirs: Vec<String>,
    /// Branches that are never published to, in addition to upstream's: names, or patterns with `*` and `?`.
    pub protected: Vec<String>,
}

impl Default for Branches {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            repository: None,
            upstream: "upstream".to_owned(),
            origin: "origin".to_owned(),
            ours: "mitx/{codename}".to_owned(),
            theirs: words(&["open-release/{codename}.{candidate}", "release/{codename}"]),
            protected: words(&["master", "main"]),
        }
    }
}

impl Branches {
    /// The code name that a branch name contains, for our branches and upstream's.
    #[must_use]
    pub fn codename<'a>(&self, branch: &'a str) -> Option<&'a str> {
        std::iter::once(&self.ours).chain(&self.theirs).find_map(|pattern| codename(pattern, branch))
    }
}

/// The code name in `name`, if `pattern` matches `name`.
pub(super) fn codename<'a>(pattern: &str, name: &'a str) -> Option<&'a str> {
    read(pattern, name).flatten()
}

/// Matches `name` against `pattern`, whose placeholders stand for letters and digits. Returns whether it matches, and
/// its code name.
fn read<'a>(pattern: &str, name: &'a str) -> Option<Option<&'a str>> {
    if let Some((word, rest)) = pattern.strip_prefix('{').and_then(|pattern| pattern.split_once('}')) {
        let run = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        return (1..=run).rev().find_map(|end| {
            let later = read(rest, &name[end..])?;
            Some(if word == "codename" { Some(&name[..end]) } else { later })
        });
    }
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => Some(None),
        (Some(wanted), Some(there)) if wanted == there => {
            read(&pattern[wanted.len_utf8()..], &name[there.len_utf8()..])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_by_the_patterns_that_make_them() {
        let branches = Branches::default();
        let names = ["mitx/koa", "open-release/koa.rc3", "open-release/koa.master", "release/koa"];
        assert!(names.iter().all(|name| branches.codename(name) == Some("koa")));
        for other in ["master", "mitx/", "mitx/koa-hotfix", "mitx/koa/x", "open-release/koa", "release/koa.1", ""] {
            assert_eq!(branches.codename(other), None, "{other}");
        }
    }

    #[test]
    fn two_placeholders_side_by_side_do_not_hide_a_fit() {
        assert_eq!(codename("v{codename}{candidate}x", "vkoa1x"), Some("koa"));
        assert_eq!(codename("é{codename}", "ékoa"), Some("koa"));
    }
}
