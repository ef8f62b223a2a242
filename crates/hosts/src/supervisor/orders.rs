//! Orders to supervisor: stop, start, kill.
//!
//! They run as jobs. `supervisorctl stop` returns only when the program has ended, which may take days, and `stop a b` tells
//! `b` only when `a` has ended. So each program gets a supervisorctl of its own. What an order prints is for people:
//! `stop X` says `ERROR (not running)` and exits with 0 while X is STOPPING. Only the states tell what came of it.

use cutover_core::names::ProgramName;

use crate::command::Command;

/// What to do with programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Tell them to stop.
    Stop,
    /// Tell them to stop, and let supervisor not start them when the host boots, from now on.
    StopForGood,
    /// Start them.
    Start,
    /// Start them, and let supervisor start them when the host boots, from now on.
    StartAlways,
    /// Kill their processes, with everything that they have started.
    Kill,
}

impl Verb {
    const ALL: [Self; 5] = [Self::Stop, Self::StopForGood, Self::Start, Self::StartAlways, Self::Kill];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::StopForGood => "stop-for-good",
            Self::Start => "start",
            Self::StartAlways => "start-always",
            Self::Kill => "kill",
        }
    }
}

/// An order for programs of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What to do.
    pub verb: Verb,
    /// The supervisorctl of the host.
    pub supervisorctl: String,
    /// The programs.
    pub programs: Vec<ProgramName>,
    /// Processes to kill that no longer show to which program they belong: the id of each, and when it began.
    pub left: Vec<(u32, u64)>,
}

/// `$1` is the verb, `$2` supervisorctl, `$3` the processes that are left, the others are programs.
const SCRIPT: &str =
    concat!("turn_autostart_off() {\n", include_str!("autostart.sh"), "}\n", include_str!("orders.sh"));

impl Order {
    /// The command that carries it out.
    #[must_use]
    pub fn command(&self) -> Command {
        let names = self.programs.iter().map(ToString::to_string);
        let left: Vec<String> = self.left.iter().map(|(pid, begun)| format!("{pid}:{begun}")).collect();
        let head = [self.verb.as_str().to_owned(), self.supervisorctl.clone(), left.join(" ")];
        Command { run_as: crate::command::RunAs::root(), ..Command::script(SCRIPT, head.into_iter().chain(names)) }
    }

    /// The order that a command carries out, for a simulation; `None` if it is another command.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let [shell, option, script, _, verb, supervisorctl, left, programs @ ..] = command.arguments.as_slice() else {
            return None;
        };
        if (shell.as_str(), option.as_str(), script.as_str()) != ("/bin/sh", "-c", SCRIPT) {
            return None;
        }
        let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb)?;
        let programs = programs.iter().map(|name| name.as_str().into()).collect();
        let process =
            |word: &str| word.split_once(':').and_then(|(pid, begun)| Some((pid.parse().ok()?, begun.parse().ok()?)));
        let left = left.split_whitespace().map(process).collect::<Option<_>>()?;
        Some(Self { verb, supervisorctl: supervisorctl.clone(), programs, left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that ends by itself after a while, and when it began.
    #[expect(clippy::disallowed_methods, reason = "a real process is killed by a real shell")]
    fn process() -> (std::process::Child, u64) {
        let child = std::process::Command::new("sleep").arg("30").spawn().expect("a process");
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("its status");
        let begun = stat.split(' ').nth(21).and_then(|word| word.parse().ok()).expect("its beginning");
        (child, begun)
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a real shell carries the order out")]
    fn what_is_left_of_a_program_is_killed_and_another_process_with_its_id_is_not() {
        let ((mut left, begun), (mut other, at)) = (process(), process());
        let left_over = vec![(left.id(), begun), (other.id(), at + 1)];
        let supervisorctl = "/bin/false".to_owned();
        let order = Order { verb: Verb::Kill, supervisorctl, programs: Vec::new(), left: left_over };
        let arguments = order.command().arguments;
        let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("killed process {}\n", left.id()));
        assert!(!left.wait().expect("it has ended").success());
        assert!(other.try_wait().expect("its state").is_none(), "it runs");
        other.kill().and_then(|()| other.wait()).expect("it ends");
    }

    #[test]
    fn an_order_is_recognised_by_its_command() {
        for verb in Verb::ALL {
            let programs = vec!["lms".into(), "edxapp_worker:lms_high_3".into()];
            let order = Order { verb, supervisorctl: "/edx/bin/supervisorctl".to_owned(), programs, left: Vec::new() };
            for order in [Order { left: vec![(71, 6157), (73, 8)], ..order.clone() }, order] {
                assert_eq!(Order::of(&order.command()), Some(order));
            }
        }
        assert_eq!(Order::of(&Command::new(["supervisorctl", "stop", "lms"])), None);
    }
}
