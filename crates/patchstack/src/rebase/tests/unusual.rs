//! Conflicts that `git add` alone cannot resolve. The commands are those that `branch rebase` prints.

use super::story::Story;
use crate::rebase::Stop;
use crate::testing::Sandbox;

/// A story whose sides begin from `base`; `ours` and `upstream` stage what each of them changes.
fn story(base: &dyn Fn(&Sandbox), ours: &dyn Fn(&Sandbox), upstream: &dyn Fn(&Sandbox)) -> Story {
    let sandbox = Sandbox::new();
    base(&sandbox);
    sandbox.git(&["commit", "--quiet", "--allow-empty", "--message=base"]);
    sandbox.git(&["tag", "old"]);
    for (branch, change) in [("mitx/koa", ours), ("up", upstream)] {
        sandbox.git(&["checkout", "--quiet", "-b", branch, "old"]);
        change(&sandbox);
        sandbox.git(&["commit", "--quiet", "--message", branch]);
    }
    sandbox.git(&["checkout", "--quiet", "--detach", "old"]);
    Story { sandbox }
}

fn stop(story: &Story) -> Stop {
    story.begin().stop.expect("it stops")
}

/// Stages the submodule at a commit with these digits.
fn submodule(digit: &'static str) -> impl Fn(&Sandbox) {
    move |sandbox| {
        let entry = format!("160000,{},themes/mitx", digit.repeat(40));
        sandbox.git(&["update-index", "--add", "--cacheinfo", &entry]);
    }
}

#[test]
fn a_submodule_that_moved_on_both_sides_is_resolved_in_the_index() {
    let story = story(&submodule("1"), &submodule("2"), &submodule("3"));
    let stop = stop(&story);
    let submodule = &stop.submodules[0];
    assert_eq!(submodule.path.to_string(), "themes/mitx");
    let (there, patch) = (submodule.there.as_ref().expect("there"), submodule.patch.as_ref().expect("wanted"));
    assert_eq!((there.as_str(), patch.as_str()), ("3".repeat(40).as_str(), "2".repeat(40).as_str()));
    let add = story.sandbox.try_git_in(&story.folder(), &["add", "--", "themes/mitx"]);
    assert!(!add.status.success(), "git add can do it now: the instructions can be simpler");
    story.in_folder(&["update-index", "--cacheinfo", &format!("160000,{patch},themes/mitx")]);
    let done = story.proceed().expect("it goes on");
    let tree = story.sandbox.git(&["ls-tree", done.head.as_str(), "themes/mitx"]);
    assert!(tree.contains(patch.as_str()), "{tree}");
}

#[test]
fn a_submodule_that_one_side_removed_is_resolved_either_way() {
    let remove = |sandbox: &Sandbox| {
        sandbox.git(&["update-index", "--force-remove", "themes/mitx"]);
    };
    for keep in [true, false] {
        let story = story(&submodule("1"), &submodule("2"), &remove);
        let stop = stop(&story);
        assert_eq!(stop.submodules[0].there, None);
        let patch = stop.submodules[0].patch.clone().expect("wanted");
        if keep {
            story.in_folder(&["update-index", "--cacheinfo", &format!("160000,{patch},themes/mitx")]);
            assert!(story.proceed().expect("it goes on").stop.is_none());
        } else {
            story.in_folder(&["update-index", "--force-remove", "--", "themes/mitx"]);
            let refused = super::story::words(story.proceed());
            assert!(refused.contains("leaves nothing of"), "{refused}");
        }
    }
}

#[test]
fn a_link_in_the_way_of_a_folder_is_named_as_it_is_called_in_the_conflict() {
    let link = |sandbox: &Sandbox| {
        std::os::unix::fs::symlink("elsewhere", sandbox.repository().join("static")).expect("a link");
        sandbox.git(&["add", "static"]);
    };
    let folder = |sandbox: &Sandbox| {
        let _ = std::fs::remove_file(sandbox.repository().join("static"));
        std::fs::create_dir(sandbox.repository().join("static")).expect("a folder");
        std::fs::write(sandbox.repository().join("static/logo"), "logo\n").expect("written");
        sandbox.git(&["add", "static"]);
    };
    let none = |_: &Sandbox| {};
    let story = story(&none, &folder, &link);
    let stop = stop(&story);
    assert_eq!(stop.files.iter().map(ToString::to_string).collect::<Vec<_>>(), ["static~HEAD"]);
    assert!(std::fs::symlink_metadata(story.folder().join("static~HEAD")).expect("it is there").is_symlink());
    assert!(stop.messages[0].contains("moving it to static~HEAD instead"), "{:?}", stop.messages);
    story.in_folder(&["rm", "--quiet", "--", "static~HEAD"]);
    let done = story.proceed().expect("it goes on");
    assert_eq!(story.sandbox.git(&["ls-tree", "-r", "--name-only", done.head.as_str()]), "static/logo");
}
