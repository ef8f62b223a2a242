//! The details of a conflict: files, hunks, upstream's commits, and its cause in words.

use super::culprit::{Culprit, Inquiry};
use super::hunks;
use crate::error::Result;
use crate::names::{GitPath, ObjectId};
use crate::replay::{Conflict, Engine, Picked};
use crate::upstream::{UpstreamCommit, commit, touching};

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

/// The cause of the conflict of the patch at `index`.
pub(super) fn cause(engine: &mut Engine, inquiry: &Inquiry<'_>, index: usize) -> Result<Cause> {
    let Picked::Conflict(conflict) = &inquiry.replayed.picks[index] else { return Ok(Cause::default()) };
    let (repository, onto, base) = (inquiry.repository, inquiry.onto, &inquiry.stack.base.commit);
    let files = files(conflict);
    let mut paths = files.clone();
    paths.extend(inquiry.stack.patches[index].changes.iter().map(|change| change.path.clone()));
    let upstream = touching(repository, &[onto.as_str().to_owned(), format!("^{base}")], &files)?;
    let mut cause = Cause { hunks: read_hunks(engine, conflict)?, files, upstream, ..Cause::default() };
    match inquiry.culprit(engine, index, &paths)? {
        Culprit::Upstream(id) => {
            cause.upstream.retain(|other| other.commit != id);
            if let Some(found) = commit(repository, &id)? {
                cause.because = format!("upstream's {} ({}) changed the same lines", id.short(), found.subject);
                cause.upstream.insert(0, UpstreamCommit { culprit: true, ..found });
            }
        }
        Culprit::LeftOut(needed) => {
            let names: Vec<&str> = needed.iter().map(ObjectId::short).collect();
            cause.because = format!("it needs {}, which conflicts and is left out", names.join(", "));
            cause.depends_on = needed;
        }
        Culprit::LeftBehind => {
            let old = [base.as_str().to_owned(), format!("^{onto}")];
            cause.upstream = touching(repository, &old, &cause.files)?;
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

/// The files that need a person.
fn files(conflict: &Conflict) -> Vec<GitPath> {
    let files = conflict.paths();
    if !files.is_empty() {
        return files;
    }
    let told = conflict.messages.iter().filter(|message| message.kind.starts_with("CONFLICT"));
    let mut files: Vec<GitPath> = told.flat_map(|message| message.paths.iter().cloned()).collect();
    files.sort();
    files.dedup();
    files
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
