//! Cron files and timers, held back and put back.

use super::host::Host;
use crate::hold::{State, Verb, ask, read};

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
    assert!(!host.path("etc/systemd/system/nightly.timer.d").exists());
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
