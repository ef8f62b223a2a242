//! Notes of patches, carried to the commits that they become, as `git rebase` does it: where `notes.rewriteRef` names refs of notes and
//! `notes.rewrite.rebase` does not forbid it.

use crate::error::Result;
use crate::ledger::NOTES;
use crate::names::ObjectId;
use crate::repository::Repository;
use crate::wildcard;

/// Copies notes from each first commit of `pairs` to its second, where that has none. Ledgers are not copied: they are about the
/// commits that they were made for.
///
/// # Errors
/// When git fails.
pub(super) fn carry(repository: &Repository, pairs: &[(ObjectId, ObjectId)]) -> Result<()> {
    for reference in refs(repository)? {
        let call = repository.call("notes", format!("list the notes in {reference}")).option("--ref=", &reference);
        let text = repository.git().text(&call.options(&["list"]))?;
        let has = |commit: &ObjectId| text.lines().any(|line| line.ends_with(commit.as_str()));
        let wanted = pairs.iter().filter(|(old, new)| old != new && has(old) && !has(new));
        let input: String = wanted.map(|(old, new)| format!("{old} {new}\n")).collect();
        if input.is_empty() {
            continue;
        }
        let call = repository
            .call("notes", format!("carry the notes in {reference} to the rebased patches"))
            // Nothing of a copy needs to know who makes it.
            .variable("GIT_COMMITTER_NAME", "cutover")
            .variable("GIT_COMMITTER_EMAIL", "cutover")
            .variable("GIT_AUTHOR_NAME", "cutover")
            .variable("GIT_AUTHOR_EMAIL", "cutover")
            .option("--ref=", &reference)
            .options(&["copy", "--stdin"])
            .input(input);
        repository.git().output(&call)?;
    }
    Ok(())
}

/// The refs of notes that the operator wants to be carried.
fn refs(repository: &Repository) -> Result<Vec<String>> {
    let values = |name: &'static str, kind: &'static str| -> Result<Vec<String>> {
        let call = repository.call("config", "see which notes a rebase carries").as_the_operator();
        let output = repository.git().run(&call.options(&["--get-all", kind]).operands([name]))?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    };
    let patterns = values("notes.rewriteRef", "--no-type")?;
    if patterns.is_empty()
        || values("notes.rewrite.rebase", "--type=bool")?.last().is_some_and(|value| value == "false")
    {
        return Ok(Vec::new());
    }
    let all = repository.refs(&["refs/notes/"])?.into_iter().map(|found| found.name.as_str().to_owned());
    let is_wanted = |name: &String| name != NOTES && patterns.iter().any(|pattern| wildcard::fits(pattern, name));
    Ok(all.filter(is_wanted).collect())
}
