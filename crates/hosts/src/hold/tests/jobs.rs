//! What cron and anacron have started of a file that is held.

use super::cron::{Cron, is_held_after, never};
use super::host::Host;
use crate::hold::{Order, State, Verb, ask, read};

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

#[test]
fn a_job_of_anacron_is_named_while_it_runs_and_anacron_itself_is_waited_for_only_if_its_table_is_held() {
    let host = Host::new("active\n");
    host.write_script("edxapp", "#!/bin/sh\nsleep 31.55\ntrue\n");
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
    host.write_script("nightly", "#!/bin/sh\nsleep 31.35\ntrue\n");
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
    host.write_script("edxapp", "#!/bin/sh\nsleep 31.5\ntrue\n");
    let script = host.path("edxapp").display().to_string();
    let cron = Cron::runs(&host, "/bin/sh", &format!("cd / && {script}; true"));
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Busy(script));
    is_held_after(&host, cron);
}
