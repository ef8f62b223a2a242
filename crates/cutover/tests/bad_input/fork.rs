//! A clone of a fork in a folder of its own, with bare repositories as upstream and origin, and the program run on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The arguments that most tests give: our branch onto the newest candidate.
pub(crate) const ONTO: [&str; 4] = ["--branch", "mitx/koa", "--onto", "upstream/open-release/koa.rc2"];

/// Upstream has koa.rc1 and koa.rc2; `mitx/koa` has three patches on koa.rc1, of which the second conflicts with
/// koa.rc2 and the third needs the second.
pub(crate) struct Fork {
    folder: tempfile::TempDir,
}

/// What came of running the program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Fork {
    pub(crate) fn new() -> Self {
        let fork = Self { folder: tempfile::tempdir().expect("a folder") };
        for remote in ["upstream", "origin"] {
            fork.git_in(fork.folder.path(), &["init", "--quiet", "--bare", &format!("{remote}.git")]);
        }
        fork.git_in(fork.folder.path(), &["init", "--quiet", "--initial-branch=master", "edx-platform"]);
        for remote in ["upstream", "origin"] {
            let address = fork.at(&format!("{remote}.git")).display().to_string();
            fork.git(&["remote", "add", remote, &address]);
        }
        fork.commit("Begin", "settings.py", "DEBUG = False\nCDN = ''\n");
        fork.git(&["push", "--quiet", "upstream", "master:open-release/koa.rc1"]);
        fork.git(&["switch", "--quiet", "--create", "mitx/koa"]);
        fork.commit("Name the cookie", "cookie.py", "NAME = 'mitx'\n");
        fork.commit("Serve assets from the CDN", "settings.py", "DEBUG = False\nCDN = 'cdn.mit.edu'\n");
        fork.commit("Purge the CDN", "settings.py", "DEBUG = False\nCDN = 'cdn.mit.edu'\nPURGE = CDN\n");
        fork.git(&["push", "--quiet", "origin", "mitx/koa"]);
        fork.git(&["switch", "--quiet", "master"]);
        // More than fits where disks are full.
        std::fs::write(fork.clone().join("catalog.txt"), digits(8000)).expect("written");
        fork.commit("Move storage settings", "settings.py", "DEBUG = False\nCDN = storage.CDN\n");
        fork.git(&["push", "--quiet", "upstream", "master:open-release/koa.rc2"]);
        fork.git(&["fetch", "--quiet", "--all"]);
        fork
    }

    /// The same, with a rebase that left the second and the third patch out, which was verified.
    pub(crate) fn verified() -> Self {
        let fork = Self::new();
        let (second, third) = (fork.git(&["rev-parse", "mitx/koa~1"]), fork.git(&["rev-parse", "mitx/koa"]));
        let skips = ["--skip", &second, "--because", "theirs", "--skip", &third, "--because", "theirs"];
        fork.run(&[&["rebase"][..], &ONTO, &skips].concat()).ended(0);
        fork.run(&["verify", "--branch", "mitx/koa"]).ended(0);
        fork
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn clone(&self) -> PathBuf {
        self.at("edx-platform")
    }

    /// Nothing of the machine's configuration, and the same commits every time.
    pub(crate) fn command(&self, program: impl AsRef<Path>, path: OsString) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("PATH", path).env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Alice").env(format!("GIT_{role}_EMAIL"), "alice@mit.edu");
            command.env(format!("GIT_{role}_DATE"), "2020-11-02T10:00:00-05:00");
        }
        command
    }

    pub(crate) fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.command("git", path()).args(arguments).current_dir(folder).output().expect("git starts");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.clone(), arguments)
    }

    pub(crate) fn commit(&self, subject: &str, file: &str, content: &str) {
        std::fs::write(self.clone().join(file), content).expect("written");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", subject]);
    }

    /// `cutover branch`, in a folder, with what `wrap_git` put before git.
    pub(crate) fn program(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut folders = vec![self.at("bin")];
        folders.extend(std::env::split_paths(&path()));
        let joined = std::env::join_paths(folders).expect("a path");
        let mut command = self.command(env!("CARGO_BIN_EXE_cutover"), joined);
        command.arg("branch").args(arguments).current_dir(folder);
        command
    }

    pub(crate) fn run_in(&self, folder: &Path, arguments: &[&str]) -> Ran {
        Ran::of(&self.program(folder, arguments).output().expect("it starts"))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_in(&self.clone(), arguments)
    }

    /// Has the program meet a git that first does what a line of shell says. `$*` are git's arguments.
    pub(crate) fn wrap_git(&self, line: &str) {
        std::fs::create_dir_all(self.at("bin")).expect("a folder");
        let script = format!("#!/bin/sh\n{line}\nexec '{}' \"$@\"\n", real_git().display());
        write_script(&self.at("bin/git"), &script);
    }

    /// The real git again.
    pub(crate) fn unwrap_git(&self) {
        std::fs::remove_file(self.at("bin/git")).expect("it was wrapped");
    }

    /// Has git fail to write in the calls that have this word among their arguments, as on a full disk.
    pub(crate) fn fill_disk_for(&self, word: &str) {
        self.wrap_git(&format!("case \" $* \" in *' {word} '*) trap '' XFSZ; ulimit -f 0;; esac"));
    }

    /// Does something that must leave everything as it was: work tree, index, HEAD, stash, configuration, and refs that
    /// are not ours.
    pub(crate) fn untouched<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = self.snapshot();
        let result = act();
        assert_eq!(self.snapshot(), before);
        result
    }

    pub(crate) fn snapshot(&self) -> String {
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let others = refs.lines().filter(|line| !line.starts_with("refs/cutover/") && !line.contains("notes/cutover"));
        let mut text = others.collect::<Vec<&str>>().join("\n");
        for name in ["HEAD", "index", "config", "ORIG_HEAD", "FETCH_HEAD"] {
            text.push_str(&format!("\n{name} {:?}", std::fs::read(self.clone().join(".git").join(name)).ok()));
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(self.clone()).expect("a folder") {
            files.push(entry.expect("an entry").path());
        }
        files.sort();
        files.iter().for_each(|path| text.push_str(&format!("\n{} {:?}", path.display(), std::fs::read(path).ok())));
        text
    }

    /// What a remote holds.
    pub(crate) fn held(&self, remote: &str) -> String {
        self.git(&["ls-remote", remote])
    }
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.out
    }

    /// An error that says what failed, what is untouched and what to do, in these words among others. It is returned on
    /// one line.
    #[track_caller]
    pub(crate) fn error(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        let (what, next) = self.err.split_once("\n  next: ").unwrap_or_else(|| panic!("no hint: {}", self.err));
        assert!(what.starts_with("error: ") && !next.trim().is_empty(), "{}", self.err);
        let safe = ["nothing was changed", "no branch", "nothing was recorded", "nothing of", "is as it was"];
        let next = next.split_whitespace().collect::<Vec<&str>>().join(" ");
        assert!(safe.iter().any(|safe| next.contains(safe)), "it does not say what is untouched: {}", self.err);
        // Lines are broken where they would be too long.
        let err = self.err.split_whitespace().collect::<Vec<&str>>().join(" ");
        for word in words {
            assert!(err.contains(word), "{word:?} is not in: {err}");
        }
        assert!(self.out.is_empty(), "{}", self.out);
        err
    }

    #[track_caller]
    pub(crate) fn refused(self, words: &[&str]) -> String {
        self.error(4, words)
    }

    #[track_caller]
    pub(crate) fn failed(self, words: &[&str]) -> String {
        self.error(1, words)
    }
}

pub(crate) fn path() -> OsString {
    std::env::var_os("PATH").expect("a PATH")
}

/// Digits that do not compress to nothing.
fn digits(count: usize) -> String {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_digit(state >> 28, 16).unwrap_or('0')
    };
    (0..count).map(next).collect()
}

pub(crate) fn real_git() -> PathBuf {
    let mut candidates =
        std::env::split_paths(&path()).map(|folder| folder.join("git")).collect::<Vec<_>>().into_iter();
    candidates.find(|git| git.is_file()).expect("git is on PATH")
}

pub(crate) fn write_script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("made a program");
}
