//! Conflicts in many files, which are not named one by one in the command that stages them.

use super::fork::{Fork, path};

const FILES: [&str; 5] = ["a.py", "b.py", "c.py", "d e.py", "e.py"];

fn commit(fork: &Fork, subject: &str, content: &str) {
    FILES.iter().for_each(|name| std::fs::write(fork.clone().join(name), content).expect("written"));
    fork.git(&["add", "--all"]);
    fork.git(&["commit", "--quiet", "--message", subject]);
}

#[test]
fn the_printed_command_stages_the_files_of_the_conflict_and_nothing_else() {
    let fork = Fork::new();
    fork.git(&["switch", "--quiet", "--create", "mitx/lilac", "upstream/open-release/koa.rc1"]);
    commit(&fork, "Ours", "ours\n");
    fork.git(&["switch", "--quiet", "--detach", "upstream/open-release/koa.rc2"]);
    commit(&fork, "Theirs", "theirs\n");
    let theirs = fork.git(&["rev-parse", "HEAD"]);
    fork.git(&["push", "--quiet", "upstream", "HEAD:refs/heads/open-release/koa.rc3"]);
    fork.git(&["fetch", "--quiet", "upstream"]);
    let stopped = fork.run(&["rebase", "--branch", "mitx/lilac", "--onto", &theirs]).ended(10);
    let folder = fork.at("edx-platform.mitx-lilac.rebase");
    std::fs::write(folder.join("settings.py"), "of another patch\n").expect("written");
    FILES.iter().for_each(|name| std::fs::write(folder.join(name), "both\n").expect("written"));
    let lines: Vec<&str> = stopped.lines().filter(|line| line.trim_start().starts_with("git -C")).collect();
    let typed = lines.join("\n");
    let done = fork.command("sh", path()).args(["-c", &typed]).current_dir(fork.clone()).output().expect("sh starts");
    assert!(done.status.success(), "{typed}: {done:?}");
    let staged = fork.git_in(&folder, &["diff", "--cached", "--name-only"]);
    assert_eq!(staged.lines().collect::<Vec<&str>>(), FILES, "{typed}");
    assert_eq!(fork.git_in(&folder, &["ls-files", "--unmerged"]), "");
}
