//! The question how cron files and timers are, and the orders to hold them back and to put them back.

use std::collections::BTreeMap;

use crate::command::{Ask, Command, RunAs, Said};

/// What is held back: a path is a cron file, anything else a timer.
type Item = String;

/// How a cron file or a timer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It starts nothing.
    Held,
    /// It starts nothing any more, and this service or command that it has started still runs.
    Busy(String),
    /// It starts what it always does.
    NotHeld,
    /// Somebody has masked the timer: it starts nothing, and nothing is to be put back. This service, which it has started
    /// before, may still run.
    Masked(Option<String>),
    /// The timer has no file, as one of `systemd-run`: systemd forgets it once it is stopped, so it cannot be held back.
    Transient,
    /// There is no such file or timer, and none that is held back.
    Missing,
}

/// Why it is not known how they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host did not tell what is held back: {0}")]
pub struct NotTold(String);

const SCRIPT: &str = include_str!("hold.sh");

/// Where the files of a host begin.
const ROOT: &str = "/";

fn command(verb: &str, items: &[Item]) -> Command {
    let head = [verb, ROOT].map(str::to_owned);
    Command { run_as: RunAs::root(), ..Command::script(SCRIPT, head.into_iter().chain(items.iter().cloned())) }
}

/// The verb and the items of a command; `None` if it is another command.
fn parts(command: &Command) -> Option<(&str, &[Item])> {
    match command.arguments.as_slice() {
        [_, _, script, _, verb, _, items @ ..] if script == SCRIPT => Some((verb, items)),
        _ => None,
    }
}

/// The question how these are.
#[must_use]
pub fn ask(items: &[Item]) -> Ask {
    Ask::new(command("state", items))
}

/// What a question is about, for a simulation; `None` if it is another question.
#[must_use]
pub fn asked(ask: &Ask) -> Option<&[Item]> {
    parts(&ask.command).filter(|(verb, _)| *verb == "state").map(|(_, items)| items)
}

/// What a host says on which all of them are held back or none is, for a simulation.
#[must_use]
pub fn answer(items: &[Item], are_held: bool) -> String {
    let state = if are_held { "held" } else { "not-held" };
    items.iter().map(|item| format!("{state} {item}\n")).chain(["end\n".to_owned()]).collect()
}

/// How each of these is.
///
/// # Errors
/// When the answer does not tell it of every one of them.
pub fn read(items: &[Item], said: &Said) -> Result<BTreeMap<Item, State>, NotTold> {
    let not_told = || NotTold(said.last_line().to_owned());
    if said.exit != 0 || said.stdout.lines().last() != Some("end") {
        return Err(not_told());
    }
    let state = |item: &Item| {
        let words = said.stdout.lines().find_map(|line| line.strip_suffix(item.as_str())?.strip_suffix(' '))?;
        match words {
            "held" => Some(State::Held),
            "not-held" => Some(State::NotHeld),
            "transient" => Some(State::Transient),
            "masked" => Some(State::Masked(None)),
            "missing" => Some(State::Missing),
            _ => match words.split_once(':')? {
                ("busy", service) => Some(State::Busy(service.to_owned())),
                ("masked", service) => Some(State::Masked(Some(service.to_owned()))),
                _ => None,
            },
        }
    };
    items.iter().map(|item| Some((item.clone(), state(item)?))).collect::<Option<_>>().ok_or_else(not_told)
}

/// Why timers among these cannot be held back; nothing if all of them can.
#[must_use]
pub fn would_be_lost(states: &BTreeMap<Item, State>) -> Option<String> {
    let made = states.iter().filter(|(_, state)| **state == State::Transient).map(|(item, _)| item.as_str());
    let made: Vec<&str> = made.collect();
    let why =
        || format!("{} would be lost: systemd forgets what `systemd-run` has made once it is stopped", made.join(", "));
    (!made.is_empty()).then(why)
}

/// What to do about that.
pub const GIVE_IT_A_FILE: &str = "give the timer a file in /etc/systemd/system, or take it out of `hold_back`, stop it in \
                                  `freeze` and make it again in `release`";

/// What to do with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Hold them back.
    Hold,
    /// Put them back as they were.
    PutBack,
}

impl Verb {
    const ALL: [Self; 2] = [Self::Hold, Self::PutBack];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::PutBack => "put-back",
        }
    }
}

/// An order to a host. It is given as a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What to do.
    pub verb: Verb,
    /// With what.
    pub items: Vec<Item>,
}

impl Order {
    /// The command that carries it out.
    #[must_use]
    pub fn command(&self) -> Command {
        command(self.verb.as_str(), &self.items)
    }

    /// The order that a command carries out, for a simulation; `None` if it is another command.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let (verb, items) = parts(command)?;
        let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb)?;
        Some(Self { verb, items: items.to_vec() })
    }
}
