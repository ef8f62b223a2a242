//! The same over https, with a password and a certificate that only the operator's configuration knows.

use super::sshd::Sshd;
use super::support::World;
use super::web::Web;

const BRANCH: &str = "refs/heads/mitx/koa";

/// A world whose remotes are reached over https by this name and password.
fn behind_https(who: &str) -> (World, Web) {
    let mut world = World::new();
    let web = Web::start(world.folder());
    for remote in ["upstream", "origin"] {
        world.git_in(&world.remote(remote), &["config", "http.receivepack", "true"]);
        world.git(&["remote", "set-url", remote, &web.address(who, &format!("{remote}.git"))]);
    }
    world.variables.push(("GIT_SSL_CAINFO".into(), web.certificate().into()));
    (world, web)
}

#[test]
fn a_branch_is_published_and_releases_are_mirrored_over_https() {
    let (world, _web) = behind_https("alice:s3cret");
    let done = world.publish(&world.request()).expect("it is published");
    assert_eq!(world.held("origin", BRANCH).as_ref(), Some(&world.new));
    assert_eq!(world.held("origin", &done.backup.expect("a backup")).as_ref(), Some(&world.old));
    assert_eq!(world.mirror(None).expect("it is mirrored").len(), 2);
}

#[test]
fn a_lease_fails_over_https_as_it_does_here() {
    let (world, _web) = behind_https("alice:s3cret");
    let bobs = world.commit_there("origin", &world.old, "Bob's fix");
    world.git_in(&world.remote("origin"), &["update-ref", BRANCH, bobs.as_str()]);
    assert!(world.refuses(&world.request()).to_string().contains("the verified head replaces"));
}

#[test]
fn a_wrong_password_is_reported_at_once_and_is_shown_nowhere() {
    let (world, _web) = behind_https("alice:wr0ng");
    let error = world.publish(&world.request()).expect_err("refused");
    let said = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(said.contains("Authentication failed") || said.contains("could not read Username"), "{error}: {said}");
    assert!(!format!("{error} {said} {}", error.hint()).contains("wr0ng"), "{error}: {said}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (mut world, _web) = behind_https("alice:s3cret");
    world.variables.clear();
    let error = world.publish(&world.request()).expect_err("refused");
    let said = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(said.contains("certificate"), "{error}: {said}");
    assert_eq!(world.held("origin", BRANCH).as_ref(), Some(&world.old));
}

#[test]
fn what_is_fetched_over_https_may_be_pushed_over_ssh_if_it_is_the_same_repository() {
    let (mut world, _web) = behind_https("alice:s3cret");
    let sshd = Sshd::start(world.folder());
    world.git(&["remote", "set-url", "--push", "origin", &sshd.address(&world.remote("origin"))]);
    world.variables.push(("GIT_SSH_COMMAND".into(), sshd.command("operator")));
    let done = world.publish(&world.request()).expect("it is published");
    let addresses = done.addresses.expect("two addresses");
    assert!(
        addresses.fetched_from.starts_with("https://") && !addresses.fetched_from.contains("s3cret"),
        "{addresses:?}"
    );
    assert!(addresses.pushed_to.contains("origin.git"), "{addresses:?}");
    assert_eq!(world.held("origin", BRANCH).as_ref(), Some(&world.new));
}
