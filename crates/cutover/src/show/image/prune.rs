//! What `image prune` removes, and why the other images stay.

use cutover_core::inventory::{Kept, ListedImage, Pruning};
use cutover_core::names::DiskId;
use cutover_engine::removals::Removal;
use serde_json::{Value, json};

use super::words::{Around, called, contents, trouble, used};
use crate::harmless::one_line;
use crate::show::text::{WIDTH, count, hang};

/// `image prune` as JSON. `done` says whether everything was removed.
#[must_use]
pub fn prune_json(pruning: &Pruning, left: &[Removal], done: bool) -> Value {
    json!({ "pruning": pruning, "unfinished": left, "done": done })
}

/// What `image prune` is about to do, for people.
#[must_use]
pub fn prune_text(pruning: &Pruning, left: &[Removal], around: &Around<'_>) -> String {
    let mut blocks = Vec::new();
    if !left.is_empty() {
        let lines = left.iter().map(|removal| {
            let called = format!("{} ({})", one_line(removal.name.as_str()), removal.image);
            hang("  ", &format!("{called}, {}", snapshots(&removal.disks)), WIDTH)
        });
        blocks.push(section("TO FINISH, because an earlier removal has not ended", left.len(), lines));
    }
    let removed = pruning.removed.iter().map(|one| {
        let lines = [hang("  ", &called(one), WIDTH), hang("    ", &contents(one, around.now), WIDTH)];
        let trouble = trouble(one).map(|trouble| hang("    ", &trouble, WIDTH));
        lines.into_iter().chain(trouble).collect::<Vec<String>>().join("\n")
    });
    blocks.push(match pruning.removed.is_empty() {
        true => "TO REMOVE: nothing".to_owned(),
        false => section("TO REMOVE for good, with their snapshots", pruning.removed.len(), removed),
    });
    let kept = pruning.kept.iter().map(|kept| {
        let reasons = kept.reasons.iter().map(|reason| hang("    ", &why(reason, &kept.image, pruning.keep), WIDTH));
        let lines = std::iter::once(hang("  ", &called(&kept.image), WIDTH)).chain(reasons);
        lines.collect::<Vec<String>>().join("\n")
    });
    if !pruning.kept.is_empty() {
        blocks.push(section("TO KEEP", pruning.kept.len(), kept));
    }
    blocks.join("\n\n") + "\n"
}

fn section(title: &str, images: usize, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.collect();
    format!("{title}: {}\n{}", count(images, "image"), lines.join("\n"))
}

fn why(kept: &Kept, one: &ListedImage, keep: u32) -> String {
    match kept {
        Kept::Recent { .. } if one.newest => "the newest of its role".to_owned(),
        Kept::Recent { .. } if one.image.available => format!("among the {keep} newest of its role"),
        Kept::Recent { newer: 0 } => "no newer image of its role can be launched from".to_owned(),
        Kept::Recent { newer } => format!("only {newer} newer of its role can be launched from"),
        Kept::BeingMade => "it is still being made".to_owned(),
        Kept::InUse { by } => format!("used by {}", used(by)),
    }
}

/// How many snapshots an image has, in words.
#[must_use]
pub fn snapshots(disks: &[DiskId]) -> String {
    match disks.len() {
        0 => "which has no snapshots".to_owned(),
        some => format!("with {}", count(some, "snapshot")),
    }
}
