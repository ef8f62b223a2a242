//! The script on real files, with a systemctl that keeps the state of one timer, and the parser on what it prints.

#![expect(clippy::disallowed_methods, reason = "a real shell runs the script")]

use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::command::Said;

mod containers;

/// Keeps the state of a timer in `$TIMER`, and that of its service in `$TIMER.service`. A condition that is never true keeps
/// the timer from starting. How systemd has loaded the timer is in `$TIMER.load`, and the job that waits for the service in
/// `$TIMER.job`.
const SYSTEMCTL: &str = r#"#!/bin/sh
case "$*" in
"$SILENT") exit 1 ;;
"show -p LoadState gone.timer") echo LoadState=not-found ;;
"show -p LoadState "*) echo "LoadState=$(cat "$TIMER.load")" ;;
"show -p UnitFileState "*) cat "$TIMER.file" ;;
"show -p Unit "*) [ "$(cat "$TIMER.load")" = masked ] || echo Unit=nightly.service ;;
"show -p ActiveState -p Job nightly.service")
    if [ -e "$TIMER.job" ]; then echo "Job=$(cat "$TIMER.job")"; fi
    echo "ActiveState=$(cat "$TIMER.service")" ;;
"show -p ActiveState "*) echo "ActiveState=$(cat "$TIMER")" ;;
"stop "*) echo inactive >"$TIMER" ;;
"start "*)
    [ "$(cat "$TIMER.load")" = loaded ] || exit 1
    [ -e "$UNITS/nightly.timer.d/cutover-hold.conf" ] || echo active >"$TIMER" ;;
esac
"#;

/// A folder with a cron file, and a timer.
struct Host {
    folder: tempfile::TempDir,
    /// The question to systemctl that is not answered.
    silent: std::cell::Cell<&'static str>,
}

impl Host {
    fn new(timer: &str) -> Self {
        let silent = std::cell::Cell::new("none");
        let host = Self { folder: tempfile::tempdir().expect("a folder"), silent };
        std::fs::create_dir(host.path("bin")).expect("a folder");
        let systemctl = host.path("bin/systemctl");
        std::fs::write(&systemctl, SYSTEMCTL).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(systemctl, mode).expect("it can be run");
        for (name, text) in [
            ("edxapp", "* * * * * root true\n"),
            ("timer", timer),
            ("timer.service", "inactive\n"),
            ("timer.load", "loaded\n"),
        ] {
            std::fs::write(host.path(name), text).expect("a file");
        }
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn items(&self) -> Vec<String> {
        vec![self.path("edxapp").display().to_string(), "nightly.timer".to_owned()]
    }

    /// Runs the script with the units of this folder.
    fn run(&self, arguments: &[String]) -> Said {
        let mut arguments = arguments.to_vec();
        arguments[5] = self.path("units").display().to_string();
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").expect("a path"));
        let output = Command::new(&arguments[0])
            .args(&arguments[1..])
            .envs([("PATH", path), ("TIMER", self.path("timer").display().to_string())])
            .envs([("UNITS", self.path("units").display().to_string()), ("SILENT", self.silent.get().to_owned())])
            .output()
            .expect("a shell");
        Said {
            exit: output.status.code().expect("an exit status"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    fn order(&self, verb: Verb) {
        let said = self.run(&Order { verb, items: self.items() }.command().arguments);
        assert_eq!((said.exit, said.stdout.as_str(), said.stderr.as_str()), (0, "", ""), "{verb:?}");
    }

    fn states(&self) -> Vec<State> {
        let items = self.items();
        let states = read(&items, &self.run(&ask(&items).command.arguments)).expect("it is complete");
        items.iter().map(|item| states[item].clone()).collect()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

#[test]
fn what_is_held_back_and_put_back_is_as_before_however_often_that_is_ordered() {
    let host = Host::new("active\n");
    assert_eq!(host.states(), [State::NotHeld, State::NotHeld]);
    for _ in 0..2 {
        host.order(Verb::Hold);
        assert_eq!(host.states(), [State::Held, State::Held]);
        assert_eq!(host.read("timer"), "inactive\n");
        // As the timer is started when the host boots: the condition is on the disk.
        host.run(&["sh", "-c", "systemctl start nightly.timer", "", "", ""].map(str::to_owned));
        assert_eq!(host.read("timer"), "inactive\n");
    }
    assert_eq!(host.read(".edxapp.held-by-cutover"), "* * * * * root true\n");
    for _ in 0..2 {
        host.order(Verb::PutBack);
        assert_eq!(host.states(), [State::NotHeld, State::NotHeld]);
    }
    assert_eq!((host.read("edxapp").as_str(), host.read("timer").as_str()), ("* * * * * root true\n", "active\n"));
    assert!(!host.path("units/nightly.timer.d").exists());
}

#[test]
fn on_a_full_disk_a_timer_is_not_said_to_be_held() {
    let host = Host::new("active\n");
    let mut arguments = Order { verb: Verb::Hold, items: host.items() }.command().arguments;
    // No file can grow, as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f 0\n{}", arguments[2]);
    arguments[2] = script;
    host.run(&arguments);
    assert_eq!(host.states()[1], State::NotHeld);
    assert_eq!(host.read("timer"), "active\n");
    host.order(Verb::Hold);
    host.order(Verb::PutBack);
    assert_eq!(host.read("timer"), "active\n", "it is known that it was active");
}

#[test]
fn a_timer_that_was_not_active_is_not_started() {
    let host = Host::new("inactive\n");
    host.order(Verb::Hold);
    host.order(Verb::PutBack);
    assert_eq!(host.read("timer"), "inactive\n");
}

#[test]
fn a_timer_is_active_again_although_its_order_was_cut_short() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    let condition = host.path("units/nightly.timer.d/cutover-hold.conf");
    std::fs::rename(&condition, condition.with_extension("conf.ending")).expect("it is there");
    assert_eq!(host.states()[1], State::Held, "it is not put back yet");
    host.order(Verb::PutBack);
    assert_eq!((host.states()[1].clone(), host.read("timer")), (State::NotHeld, "active\n".to_owned()));
}

#[test]
fn a_service_that_a_timer_has_started_is_named_while_it_runs() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    host.write("timer.service", "activating\n");
    assert_eq!(host.states(), [State::Held, State::Busy("nightly.service".to_owned())]);
}

#[test]
fn a_systemd_that_does_not_answer_is_an_error_and_nothing_is_held() {
    let host = Host::new("active\n");
    let items = host.items();
    let asked = || read(&items, &host.run(&ask(&items).command.arguments));
    for silent in ["show -p ActiveState nightly.timer", "show -p LoadState nightly.timer"] {
        host.silent.set(silent);
        let told = asked().expect_err("it does not tell");
        assert!(told.to_string().contains("systemd does not tell"), "{told}");
    }
    host.silent.set("show -p ActiveState nightly.timer");
    let said = host.run(&Order { verb: Verb::Hold, items: items.clone() }.command().arguments);
    assert_ne!(said.exit, 0);
    assert!(!host.path("units/nightly.timer.d/cutover-hold.conf").exists(), "it is not known that it was active");
    assert!(host.path(".edxapp.held-by-cutover").exists(), "the others are held");
    host.silent.set("none");
    host.order(Verb::Hold);
    for silent in ["show -p ActiveState -p Job nightly.service", "show -p Unit nightly.timer"] {
        host.silent.set(silent);
        assert!(asked().is_err(), "whether the service runs is not known");
    }
    host.silent.set("none");
    host.order(Verb::PutBack);
    assert_eq!(host.read("timer"), "active\n", "it is known that it was active");
}

#[test]
fn a_service_is_waited_for_in_every_state_but_the_two_in_which_it_does_nothing() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    for state in ["active", "activating", "deactivating", "reloading", "maintenance", "refreshing"] {
        host.write("timer.service", &format!("{state}\n"));
        assert_eq!(host.states()[1], State::Busy("nightly.service".to_owned()), "{state}");
    }
    for state in ["inactive", "failed"] {
        host.write("timer.service", &format!("{state}\n"));
        assert_eq!(host.states()[1], State::Held, "{state}");
    }
}

#[test]
fn a_masked_timer_counts_as_held_and_as_put_back_and_is_left_masked() {
    let host = Host::new("active\n");
    host.write("timer.load", "masked\n");
    host.write("timer.file", "UnitFileState=masked\n");
    assert_eq!(host.states()[1], State::NotHeld, "it was active when it was masked");
    host.order(Verb::Hold);
    assert_eq!(host.states(), [State::Held, State::Masked(None)]);
    host.write("timer.service", "activating\n");
    assert_eq!(host.states()[1], State::Masked(Some("nightly.service".to_owned())));
    host.write("timer.service", "inactive\n");
    host.order(Verb::PutBack);
    assert_eq!(host.states(), [State::NotHeld, State::Masked(None)]);
    assert!(!host.path("units/nightly.timer.d").exists());

    // This mask ends with the next restart of the host.
    host.write("timer.file", "UnitFileState=masked-runtime\n");
    assert_eq!(host.states()[1], State::NotHeld);
    host.order(Verb::Hold);
    assert_eq!(host.states()[1], State::Held);
}

#[test]
fn a_timer_that_somebody_masks_while_it_is_held_stays_masked() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    host.write("timer.load", "masked\n");
    host.write("timer.file", "UnitFileState=masked\n");
    assert_eq!(host.states()[1], State::Held);
    host.order(Verb::PutBack);
    assert_eq!((host.states()[1].clone(), host.read("timer")), (State::Masked(None), "inactive\n".to_owned()));
}

#[test]
fn a_timer_whose_file_systemd_does_not_understand_is_not_missing() {
    let host = Host::new("active\n");
    host.write("timer.load", "bad-setting\n");
    host.order(Verb::Hold);
    assert_eq!(host.states()[1], State::Held);
}

#[test]
fn a_service_that_systemd_has_still_to_start_is_waited_for() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    host.write("timer.job", "138\n");
    assert_eq!(host.states()[1], State::Busy("nightly.service".to_owned()));
    // Some versions of systemd print it of a service without a job, too.
    for none in ["", "0\n"] {
        host.write("timer.job", none);
        assert_eq!(host.states()[1], State::Held, "{none:?}");
    }
}

/// A cron: any process of that name, whose children are jobs. They end with this.
struct Cron(std::process::Child);

impl Cron {
    /// One that runs a job as cron does.
    fn runs(host: &Host, shell: &str, command: &str) -> Self {
        Self::does(host, "cron", &format!("SHELL=/bin/sh {shell} -c \"$1\""), command)
    }

    /// One of that name that runs a line of shell in the background, with the command as `$1`.
    fn does(host: &Host, name: &str, line: &str, command: &str) -> Self {
        use std::os::unix::process::CommandExt;
        let cron = host.path(name);
        std::fs::copy(std::fs::canonicalize("/bin/sh").expect("a shell"), &cron).expect("a shell");
        let started = host.path("started");
        let line = format!("{line} & echo >{}; wait", started.display());
        let mut command_line = Command::new(&cron);
        // No cron has that of a login, and no program that it runs before a job.
        command_line.env_remove("SHELL").args(["-c", &line, name, command]);
        let process = command_line.process_group(0).spawn().expect("a cron");
        while !started.exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // Its child becomes the shell, and perhaps the program, a moment later.
        std::thread::sleep(std::time::Duration::from_millis(200));
        Self(process)
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// Ends a cron with its job, and waits until nothing of it is found any more: killed processes are listed for a moment.
fn is_held_after(host: &Host, cron: Cron) {
    drop(cron);
    let begin = std::time::Instant::now();
    while host.states()[0] != State::Held {
        assert!(begin.elapsed().as_secs() < 10, "{:?}", host.states());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_job_that_cron_has_started_is_named_while_it_runs() {
    let shell = std::fs::canonicalize("/bin/sh").expect("a shell").display().to_string();
    for (line, named) in [
        ("sleep 31.25; true", "sleep 31.25; true"),
        ("sleep 31.25 2>/dev/null", "sleep"),
        ("  cd / && exec sleep '31.25'", "sleep"),
    ] {
        let host = Host::new("active\n");
        host.write("edxapp", &format!("SHELL=/bin/sh\n# sleepy\n* * * * * root {line}\n"));
        let cron = Cron::runs(&host, &shell, line);
        assert_eq!(host.states()[0], State::NotHeld);
        host.order(Verb::Hold);
        let State::Busy(job) = host.states()[0].clone() else { panic!("{line} runs: {:?}", host.states()) };
        assert!(job == named || line.contains(&job), "{job}");
        is_held_after(&host, cron);
    }
}

#[test]
fn a_job_that_cron_is_about_to_start_is_waited_for() {
    // cron has forked, and PAM's modules come before the job: in the fork itself, in a program, or in another process.
    for line in ["(read _ <$1)", "(sleep 31.45; true)", "({ read _ <$1; } & wait)"] {
        let host = Host::new("active\n");
        let cron = Cron::does(&host, "cron", line, &never(&host));
        host.order(Verb::Hold);
        assert_eq!(host.states()[0], State::Busy("a job that begins".to_owned()), "{line}");
        is_held_after(&host, cron);
    }
    // The job of another file has begun, and what writes its input is a process of cron's as well.
    let host = Host::new("active\n");
    let line = "({ read _ <$1; } & SHELL=/bin/sh sh -c 'sleep 31.45; true'; true)";
    let _cron = Cron::does(&host, "cron", line, &never(&host));
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Held);
}

/// A file from which nothing can ever be read.
fn never(host: &Host) -> String {
    let pipe = host.path("never").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    pipe
}

#[test]
fn a_job_of_anacron_is_named_while_it_runs_and_anacron_itself_is_waited_for_only_if_its_table_is_held() {
    let host = Host::new("active\n");
    host.write("edxapp", "#!/bin/sh\nsleep 31.55\ntrue\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(host.path("edxapp"), mode).expect("it can be run");
    let script = host.path("edxapp").display().to_string();
    let cron = Cron::does(&host, "anacron", "SHELL=/bin/sh sh -c \"$1\"", &format!("cd / && {script}; true"));
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Busy(script));
    is_held_after(&host, cron);

    // It has read its table, and starts the next job of it after a delay.
    let _anacron = Cron::does(&host, "anacron", "tail -f /dev/null", "");
    let table = host.path("anacrontab").display().to_string();
    std::fs::write(&table, "1 5 cron.daily run-parts /etc/cron.daily\n").expect("a file");
    let items = [table.clone()];
    host.run(&Order { verb: Verb::Hold, items: items.to_vec() }.command().arguments);
    let states = read(&items, &host.run(&ask(&items).command.arguments)).expect("it is complete");
    assert_eq!(states[&table], State::Busy("anacron".to_owned()));
    assert_eq!(host.states()[0], State::Held);
}

#[test]
fn a_job_that_went_to_the_background_is_named_while_it_runs() {
    let host = Host::new("active\n");
    let script = host.path("nightly").display().to_string();
    host.write("nightly", "#!/bin/sh\nsleep 31.35\ntrue\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("it can be run");
    let line = format!("{script} &");
    host.write("edxapp", &format!("* * * * * root {line}\n"));
    let cron = Cron::runs(&host, "/bin/sh", &line);
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Busy(script));
    is_held_after(&host, cron);
}

#[test]
fn a_job_of_another_cron_file_is_not_waited_for() {
    let host = Host::new("active\n");
    host.write("edxapp", "SHELL=/bin/sh\nPATH=/usr/bin\n# sleep 31.75; true\n* * * * * root /bin/sh -c 'true'\n");
    let _cron = Cron::runs(&host, "/bin/sh", "sleep 31.75; true");
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Held);
}

#[test]
fn a_script_in_a_folder_of_cron_is_known_by_its_path() {
    let host = Host::new("active\n");
    host.write("edxapp", "#!/bin/sh\nsleep 31.5\ntrue\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(host.path("edxapp"), mode).expect("it can be run");
    let script = host.path("edxapp").display().to_string();
    let cron = Cron::runs(&host, "/bin/sh", &format!("cd / && {script}; true"));
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Busy(script));
    is_held_after(&host, cron);
}

#[test]
fn a_cron_file_that_is_written_again_is_held_too_and_no_version_is_lost() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    host.write("edxapp", "new\n");
    assert_eq!(host.states()[0], State::NotHeld);
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Held);
    host.write("edxapp", "newest\n");
    host.order(Verb::PutBack);
    assert_eq!((host.states()[0].clone(), host.read("edxapp")), (State::NotHeld, "newest\n".to_owned()));
    let names = std::fs::read_dir(host.folder.path()).expect("a folder").flatten();
    let kept = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(".edxapp.held-by-cutover."));
    let mut kept: Vec<String> = kept.map(|entry| std::fs::read_to_string(entry.path()).expect("a file")).collect();
    kept.sort();
    assert_eq!(kept, ["* * * * * root true\n", "new\n"]);
}

#[test]
fn what_does_not_exist_is_missing_and_not_held() {
    let host = Host::new("active\n");
    let items = vec![host.path("edxap").display().to_string(), "gone.timer".to_owned()];
    let states = read(&items, &host.run(&ask(&items).command.arguments)).expect("it is complete");
    assert_eq!(states.into_values().collect::<Vec<_>>(), [State::Missing, State::Missing]);
}

#[test]
fn an_answer_that_does_not_tell_of_everything_is_an_error() {
    let items = ["/etc/cron.d/edxapp", "nightly.timer"].map(str::to_owned);
    let said = |stdout: &str| Said { stdout: stdout.to_owned(), ..Said::default() };
    let whole = answer(&items, true);
    assert_eq!(
        read(&items, &said(&whole)).expect("it is complete").into_values().collect::<Vec<_>>(),
        [State::Held, State::Held]
    );
    for cut in ["", "end\n", "held nightly.timer\nend\n", "held /etc/cron.d/edxapp\nheld nightly.timer\n"] {
        assert!(read(&items, &said(cut)).is_err(), "{cut}");
    }
    assert!(read(&items, &Said { exit: 1, ..said(&whole) }).is_err());
    assert!(read(&items, &said(&whole.replace("nightly", "fortnightly"))).is_err());
}

#[test]
fn questions_and_orders_are_recognised_by_their_commands() {
    let items = vec!["/etc/cron.d/edxapp".to_owned()];
    assert_eq!(asked(&ask(&items)), Some(items.as_slice()));
    for verb in [Verb::Hold, Verb::PutBack] {
        let order = Order { verb, items: items.clone() };
        assert_eq!(Order::of(&order.command()), Some(order));
    }
    assert_eq!(Order::of(&ask(&items).command), None);
}
