//! For `cutover check`: whether the branches that images are built from may be imaged. Their ledgers say.

use std::collections::BTreeSet;
use std::path::Path;

use cutover_core::deployment::Deployment;
use cutover_core::preflight::CheckItem;
use cutover_patchstack::error::Result;
use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::names::RefName;

use super::place::Place;
use crate::args::branch::PlaceArgs;

/// One item for each branch that images are built from, when the deployment file at `file` says where the clone is.
pub(in crate::commands) fn check(file: &Path, deployment: &Deployment) -> Vec<CheckItem> {
    if deployment.branches.as_ref().is_none_or(|branches| branches.repository.is_none()) {
        return Vec::new();
    }
    let edxapp = std::iter::once(&deployment.role.edxapp);
    let services = edxapp.chain(&deployment.role.worker);
    let branches: BTreeSet<&str> = services.map(|services| services.image.branch.as_str()).collect();
    let place = Place::open(&PlaceArgs { deployment: Some(file.to_owned()), ..PlaceArgs::default() });
    let place = place.map_err(|error| error.to_string());
    branches.into_iter().map(|branch| item(branch, place.as_ref())).collect()
}

fn item(branch: &str, place: std::result::Result<&Place, &String>) -> CheckItem {
    let subject = format!("release branch {branch}");
    let place = match place {
        Ok(place) => place,
        Err(error) => {
            return CheckItem::ok(subject, error).warning(
                "whether its patches are all accounted for is not known",
                "name a clone in [branches] repository",
            );
        }
    };
    let origin = &place.conventions.origin;
    match ledger(branch, place) {
        Ok(Seen::Nothing) => CheckItem::ok(subject, format!("{origin} has none, as far as this clone knows"))
            .problem("no image can be built from it", &format!("`git fetch {origin}`, or `cutover branch publish`")),
        Ok(Seen::Unverified(head)) => CheckItem::ok(subject, format!("{head} on {origin} has no complete ledger here")).problem(
            "an image of it could lack patches, and nobody would know",
            &format!("`git fetch {origin} refs/notes/cutover:refs/notes/cutover` brings a colleague's; or `cutover branch verify`"),
        ),
        Ok(Seen::Verified(ledger)) => {
            let count = ledger.entries.len() + ledger.added.len();
            let head = ledger.new.head.short();
            CheckItem::ok(subject, format!("{head} may be imaged: {} accounted for all {count} patches", ledger.by))
        }
        Err(error) => CheckItem::ok(subject, error.to_string())
            .warning("whether its patches are all accounted for is not known", error.hint()),
    }
}

/// What this clone knows of a branch on origin.
enum Seen {
    Nothing,
    Unverified(String),
    Verified(Box<Ledger>),
}

fn ledger(branch: &str, place: &Place) -> Result<Seen> {
    let name = RefName::new(format!("refs/remotes/{}/{branch}", place.conventions.origin))?;
    let Some(head) = place.repository.find(&name)? else { return Ok(Seen::Nothing) };
    let ledger = Ledger::read(&place.repository, &head)?.filter(Ledger::is_complete);
    Ok(ledger.map_or_else(|| Seen::Unverified(head.short().to_owned()), |ledger| Seen::Verified(Box::new(ledger))))
}
