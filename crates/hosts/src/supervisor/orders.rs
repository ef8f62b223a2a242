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
const SCRIPT: &str = concat!(include_str!("files.sh"), include_str!("autostart.sh"), include_str!("orders.sh"));

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

    /// Kills a program of which supervisor says that its process has this id, and returns what the order prints.
    fn kill(program: &str, pid: u32) -> String {
        kill_where(program, &format!("echo {pid}"))
    }

    /// The same where `supervisorctl pid` does this.
    #[expect(clippy::disallowed_methods, reason = "a real shell carries the order out")]
    fn kill_where(program: &str, says_pid: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let supervisorctl = folder.path().join("supervisorctl");
        let script = format!("#!/bin/sh\n[ \"$1 $2\" != 'pid {program}' ] || {{ {says_pid}; }}\n");
        std::fs::write(&supervisorctl, script).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&supervisorctl, mode).expect("it can be run");
        let supervisorctl = supervisorctl.display().to_string();
        let order = Order { verb: Verb::Kill, supervisorctl, programs: vec![program.into()], left: Vec::new() };
        let arguments = order.command().arguments;
        let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A command that runs with the variables of a program. Nothing else on this machine has a program of that name.
    fn as_program<'a>(variables: &'a [String; 2], command: &[&'a str]) -> Vec<&'a str> {
        ["env"].into_iter().chain(variables.iter().map(String::as_str)).chain(command.iter().copied()).collect()
    }

    fn variables(program: &str) -> [String; 2] {
        ["GROUP", "PROCESS"].map(|of| format!("SUPERVISOR_{of}_NAME={program}"))
    }

    /// Starts a command in a process group of its own, and waits for the first line that it prints.
    #[expect(clippy::disallowed_methods, reason = "a real process is killed by a real shell")]
    fn start(command: &[&str]) -> (std::process::Child, String) {
        use std::io::BufRead as _;
        use std::os::unix::process::CommandExt as _;
        let mut process = std::process::Command::new(command[0]);
        let process = process.args(&command[1..]).stdout(std::process::Stdio::piped()).process_group(0);
        let mut child = process.spawn().expect("a process");
        let mut line = String::new();
        let printed = child.stdout.take().expect("its output");
        std::io::BufReader::new(printed).read_line(&mut line).expect("a line");
        (child, line.trim().to_owned())
    }

    #[test]
    fn what_a_program_has_started_is_killed_although_it_has_left_the_group_and_shows_nothing() {
        let name = format!("starts-{}", std::process::id());
        // As sudo does it: the environment is cleared.
        let line = "env -i setsid sh -c 'echo $$; exec sleep 30' & wait";
        let (mut program, child) = start(&as_program(&variables(&name), &["sh", "-c", line]));
        let printed = kill(&name, program.id());
        assert!(printed.contains(&format!("{name}: killed process {child}\n")), "{printed}");
        assert!(!program.wait().expect("it has ended").success());
    }

    #[test]
    fn a_process_that_got_the_id_of_a_program_is_not_killed() {
        let name = format!("ended-{}", std::process::id());
        let (mut stranger, _) = start(&["sh", "-c", "echo begun; exec sleep 30"]);
        // The program has ended since supervisor has told its id.
        let once = format!("if [ -e \"$0.told\" ]; then echo 0; else touch \"$0.told\"; echo {}; fi", stranger.id());
        assert_eq!(kill_where(&name, &once), "");
        assert!(stranger.try_wait().expect("its state").is_none(), "it runs");
        stranger.kill().and_then(|()| stranger.wait()).expect("it ends");
    }

    #[test]
    fn a_program_of_a_container_is_left_alone_although_it_has_the_same_name() {
        let name = format!("contained-{}", std::process::id());
        let variables = variables(&name);
        let program = as_program(&variables, &["sh", "-c", "echo begun; exec sleep 30"]);
        let (mut container, begun) =
            start(&[&["unshare", "--pid", "--fork", "--kill-child=KILL"], program.as_slice()].concat());
        // Only root may make a namespace.
        if begun.is_empty() {
            container.wait().expect("it has failed");
            return;
        }
        let (mut own, _) = start(&program);
        let printed = kill(&name, 0);
        assert_eq!(printed, format!("{name}: killed process {}\n", own.id()));
        assert!(container.try_wait().expect("its state").is_none(), "it runs");
        container.kill().and_then(|()| container.wait()).expect("it ends");
        assert!(!own.wait().expect("it has ended").success());
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
