//! The steps about programs that the tests carry out.

use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::plan::{Action, HostPrograms, StartServices, Step, StopServices};

use crate::stage::{host, step};

pub(crate) fn stop(past_stop_limit: PastStopLimit) -> Step {
    let stop = StopServices {
        host: host("edx-0", "i-1"),
        supervisorctl: "supervisorctl".to_owned(),
        programs: vec!["cms".into(), "lms".into()],
        stop_limit: Duration::from_secs(60),
        past_stop_limit,
        running_tasks: Vec::new(),
    };
    step("stop", Action::StopServices(stop))
}

pub(crate) fn start() -> Step {
    start_on("edx-0")
}

pub(crate) fn start_on(name: &str) -> Step {
    let start = StartServices {
        host: host(name, "i-1"),
        supervisorctl: "supervisorctl".to_owned(),
        programs: vec!["cms".into(), "lms".into()],
        steady: Duration::from_secs(5),
        answers: Vec::new(),
        autostart: false,
    };
    step("start", Action::StartServices(start))
}

pub(super) fn confirm() -> Step {
    let programs = vec!["cms".into(), "lms".into()];
    let hosts = vec![HostPrograms { host: host("edx-0", "i-1"), supervisorctl: "supervisorctl".to_owned(), programs }];
    step("confirm", Action::ConfirmStopped { hosts, snapshots: Vec::new() })
}
