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
    /// Start them.
    Start,
    /// Kill their processes, with everything that they have started.
    Kill,
}

impl Verb {
    const ALL: [Self; 3] = [Self::Stop, Self::Start, Self::Kill];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
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
}

/// `$1` is the verb, `$2` supervisorctl, the others are programs.
const SCRIPT: &str = include_str!("orders.sh");

impl Order {
    /// The command that carries it out.
    #[must_use]
    pub fn command(&self) -> Command {
        let names = self.programs.iter().map(ToString::to_string);
        let head = [self.verb.as_str().to_owned(), self.supervisorctl.clone()];
        Command { run_as: crate::command::RunAs::root(), ..Command::script(SCRIPT, head.into_iter().chain(names)) }
    }

    /// The order that a command carries out, for a simulation; `None` if it is another command.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let [shell, option, script, _, verb, supervisorctl, programs @ ..] = command.arguments.as_slice() else {
            return None;
        };
        if (shell.as_str(), option.as_str(), script.as_str()) != ("/bin/sh", "-c", SCRIPT) {
            return None;
        }
        let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb)?;
        let programs = programs.iter().map(|name| name.as_str().into()).collect();
        Some(Self { verb, supervisorctl: supervisorctl.clone(), programs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_recognised_by_its_command() {
        for verb in Verb::ALL {
            let programs = vec!["lms".into(), "edxapp_worker:lms_high_3".into()];
            let order = Order { verb, supervisorctl: "/edx/bin/supervisorctl".to_owned(), programs };
            assert_eq!(Order::of(&order.command()), Some(order));
        }
        assert_eq!(Order::of(&Command::new(["supervisorctl", "stop", "lms"])), None);
    }
}
