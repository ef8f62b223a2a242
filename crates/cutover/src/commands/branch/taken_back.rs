//! Tells that upstream has taken back what a rebase is onto, while it was under way.

use cutover_patchstack::names::ObjectId;
use cutover_patchstack::rebase::moved;

use super::fork::Fork;
use crate::output;

/// Tells it, if it is so. Nothing is said where it cannot be found out.
pub(super) fn tell(fork: &Fork, branch: &str) {
    let Ok(Some(moved)) = moved(&fork.repository, &fork.conventions, branch) else { return };
    let now = moved.now.as_ref().map_or_else(|| "gone".to_owned(), |now| format!("{} now", ObjectId::short(now)));
    let abort = fork.typed.with("--branch", Some(branch)).command("rebase", "--abort");
    output::note(&format!(
        "note: upstream has taken back what {branch} is rebased onto: {} is {now}, and {} is in no ref of upstream's. To rebase onto \
         what upstream has: `{abort}`, then begin again; resolutions are offered again",
        moved.name,
        moved.was.short()
    ));
}
