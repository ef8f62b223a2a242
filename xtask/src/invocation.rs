//! A command that runs another program, and how it is shown so that people can repeat it.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::failure::Failure;

/// A command that has not run yet.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    program: OsString,
    shown_program: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    folder: PathBuf,
}

impl Invocation {
    /// A command of `program`, shown to people as `shown_program`, to run in `folder`.
    pub(crate) fn new(program: impl Into<OsString>, shown_program: &str, folder: &Path) -> Self {
        Self {
            program: program.into(),
            shown_program: shown_program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: folder.to_owned(),
        }
    }

    /// The same command with more arguments at the end.
    pub(crate) fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The same command with an environment variable set.
    pub(crate) fn environment(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs it; its output goes to the output of this program. `what` names it in a failure.
    pub(crate) fn run(&self, what: &str) -> Result<(), Failure> {
        self.run_ending_with(&[0], what)
    }

    /// The same, if several exit codes mean success.
    pub(crate) fn run_ending_with(&self, codes: &[i32], what: &str) -> Result<(), Failure> {
        self.end(&mut self.command(), codes, what)
    }

    /// Runs it to make ready what a chore needs: standard output is for what the chore itself prints, such as JSON, so what this
    /// prints goes to standard error.
    pub(crate) fn prepare(&self, what: &str) -> Result<(), Failure> {
        self.end(self.command().stdout(io::stderr()), &[0], what)
    }

    fn end(&self, command: &mut Command, codes: &[i32], what: &str) -> Result<(), Failure> {
        let status = command.status();
        self.judge(status.map_err(|source| Failure::NotStarted { command: self.to_line(), source })?, codes, what)
    }

    fn judge(&self, status: ExitStatus, codes: &[i32], what: &str) -> Result<(), Failure> {
        match status.code().filter(|code| codes.contains(code)) {
            Some(_) => Ok(()),
            None => Err(Failure::Failed { what: what.to_owned(), command: self.to_line(), hint: None }),
        }
    }

    /// Runs it; its output goes to the output of this program, and each line of standard output to `reader` too.
    pub(crate) fn run_reading(&self, what: &str, mut reader: impl FnMut(&str)) -> Result<(), Failure> {
        let not_started = |source| Failure::NotStarted { command: self.to_line(), source };
        let mut child = self.command().stdout(Stdio::piped()).spawn().map_err(not_started)?;
        for line in child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines()) {
            let line = line.map_err(not_started)?;
            println!("{line}");
            reader(&line);
        }
        self.judge(child.wait().map_err(not_started)?, &[0], what)
    }

    /// Whether it can be started and succeeds. Its output is discarded.
    pub(crate) fn succeeds(&self) -> bool {
        let status = self.command().stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// Its standard output, if it can be started and succeeds.
    pub(crate) fn output(&self) -> Option<String> {
        let output = self.command().stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The command as a person would type it in the workspace's root.
    pub(crate) fn to_line(&self) -> String {
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let program = std::iter::once(quoted(&self.shown_program));
        let arguments = self.arguments.iter().map(|argument| quoted(argument));
        environment.chain(program).chain(arguments).collect::<Vec<_>>().join(" ")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(describes_xtask)) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Whether cargo set this variable to describe the package xtask. If such variables are passed on to another cargo,
/// build scripts run again because they seem to have changed, and crates are rebuilt for nothing.
fn describes_xtask(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|prefix| variable.starts_with(prefix))
}

/// The word, quoted for a shell if necessary.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_=./:+,@%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cargo(arguments: &[&str]) -> Invocation {
        Invocation::new("/toolchain/bin/cargo", "cargo", Path::new(".")).arguments(arguments.iter().copied())
    }

    #[test]
    fn a_command_is_shown_as_a_person_would_type_it() {
        let invocation = cargo(&["doc", "--workspace"]).environment("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(invocation.to_line(), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace");
    }

    #[test]
    fn a_shell_reads_a_quoted_word_back_unchanged() {
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("--features=a,b"), "--features=a,b");
    }

    #[test]
    fn the_target_folder_is_passed_on_but_variables_about_xtask_are_not() {
        assert!(!describes_xtask("CARGO_TARGET_DIR"));
        assert!(!describes_xtask("CARGO_HOME"));
        assert!(describes_xtask("CARGO_MANIFEST_DIR"));
        assert!(describes_xtask("CARGO_PKG_VERSION"));
    }

    #[test]
    fn each_line_of_output_is_read_and_the_end_is_judged() {
        let shell = |script: &str| Invocation::new("sh", "sh", Path::new(".")).arguments(["-c", script]);
        let mut lines = Vec::new();
        shell("echo one; echo two").run_reading("lines", |line| lines.push(line.to_owned())).expect("it succeeds");
        assert_eq!(lines, ["one", "two"]);
        let failed = shell("echo three; exit 1").run_reading("lines", |_| {});
        assert!(matches!(failed, Err(Failure::Failed { .. })));
    }

    #[test]
    fn the_failure_for_a_missing_program_names_it() {
        let invocation = Invocation::new("no-such-program-anywhere", "no-such-program-anywhere", Path::new("."));
        let failure = invocation.run("nothing").expect_err("it does not exist");
        assert!(failure.to_string().contains("no-such-program-anywhere"));
        assert!(!invocation.succeeds());
        assert_eq!(invocation.output(), None);
    }
}
