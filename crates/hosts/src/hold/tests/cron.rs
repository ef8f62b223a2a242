//! A cron of which the script finds the jobs among the processes of this machine.

use std::process::Command;

use super::host::Host;
use crate::hold::State;

/// A cron: any process of that name, whose children are jobs. They end with this.
pub(super) struct Cron(pub(super) std::process::Child);

impl Cron {
    /// One that runs a job as cron does.
    pub(super) fn runs(host: &Host, shell: &str, command: &str) -> Self {
        Self::does(host, "cron", &format!("SHELL=/bin/sh {shell} -c \"$1\""), command)
    }

    /// One of that name that runs a line of shell in the background, with the command as `$1`.
    pub(super) fn does(host: &Host, name: &str, line: &str, command: &str) -> Self {
        use std::os::unix::process::CommandExt;
        let cron = host.path(name);
        std::fs::copy(std::fs::canonicalize("/bin/sh").expect("a shell"), &cron).expect("a shell");
        let started = host.path("started");
        let line = format!("{line} & echo >{}; wait", started.display());
        let mut command_line = Command::new(&cron);
        // No cron has that of a login, and no program that it runs before a job.
        command_line.env_remove("SHELL").args(["-c", &line, name, command]);
        let process = command_line.process_group(0).spawn().expect("a cron");
        while !started.exists() || !all_wait(process.id()) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Self(process)
    }
}

/// Whether all processes of a group wait for something or have ended: its children have become the shell, and perhaps the program, and do not
/// change any more.
fn all_wait(group: u32) -> bool {
    let group = group.to_string();
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let texts = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    // The state, the parent and the group come after the name.
    let own = texts.filter_map(|text| {
        let (_, after) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = after.split(' ').collect();
        (fields[2] == group).then(|| ["S", "Z"].contains(&fields[0]))
    });
    own.into_iter().all(|waits| waits)
}

impl Drop for Cron {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// Ends a cron with its job, and waits until nothing of it is found any more: killed processes are listed for a moment.
pub(super) fn is_held_after(host: &Host, cron: Cron) {
    drop(cron);
    let begin = std::time::Instant::now();
    while host.states()[0] != State::Held {
        assert!(begin.elapsed().as_secs() < 10, "{:?}", host.states());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
/// A file from which nothing can ever be read.
pub(super) fn never(host: &Host) -> String {
    let pipe = host.path("never").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    pipe
}
