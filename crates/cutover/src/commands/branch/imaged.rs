//! For `cutover check`: whether images may be built from the release branches, as their ledgers say.

use std::collections::BTreeSet;
use std::path::Path;

use cutover_core::deployment::Deployment;
use cutover_core::preflight::CheckItem;
use cutover_patchstack::error::Result;
use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::names::RefName;

use super::fork::Fork;
use crate::args::branch::CommonArgs;

/// One item for each branch that images are built from, when the deployment file at `file` says where the clone is.
pub(in crate::commands) fn check(file: &Path, deployment: &Deployment) -> Vec<CheckItem> {
    if deployment.branches.as_ref().is_none_or(|branches| branches.repository.is_none()) {
        return Vec::new();
    }
    let edxapp = std::iter::once(&deployment.role.edxapp);
    let services = edxapp.chain(&deployment.role.worker);
    let branches: BTreeSet<&str> = services.map(|services| services.image.branch.as_str()).collect();
    let fork = Fork::open(&CommonArgs { deployment: Some(file.to_owned()), ..CommonArgs::default() });
    let fork = fork.map_err(|error| error.to_string());
    branches.into_iter().map(|branch| item(branch, fork.as_ref())).collect()
}

fn item(branch: &str, fork: std::result::Result<&Fork, &String>) -> CheckItem {
    let subject = format!("release branch {branch}");
    let fork = match fork {
        Ok(fork) => fork,
        Err(error) => {
            return CheckItem::ok(subject, error).warning(
                "it is not known whether all its patches are accounted for",
                "name a clone in [branches] repository",
            );
        }
    };
    let origin = &fork.conventions.origin;
    match ledger(branch, fork) {
        Ok(Seen::Nothing) => CheckItem::ok(subject, format!("this clone knows of no such branch on {origin}"))
            .problem("no image can be built from it", &format!("`git fetch {origin}`, or `cutover branch publish`")),
        Ok(Seen::Unverified(head)) => CheckItem::ok(subject, format!("{head} on {origin} has no complete ledger here")).problem(
            "an image of it could lack patches unnoticed",
            &format!("`git fetch {origin} refs/notes/cutover:refs/notes/cutover` fetches the ledger of a colleague; or `cutover branch verify`"),
        ),
        Ok(Seen::Verified(ledger)) => {
            let count = ledger.entries.len() + ledger.added.len();
            let head = ledger.new.head.short();
            CheckItem::ok(subject, format!("{head} is ready for images: {} accounted for all {count} patches", ledger.by))
        }
        Err(error) => CheckItem::ok(subject, error.to_string())
            .warning("it is not known whether all its patches are accounted for", &error.hint()),
    }
}

/// What this clone knows of a branch on origin.
enum Seen {
    Nothing,
    Unverified(String),
    Verified(Box<Ledger>),
}

fn ledger(branch: &str, fork: &Fork) -> Result<Seen> {
    let name = RefName::new(format!("refs/remotes/{}/{branch}", fork.conventions.origin))?;
    let Some(head) = fork.repository.find(&name)? else { return Ok(Seen::Nothing) };
    let ledger = Ledger::complete(&fork.repository, &head)?;
    Ok(ledger.map_or_else(|| Seen::Unverified(head.short().to_owned()), |ledger| Seen::Verified(Box::new(ledger))))
}
