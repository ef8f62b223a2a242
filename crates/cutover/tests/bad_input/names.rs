//! Remotes and refs that are not there, and names that could be taken for options or for several names.

use super::fork::{Fork, ONTO};

#[test]
fn a_missing_remote_is_named_with_those_that_are_there() {
    let fork = Fork::new();
    fork.untouched(|| {
        fork.run(&["status", "--upstream", "nope"]).refused(&["no remote named nope", "origin, upstream"]);
        fork.run(&["create", "lilac", "--origin", "nope"]).refused(&["no remote named nope", "git remote add nope"]);
        for words in [
            &["mirror", "--upstream", "nope"][..],
            &["mirror", "--origin", "nope"],
            &["publish", "--branch", "mitx/koa", "--origin", "nope"],
            &["forecast", "--branch", "mitx/koa", "--upstream", "nope"],
        ] {
            fork.run(words).refused(&["no remote \"nope\"", "upstream.git)", "git remote add"]);
        }
    });
}

#[test]
fn a_missing_ref_is_named_and_only_a_remote_is_said_to_bring_it() {
    let fork = Fork::new();
    fork.untouched(|| {
        let onto = ["--branch", "mitx/koa", "--onto", "upstream/open-release/koa.rc9"];
        for command in ["forecast", "rebase"] {
            let words: Vec<&str> = [command].into_iter().chain(onto).collect();
            fork.run(&words)
                .refused(&["no branch, tag or commit \"upstream/open-release/koa.rc9\"", "`git fetch upstream`"]);
        }
        for command in ["patches", "forecast", "rebase", "verify", "publish"] {
            let words = [command, "--branch", "mitx/lilac", "--onto", "upstream/open-release/koa.rc2"];
            let words = if matches!(command, "forecast" | "rebase") { &words[..] } else { &words[..3] };
            let error = fork.run(words).refused(&["mitx/lilac"]);
            assert!(!error.contains("git fetch mitx"), "{error}");
        }
    });
}

#[test]
fn names_that_look_like_options_or_like_several_are_refused_everywhere() {
    let fork = Fork::new();
    fork.untouched(|| {
        for name in ["--upload-pack=x", "-x", "a\nb", "a..b", "mitx/koa..master", "mitx/k*", "HEAD^{tree}", "", " "] {
            let branch = format!("--branch={name}");
            for command in ["patches", "forecast", "rebase", "verify", "publish"] {
                fork.run(&[command, &branch]).refused(&[]);
            }
            fork.run(&["forecast", "--branch=mitx/koa", &format!("--onto={name}")]).refused(&[]);
            fork.run(&["rebase", "--branch=mitx/koa", &format!("--onto={name}")]).refused(&[]);
            fork.run(&["forecast", ONTO[0], ONTO[1], ONTO[2], ONTO[3], &format!("--base={name}")]).refused(&[]);
            fork.run(&["verify", "--branch=mitx/koa", "--old=mitx/koa", &format!("--new={name}")]).refused(&[]);
            fork.run(&["publish", "--branch=mitx/koa", &format!("--head={name}")]).refused(&[]);
            fork.run(&["create", "lilac", &format!("--from={name}")]).refused(&[]);
            fork.run(&["create", "--", name]).refused(&["not a code name"]);
            let into = format!("--as={name}");
            if !name.is_empty() && name != "HEAD^{tree}" {
                fork.run(&["rebase", ONTO[0], ONTO[1], ONTO[2], ONTO[3], &into]).refused(&["not a valid branch name"]);
            }
        }
    });
    assert_eq!(fork.git(&["for-each-ref", "refs/cutover"]), "");
}

#[test]
fn patterns_and_remotes_that_look_like_options_copy_nothing() {
    let fork = Fork::new();
    let before = fork.held("origin");
    fork.untouched(|| {
        for pattern in ["--all", "-x", "a..b", "\n", "[", ""] {
            fork.run(&["mirror", "--", pattern]).refused(&["there is no release", "koa.rc1", "'open-release/koa.*'"]);
        }
        for remote in ["--upload-pack=x", "-x", "a b", "a\nb", ""] {
            let (origin, upstream) = (format!("--origin={remote}"), format!("--upstream={remote}"));
            for flag in [&origin, &upstream] {
                fork.run(&["mirror", flag]).refused(&["cannot be the name of a remote"]);
                fork.run(&["status", flag]).refused(&["cannot be the name of a remote"]);
                fork.run(&["publish", "--branch=mitx/koa", flag]).refused(&["cannot be the name of a remote"]);
            }
        }
        fork.run(&["status", "--ours", "mitx"]).refused(&["must contain {codename}"]);
        fork.run(&["status", "--theirs", "mitx/{codename}\n"]).refused(&["a newline"]);
    });
    assert_eq!(fork.held("origin"), before);
}

#[test]
fn a_branch_may_be_named_in_full() {
    let fork = Fork::new();
    let words = [&["rebase"][..], &ONTO, &["--as", "refs/heads/mitx/next"]].concat();
    assert!(fork.run(&words).ended(10).contains("--branch mitx/next --continue"));
    fork.run(&["rebase", "--branch", "refs/heads/mitx/next", "--abort"]).ended(0);
    assert!(fork.run(&["verify", "--branch", "refs/heads/mitx/koa"]).refused(&[]).contains(" mitx/koa"));
}
