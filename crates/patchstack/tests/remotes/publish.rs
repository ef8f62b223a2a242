//! What `publish` promises: a verified head replaces exactly what it was verified against, or nothing happens.

use cutover_patchstack::ledger::{Account, Ledger, Named};
use cutover_patchstack::names::ObjectId;

use super::support::{KOA, World};

const BRANCH: &str = "refs/heads/mitx/koa";
const NOTES: &str = "refs/notes/cutover";

/// Leaves a line in a file beside the hooks each time, and does what `script` says.
fn counting(script: &str) -> String {
    format!("echo >> hooks/count\ncount=$(wc -l < hooks/count)\n{script}")
}

/// The note that a clone of origin would find on the new head.
fn published_ledger(world: &World) -> Ledger {
    let note = world.git_in(&world.remote("origin"), &["notes", "--ref=cutover", "show", world.new.as_str()]);
    serde_json::from_str(&note).expect("a ledger")
}

#[test]
fn a_verified_head_is_pushed_with_its_ledger_and_the_old_head_is_kept() {
    let world = World::new();
    let before = world.snapshot();
    let done = world.publish(&world.request()).expect("it is published");
    let backup = format!("refs/cutover/backup/mitx/koa/20260501T050607Z-{}", world.old.short());
    assert_eq!((done.was, done.is), (Some(world.old.clone()), world.new.clone()));
    assert_eq!((done.backup.as_deref(), done.already, done.patches), (Some(backup.as_str()), false, 1));
    assert_eq!(world.held("origin", BRANCH).as_ref(), Some(&world.new));
    assert_eq!(world.held("origin", &backup).as_ref(), Some(&world.old));
    let signature = published_ledger(&world).published.expect("signed");
    assert_eq!((signature.by.as_str(), signature.at.as_str()), ("Carol <carol@example.org>", "2026-05-01T05:06:07Z"));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn publishing_again_finds_it_done_and_changes_nothing() {
    let world = World::new();
    world.publish(&world.request()).expect("it is published");
    let holds = world.holds("origin");
    let done = world.publish(&world.request()).expect("it is there");
    assert!(done.already);
    assert_eq!((done.is, done.backup), (world.new.clone(), None));
    assert_eq!(world.holds("origin"), holds);
}

#[test]
fn a_branch_that_was_pushed_by_hand_still_gets_its_ledger() {
    let world = World::new();
    world.git(&["push", "--quiet", "--force", "origin", &format!("{}:{BRANCH}", world.new)]);
    let done = world.publish(&world.request()).expect("it is there");
    assert!(done.already);
    assert!(published_ledger(&world).published.is_some());
}

#[test]
fn a_branch_that_is_new_on_the_remote_needs_no_backup() {
    let world = World::new();
    world.git_in(&world.remote("origin"), &["update-ref", "-d", BRANCH]);
    let done = world.publish(&world.request()).expect("it is published");
    assert_eq!((done.was, done.backup), (None, None));
    assert_eq!(world.held("origin", BRANCH).as_ref(), Some(&world.new));
}

#[test]
fn an_earlier_result_of_the_same_rebase_is_compared_with_and_not_rebased() {
    let world = World::new();
    let earlier = world.commit_there("origin", &world.old, "An earlier result");
    world.git_in(&world.remote("origin"), &["update-ref", BRANCH, earlier.as_str()]);
    world.git(&["fetch", "--quiet", "origin"]);
    let mut ledger = world.ledger();
    ledger.new.head = earlier.clone();
    ledger.write(&world.open()).expect("written");
    let hint = world.refuses(&world.request()).hint();
    assert!(hint.contains("an earlier result of the same rebase"), "{hint}");
    assert!(hint.contains(&format!("verify --branch mitx/koa --old {earlier} --new {}`", world.new)), "{hint}");
}

#[test]
fn a_branch_that_moved_since_it_was_verified_is_left_alone_and_its_maker_named() {
    let world = World::new();
    let bobs = world.commit_there("origin", &world.old, "Bob's fix");
    world.git_in(&world.remote("origin"), &["update-ref", BRANCH, bobs.as_str()]);
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("that this clone lacks"), "{error}");
    assert!(error.hint().contains("git fetch origin"), "{}", error.hint());
    world.git(&["fetch", "--quiet", "origin"]);
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("committed by Bob <bob@example.org> on "), "{error}");
    assert!(!world.holds("origin").iter().any(|line| line.contains("backup")), "nothing at all was pushed");
}

#[test]
fn a_branch_that_moves_while_it_is_published_is_not_overwritten() {
    let world = World::new();
    let bobs = world.commit_there("origin", &world.old, "Bob's fix");
    // In the push of the backup, which is the first, somebody else's push comes through.
    world.hook(
        "origin",
        "post-receive",
        &format!("[ -e hooks/once ] || {{ : > hooks/once; git update-ref {BRANCH} {bobs}; }}"),
    );
    let ledger = world.ledger();
    let error = world.publish(&world.request()).expect_err("it must not be published");
    assert!(error.to_string().contains("moved while it was being published"), "{error}");
    assert!(error.hint().contains("was also saved as refs/cutover/backup/mitx/koa/"), "{}", error.hint());
    assert_eq!(world.held("origin", BRANCH), Some(bobs));
    assert_eq!(world.held("origin", NOTES), None, "the ledger is not pushed without its branch");
    assert_eq!(Ledger::read(&world.open(), &world.new).expect("it reads"), Some(ledger), "nothing is signed");
}

#[test]
fn a_remote_that_refuses_is_quoted_and_nothing_is_half_published() {
    let world = World::new();
    world.hook("origin", "update", "case $1 in refs/heads/*) echo 'no pushes on Friday; ask Bob' >&2; exit 1;; esac");
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("no pushes on Friday; ask Bob"), "{error}");
    assert!(error.to_string().contains("mitx/koa: hook declined"), "{error}");
    assert_eq!(world.held("origin", NOTES), None);
}

#[test]
fn a_remote_that_refuses_only_the_ledger_does_not_get_the_branch_either() {
    let world = World::new();
    world.hook("origin", "update", "case $1 in refs/notes/*) exit 1;; esac");
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("refs/notes/cutover"), "{error}");
}

#[test]
fn a_remote_that_takes_no_backup_does_not_get_the_branch_either() {
    let world = World::new();
    world.hook("origin", "pre-receive", "echo 'only branches' >&2; exit 1");
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("refused the backup"), "{error}");
    assert!(error.to_string().contains("only branches"), "{error}");
}

#[test]
fn a_remote_that_denies_rewritten_branches_says_so() {
    let world = World::new();
    world.git_in(&world.remote("origin"), &["config", "receive.denyNonFastForwards", "true"]);
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("non-fast-forward"), "{error}");
    assert!(error.hint().starts_with("nothing of mitx/koa was pushed to origin"), "{}", error.hint());
}

#[test]
fn ledgers_that_a_colleague_pushed_are_kept_and_come_here() {
    let world = World::new();
    let origin = world.remote("origin");
    world.git_in(&origin, &["notes", "--ref=cutover", "add", "-m", "a colleague's", world.old.as_str()]);
    let theirs = world.held("origin", NOTES).expect("notes");
    world.publish(&world.request()).expect("it is published");
    let note = world.git_in(&origin, &["notes", "--ref=cutover", "show", world.old.as_str()]);
    assert_eq!(note, "a colleague's");
    assert!(published_ledger(&world).published.is_some());
    world.git_in(&origin, &["merge-base", "--is-ancestor", theirs.as_str(), NOTES]);
    assert_eq!(world.git(&["notes", "--ref=cutover", "show", world.old.as_str()]), "a colleague's");
}

#[test]
fn ledgers_that_are_pushed_in_the_same_moment_are_merged_and_the_push_tried_again() {
    let world = World::new();
    let note = format!("git notes --ref=cutover add -f -m colleague {}", world.old);
    let identity = "GIT_COMMITTER_NAME=Bob GIT_COMMITTER_EMAIL=b@x GIT_AUTHOR_NAME=Bob GIT_AUTHOR_EMAIL=b@x";
    // The second push is the one of the branch: the colleague's comes after we looked and before it is taken.
    let second =
        format!("[ $count -eq 2 ] && env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY {identity} {note}; exit 0");
    world.hook("origin", "pre-receive", &counting(&second));
    world.publish(&world.request()).expect("it is published");
    let count = std::fs::read_to_string(world.remote("origin").join("hooks/count")).expect("a count").lines().count();
    assert_eq!(count, 3, "the backup, the push that lost, the push that won");
    let note = world.git_in(&world.remote("origin"), &["notes", "--ref=cutover", "show", world.old.as_str()]);
    assert_eq!(note, "colleague");
    assert_eq!(world.held("origin", BRANCH).as_ref(), Some(&world.new));
}

#[test]
fn a_backup_of_an_earlier_attempt_is_not_made_twice() {
    let world = World::new();
    world.hook("origin", "update", "case $1 in refs/heads/*) exit 1;; esac");
    world.refuses(&world.request());
    world.refuses(&world.request());
    assert_eq!(world.holds("origin").iter().filter(|line| line.starts_with("refs/cutover/backup/")).count(), 1);
}

#[test]
fn names_that_are_not_ours_are_refused() {
    let world = World::new();
    for (branch, words) in [
        ("master", "main branch"),
        ("main", "main branch"),
        ("mitx/livenow", "protected"),
        ("open-release/koa.rc3", "a release of upstream"),
        ("bob/fix", "does not match our pattern"),
        ("--upload-pack=x", "begins with a dash"),
        ("mitx/koa\nx", "newline"),
    ] {
        let request = cutover_patchstack::publish::Request { branch: branch.to_owned(), ..world.request() };
        let error = world.refuses(&request);
        assert!(error.to_string().contains(words), "{branch}: {error}");
    }
    assert_eq!(world.holds("origin").len(), 1);
}

#[test]
fn upstream_is_never_pushed_to_under_any_name() {
    let world = World::new();
    let holds = world.holds("upstream");
    world.git(&["remote", "add", "fork", &format!("file://{}/", world.remote("upstream").display())]);
    for (remote, words) in [("upstream", "upstream's releases"), ("fork", "the same address")] {
        let request = cutover_patchstack::publish::Request { remote: remote.to_owned(), ..world.request() };
        let error = world.refuses(&request);
        assert!(error.to_string().contains(words), "{error}");
    }
    world.git(&["remote", "set-url", "--push", "origin", "../upstream.git"]);
    assert!(world.refuses(&world.request()).to_string().contains("the same address"));
    assert_eq!(world.holds("upstream"), holds);
}

#[test]
fn a_remote_that_pushes_to_several_addresses_is_refused() {
    let world = World::new();
    for address in ["../origin.git", "../other.git"] {
        world.git(&["remote", "set-url", "--add", "--push", "origin", address]);
    }
    assert!(world.refuses(&world.request()).to_string().contains("several addresses"));
}

#[test]
fn a_missing_remote_is_answered_with_those_there_are() {
    let world = World::new();
    let request = cutover_patchstack::publish::Request { remote: "orgin".to_owned(), ..world.request() };
    let error = world.refuses(&request);
    assert!(error.to_string().contains("it has: origin (../origin.git), upstream (../upstream.git)"), "{error}");
}

#[test]
fn without_a_complete_ledger_of_this_branch_nothing_is_published() {
    let world = World::new();
    let mut ledger = world.ledger();
    ledger.branch = "mitx/lilac".to_owned();
    ledger.write(&world.open()).expect("written");
    assert!(world.refuses(&world.request()).to_string().contains("verified as mitx/lilac"));
    ledger.branch = KOA.to_owned();
    ledger.entries[0].account = Account::Unexplained { what: "gone".to_owned(), now: None, interdiff: String::new() };
    ledger.write(&world.open()).expect("written");
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("\"our patch\" by Alice"), "{error}");
    world.git(&["update-ref", "-d", NOTES]);
    assert!(world.refuses(&world.request()).to_string().contains("has no ledger"));
}

#[test]
fn the_command_that_verifies_a_branch_names_stacks_that_exist() {
    let world = World::new();
    let hint = |world: &World| {
        world.git(&["update-ref", "-d", NOTES]);
        world.refuses(&world.request()).hint()
    };
    assert!(hint(&world).contains("--old origin/mitx/koa --new"), "{}", hint(&world));
    world.git(&["update-ref", "-d", "refs/remotes/origin/mitx/koa"]);
    world.git(&["update-ref", "refs/heads/mitx/juniper", world.old.as_str()]);
    world.git(&["update-ref", "refs/heads/mitx/lilac", world.old.as_str()]);
    assert!(hint(&world).contains("--old mitx/juniper --backwards --new"), "the release before: {}", hint(&world));
    world.git(&["update-ref", "-d", "refs/heads/mitx/juniper"]);
    let alone = format!("--old {0} --new {0}", world.new.short());
    assert!(hint(&world).contains(&alone), "{}", hint(&world));
}

#[test]
fn a_remote_that_does_not_answer_is_named_without_its_password() {
    let world = World::new();
    world.git(&["remote", "set-url", "origin", "http://bob:s3cret@127.0.0.1:9/origin.git"]);
    let error = world.publish(&world.request()).expect_err("nobody answers");
    let all = format!("{error}; {:?}", std::error::Error::source(&error));
    assert!(!all.contains("s3cret"), "{all}");
    assert!(all.contains("127.0.0.1"), "{all}");
}

#[test]
fn a_mirror_clone_does_not_force_everything_onto_its_remote() {
    let world = World::new();
    world.git(&["config", "remote.origin.mirror", "true"]);
    world.publish(&world.request()).expect("it is published");
    let names: Vec<ObjectId> = world.held("origin", "refs/heads/koa-here").into_iter().collect();
    assert_eq!(names, [], "only what publish is named for");
}

#[test]
fn a_remote_that_is_read_from_elsewhere_than_it_is_pushed_to_is_refused() {
    let world = World::new();
    world.git_in(world.folder(), &["init", "--quiet", "--bare", "other.git"]);
    world.git(&["remote", "set-url", "--push", "origin", "../other.git"]);
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains("fetched from ../origin.git, but pushed to ../other.git"), "{error}");
    assert!(error.hint().contains("pushInsteadOf"), "{}", error.hint());
    assert_eq!(world.git_in(&world.folder().join("other.git"), &["for-each-ref"]), "", "not even a backup");
}

#[test]
fn a_remote_that_is_pushed_to_by_another_way_is_the_same_if_it_has_the_same_branches_and_one_of_ours() {
    let world = World::new();
    let link = world.folder().join("by-another-way.git");
    world.git_in(world.folder(), &["init", "--quiet", "--bare", "by-another-way.git"]);
    world.git(&["remote", "set-url", "--push", "origin", "../by-another-way.git"]);
    assert!(world.refuses(&world.request()).to_string().contains("different repositories"));
    // The same repository at another path: what is pushed there can be read back from the first.
    std::fs::remove_dir_all(&link).expect("removed");
    std::fs::write(&link, format!("gitdir: {}\n", world.remote("origin").display())).expect("written");
    let done = world.publish(&world.request()).expect("it is published");
    let addresses = done.addresses.expect("two addresses");
    assert_eq!(
        (addresses.fetched_from.as_str(), addresses.pushed_to.as_str()),
        ("../origin.git", "../by-another-way.git")
    );
    assert_eq!(world.held("origin", "refs/heads/mitx/koa").as_ref(), Some(&world.new));
}

#[test]
fn a_new_fork_of_upstream_is_not_taken_for_our_remote_although_its_branches_are_the_same() {
    let world = World::new();
    let fork = world.folder().join("fork.git");
    world.git_in(world.folder(), &["clone", "--quiet", "--mirror", "upstream.git", "fork.git"]);
    world.git_in(world.folder(), &["clone", "--quiet", "--mirror", "upstream.git", "same.git"]);
    world.git(&["remote", "set-url", "origin", "../fork.git"]);
    world.git(&["remote", "set-url", "--push", "origin", "../same.git"]);
    assert!(world.refuses(&world.request()).to_string().contains("none of ours"));
    assert!(!world.git_in(&fork, &["for-each-ref"]).contains("mitx"));
}

#[test]
fn patches_below_a_base_that_somebody_named_are_not_lost_unseen() {
    let world = World::new();
    world.git(&["checkout", "--quiet", world.old.as_str()]);
    let second = world.commit("our second", "ours", "2");
    world.git(&["push", "--quiet", "origin", "HEAD:refs/heads/mitx/koa"]);
    let mut ledger = world.ledger();
    // The stack was said to begin at its second patch.
    (ledger.old.head, ledger.old.base) = (second, world.old.clone());
    ledger.write(&world.open()).expect("written");
    let error = world.refuses(&world.request());
    assert!(error.to_string().contains(&format!("nor in the ledger: {}", world.old.short())), "{error}");
    assert!(error.hint().contains("--explain") && !error.hint().contains("--backwards"), "{}", error.hint());
    ledger.left_behind = vec![Named { commit: world.old.clone(), subject: "A commit of upstream's".to_owned() }];
    ledger.write(&world.open()).expect("written");
    assert!(world.refuses(&world.request()).hint().contains(" --backwards`"));
}

#[test]
fn ledgers_of_colleagues_outlive_another_cutover_that_writes_in_the_same_moment() {
    let mut world = World::new();
    let origin = world.remote("origin");
    let ours = world.git(&["rev-parse", NOTES]);
    world.git_in(&origin, &["notes", "--ref=cutover", "add", "-m", "a colleague's", world.old.as_str()]);
    // Once, what was merged is put away right after the signature is written.
    let once = world.folder().join("once");
    let git = world.git(&["--exec-path"]);
    world.program(
        "git",
        &format!(
            "{git}/git \"$@\"; status=$?\ncase \" $* \" in *' notes '*' add '*) [ -e {once} ] || {{ touch {once}; {git}/git \
             update-ref {NOTES} {ours}; }};; esac; exit $status",
            once = once.display(),
        ),
    );
    world.publish(&world.request()).expect("it is published");
    assert!(once.exists());
    let note = world.git_in(&origin, &["notes", "--ref=cutover", "show", world.old.as_str()]);
    assert_eq!(note, "a colleague's");
    assert!(published_ledger(&world).published.is_some());
}

#[test]
fn a_colleague_may_publish_the_same_head_at_the_same_time() {
    let world = World::new();
    // Bob's push comes through in that of the backup, which is the first.
    world.git(&["push", "--quiet", "origin", &format!("{}:refs/heads/bobs", world.new)]);
    world.hook(
        "origin",
        "post-receive",
        &format!("[ -e hooks/once ] || {{ : > hooks/once; git update-ref {BRANCH} {}; }}", world.new),
    );
    assert_eq!(world.publish(&world.request()).expect("it is published").is, world.new);
    assert!(published_ledger(&world).published.is_some());
}
