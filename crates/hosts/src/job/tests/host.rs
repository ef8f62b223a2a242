//! A folder of jobs on this machine, in which the helper is run.

#![expect(clippy::disallowed_methods, reason = "a real shell runs the helper")]

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command as Process;

use tempfile::TempDir;

use crate::job::{JobReport, NotUnderstood, Reply, Request, read};

/// A folder of jobs, and the programs that the helper finds before those of the system.
pub(super) struct Host {
    folder: TempDir,
}

impl Host {
    pub(super) fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(host.path("programs")).expect("a folder");
        host
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn has_program(&self, name: &str, script: &str) {
        let program = self.path("programs").join(name);
        std::fs::write(&program, script).expect("it is written");
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).expect("it can be run");
    }

    /// What this helper answers.
    pub(super) fn reply(&self, helper: &str, request: &Request<'_>) -> Result<Reply, NotUnderstood> {
        let mut arguments = request.command(&self.path("jobs").display().to_string(), &me()).arguments;
        let path = format!("\nPATH={}:", self.path("programs").display());
        arguments[2] = helper.replacen("\nPATH=", &path, 1);
        std::fs::write(self.path("input"), request.input()).expect("written");
        let input = File::open(self.path("input")).expect("it is there");
        let output = Process::new(&arguments[0]).args(&arguments[1..]).stdin(input).output().expect("a shell");
        read(&output.stdout, 0)
    }

    /// Asks for a job until it is like that.
    pub(super) fn until(&self, helper: &str, name: &str, is_so: impl Fn(&JobReport) -> bool) -> JobReport {
        let name = name.into();
        let request = Request::Read { name: &name, offset: 0, maximum: 100 };
        let looks = (0..600).map(|_| self.reply(helper, &request)).filter_map(|reply| match reply {
            Ok(Reply::Report(report)) => Some(*report),
            _ => None,
        });
        let mut slow = looks.inspect(|_| std::thread::sleep(std::time::Duration::from_millis(50)));
        slow.find(is_so).expect("it comes to this within half a minute")
    }
}

/// The user of this process.
pub(super) fn me() -> String {
    let me = Process::new("id").arg("-un").output().expect("a user").stdout;
    String::from_utf8(me).expect("a name").trim().to_owned()
}

impl Drop for Host {
    /// A folder cannot be removed while a namespace is mounted in it. A script that has yet to begin does not.
    fn drop(&mut self) {
        let unmount = "for job in \"$0\"/*; do [ -e \"$job/run\" ] || continue; tries=0
            rm \"$job/ready\" || until [ -e \"$job/pids\" ] || [ $((tries += 1)) = 500 ]; do sleep 0.01; done
            umount \"$job/namespace\"; done";
        let jobs = self.path("jobs");
        Process::new("/bin/sh").args(["-c", unmount]).arg(jobs).output().expect("a shell");
    }
}
