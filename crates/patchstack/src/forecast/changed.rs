//! Which replayed patches differ from what they were.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::identity::{Likeness, patch_ids};
use crate::names::{GitPath, ObjectId};
use crate::replay::{Engine, Picked};
use crate::stack::{Patch, Stack};

/// The patches whose diff is different on the new base, with the files in which it is. If the blobs of a patch are the
/// same on both bases, so is the patch; text is compared only if they differ.
pub(super) fn changed(engine: &Engine, stack: &Stack, picks: &[Picked]) -> Result<BTreeMap<ObjectId, Vec<GitPath>>> {
    let pairs = stack.patches.iter().zip(picks).filter_map(|(patch, pick)| match pick {
        Picked::Merged { commit, .. } => Some((patch, commit)),
        _ => None,
    });
    let pairs: Vec<(&Patch, &ObjectId)> = pairs.collect();
    let after = changes(engine, pairs.iter().map(|(_, commit)| *commit))?;
    let mut differing = Vec::new();
    for (patch, commit) in pairs {
        let files = differing_files(patch, after.get(commit).map_or(&[][..], Vec::as_slice));
        if !files.is_empty() {
            differing.push((patch, commit, files));
        }
    }
    let call = |name, doing: &str| engine.call(name, doing);
    let commits = differing.iter().flat_map(|(patch, commit, _)| [&patch.commit, *commit]);
    let ids = patch_ids(engine.git(), &call, commits, Likeness::Verbatim)?;
    let changed = differing.into_iter().filter(|(patch, commit, _)| ids.get(&patch.commit) != ids.get(*commit));
    Ok(changed.map(|(patch, _, files)| (patch.commit.clone(), files)).collect())
}

/// A changed file as a line of `diff-tree --raw` without its path, and its path.
type RawChange = (String, GitPath);

fn differing_files(patch: &Patch, after: &[RawChange]) -> Vec<GitPath> {
    let before: Vec<RawChange> = patch
        .changes
        .iter()
        .map(|change| {
            let ((mode_before, before), (mode_after, after)) = (&change.before, &change.after);
            let raw = format!(":{mode_before:06o} {mode_after:06o} {before} {after} {}", change.kind);
            (raw, change.path.clone())
        })
        .collect();
    let only_before = before.iter().filter(|change| !after.contains(change));
    let only_after = after.iter().filter(|change| !before.contains(change));
    let mut files: Vec<GitPath> = only_before.chain(only_after).map(|(_, path)| path.clone()).collect();
    files.sort();
    files.dedup();
    files
}

/// What commits of the scratch repository change, from one `diff-tree`.
fn changes<'a>(
    engine: &Engine,
    commits: impl Iterator<Item = &'a ObjectId>,
) -> Result<BTreeMap<ObjectId, Vec<RawChange>>> {
    let input: String = commits.map(|commit| format!("{commit}\n")).collect();
    let mut changes: BTreeMap<ObjectId, Vec<RawChange>> = BTreeMap::new();
    if input.is_empty() {
        return Ok(changes);
    }
    let call = engine
        .call("diff-tree", "see what the replayed patches change")
        .options(&["--stdin", "-r", "-z", "--raw", "--root", "--no-renames", "--ignore-submodules=none"])
        .input(input);
    let bytes = engine.git().output(&call)?;
    let mut words = bytes.split(|byte| *byte == 0);
    let mut of = None;
    while let Some(word) = words.next() {
        let text = String::from_utf8_lossy(word);
        if text.starts_with(':') {
            let path = GitPath::new(words.next().unwrap_or_default());
            if let Some(commit) = &of {
                changes.entry(ObjectId::clone(commit)).or_default().push((text.into_owned(), path));
            }
        } else {
            of = ObjectId::parse(text.trim());
        }
    }
    Ok(changes)
}
