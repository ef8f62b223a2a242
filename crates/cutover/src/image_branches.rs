//! The release branches that images are built from, for plans: what is published, and what the ledgers of the clone say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::deployment::Deployment;
use cutover_core::observation::{BranchHead, ReleaseBranch};
use cutover_engine::failure::Failure;
use cutover_engine::ports::{Answer, ReleaseBranches};
use cutover_patchstack::error::Result;
use cutover_patchstack::git::Environment;
use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::names::ObjectId;
use cutover_patchstack::remote;
use cutover_patchstack::repository::Repository;

use crate::wall;

/// How long the remote may take to tell what is published. Commands that only show something wait for it, too.
const LIMIT: Duration = Duration::from_secs(10);

/// The release branches, as the clone that the deployment file names knows them.
#[derive(Clone)]
pub struct ImageBranches {
    /// The clone, if the file names one.
    clone: Option<PathBuf>,
    /// The remote that our branches live on.
    origin: String,
}

impl ImageBranches {
    /// Those of the clone that the deployment file at `file` names. Nothing is opened yet.
    #[must_use]
    pub fn of(file: &Path, deployment: &Deployment) -> Self {
        let branches = deployment.branches.clone().unwrap_or_default();
        let folder = file.parent().unwrap_or(Path::new(""));
        Self { clone: branches.repository.map(|clone| folder.join(clone)), origin: branches.origin }
    }
}

#[async_trait(?Send)]
impl ReleaseBranches for ImageBranches {
    async fn branch(&self, name: &str, commits: &BTreeSet<Arc<str>>) -> Answer<ReleaseBranch> {
        let (this, name, commits) = (self.clone(), name.to_owned(), commits.clone());
        // Git may wait for the remote, and the conductor must renew its lease meanwhile.
        let asked = tokio::task::spawn_blocking(move || this.known(&name, &commits)).await;
        asked.map_err(|error| Failure::not_applied(format!("the clone could not be asked: {error}")))?
    }
}

impl ImageBranches {
    fn known(&self, name: &str, commits: &BTreeSet<Arc<str>>) -> Answer<ReleaseBranch> {
        let folder = self.clone.as_ref().ok_or_else(|| Failure::permanent("the file names no clone of the fork"))?;
        let environment = Environment::new(wall::variables());
        let clone = Repository::with_git_found(environment, folder);
        let clone = clone.map_err(|error| Failure::permanent(error.to_string()).with_hint(error.hint()))?;
        let accounted = |commit: &&Arc<str>| {
            ObjectId::parse(commit).is_some_and(|id| matches!(Ledger::complete(&clone, &id), Ok(Some(_))))
        };
        let accounted = commits.iter().filter(accounted).cloned().collect();
        let head = head(&clone, &self.origin, name);
        let head = head.unwrap_or_else(|error| refused(&error.to_string(), &error.hint()));
        Ok(ReleaseBranch { head, accounted })
    }
}

/// The published head, if a ledger accounts for all of it.
fn head(clone: &Repository, origin: &str, name: &str) -> Result<BranchHead> {
    let published = remote::heads(clone, origin, &[&format!("refs/heads/{name}")], LIMIT)?;
    let Some(commit) = published.into_values().next() else {
        return Ok(refused(&format!("{origin} has no such branch"), "`cutover branch publish` creates it"));
    };
    Ok(match Ledger::complete(clone, &commit)? {
        Some(_) => BranchHead::Ready(commit.as_str().into()),
        None => refused(
            &format!("no complete ledger of {} on {origin} is known in this clone", commit.short()),
            "`git fetch` it with its ledger (refs/notes/cutover:refs/notes/cutover), or make one with `cutover branch verify`",
        ),
    })
}

fn refused(why: &str, remedy: &str) -> BranchHead {
    BranchHead::Refused { why: why.to_owned(), remedy: remedy.to_owned() }
}
