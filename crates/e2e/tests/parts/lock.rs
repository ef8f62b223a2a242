//! The lock of `examples/migration-lock.py`, on a real MariaDB.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cutover_e2e::servers::{Database, Room};
use cutover_rig::Machines;
use tempfile::TempDir;

use crate::support::wait;

/// A site's settings, with a database of that address.
const SETTINGS: &str = "\
import pymysql
pymysql.install_as_MySQLdb()
DATABASES = {'default': {
    'ENGINE': 'django.db.backends.mysql',
    'HOST': 'ADDRESS', 'NAME': 'edxapp_live', 'USER': 'live', 'PASSWORD': 'secret',
}}
";

struct Site(TempDir);

impl Site {
    fn with(database: &Database) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = SETTINGS.replace("ADDRESS", database.address());
        std::fs::write(folder.path().join("settings.py"), settings).expect("written");
        Self(folder)
    }

    /// A command under the lock.
    fn locked(&self, command: &[&str]) -> Command {
        let packages = std::env::var_os("CUTOVER_SITE").map(PathBuf::from).expect("CUTOVER_SITE");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/migration-lock.py");
        let mut locked = Command::new("python3");
        locked.arg(script).arg("default").args(command).current_dir(self.0.path());
        locked.env("PYTHONPATH", packages).env("DJANGO_SETTINGS_MODULE", "settings");
        locked
    }

    /// A command that has the lock until its standard input ends.
    fn holder(&self) -> Child {
        let mut command = self.locked(&["sh", "-c", "echo has it; cat; exit 3"]);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
        let mut line = String::new();
        let _ = BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line);
        assert_eq!(line, "has it\n");
        holder
    }

    /// The exit status of a command that wants the lock, and what it has printed.
    fn tries(&self) -> (Option<i32>, String, String) {
        let tried = self.locked(&["echo", "ran"]).output().expect("python3");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (tried.status.code(), text(&tried.stdout), text(&tried.stderr))
    }
}

#[test]
fn of_two_migrations_under_the_lock_of_the_example_one_runs_and_the_other_names_it() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let database = Database::start(&room, &machines.add_address(201));
    database.add_schema("edxapp_live", "live", "secret");
    let site = Site::with(&database);

    let mut first = site.holder();
    let (status, ran, why) = site.tries();
    assert_eq!((status, ran.as_str()), (Some(75), ""), "{why}");
    assert!(why.starts_with("live@") && why.contains("has the lock 'migrate edxapp_live'; nothing was run"), "{why}");
    drop(first.stdin.take());
    assert_eq!(first.wait().expect("it ends").code(), Some(3), "it ends as its command does");
    assert_eq!(site.tries().0, Some(0));

    // The server takes the lock back by itself.
    let mut killed = site.holder();
    killed.kill().expect("it runs");
    killed.wait().expect("it ends");
    wait("the lock is free", || site.tries().1 == "ran\n");
}
