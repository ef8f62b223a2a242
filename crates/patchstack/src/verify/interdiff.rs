//! The difference between two patches, as `git range-diff` shows it.

use crate::error::Result;
use crate::repository::Repository;
use crate::stack::Patch;

/// The difference between two patches that correspond to each other, without the line that names them.
pub(super) fn interdiff(repository: &Repository, old: &Patch, now: &Patch) -> Result<String> {
    let (Some(before), Some(before_now)) = (&old.parent, &now.parent) else {
        // A range cannot begin before the first commit of a history.
        let call = repository
            .call("diff-tree", "compare two patches")
            .options(&["-p", "-r", "--no-color", "--no-ext-diff", "--no-textconv"])
            .operands([old.tree.as_str(), now.tree.as_str()]);
        return repository.git().text(&call);
    };
    let call = repository
        .call("range-diff", "compare two patches")
        .options(&["--no-color", "--creation-factor=999", "--no-notes"])
        .setting("diff.context", "3")
        .setting("diff.interHunkContext", "0")
        .setting("diff.algorithm", "default")
        .range(before, &old.commit)
        .range(before_now, &now.commit);
    let text = repository.git().text(&call)?;
    let body = text.lines().skip(1).map(|line| line.strip_prefix("    ").unwrap_or(line));
    Ok(body.collect::<Vec<&str>>().join("\n"))
}
