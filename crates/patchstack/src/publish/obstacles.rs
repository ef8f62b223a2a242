//! What would refuse at `publish`, as far as this clone can tell. It is said before the work that leads there.

use serde::Serialize;

use super::checks;
use crate::error::{Error, Result};
use crate::ledger::operator;
use crate::releases::Conventions;
use crate::remote::{self, Addresses};
use crate::repository::Repository;

/// Something that would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
    /// Whether it is certain. Otherwise only the remote itself can tell.
    pub certain: bool,
}

/// What would or may refuse to publish each of `branches`: the remote, names, the operator's identity. What concerns all of them is
/// listed once. No remote is asked, and nothing changes.
#[must_use]
pub fn obstacles(
    repository: &Repository,
    conventions: &Conventions,
    protected: &[String],
    branches: &[&str],
) -> Vec<Obstacle> {
    let remote = remote::addresses(repository, &conventions.origin, &conventions.upstream);
    let differ = remote.as_ref().ok().map_or(Ok(()), Addresses::may_differ);
    let by = operator(repository).map(drop);
    let names = branches.iter().map(|branch| checks::ours(conventions, protected, branch).map(drop));
    let certain = [remote.map(drop), by].into_iter().chain(names).filter_map(|checked| obstacle(checked, true));
    certain.chain(obstacle(differ, false)).collect()
}

fn obstacle(checked: Result<()>, certain: bool) -> Option<Obstacle> {
    let error: Error = checked.err()?;
    let hint = error.hint();
    Some(Obstacle {
        what: error.to_string(),
        hint: hint.strip_prefix("nothing was changed; ").unwrap_or(&hint).to_owned(),
        certain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn found(sandbox: &Sandbox, protected: &[&str], branches: &[&str]) -> Vec<String> {
        let protected: Vec<String> = protected.iter().map(|name| (*name).to_owned()).collect();
        let found = obstacles(&sandbox.open(), &Conventions::default(), &protected, branches);
        found.into_iter().map(|obstacle| format!("{}: {}", obstacle.what, obstacle.hint)).collect()
    }

    fn with_remotes() -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.git(&["remote", "add", "upstream", "https://github.com/openedx/edx-platform.git"]);
        sandbox.git(&["remote", "add", "origin", "https://github.com/mitodl/edx-platform.git"]);
        sandbox
    }

    #[test]
    fn nothing_is_in_the_way_of_a_branch_that_is_fetched_over_https_and_pushed_over_ssh() {
        let sandbox = with_remotes();
        assert_eq!(found(&sandbox, &[], &["mitx/koa"]), Vec::<String>::new());
        sandbox.git(&["config", "url.git@github.com:.pushInsteadOf", "https://github.com/"]);
        assert_eq!(found(&sandbox, &[], &["mitx/koa"]), Vec::<String>::new());
        sandbox.git(&["config", "url.git@github-work:other.pushInsteadOf", "https://github.com/mitodl"]);
        let found = found(&sandbox, &[], &["mitx/koa"]);
        assert!(found.len() == 1 && found[0].contains("refuses unless both are the same repository"), "{found:?}");
    }

    #[test]
    fn a_push_that_would_go_to_upstream_is_told_before_any_work() {
        let sandbox = with_remotes();
        sandbox.git(&["config", "url.git@github.com:openedx/.pushInsteadOf", "https://github.com/mitodl/"]);
        let found = found(&sandbox, &[], &["mitx/koa", "mitx/lilac"]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("origin and upstream have the same address"), "{found:?}");
    }

    #[test]
    fn each_branch_that_is_protected_or_not_ours_is_told() {
        let sandbox = with_remotes();
        let found = found(&sandbox, &["mitx/juniper"], &["mitx/koa", "mitx/juniper", "topic"]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("mitx/juniper cannot be published: mitx/juniper is protected"), "{found:?}");
        assert!(found[1].starts_with("topic cannot be published"), "{found:?}");
    }
}
