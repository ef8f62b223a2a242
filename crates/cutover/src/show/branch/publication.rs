//! What a remote has after a publication, as the remote itself says, and the command that restores the old head.

use cutover_patchstack::names::ObjectId;
use cutover_patchstack::publish::Publication;
use cutover_patchstack::remote::Confirmed;

use super::typed::quoted;
use super::words::{self, plain};
use crate::show::text::{WIDTH, hang};

/// `branch publish` for people. `here` is what the branch is in this repository, if it is there.
#[must_use]
pub fn publication_text(publication: &Publication, here: Option<&ObjectId>) -> String {
    let Publication { remote, branch, was, is, backup, already, patches, addresses } = publication;
    let before = match was {
        _ if *already => "It had that commit already; the branch was not pushed.".to_owned(),
        Some(was) => format!("Before, it was {}.", was.short()),
        None => "Before, there was no such branch.".to_owned(),
    };
    let patches = words::patches(*patches);
    let now = format!(
        "{remote} was read back: {} is {is} there. {before} The ledger, which accounts for {patches}, was pushed with it.",
        plain(branch)
    );
    let mut lines = vec![hang("", &now, WIDTH)];
    if let Some(Confirmed { fetched_from, pushed_to }) = addresses {
        let ways =
            format!("It was pushed to {pushed_to} and read back from {fetched_from}: both are the same repository.");
        lines.push(hang("", &plain(&ways), WIDTH));
    }
    if let (Some(backup), Some(was), false) = (backup, was, already) {
        lines.push(String::new());
        lines.push(hang("", &format!("The old head is kept on {remote} as {backup}. This would restore it:"), WIDTH));
        let lease = quoted(&format!("--force-with-lease={branch}:{is}"));
        lines.push(format!("  git push {lease} {} {}", quoted(remote), quoted(&format!("{was}:refs/heads/{branch}"))));
    }
    if let Some(here) = here.filter(|here| *here != is) {
        lines.push(String::new());
        let behind = format!(
            "In this clone, {} is still {}. This moves it if it is not checked out:",
            plain(branch),
            here.short()
        );
        lines.push(hang("", &behind, WIDTH));
        let there = quoted(&format!("{remote}/{branch}"));
        lines.push(format!("  git branch --force {} {there}", quoted(branch)));
        lines.push("And this if it is, in the folder where it is checked out:".to_owned());
        lines.push(format!("  git reset --keep {there}"));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::testing::id;

    fn publication() -> Publication {
        Publication {
            remote: "origin".to_owned(),
            addresses: None,
            branch: "mitx/koa".to_owned(),
            was: Some(id(1)),
            is: id(2),
            backup: Some("refs/cutover/backup/mitx/koa/20201201T100000Z-0101010101".to_owned()),
            already: false,
            patches: 8,
        }
    }

    #[test]
    fn it_is_said_what_the_remote_holds_where_the_old_is_and_how_to_put_it_back() {
        insta::assert_snapshot!(publication_text(&publication(), Some(&id(1))));
    }

    #[test]
    fn a_new_branch_has_no_restore_command() {
        let new = Publication { was: None, backup: None, patches: 1, ..publication() };
        insta::assert_snapshot!(publication_text(&new, None), @"
        origin was read back: mitx/koa is 0202020202020202020202020202020202020202
        there. Before, there was no such branch. The ledger, which accounts for 1 patch,
        was pushed with it.
        ");
    }

    #[test]
    fn what_was_there_already_was_not_pushed() {
        let same = Publication { already: true, was: Some(id(2)), backup: None, ..publication() };
        insta::assert_snapshot!(publication_text(&same, Some(&id(2))), @"
        origin was read back: mitx/koa is 0202020202020202020202020202020202020202
        there. It had that commit already; the branch was not pushed. The ledger, which
        accounts for 8 patches, was pushed with it.
        ");
    }
}
