//! A release branch that was created.

use cutover_patchstack::create::Created;

use super::typed::Typed;
use crate::show::text::{WIDTH, hang};

/// `branch create` for people.
#[must_use]
pub fn created_text(created: &Created, typed: &Typed) -> String {
    let Created { branch, commit, from, tracks } = created;
    let made = format!(
        "Created {branch} at {} ({from}). It tracks {branch} of {tracks}, which does not exist yet.",
        commit.short()
    );
    format!(
        "{}\n\nType:  git push {tracks} {branch}\n       {}\n",
        hang("", &made, WIDTH),
        typed.with("--branch", Some(branch)).command("patches", "")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::testing::id;

    #[test]
    fn a_created_branch_is_shown_with_its_start_and_as_unpublished() {
        let created = Created {
            branch: "mitx/koa".to_owned(),
            commit: id(1),
            from: "upstream/open-release/koa.master".to_owned(),
            tracks: "origin".to_owned(),
        };
        insta::assert_snapshot!(created_text(&created, &Typed::default()), @"
        Created mitx/koa at 0101010101 (upstream/open-release/koa.master). It tracks
        mitx/koa of origin, which does not exist yet.

        Type:  git push origin mitx/koa
               cutover branch patches --branch mitx/koa
        ");
    }
}
