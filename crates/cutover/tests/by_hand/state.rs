//! What can happen to the state: files of other programs in it, records that are damaged or lost, and a folder that is
//! removed while a conductor is at work. Also what the command line must not accept as a plan's hash.

use serde_json::{Value, json};

use super::deployment::{Deployment, said, send, until, wait_for, walk};

#[test]
fn files_of_other_programs_in_the_state_are_ignored_with_a_warning() {
    let deployment = Deployment::new("strangers");
    deployment.succeeds(&["announce"]);
    for name in ["journal/.DS_Store", "journal/notes.txt", "lease/zz", "decisions/.DS_Store", "plans/.DS_Store"] {
        let path = deployment.state().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, "theirs").expect("written");
    }
    let status = deployment.run(&["status"]);
    let words = said(&status);
    assert!(status.status.success(), "{words}");
    assert!(words.contains("warning: journal/.DS_Store in ") && words.contains("is ignored"), "{words}");
    deployment.see_through(deployment.start("prepare"));
    // Its gates are approved through the inbox.
    deployment.see_through(deployment.start("window"));
}

#[test]
fn a_conductor_whose_state_folder_is_removed_stops_and_does_not_create_it_again() {
    let deployment = Deployment::prepared("removed");
    let mut window = deployment.start("window");
    wait_for(&deployment, "window.page.");
    // Moved away first, because removing a folder file by file while the conductor writes to it is a race.
    let removed = deployment.state_root().with_extension("removed");
    std::fs::rename(deployment.state_root(), &removed).expect("it can be moved away");
    std::fs::remove_dir_all(removed).expect("it can be removed");
    let status = window.wait().expect("it ends");
    assert_eq!(status.code(), Some(1), "{}", deployment.log());
    let log = deployment.log();
    assert!(log.contains("is gone from") && log.contains("restore it from a backup"), "{log}");
    // A write that is under way at that moment may make the folder again. What it has written there is removed.
    let left = if deployment.state_root().exists() { walk(&deployment.state_root()) } else { Vec::new() };
    assert!(left.is_empty(), "and it is not created again: {left:?}");
}

#[test]
fn a_status_without_the_journal_of_an_upgrade_that_has_begun_says_so_and_offers_no_command() {
    let deployment = Deployment::prepared("without-journal");
    let aside = deployment.state().with_extension("aside");
    std::fs::rename(deployment.state(), &aside).expect("it can be moved away");
    let shown = deployment.run(&["status"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.status.code(), Some(1), "as for other states that cannot be read: {text}");
    assert!(text.contains("HAS BEGUN") && text.contains("\n\nTHE JOURNAL IS MISSING"), "{text}");
    assert!(!text.contains("has not started") && !text.contains("Type:"), "{text}");
    let json = deployment.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(status["next_command"].is_null() && status["journal_missing_since"].is_u64(), "{status}");
    // It would begin the upgrade anew.
    let refused = deployment.run(&["announce"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(4), "{words}");
    assert!(words.contains("its journal is not in this state") && words.contains("restore the journal"), "{words}");
    // Whether it has begun is not known if the fence cannot be read.
    let fault = |nth: u32| json!({"fault": "call", "call": "fence", "nth": nth, "kind": "permanent"});
    deployment.change_world(|world| world["faults"] = (1..=9).map(fault).collect());
    let unseen = deployment.run(&["announce"]);
    assert_eq!(unseen.status.code(), Some(1), "{}", said(&unseen));
    assert!(!deployment.state().join("journal").exists(), "nothing is begun");
    deployment.change_world(|world| world["faults"] = json!([]));
    std::fs::rename(aside, deployment.state()).expect("it can be restored");
    let text = deployment.succeeds(&["status"]);
    assert!(text.contains("waits until `window` is run") && !text.contains("MISSING"), "{text}");
}

#[test]
fn a_status_of_a_damaged_state_says_so_first_and_offers_no_command() {
    for (what, spoil) in [
        ("journal/00000005.json", (|path| std::fs::write(path, "{").expect("written")) as fn(&std::path::Path)),
        ("journal/00000005.json", |path| std::fs::remove_file(path).expect("removed")),
        ("ends at record", |path| {
            // All records from the fifth on.
            for record in std::fs::read_dir(path.parent().expect("a folder")).expect("a folder").flatten() {
                if record.file_name().to_string_lossy().as_ref() >= "00000005.json" {
                    std::fs::remove_file(record.path()).expect("removed");
                }
            }
        }),
    ] {
        let deployment = Deployment::new("damaged");
        deployment.succeeds(&["announce"]);
        spoil(&deployment.state().join("journal/00000005.json"));
        let status = deployment.run(&["status"]);
        let (out, err) = (String::from_utf8_lossy(&status.stdout), String::from_utf8_lossy(&status.stderr));
        assert_eq!(status.status.code(), Some(1), "{out}\n{err}");
        assert!(out.starts_with("THE STATE CANNOT BE READ COMPLETELY"), "{out}");
        let flat = out.replace("\n ", "");
        assert!(flat.contains(what) || out.contains(what) || out.contains("record 5"), "{what}: {out}");
        assert!(!out.contains("Type:") && !out.contains("has not started"), "{out}");
        let json = deployment.run(&["status", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
        assert!(json["damage"].is_string() && json["next_command"].is_null(), "{json}");
        assert_ne!(deployment.run(&["prepare"]).status.code(), Some(0), "and nothing goes on");
    }
}

#[test]
fn a_status_of_a_conductor_that_ended_without_a_reason_says_if_the_state_cannot_be_written() {
    let deployment = Deployment::new("full");
    deployment.succeeds(&["announce"]);
    let mut prepare = deployment.start("prepare");
    wait_for(&deployment, "prepare.");
    prepare.kill().and_then(|()| prepare.wait()).expect("it is gone");
    let status = said_by_status(&deployment);
    assert!(status.contains("It stopped without a record of the reason") && !status.contains("CANNOT"), "{status}");
    assert!(!deployment.state().join("probe.json").exists(), "nothing is left behind");
    // As on a full disk: nothing can be written over a folder.
    std::fs::create_dir_all(deployment.state().join("probe.json/in-the-way")).expect("a folder");
    let status = said_by_status(&deployment);
    assert!(status.contains("THE STATE CANNOT BE WRITTEN") && status.contains("probe.json could not be"), "{status}");
    assert!(deployment.status()["unwritable"].as_str().is_some_and(|why| why.contains("probe.json")));
}

/// The status on one line.
fn said_by_status(deployment: &Deployment) -> String {
    deployment.succeeds(&["status"]).split_whitespace().collect::<Vec<&str>>().join(" ")
}

#[test]
fn a_lease_that_cannot_be_read_hides_nothing_else() {
    let deployment = Deployment::new("unreadable");
    deployment.succeeds(&["announce"]);
    let leases = deployment.state().join("lease");
    std::fs::rename(&leases, deployment.state().join("aside")).expect("moved");
    std::os::unix::fs::symlink(&leases, &leases).expect("a link that leads nowhere");
    let status = deployment.run(&["status"]);
    let out = String::from_utf8_lossy(&status.stdout);
    assert_eq!(status.status.code(), Some(1), "{out}");
    assert!(out.starts_with("THE STATE CANNOT BE READ COMPLETELY"), "{out}");
}

#[test]
fn a_state_that_does_not_answer_is_reported_and_keeps_nobody() {
    let deployment = Deployment::new("silent");
    deployment.succeeds(&["announce", "--pace", "1000"]);
    // A pace at which launching a host takes minutes.
    let mut prepare = deployment.spawn(deployment.command(&["prepare", "--pace", "1"]));
    until(|| deployment.events().iter().any(|event| event["step"].to_string().contains("prepare.")));
    // Whoever opens the lease waits for ever, as on a folder of a machine that is gone.
    let lease = deployment.state().join("lease/00000002.json");
    std::fs::remove_file(&lease).expect("it is there");
    assert!(std::process::Command::new("mkfifo").arg(&lease).status().expect("it starts").success());
    let status = deployment.run(&["status"]);
    let words = said(&status);
    assert_eq!(status.status.code(), Some(1), "{words}");
    assert!(words.contains("has not answered for 5 s") && words.contains("no answer within 20 s"), "{words}");
    until(|| deployment.log().contains("the lease could not be renewed"));
    let begin = std::time::Instant::now();
    for _ in 0..2 {
        send(&prepare, rustix::process::Signal::INT);
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    until(|| is_over(&prepare));
    assert_eq!(prepare.wait().expect("it ends").code(), Some(7), "{}", deployment.log());
    assert!(begin.elapsed() < std::time::Duration::from_secs(15), "{}", deployment.log());
}

/// Whether a process has ended, although nobody has waited for it yet.
fn is_over(child: &std::process::Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it is there");
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('Z'))
}

#[test]
fn texts_that_are_no_hash_are_refused() {
    let deployment = Deployment::new("hash");
    for hash in ["", " ", "0", "1234567", "not-a-hash", "zzzzzzzz"] {
        for arguments in [&["announce", "--plan", hash][..], &["announce", "--dry-run", "--plan", hash]] {
            let refused = deployment.run(arguments);
            let words = said(&refused);
            assert_eq!(refused.status.code(), Some(2), "{hash:?}: {words}");
            assert!(words.contains("at least 8 characters"), "{words}");
        }
    }
    assert_eq!(deployment.events().len(), 0);
}

#[test]
fn decisions_are_identified_by_the_objects_that_contain_them() {
    let deployment = Deployment::prepared("objects");
    deployment.see_through(deployment.start("window"));
    let decided: Vec<_> = deployment.events().into_iter().filter(|event| event["event"] == "gate-decided").collect();
    assert!(!decided.is_empty());
    let mut objects: Vec<_> = decided.iter().map(|event| event["object"].as_str().expect("an object")).collect();
    objects.sort_unstable();
    objects.dedup();
    assert_eq!(objects.len(), decided.len());
    until(|| objects.iter().all(|object| deployment.state().join(object).exists()));
}

#[test]
fn only_a_step_in_doubt_can_be_accepted_as_done() {
    let deployment = Deployment::new("accept");
    let bare = deployment.run(&["announce", "--accept", "announce.notice"]);
    assert_eq!(bare.status.code(), Some(2), "it needs a reason");
    let refused = deployment.run(&["announce", "--accept", "announce.notice", "--because", "it came"]);
    let words = said(&refused);
    assert_eq!(refused.status.code(), Some(4), "{words}");
    assert!(words.contains("is not a step of `announce` that is in doubt"), "{words}");
    assert_eq!(deployment.events().len(), 0);
}

#[test]
fn a_check_tries_to_write_the_state_and_leaves_nothing_behind() {
    let deployment = Deployment::new("probe");
    let state = |code| {
        let output = deployment.run(&["check", "--json"]);
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        let items: Vec<Value> = serde_json::from_slice(&output.stdout).expect("items");
        items.into_iter().find(|item| item["subject"] == "state").expect("an item about the state")
    };
    let fine = state(0);
    assert_eq!(fine["state"], "ok", "{fine}");
    assert!(!deployment.state().exists(), "the upgrade has no state yet");
    // Nothing can be written over a folder.
    std::fs::create_dir_all(deployment.state().join("probe.json/in-the-way")).expect("a folder");
    let problem = state(9);
    assert_eq!(problem["state"], "problem", "{problem}");
    assert!(problem["seen"].as_str().is_some_and(|seen| seen.contains("could not be written")), "{problem}");
}
