//! What `mirror` promises: copies under upstream's own names, never forced.

use cutover_patchstack::mirror::Outcome;

use super::support::World;

const RC3: &str = "refs/heads/open-release/koa.rc3";

fn outcomes(world: &World, pattern: Option<&str>) -> Vec<(String, Outcome)> {
    let mirrored = world.mirror(pattern).expect("it is mirrored");
    mirrored.into_iter().map(|one| (one.branch, one.outcome)).collect()
}

fn of(branch: &str, outcome: Outcome) -> (String, Outcome) {
    (format!("open-release/{branch}"), outcome)
}

#[test]
fn every_release_is_copied_under_its_own_name_and_the_typo_of_the_runbook_cannot_be_made() {
    let world = World::new();
    let before = world.snapshot();
    // The runbook pushed juniper.rc3 from koa.rc3. Branches here of these names do not matter at all.
    world.git(&["branch", "open-release/juniper.rc3", world.candidates[1].as_str()]);
    world.git(&["branch", "open-release/koa.rc3", world.old.as_str()]);
    assert_eq!(outcomes(&world, None), [of("koa.rc2", Outcome::Created), of("koa.rc3", Outcome::Created)]);
    assert_eq!(world.held("origin", RC3).as_ref(), Some(&world.candidates[1]));
    assert_eq!(world.held("origin", "refs/heads/open-release/juniper.rc3"), None);
    assert_eq!(outcomes(&world, None), [of("koa.rc2", Outcome::Same), of("koa.rc3", Outcome::Same)]);
    world.git(&["branch", "-D", "open-release/juniper.rc3", "open-release/koa.rc3"]);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn what_upstream_has_and_this_clone_has_not_is_fetched_and_copies_move_forward() {
    let world = World::new();
    world.mirror(None).expect("it is mirrored");
    let newer = world.commit_there("upstream", &world.candidates[1], "upstream's fourth");
    world.git_in(&world.remote("upstream"), &["update-ref", RC3, newer.as_str()]);
    let was = world.candidates[1].clone();
    assert_eq!(outcomes(&world, Some("koa.rc3")), [of("koa.rc3", Outcome::Updated { was })]);
    assert_eq!(world.held("origin", RC3), Some(newer));
}

#[test]
fn a_copy_with_commits_of_its_own_is_left_alone() {
    let world = World::new();
    world.git(&["push", "--quiet", "origin", &format!("{}:{RC3}", world.new)]);
    let bobs = world.commit_there("origin", &world.old, "Bob's");
    world.git_in(&world.remote("origin"), &["update-ref", "refs/heads/open-release/koa.rc2", bobs.as_str()]);
    let is = [bobs, world.new.clone()];
    let [first, second] = is.clone().map(|is| Outcome::Diverged { is });
    assert_eq!(outcomes(&world, None), [of("koa.rc2", first), of("koa.rc3", second)]);
    assert_eq!(world.held("origin", RC3).as_ref(), Some(&is[1]));
}

#[test]
fn one_branch_that_the_remote_refuses_does_not_hold_up_the_others() {
    let world = World::new();
    world.hook("origin", "update", "case $1 in *rc2) echo 'frozen' >&2; exit 1;; esac");
    let outcomes = outcomes(&world, Some("open-release/*"));
    assert!(
        matches!(&outcomes[0].1, Outcome::Refused { because } if because.contains("hook declined; it says: frozen")),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1].1, Outcome::Created);
}

#[test]
fn candidates_come_in_the_order_of_releases_and_only_releases_come() {
    let world = World::new();
    let upstream = world.remote("upstream");
    for name in ["open-release/koa.rc10", "open-release/koa.master", "open-release/juniper.master", "master", "bob/fix"]
    {
        world.git_in(&upstream, &["update-ref", &format!("refs/heads/{name}"), world.candidates[0].as_str()]);
    }
    let names: Vec<String> = outcomes(&world, None).into_iter().map(|(name, _)| name).collect();
    let order = ["juniper.master", "koa.rc2", "koa.rc3", "koa.rc10", "koa.master"];
    assert_eq!(names, order.map(|name| format!("open-release/{name}")));
    assert_eq!(world.held("origin", "refs/heads/master"), None);
}

#[test]
fn a_pattern_that_fits_nothing_is_answered_with_what_there_is() {
    let world = World::new();
    let error = world.mirror(Some("lilac.*")).expect_err("there is none");
    assert!(error.to_string().contains("it has: open-release/koa.rc2, open-release/koa.rc3"), "{error}");
    assert_eq!(world.holds("origin").len(), 1);
}

#[test]
fn two_names_of_one_place_are_not_mirrored() {
    let world = World::new();
    world.git(&["remote", "set-url", "origin", world.remote("upstream").to_str().expect("a path")]);
    let error = world.mirror(None).expect_err("both have the same address");
    assert!(error.to_string().contains("the same address"), "{error}");
}

#[test]
fn a_copy_that_moves_while_it_is_mirrored_is_not_overwritten() {
    let mut world = World::new();
    world.mirror(None).expect("it is mirrored");
    let newer = world.commit_there("upstream", &world.candidates[1], "upstream's fourth");
    world.git_in(&world.remote("upstream"), &["update-ref", RC3, newer.as_str()]);
    let bobs = world.commit_there("origin", &world.candidates[1], "Bob's");
    // Upstream is asked first, and fetched from after origin was asked: that is when Bob pushes.
    let (count, origin) = (world.folder().join("count"), world.remote("origin"));
    let (count, origin) = (count.display(), origin.display());
    world.program(
        "pack",
        &format!(
            "echo >> {count}\n[ $(wc -l < {count}) -eq 2 ] && git -C {origin} update-ref {RC3} {bobs}\n\
             exec git-upload-pack \"$@\""
        ),
    );
    world.git(&["config", "remote.upstream.uploadpack", "pack"]);
    let outcomes = outcomes(&world, Some("koa.rc3"));
    assert!(matches!(&outcomes[0].1, Outcome::Refused { because } if because.contains("moved")), "{outcomes:?}");
    assert_eq!(world.held("origin", RC3), Some(bobs));
}
