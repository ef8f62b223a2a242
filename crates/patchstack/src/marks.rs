//! What a commit's message says of its origin: Gerrit's `Change-Id`, and the line that `git cherry-pick -x` writes. They are hints:
//! people copy messages, and neither proves that two commits are the same patch.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::names::ObjectId;
use crate::repository::Repository;

/// The marks of one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    /// The first line of its message.
    pub(crate) subject: String,
    /// Its `Change-Id`.
    pub(crate) change_id: Option<String>,
    /// The commits that it says it was picked from.
    pub(crate) picked_from: Vec<ObjectId>,
}

/// The marks of commits: those of a range, or those that are named if `options` has `--no-walk`.
///
/// # Errors
/// When git fails.
pub(crate) fn read(
    repository: &Repository,
    options: &[&'static str],
    commits: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<ObjectId, Marked>> {
    let input: String = commits.into_iter().map(|commit| format!("{commit}\n")).collect();
    if input.is_empty() {
        return Ok(BTreeMap::new());
    }
    let call = repository
        .log("read what messages say of their commits")
        .options(&["-z", "--no-merges", "--format=%H%x01%s%x01%b", "--stdin"])
        .options(options)
        .input(input);
    let text = repository.git().text(&call)?;
    let marked = |record: &str| {
        let mut fields = record.splitn(3, '\u{1}');
        let commit = ObjectId::parse(fields.next()?.trim())?;
        Some((commit, marked(fields.next()?, fields.next()?)))
    };
    Ok(text.split('\0').filter_map(marked).collect())
}

fn marked(subject: &str, body: &str) -> Marked {
    let value = |line: &str| Some(line.trim().strip_prefix("Change-Id:")?.trim().to_owned());
    let picked = |line: &str| {
        let commit = line.trim().strip_prefix("(cherry picked from commit ")?.strip_suffix(')')?;
        ObjectId::parse(commit)
    };
    Marked {
        subject: subject.to_owned(),
        change_id: body.lines().filter_map(value).next_back().filter(|id| !id.is_empty()),
        picked_from: body.lines().filter_map(picked).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_id_counts_and_only_whole_commits_are_picked_from() {
        let one = "1".repeat(40);
        let body = format!(
            "Text\n\nChange-Id: I1\n(cherry picked from commit {one})\n(cherry picked from commit 12345)\nChange-Id: I2\n"
        );
        let marked = marked("Subject", &body);
        assert_eq!((marked.subject.as_str(), marked.change_id.as_deref()), ("Subject", Some("I2")));
        assert_eq!(marked.picked_from, [ObjectId::parse(&one).expect("an id")]);
    }
}
