//! A release branch that was made.

use cutover_patchstack::create::Created;

use super::typed::Typed;
use crate::show::text::{WIDTH, hang};

/// `branch create` for people.
#[must_use]
pub fn created_text(created: &Created, typed: &Typed) -> String {
    let Created { branch, commit, from, tracks } = created;
    let made =
        format!("Made {branch} at {} ({from}). It tracks {branch} of {tracks}, where it is not yet.", commit.short());
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
    fn it_is_said_where_the_branch_begins_and_that_it_is_nowhere_else_yet() {
        let created = Created {
            branch: "mitx/koa".to_owned(),
            commit: id(1),
            from: "upstream/open-release/koa.master".to_owned(),
            tracks: "origin".to_owned(),
        };
        insta::assert_snapshot!(created_text(&created, &Typed::default()), @"
        Made mitx/koa at 0101010101 (upstream/open-release/koa.master). It tracks
        mitx/koa of origin, where it is not yet.

        Type:  git push origin mitx/koa
               cutover branch patches --branch mitx/koa
        ");
    }
}
