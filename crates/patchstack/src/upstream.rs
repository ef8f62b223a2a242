//! What upstream did to the files of a patch between the old base and the new one, and whether it has the patch itself.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Result;
use crate::identity::{Likeness, patch_ids};
use crate::names::{GitPath, ObjectId};
use crate::repository::Repository;
use crate::stack::Patch;

/// A commit of upstream's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpstreamCommit {
    /// The commit.
    pub commit: ObjectId,
    /// The first line of its message.
    pub subject: String,
    /// Its author.
    pub author: String,
    /// Whether replays show that it causes the conflict.
    pub culprit: bool,
}

/// Commits of upstream's main line in a range, oldest first, merges of pull requests among them: those that touch `paths`, and
/// all of them if there are no paths.
pub(crate) fn main_line(repository: &Repository, range: &[String], paths: &[GitPath]) -> Result<Vec<ObjectId>> {
    let call = repository
        .call("rev-list", "list upstream's commits")
        .options(&["--first-parent", "--reverse", "--topo-order"])
        .operands(range)
        .paths(paths.iter().map(GitPath::as_bytes));
    Ok(crate::repository::ids(&repository.git().output(&call)?))
}

/// One of upstream's commits by its id.
pub(crate) fn commit(repository: &Repository, id: &ObjectId) -> Result<Option<UpstreamCommit>> {
    let call = repository
        .log("read one of upstream's commits")
        .options(&["-z", "--no-walk"])
        .options(&["--format=%H%x01%an%x01%s"])
        .operands([id.as_str()]);
    Ok(repository.git().text(&call)?.split('\0').find_map(read))
}

fn read(record: &str) -> Option<UpstreamCommit> {
    let mut fields = record.split('\u{1}');
    Some(UpstreamCommit {
        commit: ObjectId::parse(fields.next()?.trim())?,
        author: fields.next()?.to_owned(),
        subject: fields.next()?.to_owned(),
        culprit: false,
    })
}

/// For each of `patches` that upstream has in a range as a commit of its own: that commit.
pub(crate) fn twins(
    repository: &Repository,
    range: &[String],
    patches: &[&Patch],
) -> Result<BTreeMap<ObjectId, UpstreamCommit>> {
    let mut paths: Vec<&[u8]> =
        patches.iter().flat_map(|patch| &patch.changes).map(|change| change.path.as_bytes()).collect();
    paths.sort_unstable();
    paths.dedup();
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let call = repository
        .call("rev-list", "look for patches that upstream has")
        .options(&["--no-merges"])
        .operands(range)
        .paths(paths);
    let candidates = crate::repository::ids(&repository.git().output(&call)?);
    let ours: Vec<ObjectId> = patches.iter().map(|patch| patch.commit.clone()).collect();
    let call = |name, doing: &str| repository.call(name, doing);
    let ids = patch_ids(repository.git(), &call, candidates.iter().chain(&ours), Likeness::Stable)?;
    let by_id: BTreeMap<&String, &ObjectId> =
        candidates.iter().rev().filter_map(|candidate| Some((ids.get(candidate)?, candidate))).collect();
    let mut twins = BTreeMap::new();
    for patch in ours {
        let twin = ids.get(&patch).and_then(|id| by_id.get(id));
        if let Some(twin) = twin.map(|twin| commit(repository, twin)).transpose()?.flatten() {
            twins.insert(patch, twin);
        }
    }
    Ok(twins)
}
