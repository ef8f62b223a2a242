//! `cutover branch` as an operator runs it: the real program on a real clone, with bare repositories as upstream and
//! origin. What each patch comes to is the library's business and tested there.
#![expect(clippy::disallowed_methods, reason = "these tests start git and the real program")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A clone of a fork in a folder of its own. Upstream has koa.rc1 and koa.rc2; `mitx/koa` has three patches on koa.rc1,
/// of which the second conflicts with koa.rc2 and the third needs the second.
struct Fork {
    folder: tempfile::TempDir,
}

impl Fork {
    fn new() -> Self {
        let fork = Self { folder: tempfile::tempdir().expect("a folder") };
        for remote in ["upstream", "origin"] {
            fork.git_in(fork.folder.path(), &["init", "--quiet", "--bare", &format!("{remote}.git")]);
        }
        fork.git_in(fork.folder.path(), &["init", "--quiet", "--initial-branch=master", "edx-platform"]);
        for remote in ["upstream", "origin"] {
            let address = fork.folder.path().join(format!("{remote}.git")).display().to_string();
            fork.git(&["remote", "add", remote, &address]);
        }
        fork.commit("Begin", &[("urls.py", "a\nb\nc\n"), ("settings.py", "DEBUG = False\nCDN = ''\n")]);
        fork.git(&["push", "--quiet", "upstream", "master:open-release/koa.rc1"]);
        fork.git(&["switch", "--quiet", "--create", "mitx/koa"]);
        fork.commit("Name the cookie", &[("cookie.py", "NAME = 'mitx'\n")]);
        fork.commit("Serve assets from the CDN", &[("settings.py", "DEBUG = False\nCDN = 'cdn.mit.edu'\n")]);
        fork.commit("Purge the CDN", &[("settings.py", "DEBUG = False\nCDN = 'cdn.mit.edu'\nPURGE = CDN\n")]);
        fork.git(&["push", "--quiet", "origin", "mitx/koa"]);
        fork.git(&["switch", "--quiet", "master"]);
        fork.commit("Move storage settings", &[("settings.py", "DEBUG = False\nCDN = storage.CDN\n")]);
        fork.git(&["push", "--quiet", "upstream", "master:open-release/koa.rc2"]);
        fork.git(&["fetch", "--quiet", "--all"]);
        fork
    }

    fn clone(&self) -> PathBuf {
        self.folder.path().join("edx-platform")
    }

    /// Nothing of the machine's configuration, and the same commits every time.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Alice").env(format!("GIT_{role}_EMAIL"), "alice@mit.edu");
            command.env(format!("GIT_{role}_DATE"), "2020-11-02T10:00:00-05:00");
        }
        command
    }

    fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.command("git").args(arguments).current_dir(folder).output().expect("git starts");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.clone(), arguments)
    }

    fn commit(&self, subject: &str, files: &[(&str, &str)]) {
        for (path, content) in files {
            std::fs::write(self.clone().join(path), content).expect("written");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", subject]);
    }

    /// The deployment file of the examples, whose clone is `../edx-platform` beside it.
    fn deployment(&self) -> String {
        let folder = self.folder.path().join("sites");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("qa.toml");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/mitx-qa.toml");
        std::fs::copy(example, &file).expect("copied");
        file.display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_cutover");
        self.command(program).arg("branch").args(arguments).current_dir(self.clone()).output().expect("it starts")
    }

    /// Standard output, of a command that ends with `code`.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        out.into_owned()
    }

    /// The error of a command that is refused.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty() && error.contains("next: nothing was changed"), "{arguments:?}: {error}");
        error
    }

    /// What must never change because of a command: work tree, index, HEAD, stash, and refs that are not ours.
    fn snapshot(&self) -> String {
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let others = refs.lines().filter(|line| !line.starts_with("refs/cutover/") && !line.contains("notes/cutover"));
        let index = std::fs::read(self.clone().join(".git/index")).expect("an index");
        let head = std::fs::read_to_string(self.clone().join(".git/HEAD")).expect("a HEAD");
        let status = self.git(&["status", "--porcelain"]);
        format!("{}\n{index:?}\n{head}\n{status}", others.collect::<Vec<&str>>().join("\n"))
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_forecast_needs_no_deployment_file_and_says_everything_as_json() {
    let fork = Fork::new();
    let clone = fork.clone().display().to_string();
    let before = fork.snapshot();
    let names = ["--branch", "mitx/koa", "--base", "upstream/open-release/koa.rc1"];
    let onto = ["--onto", "upstream/open-release/koa.rc2", "--json"];
    let words: Vec<&str> = ["forecast", "--repository", &clone].into_iter().chain(names).chain(onto).collect();
    let forecast = json(&fork.ends(10, &words));
    assert_eq!(forecast["branch"], "mitx/koa");
    assert_eq!(forecast["base"], fork.git(&["rev-parse", "upstream/open-release/koa.rc1"]).as_str());
    assert_eq!(forecast["onto"], fork.git(&["rev-parse", "upstream/open-release/koa.rc2"]).as_str());
    assert!(forecast["tree"].is_string() && forecast["head"].is_string());
    let patches = forecast["patches"].as_array().expect("patches");
    let fates: Vec<&str> = patches.iter().filter_map(|patch| patch["fate"].as_str()).collect();
    assert_eq!(fates, ["applies", "conflicts", "conflicts"]);
    assert_eq!(patches[1]["subject"], "Serve assets from the CDN");
    assert_eq!(patches[1]["author"], "Alice <alice@mit.edu>");
    assert!(patches[1]["authored"].is_string());
    assert_eq!(patches[1]["files"], serde_json::json!(["settings.py"]));
    assert!(patches.iter().all(|patch| patch["commit"].is_string() && patch["because"].is_string()));
    assert_eq!(patches[2]["depends_on"], serde_json::json!([patches[1]["commit"]]));
    assert_eq!(fork.snapshot(), before);
}

#[test]
fn a_forecast_says_as_much_of_conflicts_as_is_asked_for() {
    let fork = Fork::new();
    let forecast = ["forecast", "--branch", "mitx/koa"];
    let brief = fork.ends(10, &[&forecast[..], &["--brief"]].concat());
    assert!(brief.contains("CONFLICTS") && !brief.contains("upstream's commits there"), "{brief}");
    let patch = fork.git(&["rev-parse", "--short=10", "mitx/koa~1"]);
    let details = fork.ends(10, &[&forecast[..], &["--details", &patch]].concat());
    assert!(details.contains(&format!("CONFLICT  {patch}")), "{details}");
    assert_eq!(details.matches("CONFLICT").count(), 1, "of this patch alone: {details}");
    let applying = fork.git(&["rev-parse", "mitx/koa~2"]);
    assert!(fork.ends(10, &[&forecast[..], &["--details", &applying]].concat()).contains("applies"));
    assert!(fork.refused(&[&forecast[..], &["--details", "0000"]].concat()).contains("four digits"));
    let json = json(&fork.ends(10, &[&forecast[..], &["--brief", "--json"]].concat()));
    assert_eq!(json["patches"][1]["files"], serde_json::json!(["settings.py"]));
    assert_eq!(fork.run(&["forecast", "--brief", "--details", "all"]).status.code(), Some(2));
}

#[test]
fn scripts_tell_clean_from_conflicting_from_refused() {
    let fork = Fork::new();
    let base = ["forecast", "--branch", "mitx/koa~2", "--onto"];
    let forecast = |onto: &'static str| [base[0], base[1], base[2], base[3], onto];
    fork.ends(0, &forecast("upstream/open-release/koa.rc2"));
    fork.ends(10, &["forecast", "--branch", "mitx/koa", "--onto", "upstream/open-release/koa.rc2"]);
    fork.ends(10, &["forecast", "--branch", "mitx/koa"]);
    fork.ends(10, &["forecast", "--branch", "mitx/koa", "--all-candidates"]);
    assert!(fork.refused(&forecast("upstream/open-release/koa.rc9")).contains("git fetch upstream"));
    let usage = fork.run(&["forecast", "--onto", "a", "--all-candidates"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn names_that_are_options_or_have_newlines_are_refused() {
    let fork = Fork::new();
    let before = fork.snapshot();
    for name in ["--branch=--upload-pack=x", "--branch=mitx/koa\nmaster", "--branch=", "--branch=no such branch"] {
        for command in ["patches", "forecast", "rebase", "verify", "publish"] {
            fork.refused(&[command, name]);
        }
    }
    fork.refused(&["forecast", "--branch", "mitx/koa", "--onto=--exec=x"]);
    fork.refused(&["forecast", "--branch", "mitx/koa", "--base=-x", "--onto", "master"]);
    fork.refused(&["create", "--from=--force", "lilac"]);
    fork.refused(&["create", "../lilac"]);
    fork.refused(&["status", "--upstream=--all"]);
    fork.refused(&["status", "--ours", "mitx"]);
    assert_eq!(fork.snapshot(), before);
}

#[test]
fn a_folder_without_a_repository_is_reported() {
    let fork = Fork::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let folder = elsewhere.path().display().to_string();
    assert!(fork.refused(&["status", "--repository", &folder]).contains("is not a git repository"));
    assert!(fork.refused(&["status", "--repository", "/does/not/exist"]).contains("is not a git repository"));
}

#[test]
fn mistakes_in_the_deployment_file_are_shown_where_they_stand() {
    let fork = Fork::new();
    let file = fork.deployment();
    let text = std::fs::read_to_string(&file).expect("read");
    std::fs::write(&file, text.replace("ours = \"mitx/{codename}\"", "ours = \"mitx/{codname}\"")).expect("written");
    let output = fork.run(&["status", "--deployment", &file]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing fills in `{codname}`"));
}

#[test]
fn a_release_goes_from_status_to_published_with_the_deployment_file_alone() {
    let fork = Fork::new();
    let file = fork.deployment();
    let branch = |code: i32, words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain(["--deployment", &file]).collect();
        fork.ends(code, &words)
    };
    let before = fork.snapshot();
    let status = json(&branch(0, &["status", "--json"]));
    assert_eq!((&status["branches"][0]["patches"], &status["branches"][0]["verified"]), (&3.into(), &false.into()));
    assert!(branch(0, &["patches"]).contains("Name the cookie"));
    assert!(branch(10, &["forecast"]).contains("CONFLICTS"));
    assert!(branch(0, &["rebase"]).contains("No rebase of mitx/koa is under way"));

    // The first conflict is resolved, the second patch left out.
    let stopped = json(&branch(10, &["rebase", "--onto", "upstream/open-release/koa.rc2", "--json"]));
    assert_eq!(stopped["stop"]["subject"], "Serve assets from the CDN");
    let folder = PathBuf::from(stopped["stop"]["folder"].as_str().expect("a folder"));
    assert!(branch(10, &["rebase"]).contains("STOPPED after 1 of 3 patches"));
    std::fs::write(folder.join("settings.py"), "DEBUG = False\nCDN = storage.CDN or 'cdn.mit.edu'\n").expect("written");
    fork.git_in(&folder, &["add", "settings.py"]);
    let stopped = json(&branch(10, &["rebase", "--continue", "--json"]));
    assert_eq!(stopped["stop"]["subject"], "Purge the CDN");
    let patch = fork.git(&["rev-parse", "mitx/koa"]);
    let ended = branch(0, &["rebase", "--skip", &patch[..10], "--because", "upstream purges it"]);
    assert!(ended.contains("cutover branch verify --deployment"), "{ended}");

    let ledger = branch(0, &["verify"]);
    assert!(ledger.contains("dropped by Alice") && ledger.contains("Every patch is accounted for"), "{ledger}");
    let old = fork.git(&["rev-parse", "mitx/koa"]);
    assert_eq!(fork.snapshot(), before, "nothing of the operator's has changed so far");

    assert_eq!(release_branch(&fork, &file)["state"], "problem", "what origin has is in no ledger");
    let publication = json(&branch(0, &["publish", "--json"]));
    let checked = release_branch(&fork, &file);
    assert!(checked["seen"].as_str().is_some_and(|seen| seen.contains("is ready for images")), "{checked}");
    let there = fork.git(&["ls-remote", "origin", "refs/heads/mitx/koa"]);
    assert!(there.starts_with(publication["is"].as_str().expect("an id")), "{there}");
    let backups = fork.git(&["ls-remote", "origin", "refs/cutover/backup/*"]);
    assert!(backups.starts_with(&old), "{backups}");
    assert_eq!(fork.git(&["rev-parse", "mitx/koa"]), old, "the branch here is the operator's to move");

    assert!(branch(0, &["mirror"]).contains("2 copies on origin: 2 created. Nothing was forced."));
    let mirrored = json(&branch(0, &["mirror", "open-release/koa.rc1", "--json"]));
    assert_eq!(mirrored["mirrored"][0]["outcome"]["outcome"], "same");
}

/// The last command that an output prints, which is what the operator types next.
fn next(printed: &str) -> String {
    let lines = printed.lines().rev().map(|line| line.trim().trim_start_matches("Type:").trim_start());
    let found = lines.filter(|line| line.starts_with("cutover branch ")).map(str::to_owned).next();
    found.unwrap_or_else(|| panic!("no command is printed:\n{printed}"))
}

impl Fork {
    /// Types a printed command in a shell in the clone, and returns what it prints.
    fn types(&self, code: i32, command: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_cutover")).parent().expect("a folder");
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = self.command("sh");
        let output = shell.args(["-c", command]).env("PATH", path).current_dir(self.clone()).output().expect("a shell");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{command}\n{out}\n{err}");
        out.into_owned()
    }
}

#[test]
fn each_command_that_is_printed_leads_to_the_next_from_a_fresh_clone_to_a_published_branch() {
    let fork = Fork::new();
    // Nothing conflicts, and the branch is only on the remote, as in a fresh clone.
    fork.git(&["switch", "--quiet", "--detach", "mitx/koa~2"]);
    fork.git(&["push", "--quiet", "--force", "origin", "HEAD:refs/heads/mitx/koa"]);
    fork.git(&["fetch", "--quiet", "origin"]);
    fork.git(&["branch", "--quiet", "-D", "mitx/koa"]);
    fork.git(&["switch", "--quiet", "master"]);
    let status = fork.types(0, "cutover branch status");
    let forecast = fork.types(0, &next(&status));
    let rebased = fork.types(0, &next(&forecast));
    let verified = fork.types(0, &next(&rebased));
    assert!(verified.contains("Every patch is accounted for: 1 kept"), "{verified}");
    fork.types(0, &next(&verified));
    let standing = fork.types(0, "cutover branch rebase --branch mitx/koa");
    assert!(standing.contains("published as mitx/koa by Alice"), "{standing}");
    let status = fork.types(0, &next(&standing));
    assert!(status.contains("up to date"), "{status}");
}

#[test]
fn each_command_that_is_printed_at_a_conflict_works() {
    let fork = Fork::new();
    let stopped = fork.types(10, "cutover branch rebase --branch mitx/koa --onto upstream/open-release/koa.rc2");
    let commands: Vec<&str> = stopped.lines().map(str::trim).filter(|line| line.starts_with("git -C")).collect();
    assert_eq!(commands.len(), 1, "{stopped}");
    fork.git(&["config", "user.name", "Alice"]);
    let folder = fork.folder.path().join("edx-platform.mitx-koa.rebase");
    std::fs::write(folder.join("settings.py"), "DEBUG = False\nCDN = storage.CDN or 'cdn.mit.edu'\n").expect("written");
    fork.types(0, commands[0]);
    let printed = |text: &str, option: &str| {
        let found = text.lines().map(str::trim).find(|line| line.starts_with("cutover") && line.contains(option));
        found.unwrap_or_else(|| panic!("{option}: {text}")).to_owned()
    };
    let stopped = fork.types(10, &printed(&stopped, "--continue"));
    let skip = printed(&stopped, "--skip").replace("...", "upstream purges it");
    let ended = fork.types(0, &skip);
    let verified = fork.types(0, &next(&ended));
    fork.types(0, &next(&verified));
}

#[test]
fn a_command_is_run_on_the_result_of_a_rebase_in_a_work_tree_of_its_own_until_it_succeeds() {
    let fork = Fork::new();
    fork.git(&["branch", "--force", "mitx/koa", "mitx/koa~2"]);
    let before = fork.snapshot();
    let ready = fork.folder.path().join("ready");
    let command = format!("test -f cookie.py && grep storage settings.py && test -f {}", ready.display());
    let words = ["rebase", "--branch", "mitx/koa", "--onto", "upstream/open-release/koa.rc2", "--exec", &command];
    let failed = fork.ends(10, &words);
    assert!(failed.contains("FAILED on the result"), "{failed}");
    let folder = fork.folder.path().join("edx-platform.mitx-koa.rebase.exec");
    assert!(folder.join("cookie.py").is_file(), "the folder stays as the command left it");
    let refused = fork.refused(&["verify", "--branch", "mitx/koa"]);
    assert!(refused.contains("has not succeeded on the result"), "{refused}");
    fork.git_in(&folder, &["commit", "--quiet", "--allow-empty", "--message", "a person's fix"]);
    let output = fork.run(&["rebase", "--branch", "mitx/koa", "--continue"]);
    let words = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(words.contains("(HEAD moved): somebody has worked in it"), "{words}");
    // A folder that somebody has removed by hand is in nobody's way.
    std::fs::remove_dir_all(&folder).expect("removed");
    std::fs::write(&ready, "").expect("written");
    let done = fork.ends(0, &["rebase", "--branch", "mitx/koa", "--continue"]);
    assert!(next(&done).starts_with("cutover branch verify") && !folder.exists(), "{done}");
    std::fs::remove_file(&ready).expect("removed");
    let again = fork.ends(0, &["rebase", "--branch", "mitx/koa", "--continue"]);
    assert_eq!(again, done, "it has succeeded on this result");
    assert_eq!(fork.snapshot(), before);
    // A head that was verified before is not published after another command has failed on it.
    fork.ends(0, &["verify", "--branch", "mitx/koa"]);
    let onto = "upstream/open-release/koa.rc2";
    fork.ends(10, &["rebase", "--branch", "mitx/koa", "--onto", onto, "--exec", "false"]);
    let refused = fork.refused(&["publish", "--branch", "mitx/koa"]);
    assert!(refused.contains("has not succeeded on the result"), "{refused}");
    fork.ends(0, &["rebase", "--branch", "mitx/koa", "--abort"]);
    assert_eq!(fork.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn patches_that_go_on_to_the_next_release_are_printed_for_our_branch_of_that_release() {
    let fork = Fork::new();
    fork.git(&["branch", "--force", "mitx/koa", "mitx/koa~2"]);
    fork.git(&["push", "--quiet", "--force", "origin", "mitx/koa"]);
    fork.git(&["push", "--quiet", "upstream", "master:open-release/lilac.master"]);
    fork.git(&["fetch", "--quiet", "--all"]);
    let forecast = fork.types(0, "cutover branch forecast --branch mitx/koa --onto upstream/open-release/lilac.master");
    assert!(next(&forecast).contains("--as mitx/lilac"), "{forecast}");
    let rebased = fork.types(0, &next(&forecast));
    assert!(fork.types(0, "cutover branch status").contains("mitx/lilac: there is no such branch yet"));
    let verified = fork.types(0, &next(&rebased));
    fork.types(0, &next(&verified));
    assert!(fork.git(&["ls-remote", "origin", "refs/heads/mitx/lilac"]).contains("mitx/lilac"));
}

#[test]
fn a_pipeline_is_told_of_each_new_candidate_once_and_whether_a_person_is_needed() {
    let fork = Fork::new();
    let watch = |code: i32| json(&fork.ends(code, &["watch", "--branch", "mitx/koa", "--json"]));
    let first = watch(10);
    assert_eq!((&first["needs_person"], first["new"].as_array().map(Vec::len)), (&true.into(), Some(2)));
    assert_eq!(first["new"][0]["forecast"], Value::Null, "the branch contains the first");
    let nothing = watch(0);
    assert_eq!((&nothing["needs_person"], nothing["new"].as_array().map(Vec::len)), (&false.into(), Some(0)));
    // Published by upstream since: it is fetched.
    fork.git(&["switch", "--quiet", "master"]);
    fork.commit("Change the documentation", &[("README", "new\n")]);
    fork.git(&[
        "push",
        "--quiet",
        "upstream",
        "master:open-release/koa.rc3",
        "master~2:open-release/koa.rc2",
        "--force",
    ]);
    let news = watch(10);
    let names: Vec<&str> =
        news["new"].as_array().expect("a list").iter().filter_map(|new| new["name"].as_str()).collect();
    assert_eq!(names, ["upstream/open-release/koa.rc2", "upstream/open-release/koa.rc3"]);
    assert_eq!((&news["new"][0]["forced"], &news["new"][1]["forced"]), (&true.into(), &false.into()));
    fork.git(&["push", "--quiet", "upstream", ":open-release/koa.rc2"]);
    let gone = watch(10);
    assert_eq!(gone["gone"], serde_json::json!(["upstream/open-release/koa.rc2"]));
    assert_eq!(watch(0)["gone"], serde_json::json!([]), "it is told once");
    // A pipeline starts from a new clone and keeps the file elsewhere.
    let state = fork.folder.path().join("seen.json").display().to_string();
    fork.ends(10, &["watch", "--branch", "mitx/koa", "--state", &state]);
    let text = fork.ends(0, &["watch", "--branch", "mitx/koa", "--state", &state, "--no-fetch"]);
    assert!(text.contains("no new candidate"), "{text}");
}

#[test]
fn a_new_branch_of_ours_is_verified_with_the_command_that_publish_prints() {
    let fork = Fork::new();
    fork.git(&["push", "--quiet", "upstream", "master:open-release/lilac.master"]);
    fork.git(&["fetch", "--quiet", "--all"]);
    fork.git(&["switch", "--quiet", "--create", "mitx/lilac", "upstream/open-release/lilac.master"]);
    fork.git(&["cherry-pick", "mitx/koa~2"]);
    let refused = fork.refused(&["publish", "--branch", "mitx/lilac"]);
    let command = refused.split('`').find(|part| part.starts_with("cutover branch verify")).expect("a command");
    assert!(command.contains("mitx/koa"), "{command}");
    let unexplained = fork.types(10, command);
    assert!(unexplained.contains("1 kept") && unexplained.contains("2 UNEXPLAINED"), "{unexplained}");
}

/// What `cutover check` says of the branch that images are built from.
fn release_branch(fork: &Fork, file: &str) -> Value {
    let output =
        fork.command(env!("CARGO_BIN_EXE_cutover")).args(["check", file, "--json"]).output().expect("it starts");
    let items = json(&String::from_utf8_lossy(&output.stdout));
    let mut items = items.as_array().expect("a list").iter();
    items.find(|item| item["subject"] == "release branch mitx/koa").expect("it is looked at").clone()
}

#[test]
fn an_old_head_is_replayed_only_with_a_word_on_what_origin_has() {
    let fork = Fork::new();
    fork.git(&["push", "--quiet", "origin", "mitx/koa"]);
    fork.git(&["branch", "--force", "mitx/koa", "mitx/koa~1"]);
    let output = fork.run(&["forecast", "--branch", "mitx/koa", "--onto", "upstream/open-release/koa.rc1"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("note: origin/mitx/koa has a commit that mitx/koa lacks in this clone"), "{said}");
}

#[test]
fn a_patch_lost_by_hand_is_named_and_fails() {
    let fork = Fork::new();
    fork.git(&["branch", "by-hand", "mitx/koa~1"]);
    let words = ["verify", "--branch", "mitx/koa", "--old", "mitx/koa", "--new", "by-hand"];
    let text = fork.ends(10, &words);
    assert!(text.contains("UNEXPLAINED") && text.contains("Purge the CDN"), "{text}");
    let patch = fork.git(&["rev-parse", "mitx/koa"]);
    let explained: Vec<&str> = words.into_iter().chain(["--explain", &patch, "--because", "not needed"]).collect();
    fork.ends(0, &explained);
}

#[test]
fn a_rebase_that_is_given_up_leaves_nothing_behind() {
    let fork = Fork::new();
    let before = fork.snapshot();
    fork.ends(10, &["rebase", "--branch", "mitx/koa", "--onto", "upstream/open-release/koa.rc2"]);
    let text = fork.ends(0, &["rebase", "--branch", "mitx/koa", "--abort"]);
    assert!(text.contains("was aborted"), "{text}");
    assert_eq!(fork.git(&["for-each-ref", "refs/cutover/rebased"]), "");
    assert_eq!(fork.snapshot(), before);
    fork.refused(&["rebase", "--branch", "mitx/koa", "--continue"]);
}

#[test]
fn a_branch_that_exists_is_never_overwritten_by_create() {
    let fork = Fork::new();
    let before = fork.snapshot();
    fork.refused(&["create", "koa"]);
    fork.refused(&["create", "lilac"]);
    assert_eq!(fork.snapshot(), before);
    let text = fork.ends(0, &["create", "lilac", "--from", "upstream/open-release/koa.rc2"]);
    assert!(text.contains("Created mitx/lilac"), "{text}");
}

#[test]
fn a_copy_that_has_diverged_needs_a_person_and_is_left_alone() {
    let fork = Fork::new();
    fork.git(&["push", "--quiet", "origin", "mitx/koa:refs/heads/open-release/koa.rc1"]);
    let held = fork.git(&["ls-remote", "origin", "refs/heads/open-release/koa.rc1"]);
    assert!(fork.ends(10, &["mirror", "*.rc1"]).contains("DIVERGED"));
    assert_eq!(fork.git(&["ls-remote", "origin", "refs/heads/open-release/koa.rc1"]), held);
}

#[test]
fn what_was_committed_after_a_rebase_was_published_is_published_next_and_not_the_old_result() {
    let fork = Fork::new();
    let branch = ["--branch", "mitx/koa"];
    let run = |words: &[&str]| fork.ends(0, &words.iter().copied().chain(branch).collect::<Vec<&str>>());
    fork.git(&["branch", "--quiet", "--force", "mitx/koa", "mitx/koa~2"]);
    fork.git(&["push", "--quiet", "--force", "origin", "mitx/koa"]);
    run(&["rebase", "--onto", "upstream/open-release/koa.rc2"]);
    run(&["verify"]);
    assert!(run(&["publish"]).contains("git branch --force mitx/koa origin/mitx/koa"));
    fork.git(&["branch", "--quiet", "--force", "mitx/koa", "origin/mitx/koa"]);
    fork.git(&["switch", "--quiet", "mitx/koa"]);

    fork.commit("One more", &[("more.py", "MORE = 1\n")]);
    let error = fork.refused(&["publish", "--branch", "mitx/koa"]);
    assert!(error.contains("--old origin/mitx/koa --new"), "{error}");
    run(&["verify", "--old", "origin/mitx/koa", "--new", "mitx/koa"]);
    run(&["publish"]);
    let there = fork.git(&["ls-remote", "origin", "refs/heads/mitx/koa"]);
    assert!(there.starts_with(&fork.git(&["rev-parse", "mitx/koa"])), "{there}");

    // The same, where the newest commit was made anew.
    fork.git(&["commit", "--quiet", "--amend", "--message", "One more, in other words"]);
    let words = ["verify", "--old", "origin/mitx/koa", "--new", "mitx/koa", "--branch", "mitx/koa"];
    fork.ends(0, &words);
    run(&["publish"]);
    let there = fork.git(&["ls-remote", "origin", "refs/heads/mitx/koa"]);
    assert!(there.starts_with(&fork.git(&["rev-parse", "mitx/koa"])), "{there}");
}

#[test]
fn a_branch_with_commits_of_its_own_is_not_said_to_be_moved_over_them() {
    let fork = Fork::new();
    fork.git(&["push", "--quiet", "--force", "origin", "mitx/koa~2:refs/heads/mitx/koa"]);
    let rebase = ["rebase", "--branch", "origin/mitx/koa", "--onto", "upstream/open-release/koa.rc2"];
    fork.ends(0, &rebase);
    fork.ends(0, &["verify", "--branch", "mitx/koa"]);
    let output = fork.run(&["publish", "--branch", "mitx/koa", "--head", "refs/cutover/rebased/mitx/koa"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("git branch --force"));
    let error = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(error.contains("were not published"), "{error}");
}
