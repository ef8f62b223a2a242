//! The details of a conflict: files, hunks, upstream's commits, and its cause in words.

use super::case::{Case, files};
use super::culprit::{Culprit, Inquiry};
use super::hunks;
use crate::error::Result;
use crate::names::{GitPath, ObjectId};
use crate::replay::{Conflict, Engine};
use crate::upstream::UpstreamCommit;

/// The cause of the conflict of one patch.
#[derive(Debug, Default)]
pub(super) struct Cause {
    /// Its conflicting files.
    pub(super) files: Vec<GitPath>,
    /// The conflicts inside them.
    pub(super) hunks: Vec<super::Hunk>,
    /// Upstream's commits that touched those files, the culprit first if there is one.
    pub(super) upstream: Vec<UpstreamCommit>,
    /// Patches that it needs and that were left out.
    pub(super) depends_on: Vec<ObjectId>,
    /// In words.
    pub(super) because: String,
}

/// The cause of a conflict.
pub(super) fn cause(engine: &mut Engine, inquiry: &Inquiry<'_>, case: &Case) -> Result<Cause> {
    let conflict = &case.conflict;
    let files = files(conflict);
    let upstream = inquiry.upstream()?.touching(engine, &files)?;
    let mut cause = Cause { hunks: read_hunks(engine, conflict)?, files, upstream, ..Cause::default() };
    match inquiry.culprit(engine, case)? {
        Culprit::Upstream(found) => {
            cause.upstream.retain(|other| other.commit != found.commit);
            cause.because = format!("upstream's {} ({}) changed the same lines", found.commit.short(), found.subject);
            cause.upstream.insert(0, UpstreamCommit { culprit: true, ..found });
        }
        Culprit::LeftOut => {
            let names: Vec<&str> = case.left_out.iter().map(ObjectId::short).collect();
            cause.because = format!("it needs {}, which conflicts and is left out", names.join(", "));
            cause.depends_on = case.left_out.clone();
        }
        Culprit::LeftBehind => {
            cause.upstream = inquiry.left_behind()?.touching(engine, &cause.files)?;
            cause.because = cause.upstream.first().map_or_else(|| words(conflict), left_behind);
        }
        Culprit::Unknown => cause.because = words(conflict),
    }
    Ok(cause)
}

fn left_behind(commit: &UpstreamCommit) -> String {
    let (id, subject) = (commit.commit.short(), &commit.subject);
    format!("it depends on upstream's {id} ({subject}), which the new base lacks")
}

/// Git's own words on what conflicts.
fn words(conflict: &Conflict) -> String {
    let told = conflict.messages.iter().filter(|message| message.kind.starts_with("CONFLICT"));
    told.map(|message| message.text.as_str()).collect::<Vec<&str>>().join("; ")
}

fn read_hunks(engine: &mut Engine, conflict: &Conflict) -> Result<Vec<super::Hunk>> {
    let mut found = Vec::new();
    for path in conflict.paths() {
        if let Some(content) = engine.file(&conflict.tree, path.as_bytes())? {
            found.extend(hunks::read(&path, &content));
        }
    }
    Ok(found)
}
