//! The exit codes, in one place: scripts rely on them, and the help and the reference show them.

use std::process::ExitCode;

/// How a command ended, as an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command succeeded.
    Done = 0,
    /// A failure with no exit code of its own: of the store, the cloud or the machine.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The deployment file has mistakes.
    File = 3,
    /// Refused, with nothing changed: blocked, stale, unsafe, too late, or not what was asked for.
    Refused = 4,
    /// Somebody else conducts the upgrade.
    Held = 5,
    /// A step failed. The journal says which; running the phase again resumes it.
    StepFailed = 6,
    /// Stopped by a signal: Ctrl-C, SIGTERM, or SIGHUP when the terminal was closed. Running the phase again resumes it.
    Stopped = 7,
    /// A rehearsal saw something that must never happen.
    Violated = 8,
    /// `check` found a problem.
    Problem = 9,
    /// A patch needs a person: it conflicts, nobody can account for it, or a copy has diverged.
    Person = 10,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The table of exit codes, for `--help` and the reference.
pub const TABLE: &str = "\
Exit codes:
  0  success
  1  failed: the state, the cloud, git or this machine
  2  the command line is wrong
  3  the deployment file has mistakes
  4  refused, nothing changed: blocked, stale, unsafe or too late
  5  somebody else conducts this upgrade
  6  a step failed; `cutover status` says which; the same command resumes
  7  stopped by Ctrl-C, SIGTERM or a closed terminal; the same command resumes
  8  a rehearsal saw something that must never happen
  9  `check` found a problem
  10 a person must decide: a patch conflicts or is unexplained, a copy diverged";
