//! A conductor that was suspended, that runs in the background of its terminal, or that was asked to stop: what others
//! are told about it.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::deployment::{
    Deployment, end_at_once, gate_waits, is_stopped, said, send, send_to, suspend, until, wait_for,
};

#[test]
fn a_suspended_conductor_is_shown_as_suspended_with_what_to_do() {
    let deployment = Deployment::new("suspended");
    deployment.succeeds(&["announce"]);
    let mut first = deployment.start("prepare");
    wait_for(&deployment, "prepare.launch.");
    suspend(&deployment, &first);
    let wake = format!("kill -CONT {}", first.id());
    let status = deployment.succeeds(&["status"]);
    for words in ["IS SUSPENDED", "`fg`", &wake, "--take-over "] {
        assert!(status.contains(words), "{words}: {status}");
    }
    let status = deployment.status();
    assert_eq!(status["next_command"], wake.as_str());
    let state = &status["conductor_state"];
    assert_eq!(state["state"], "suspended", "{state}");
    assert_eq!(state["process"], first.id(), "{state}");
    let refused = deployment.run(&["prepare"]);
    let refused_words = said(&refused);
    assert_eq!(refused.status.code(), Some(5), "{refused_words}");
    for words in ["is suspended", "`fg`", &wake, "--take-over "] {
        assert!(refused_words.contains(words), "{words}: {refused_words}");
    }
    send(&first, Signal::CONT);
    until(|| !deployment.succeeds(&["status"]).contains("SUSPENDED"));
    end_at_once(&mut first);
}

/// A terminal: the end on which a person types, and the end that a program has.
fn terminal() -> (OwnedFd, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("text");
    (master, File::options().read(true).write(true).open(name).expect("its other end"))
}

/// Whether a process is in the foreground of its terminal; it must have one.
fn is_in_foreground(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it is there");
    let (_, fields) = stat.rsplit_once(") ").expect("fields");
    // After the state and the parent: its group, its session, its terminal, and that terminal's group.
    let fields: Vec<i64> = fields.split(' ').skip(2).take(4).map(|field| field.parse().expect("a number")).collect();
    assert!(fields[2] != 0 && fields[3] > 0, "it has a terminal: {stat}");
    fields[0] == fields[3]
}

/// The process that conducts the upgrade.
fn conductor(deployment: &Deployment) -> u32 {
    u32::try_from(deployment.lease()["process"].as_u64().expect("a process")).expect("a number")
}

#[test]
fn who_conducts_in_the_foreground_of_a_terminal_decides_at_a_gate_by_typing() {
    let deployment = Deployment::prepared("typed");
    let (master, terminal) = terminal();
    let window = deployment.command(&["window"]);
    let mut session = Command::new("setsid");
    session.arg("--ctty").arg(window.get_program()).args(window.get_args()).stdin(terminal);
    let types = |text: &str| rustix::io::write(&master, text.as_bytes()).expect("it is typed");
    types("go\nno\n");
    let mut session = deployment.spawn(session);
    until(|| gate_waits(&deployment) && deployment.log().contains("GATE "));
    assert!(is_in_foreground(conductor(&deployment)));
    let decided = || deployment.events().into_iter().find(|event| event["event"] == "gate-decided");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(decided(), None, "this was typed before the question");
    // What is typed before the question does not count, so it is typed until it is answered.
    until(|| types("yes\n") == 4 && deployment.log().contains("to approve, or `no` to refuse."));
    assert_eq!(decided(), None, "only the gate's name approves");
    let gate = deployment.status()["gates"][0]["gate"].as_str().expect("a gate").to_owned();
    // In two parts, as a slow line brings it.
    types(&gate[..2]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    types(&format!("{}\n", &gate[2..]));
    until(|| decided().is_some());
    let decided = decided().expect("a decision");
    assert_eq!((&decided["gate"], &decided["approved"]), (&gate.into(), &true.into()), "{decided}");
    end_at_once(&mut session);
}

/// Collects what a terminal shows.
fn screen(master: &OwnedFd) -> impl Fn() -> String + use<> {
    let (shown, mut terminal) = (Arc::new(Mutex::new(Vec::new())), File::from(master.try_clone().expect("a copy")));
    let kept = Arc::clone(&shown);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = terminal.read(&mut bytes) {
            kept.lock().expect("nobody panics").extend_from_slice(&bytes[..length]);
        }
    });
    move || String::from_utf8_lossy(&shown.lock().expect("nobody panics")).into_owned()
}

/// A window whose first gate waits, in the background of a terminal, which a shell with job control has.
struct Background {
    master: OwnedFd,
    screen: Box<dyn Fn() -> String>,
    to_foreground: PathBuf,
    shell: Child,
    process: u32,
}

impl Background {
    /// `first` is what the shell does before, such as `stty tostop; `.
    fn of(deployment: &Deployment, first: &str) -> Self {
        let (master, terminal) = terminal();
        let (screen, to_foreground) = (Box::new(screen(&master)), deployment.folder.join("to-foreground"));
        let window = deployment.command(&["window"]);
        let script = format!("{first}set -m; f=$1; shift; \"$@\" & while ! [ -e $f ]; do sleep 0.1; done; fg");
        let mut shell = Command::new("setsid");
        shell.args(["--ctty", "sh", "-c", &script, "sh"]);
        shell.arg(&to_foreground).arg(window.get_program()).args(window.get_args());
        shell.stdin(terminal.try_clone().expect("a copy")).stderr(terminal).stdout(Stdio::null());
        let shell = shell.spawn().expect("it starts");
        until(|| gate_waits(deployment));
        std::thread::sleep(std::time::Duration::from_secs(2));
        let process = conductor(deployment);
        assert!(!is_in_foreground(process));
        Self { master, screen, to_foreground, shell, process }
    }

    /// What the terminal has shown so far.
    fn shown(&self) -> String {
        (self.screen)()
    }

    /// Lets the shell bring it to the foreground.
    fn to_foreground(&self) {
        std::fs::write(&self.to_foreground, "").expect("written");
    }

    /// Kills it, which ends the shell.
    fn end(mut self) {
        send_to(self.process, Signal::KILL);
        self.shell.wait().expect("it is gone");
    }
}

#[test]
fn a_conductor_in_the_background_of_a_terminal_leaves_it_alone_and_asks_once_it_is_in_the_foreground() {
    let deployment = Deployment::prepared("background");
    let window = Background::of(&deployment, "");
    let process = window.process;
    assert!(!is_stopped(process), "it was stopped because it read from the terminal");
    let background = window.shown();
    for words in ["cutover approve", "in the background", "`fg`"] {
        assert!(background.contains(words), "{words}: {background}");
    }
    assert!(!background.contains("Type `"), "nobody can type: {background}");
    assert!(!background.contains('\u{1b}'), "the cursor is left where the shell has it: {background:?}");
    deployment.approve_what_waits();
    until(|| deployment.status()["gates"].as_array().is_some_and(Vec::is_empty));
    until(|| gate_waits(&deployment));
    window.to_foreground();
    until(|| window.shown().contains("Type `"));
    assert!(is_in_foreground(process));
    let gate = deployment.status()["gates"][0]["gate"].as_str().expect("a gate").to_owned();
    rustix::io::write(&window.master, b"\x04").expect("it is typed");
    until(|| window.shown().contains("nothing was decided"));
    rustix::io::write(&window.master, format!("{gate}\n").as_bytes()).expect("it is typed");
    until(|| {
        let decided = |event: &serde_json::Value| event["event"] == "gate-decided" && event["gate"] == gate.as_str();
        deployment.events().iter().any(decided)
    });
    window.end();
}

#[test]
fn after_a_first_signal_the_status_says_that_the_conductor_stops() {
    let deployment = Deployment::new("stopping");
    deployment.succeeds(&["announce", "--pace", "1000"]);
    // A pace at which launching a host takes minutes.
    let prepare = deployment.command(&["prepare", "--pace", "1"]);
    let mut prepare = deployment.spawn(prepare);
    wait_for(&deployment, "prepare.");
    assert!(deployment.succeeds(&["status"]).contains("goes on by itself"));
    send(&prepare, Signal::INT);
    until(|| deployment.log().contains("these steps end first"));
    until(|| deployment.status()["conductor_state"]["state"] == "stopping");
    let status = deployment.succeeds(&["status"]);
    assert!(!status.contains("goes on by itself"), "{status}");
    let again = format!("cutover prepare {}", deployment.file().display());
    assert!(status.contains("stopping after a signal") && status.contains(&again), "{status}");
    send(&prepare, Signal::INT);
    assert_eq!(prepare.wait().expect("it ends").code(), Some(7));
    let log = deployment.log();
    let end = log.split("stopped at once").nth(1).unwrap_or_else(|| panic!("{log}"));
    assert!(end.contains(&again), "the last words end with the command that resumes: {log}");
}

#[test]
fn a_status_says_which_signal_has_stopped_the_conductor() {
    let deployment = Deployment::prepared("signals");
    for (signal, why) in [
        (Signal::HUP, "its terminal was closed, or the connection to it was lost (SIGHUP)"),
        (Signal::TERM, "it was told to end (SIGTERM)"),
        (Signal::INT, "it was interrupted with Ctrl-C (SIGINT)"),
    ] {
        let asked = deployment.log().matches("GATE ").count();
        let mut window = deployment.start("window");
        // Only once it asks does it listen to signals.
        until(|| deployment.log().matches("GATE ").count() > asked);
        send(&window, signal);
        let status = window.wait().expect("it ends");
        assert_eq!(status.code(), Some(7), "{status}: {}", deployment.log());
        assert_eq!(deployment.status()["interrupted"], why);
        assert!(deployment.log().contains("stopping, because"), "{}", deployment.log());
    }
}

#[test]
fn a_conductor_in_the_background_of_a_terminal_that_takes_no_output_from_there_is_not_suspended_by_its_progress() {
    let deployment = Deployment::prepared("tostop");
    let window = Background::of(&deployment, "stty tostop; ");
    let process = window.process;
    assert!(!is_stopped(process), "it was stopped because it wrote to the terminal");
    assert!(!window.shown().contains("GATE "), "the terminal takes nothing: {}", window.shown());
    window.to_foreground();
    until(|| window.shown().contains("GATE "));
    window.end();
}

#[test]
fn nobody_is_told_to_type_at_a_terminal_that_does_not_control_the_conductor() {
    let deployment = Deployment::prepared("no-terminal");
    let (_master, terminal) = terminal();
    let window = deployment.command(&["window"]);
    let mut session = Command::new("setsid");
    session.arg("--wait").arg(window.get_program()).args(window.get_args()).stdin(terminal);
    let mut session = deployment.spawn(session);
    until(|| gate_waits(&deployment) && deployment.log().contains("To approve, run:"));
    assert!(!deployment.log().contains("`fg`"), "{}", deployment.log());
    send_to(conductor(&deployment), Signal::KILL);
    session.wait().expect("it is gone");
}
