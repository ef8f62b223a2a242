//! The same over real ssh. Where there is no sshd these tests fail, and say what to install.

use super::sshd::Sshd;
use super::support::World;

const BRANCH: &str = "refs/heads/mitx/koa";

/// A world whose remotes are reached by ssh with this key.
fn behind_ssh(key: &str) -> (World, Sshd) {
    let mut world = World::new();
    let sshd = Sshd::start(world.folder());
    for remote in ["upstream", "origin"] {
        world.git(&["remote", "set-url", remote, &sshd.address(&world.remote(remote))]);
    }
    world.variables.push(("GIT_SSH_COMMAND".into(), sshd.command(key)));
    (world, sshd)
}

#[test]
fn a_branch_is_published_and_releases_are_mirrored_over_ssh() {
    let (world, _sshd) = behind_ssh("operator");
    let done = world.publish(&world.request()).expect("it is published");
    assert_eq!(world.held("origin", BRANCH).as_ref(), Some(&world.new));
    assert_eq!(world.held("origin", &done.backup.expect("a backup")).as_ref(), Some(&world.old));
    assert_eq!(world.mirror(None).expect("it is mirrored").len(), 2);
    assert_eq!(world.held("origin", "refs/heads/open-release/koa.rc3").as_ref(), Some(&world.candidates[1]));
}

#[test]
fn a_lease_fails_and_a_remote_refuses_over_ssh_as_they_do_here() {
    let (world, _sshd) = behind_ssh("operator");
    world.hook("origin", "update", "case $1 in refs/heads/*) echo 'no pushes on Friday' >&2; exit 1;; esac");
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("no pushes on Friday"), "{error}");
    let bobs = world.commit_there("origin", &world.old, "Bob's fix");
    world.git_in(&world.remote("origin"), &["update-ref", BRANCH, bobs.as_str()]);
    assert!(world.refuses(&world.request()).to_string().contains("the verified head replaces"));
}

#[test]
fn a_key_that_the_remote_does_not_know_is_reported_at_once() {
    let (world, _sshd) = behind_ssh("stranger");
    let error = world.refuses(&world.request());
    let said = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(said.contains("Permission denied (publickey)"), "{error}: {said}");
    assert!(!error.hint().is_empty());
}

#[test]
fn ssh_asks_nobody_unless_the_operator_says_how_it_is_called() {
    let mut world = World::new();
    let asked = world.folder().join("asked");
    let script = format!("echo \"$0 $@\" >> {}\nexit 255", asked.display());
    for name in ["ssh", "other"] {
        world.program(name, &script);
    }
    world.git(&["remote", "set-url", "origin", "ssh://example.org/origin.git"]);
    let calls = || {
        let _ = std::fs::remove_file(&asked);
        world.refuses(&world.request());
        let other = world.folder().join("programs/other");
        world.git(&["config", "core.sshCommand", other.to_str().expect("a path")]);
        std::fs::read_to_string(&asked).expect("it was called")
    };
    assert!(calls().contains("-o BatchMode=yes -o ConnectTimeout=20"));
    let called = calls();
    assert!(called.contains("programs/other") && !called.contains("BatchMode"), "{called}");
}
