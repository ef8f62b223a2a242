//! An operator: a home, a folder with the deployment file, an environment, and what the program printed there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Secrets that must never be shown or written: the key that signs requests, and the token of a session.
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/theSecretKey";
pub(crate) const TOKEN: &str = "FwoGZXIvYXdzEBYaDtheSessionToken";

/// The longest time that an operator may have to wait for an error.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(10);

/// A time limit that no run in these tests reaches.
const FOR_EVER: Duration = Duration::from_secs(120);

/// An operator, on a machine of their own.
pub(crate) struct Operator {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl Operator {
    /// An operator with keys in the environment, `file` as `site.toml`, and AWS at `endpoint`.
    pub(crate) fn at(endpoint: &str, file: &str) -> Self {
        let operator = Self { folder: tempfile::tempdir().expect("a folder"), variables: BTreeMap::new() };
        std::fs::create_dir_all(operator.home()).expect("a home");
        operator.write("site.toml", file);
        // Nobody listens there, so hosts cannot be reached, and that is known at once.
        operator.write("ssh_config", "Host *\n  HostName 127.0.0.1\n  Port 1\n");
        let home = operator.home().display().to_string();
        operator
            .with("HOME", &home)
            .with("USER", "alice")
            // DNS is asked only once if it does not answer.
            .with("RES_OPTIONS", "timeout:1 attempts:1")
            .with("NO_PROXY", "127.0.0.1")
            .with("AWS_EC2_METADATA_DISABLED", "true")
            .with("AWS_ENDPOINT_URL", endpoint)
            .with("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
            .with("AWS_SECRET_ACCESS_KEY", SECRET)
            .with("AWS_SESSION_TOKEN", TOKEN)
    }

    /// The same operator with that variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same operator without that variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// The same operator without keys in the environment.
    pub(crate) fn without_keys(self) -> Self {
        self.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").without("AWS_SESSION_TOKEN")
    }

    /// The same operator with this `~/.aws/config`.
    pub(crate) fn configured(self, config: &str) -> Self {
        self.write("home/.aws/config", config);
        self
    }

    /// Writes a file into the operator's folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("written");
        path
    }

    /// The operator's home.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Writes a script into the operator's folder, and returns its path.
    pub(crate) fn program(&self, name: &str, script: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
        path.display().to_string()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.arg(words[0]).arg("site.toml").args(&words[1..]).current_dir(self.folder.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(&self.variables);
        command
    }

    /// Runs a command on the deployment file to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let said = |name: &str| self.folder.path().join(name);
        let write = |name: &str| std::fs::File::create(said(name)).expect("a file");
        let started = Instant::now();
        let mut command = self.command(words);
        let child = command.stdin(Stdio::null()).stdout(write("out")).stderr(write("err")).spawn();
        let code = ended(child.expect("it starts"), words);
        let read = |name: &str| std::fs::read_to_string(said(name)).expect("text");
        let ran = Ran { code, out: read("out"), err: read("err"), took: started.elapsed() };
        self.is_discreet(&ran);
        ran
    }

    /// Checks that a shell can parse `text` as a script, without running it.
    pub(crate) fn reads_as_a_script(&self, text: &str) {
        let script = self.write("script", text);
        let status = Command::new("sh").arg("-n").arg(script).status().expect("there is a shell");
        assert!(status.success(), "{text}");
    }

    /// Starts a command; the test ends it.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        self.command(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    }

    /// Checks that nothing that the program has printed or written contains a secret.
    fn is_discreet(&self, ran: &Ran) {
        let mut texts = vec![("its output".to_owned(), ran.out.clone()), ("its errors".to_owned(), ran.err.clone())];
        let files = self.state_files().into_iter();
        texts.extend(files.map(|(path, bytes)| (path, String::from_utf8_lossy(&bytes).into_owned())));
        for (place, text) in texts {
            // Long lines may be broken anywhere, so line breaks are removed first.
            let whole: String = text.split_whitespace().collect();
            assert!(!whole.contains(SECRET) && !whole.contains(TOKEN), "{place} holds a secret");
        }
    }

    /// What is in the state folder.
    pub(crate) fn state_files(&self) -> BTreeMap<String, Vec<u8>> {
        fn walk(folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, files);
                } else {
                    files.insert(path.display().to_string(), std::fs::read(&path).expect("a file"));
                }
            }
        }
        let mut files = BTreeMap::new();
        walk(&self.folder.path().join("state"), &mut files);
        files
    }

    /// `text` without what differs between machines.
    pub(crate) fn masked(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "FOLDER")
    }
}

/// Waits for the end of a process, and returns its exit code.
fn ended(mut child: Child, words: &[&str]) -> i32 {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return status.code().expect("nobody has killed it");
        }
        if started.elapsed() > FOR_EVER {
            let _ = child.kill();
            panic!("`{words:?}` hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Ran {
    /// Checks that it has ended with this code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Checks that it has failed with this code, at once and without a result, and returns everything that it printed.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        let ran = self.ended(code);
        assert_eq!(ran.out, "");
        assert!(ran.took < AT_ONCE, "after {:?}: {}", ran.took, ran.err);
        ran.err
    }
}
