//! Reads what `git merge-tree --write-tree --stdin -z --messages` answers.

use super::{Conflict, Merged, Message, Stage};
use crate::error::{Error, Result};
use crate::git::Conversation;
use crate::names::{GitPath, ObjectId};

/// Reads one answer, up to and without the end mark, which older gits send only with the next one. `on` is the commit
/// that was merged into.
pub(super) fn read(merges: &mut Conversation, on: &ObjectId) -> Result<Merged> {
    let clean = merges.until(0)? == b"1";
    let tree = object(&merges.until(0)?)?;
    let mut stages = Vec::new();
    loop {
        let entry = merges.until(0)?;
        if entry.is_empty() {
            break;
        }
        stages.push(Stage::read(&entry).ok_or_else(unreadable)?);
    }
    if clean {
        Ok(Merged::Clean(tree))
    } else {
        Ok(Merged::Conflict(Conflict { on: on.clone(), tree, stages, messages: Vec::new() }))
    }
}

/// Reads what git says of a merge, up to and with the end mark.
pub(super) fn messages(merges: &mut Conversation) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    loop {
        let count = merges.until(0)?;
        if count.is_empty() {
            return Ok(messages);
        }
        let count: usize =
            std::str::from_utf8(&count).ok().and_then(|text| text.parse().ok()).ok_or_else(unreadable)?;
        let mut paths = Vec::new();
        for _ in 0..count {
            paths.push(GitPath::new(merges.until(0)?));
        }
        let kind = lossy(&merges.until(0)?);
        let text = lossy(&merges.until(0)?);
        messages.push(Message { paths, kind, text });
    }
}

fn object(word: &[u8]) -> Result<ObjectId> {
    std::str::from_utf8(word).ok().and_then(ObjectId::parse).ok_or_else(unreadable)
}

fn lossy(word: &[u8]) -> String {
    String::from_utf8_lossy(word).trim_end().to_owned()
}

fn unreadable() -> Error {
    Error::refused(
        "git answered a merge in a form that cannot be read",
        "nothing was changed; say which git this is (`git version`) when you report it",
    )
}
