//! Patches that go on to the next release: what upstream made for the old one since is counted, and left behind on request.

use super::fork::Fork;

#[test]
fn commits_of_the_release_that_is_left_are_counted_and_the_printed_command_leaves_them_behind() {
    let fork = Fork::new();
    fork.git(&["switch", "--quiet", "mitx/koa"]);
    fork.git(&["reset", "--quiet", "--hard", "upstream/open-release/koa.rc2"]);
    for number in 1..=3 {
        fork.commit(&format!("Fix {number} of koa"), "fixes.txt", &number.to_string());
    }
    fork.git(&["push", "--quiet", "upstream", "HEAD:open-release/koa.rc3"]);
    fork.commit("Name the cookie", "cookie.py", "NAME = 'mitx'\n");
    fork.git(&["switch", "--quiet", "master"]);
    fork.commit("Begin lilac", "lilac.txt", "lilac\n");
    fork.git(&["push", "--quiet", "upstream", "HEAD:open-release/lilac.master"]);
    fork.git(&["push", "--quiet", "--force", "origin", "mitx/koa"]);
    fork.git(&["fetch", "--quiet", "--all"]);
    let onto = ["--branch", "mitx/koa", "--onto", "upstream/open-release/lilac.master"];
    let forecast = fork.run(&[&["forecast"][..], &onto].concat()).ended(10);
    let words = forecast.split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(words.contains("LEAVES koa: upstream/open-release/lilac.master lacks 3 commits"), "{forecast}");
    assert!(forecast.ends_with("--as mitx/lilac --backwards\n"), "{forecast}");
    let rebase = [&["rebase"][..], &onto, &["--as", "mitx/lilac"]].concat();
    fork.run(&rebase).refused(&["lacks 3 commits that upstream made for koa", "none of them is yours", "--backwards"]);
    let done = fork.run(&[&rebase[..], &["--backwards"]].concat()).ended(0);
    assert!(done.contains("LEAVES koa: "), "{done}");
    fork.run(&["verify", "--branch", "mitx/lilac"]).ended(0);
}
