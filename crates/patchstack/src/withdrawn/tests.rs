//! A candidate that upstream cut again from an earlier commit, and a branch of ours that is based on what it was before.

use std::path::PathBuf;

use super::{find, gone};
use crate::git::{Environment, Git};
use crate::ledger::{Ledger, Side, VERSION};
use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::repository::Repository;
use crate::testing::Sandbox;
use crate::watch::Seen;

const RC2: &str = "refs/remotes/upstream/open-release/koa.rc2";

/// `mitx/koa` with one patch on koa.rc2. Upstream forces rc2 back to rc1 if `forced`.
fn koa(reflog: bool, forced: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.commit("Koa rc1", &[("a", "1\n")]);
    sandbox.git(&["update-ref", "refs/remotes/upstream/open-release/koa.rc1", "HEAD"]);
    sandbox.commit("Upstream changes its mind about this", &[("b", "1\n")]);
    sandbox.git(&["-c", &format!("core.logAllRefUpdates={reflog}"), "update-ref", RC2, "HEAD"]);
    sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa"]);
    sandbox.commit("Ours", &[("ours", "1\n")]);
    if forced {
        sandbox.git(&["-c", &format!("core.logAllRefUpdates={reflog}"), "update-ref", RC2, "mitx/koa~2"]);
    }
    sandbox
}

/// The subjects of patches of `mitx/koa` that were upstream's, and how that is known, without days.
fn withdrawn(sandbox: &Sandbox) -> Vec<String> {
    let (repository, conventions) = (sandbox.open(), Conventions::default());
    let branch = repository.revision("mitx/koa").expect("a branch");
    let upstream: Vec<_> = conventions.upstream_refs(&repository).expect("listed").into_iter().map(|it| it.0).collect();
    let gone = gone(&repository, &conventions, &upstream).expect("read");
    let base = crate::stack::compute_base(&repository, &conventions, &branch, None).expect("a base");
    let found = find(&repository, &gone, &base.commit, &branch.commit).expect("found");
    found
        .into_iter()
        .map(|it| format!("{}: {}", it.subject, it.known_from.split(" until").next().unwrap_or_default()))
        .collect()
}

const SUBJECT: &str = "Upstream changes its mind about this";

#[test]
fn a_commit_that_upstream_forced_away_is_known_from_the_reflog_of_its_ref() {
    assert_eq!(withdrawn(&koa(true, true)), [format!("{SUBJECT}: it was in upstream/open-release/koa.rc2")]);
}

#[test]
fn nothing_is_withdrawn_while_upstream_has_it_and_nothing_is_made_up_where_nothing_is_known() {
    assert_eq!(withdrawn(&koa(true, false)), Vec::<String>::new());
    assert_eq!(withdrawn(&koa(false, true)), Vec::<String>::new());
}

#[test]
fn a_commit_is_known_from_what_was_fetched_for_a_mirror_and_from_nothing_that_people_push_to() {
    let sandbox = koa(false, true);
    for name in
        ["refs/remotes/origin/mitx/koa", "refs/heads/open-release/koa.rc2", "refs/remotes/origin/open-release/koa.rc2"]
    {
        sandbox.git(&["update-ref", name, "mitx/koa"]);
    }
    assert_eq!(withdrawn(&sandbox), Vec::<String>::new());
    sandbox.git(&["update-ref", "refs/cutover/upstream/open-release/koa.rc2", "mitx/koa~1"]);
    let known = format!("{SUBJECT}: it was in upstream/open-release/koa.rc2 when that was mirrored");
    assert_eq!(withdrawn(&sandbox), [known]);
}

/// A ledger of a head on a base, which accounts for nothing.
fn ledger(sandbox: &Sandbox, head: &str, base: &str, base_name: &str) -> Ledger {
    let side =
        Side { head: sandbox.id(head), base: ObjectId::parse(base).expect("an id"), base_name: base_name.to_owned() };
    Ledger {
        version: VERSION,
        branch: "mitx/koa".to_owned(),
        old: side.clone(),
        new: side,
        entries: Vec::new(),
        added: Vec::new(),
        left_behind: Vec::new(),
        by: "Bob <bob@example.org>".to_owned(),
        at: "2020-12-09T10:00:00Z".to_owned(),
        published: None,
    }
}

#[test]
fn a_commit_is_known_from_the_base_of_an_older_ledger_unless_somebody_had_named_that_base() {
    for (base_name, is_known) in [
        ("upstream/open-release/koa.rc2", true),
        ("is upstream/open-release/koa.rc2", true),
        ("is part of upstream/master", true),
        ("open-release/koa.2", true),
        ("given as mitx/juniper", false),
        ("mitx/juniper", false),
    ] {
        let sandbox = koa(false, true);
        ledger(&sandbox, "mitx/koa", sandbox.id("mitx/koa~1").as_str(), base_name)
            .write(&sandbox.open())
            .expect("written");
        let expected =
            if is_known { vec![format!("{SUBJECT}: a ledger of 2020-12-09 has it as upstream's")] } else { vec![] };
        assert_eq!(withdrawn(&sandbox), expected, "{base_name}");
    }
}

#[test]
fn a_base_of_a_colleagues_ledger_that_this_clone_has_never_had_does_no_harm() {
    let sandbox = koa(true, true);
    ledger(&sandbox, "mitx/koa", &"7".repeat(40), "upstream/open-release/koa.rc2")
        .write(&sandbox.open())
        .expect("written");
    assert_eq!(withdrawn(&sandbox), [format!("{SUBJECT}: it was in upstream/open-release/koa.rc2")]);
}

#[test]
fn the_number_of_git_processes_does_not_grow_with_what_upstream_withdrew() {
    let calls = |patches: usize| {
        let sandbox = Sandbox::new();
        sandbox.commit("Koa", &[("a", "1\n")]);
        sandbox.git(&["update-ref", "--create-reflog", RC2, "HEAD"]);
        for number in 1..=patches {
            sandbox.commit(&format!("Nightly {number}"), &[("nightly", &number.to_string())]);
            sandbox.git(&["update-ref", RC2, "HEAD"]);
        }
        sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa"]);
        sandbox.git(&["update-ref", RC2, &format!("HEAD~{patches}")]);
        let (repository, log) = counting(&sandbox);
        let status = crate::status::status(&repository, &Conventions::default()).expect("a status");
        assert_eq!(status[0].withdrawn.len(), patches);
        std::fs::read_to_string(log).expect("calls").lines().count()
    };
    assert_eq!(calls(2), calls(9));
}

/// The repository with a git that writes a line for each call into a file.
fn counting(sandbox: &Sandbox) -> (Repository, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    for remote in ["origin", "upstream"] {
        sandbox.git(&["remote", "add", remote, &format!("https://example.org/{remote}.git")]);
    }
    let (folder, log) = (sandbox.folder().join("bin"), sandbox.folder().join("calls"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = sandbox.variables().into_iter().find(|(name, _)| name == "PATH").expect("a PATH").1;
    let real = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file()).expect("git");
    let script = format!("#!/bin/sh\necho \"$*\" >> '{}'\nexec '{}' \"$@\"\n", log.display(), real.display());
    std::fs::write(folder.join("git"), script).expect("written");
    std::fs::set_permissions(folder.join("git"), std::fs::Permissions::from_mode(0o755)).expect("a program");
    let mut variables = sandbox.variables();
    variables.retain(|(name, _)| name != "PATH");
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    variables.push(("PATH".into(), std::env::join_paths(folders).expect("a PATH")));
    let git = Git::find(Environment::new(variables)).expect("the counting git");
    (Repository::open(&git, &sandbox.repository()).expect("it opens"), log)
}

#[test]
fn a_commit_of_a_release_that_upstream_removed_is_known_from_what_was_watched() {
    let sandbox = koa(true, false);
    let (repository, conventions) = (sandbox.open(), Conventions::default());
    let look = || {
        let upstream = conventions.upstream_refs(&repository).expect("listed").into_iter();
        let names: Vec<String> = upstream.map(|(found, _)| found.name.short().to_owned()).collect();
        let candidates: Vec<_> = names.iter().map(|name| repository.revision(name).expect("a commit")).collect();
        let file = Seen::file(&repository, "mitx/koa");
        let seen = Seen::read(&file).expect("read").after(&conventions, &candidates, Some(&[]));
        seen.write(&file).expect("written");
    };
    look();
    sandbox.git(&["update-ref", "-d", RC2]);
    let known = [format!("{SUBJECT}: it was in upstream/open-release/koa.rc2 when `branch watch` looked")];
    assert_eq!(withdrawn(&sandbox), known);
    look();
    assert_eq!(withdrawn(&sandbox), known, "after the next look, too");
}

#[test]
fn a_branch_of_ours_with_the_name_of_a_release_was_never_withdrawn_by_upstream() {
    let sandbox = koa(true, true);
    sandbox.git(&["branch", "open-release/koa.rc2", "mitx/koa"]);
    let (ours, forced) = (sandbox.id("mitx/koa"), sandbox.id("mitx/koa~1"));
    let refused = |base: &ObjectId, name: &str| {
        super::refuse_base(&sandbox.open(), &Conventions::default(), "mitx/koa", (base, name)).is_err()
    };
    assert!(!refused(&ours, "is open-release/koa.rc2"));
    assert!(refused(&forced, "is upstream/open-release/koa.rc2"));
}
