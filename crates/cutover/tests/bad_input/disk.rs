//! A full disk: in the scratch repository, in the operator's, and on the remote. A limit on the size of files stands
//! for it; git fails in the same calls. Nothing is half published, and with room again the same command succeeds.

use super::fork::{Fork, ONTO, write_script};

const FULL: [&str; 2] = ["File too large", "Make room"];

#[test]
fn a_full_scratch_folder_ends_a_forecast() {
    let fork = Fork::new();
    for word in ["merge-tree", "hash-object"] {
        fork.fill_disk_for(word);
        fork.untouched(|| fork.run(&[&["forecast"][..], &ONTO].concat()).failed(&FULL));
    }
    fork.unwrap_git();
    fork.run(&[&["forecast"][..], &ONTO].concat()).ended(10);
}

#[test]
fn a_git_that_the_system_kills_is_an_error_too() {
    let fork = Fork::new();
    fork.wrap_git("case \" $* \" in *' merge-tree '*) ulimit -f 0;; esac");
    fork.untouched(|| fork.run(&[&["forecast"][..], &ONTO].concat()).failed(&["git could not merge", "signal: 25"]));
}

#[test]
fn a_full_disk_stops_a_rebase_and_the_same_command_continues_later() {
    let fork = Fork::new();
    let rebase = [&["rebase"][..], &ONTO].concat();
    for word in ["fetch", "worktree", "cherry-pick"] {
        fork.fill_disk_for(word);
        fork.untouched(|| fork.run(&rebase).failed(&FULL));
        if word == "fetch" {
            assert_eq!(fork.git(&["for-each-ref", "refs/cutover"]), "", "the ref moves last");
        }
    }
    fork.unwrap_git();
    fork.run(&rebase).ended(10);
    let marked = std::fs::read_to_string(fork.at("edx-platform.mitx-koa.rebase/settings.py")).expect("a file");
    assert!(marked.contains("<<<<<<<"), "{marked}");
}

#[test]
fn a_ledger_that_does_not_fit_on_the_disk_is_not_written() {
    let fork = Fork::verified();
    fork.git(&["update-ref", "-d", "refs/notes/cutover"]);
    fork.fill_disk_for("notes");
    fork.untouched(|| fork.run(&["verify", "--branch", "mitx/koa"]).failed(&FULL));
    fork.run(&["publish", "--branch", "mitx/koa"]).refused(&["has no ledger"]);
    fork.unwrap_git();
    fork.run(&["verify", "--branch", "mitx/koa"]).ended(0);
}

#[test]
fn a_remote_without_room_has_all_of_a_publication_or_nothing() {
    for (blocks, is_saved) in [(0, false), (1, true)] {
        let fork = Fork::verified();
        let held = fork.held("origin");
        let pack = fork.at("receive-pack");
        write_script(&pack, &format!("#!/bin/sh\ntrap '' XFSZ\nulimit -f {blocks}\nexec git-receive-pack \"$@\"\n"));
        fork.git(&["config", "remote.origin.receivepack", &pack.display().to_string()]);
        fork.untouched(|| {
            fork.run(&["publish", "--branch", "mitx/koa"]).refused(&["orrect what origin complains about"])
        });
        let now = fork.held("origin");
        let others: Vec<&str> = now.lines().filter(|line| !line.contains("/backup/")).collect();
        assert_eq!(others.join("\n"), held, "the branch and the ledger are as they were");
        assert_eq!(now.contains("/backup/"), is_saved, "{now}");
        fork.git(&["config", "--unset", "remote.origin.receivepack"]);
        fork.run(&["publish", "--branch", "mitx/koa"]).ended(0);
    }
}
