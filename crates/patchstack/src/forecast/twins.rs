//! Patches that upstream has as commits of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::history::History;
use crate::error::Result;
use crate::identity::{Likeness, patch_ids};
use crate::names::{GitPath, ObjectId};
use crate::repository::Repository;
use crate::stack::Patch;
use crate::upstream::UpstreamCommit;

/// For each of `patches` that upstream has as a commit of its own: the newest such commit. Only commits that change the
/// same files can be one.
pub(super) fn twins(
    repository: &Repository,
    upstream: &History,
    patches: &[&Patch],
) -> Result<BTreeMap<ObjectId, UpstreamCommit>> {
    let mut pairs: Vec<(&ObjectId, &UpstreamCommit)> = Vec::new();
    for patch in patches {
        let mut paths: Vec<GitPath> = patch.changes.iter().map(|change| change.path.clone()).collect();
        paths.sort();
        pairs.extend(upstream.changing_just(&paths).map(|twin| (&patch.commit, twin)));
    }
    let call = |name, doing: &str| repository.call(name, doing);
    let commits: BTreeSet<&ObjectId> = pairs.iter().flat_map(|(patch, twin)| [*patch, &twin.commit]).collect();
    let ids = patch_ids(repository.git(), &call, commits, Likeness::Stable)?;
    let mut twins = BTreeMap::new();
    for (patch, twin) in pairs {
        if ids.contains_key(patch) && ids.get(patch) == ids.get(&twin.commit) {
            twins.entry(patch.clone()).or_insert_with(|| twin.clone());
        }
    }
    Ok(twins)
}
