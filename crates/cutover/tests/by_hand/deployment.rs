//! A deployment in a folder of its own, and the program run on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A deployment in a folder of its own, with a world that is 2,000 times faster than the wall clock.
pub(crate) struct Deployment {
    pub(crate) folder: PathBuf,
}

impl Deployment {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("cutover-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/mitx-qa.toml");
        let text = std::fs::read_to_string(example).expect("the example") + "\n[embedded]\npace = 400\n";
        let deployment = Self { folder };
        std::fs::write(deployment.file(), text).expect("written");
        deployment
    }

    /// A deployment of which `announce` and `prepare` have succeeded.
    pub(crate) fn prepared(name: &str) -> Self {
        let deployment = Self::new(name);
        deployment.succeeds(&["announce"]);
        deployment.see_through(deployment.start("prepare"));
        deployment
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("qa.toml")
    }

    /// Replaces a text in the file, which has it once.
    pub(crate) fn edit(&self, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.file()).expect("the file");
        assert_eq!(text.matches(old).count(), 1, "{old}");
        std::fs::write(self.file(), text.replace(old, new)).expect("written");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.arg(arguments[0]).arg(self.file()).args(&arguments[1..]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {}\n{out}\n{err}", output.status);
        out.into_owned()
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.succeeds(&["status", "--json"])).expect("status is JSON")
    }

    /// Starts a phase. Its output goes to a file, so that it never waits for a reader.
    pub(crate) fn start(&self, phase: &str) -> Child {
        self.spawn(self.command(&[phase]))
    }

    /// Starts a command; its output goes to the log.
    pub(crate) fn spawn(&self, mut command: Command) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).expect("a log");
        command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts")
    }

    /// What phases have printed so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The folder of all state.
    pub(crate) fn state_root(&self) -> PathBuf {
        self.folder.join("state/mitx-qa")
    }

    /// The folder of the upgrade's state.
    pub(crate) fn state(&self) -> PathBuf {
        self.state_root().join("mitx-qa-koa-v4")
    }

    /// The path of the last lease.
    fn lease_path(&self) -> PathBuf {
        let leases = std::fs::read_dir(self.state().join("lease")).expect("a folder").flatten();
        leases.map(|lease| lease.path()).max().expect("a lease")
    }

    /// The last lease.
    pub(crate) fn lease(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.lease_path()).expect("a lease")).expect("JSON")
    }

    /// Whether the last lease is released; not if there is none yet.
    pub(crate) fn is_released(&self) -> bool {
        let leases = std::fs::read_dir(self.state().join("lease")).into_iter().flatten().flatten();
        let last = leases.map(|lease| lease.path()).filter(|path| in_folder(path, "lease")).max();
        let lease = last.and_then(|path| std::fs::read(path).ok());
        let lease: Option<Value> = lease.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        lease.is_some_and(|lease| lease["released"] == true)
    }

    pub(crate) fn write_lease(&self, lease: &Value) {
        std::fs::write(self.lease_path(), lease.to_string()).expect("written");
    }

    pub(crate) fn record_count(&self) -> u64 {
        std::fs::read_dir(self.state().join("journal")).expect("a folder").count() as u64
    }

    /// The embedded cloud.
    fn world(&self) -> Value {
        let world = std::fs::read(self.state_root().join("embedded-cloud/world.json")).expect("a world");
        serde_json::from_slice(&world).expect("JSON")
    }

    /// Changes the embedded cloud, while no conductor is at work.
    pub(crate) fn change_world(&self, change: impl FnOnce(&mut Value)) {
        let mut world = self.world();
        change(&mut world);
        std::fs::write(self.state_root().join("embedded-cloud/world.json"), world.to_string()).expect("written");
    }

    /// Terminates hosts of the embedded cloud, while no conductor is at work.
    pub(crate) fn lose(&self, names: &[&str]) {
        self.put_hosts(names, "terminated");
    }

    /// Puts hosts of the embedded cloud into a state, while no conductor is at work.
    pub(crate) fn put_hosts(&self, names: &[&str], state: &str) {
        self.change_world(|world| {
            let hosts = world["hosts"].as_object_mut().expect("hosts").values_mut();
            let lost = hosts.filter(|host| host["name"].as_str().is_some_and(|name| names.contains(&name)));
            let lost: Vec<&mut Value> = lost.collect();
            assert_eq!(lost.len(), names.len(), "{names:?}");
            lost.into_iter().for_each(|host| host["state"] = state.into());
        });
    }

    /// The parts of the embedded cloud that have to do with the maintenance page.
    pub(crate) fn page(&self) -> String {
        self.world()["pages"].to_string()
    }

    /// The records of the embedded cloud's zone: names and targets.
    pub(crate) fn records(&self) -> Vec<(String, String)> {
        let world = self.world();
        let records = world["zone"]["records"].as_object().expect("records");
        records.iter().map(|(name, record)| (name.clone(), record["target"].to_string())).collect()
    }

    /// Approves every gate that asks until the phase has ended.
    pub(crate) fn see_through(&self, mut child: Child) {
        let begin = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("it can be waited for") {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                assert!(status.success(), "{status}\n{log}");
                return;
            }
            self.approve_what_waits();
            assert!(begin.elapsed() < Duration::from_secs(240), "it does not end: {}", self.status());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub(crate) fn approve_what_waits(&self) {
        for gate in self.status()["gates"].as_array().expect("a list") {
            let gate = gate["gate"].as_str().expect("a name").to_owned();
            self.run(&["approve", &gate, "--by", "alice"]);
        }
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> =
            walk(&self.folder).into_iter().filter(|path| in_folder(path, "journal")).collect();
        files.sort();
        let records = files.iter().map(|path| std::fs::read(path).expect("a record"));
        let records = records.map(|bytes| serde_json::from_slice::<Value>(&bytes).expect("a record is JSON"));
        records.flat_map(|record| record["events"].as_array().expect("events").clone()).collect()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

pub(crate) fn in_folder(path: &Path, name: &str) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|folder| folder == name)
        && path.extension().is_some_and(|extension| extension == "json")
}

/// Approves gates until the journal says that a step has started whose id starts with `wanted`.
pub(crate) fn wait_for(deployment: &Deployment, wanted: &str) {
    let begin = Instant::now();
    while !deployment.events().iter().any(|event| {
        event["event"] == "step-started" && event["step"].as_str().is_some_and(|step| step.starts_with(wanted))
    }) {
        deployment.approve_what_waits();
        assert!(begin.elapsed() < Duration::from_secs(120), "{wanted} never began: {}", deployment.status());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Kills a process, which is gone afterwards.
pub(crate) fn end_at_once(process: &mut Child) {
    process.kill().expect("it is killed");
    process.wait().expect("it is gone");
}

/// Sends a signal to a phase that runs.
pub(crate) fn send(child: &Child, signal: rustix::process::Signal) {
    send_to(child.id(), signal);
}

/// Sends a signal to a process that may be no child of this one.
pub(crate) fn send_to(process: u32, signal: rustix::process::Signal) {
    let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(id, signal).expect("it is there");
}

/// Whether a process is suspended.
pub(crate) fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it is there");
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
}

/// Suspends a phase that runs, at a moment at which it does not hold the lock of the embedded cloud: nobody else could
/// use that while it sleeps.
pub(crate) fn suspend(deployment: &Deployment, child: &Child) {
    let lock = std::fs::File::open(deployment.state_root().join("embedded-cloud/world.lock")).expect("a lock");
    until(|| {
        send(child, rustix::process::Signal::STOP);
        until(|| is_stopped(child.id()));
        let is_free = lock.try_lock().is_ok();
        match is_free {
            true => lock.unlock().expect("it was locked"),
            false => send(child, rustix::process::Signal::CONT),
        }
        is_free
    });
}

/// Waits until `wanted` is true.
pub(crate) fn until(wanted: impl Fn() -> bool) {
    let begin = Instant::now();
    while !wanted() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn gate_waits(deployment: &Deployment) -> bool {
    deployment.status()["gates"].as_array().is_some_and(|gates| !gates.is_empty())
}

/// What a program said on standard error, on one line: its lines are broken where they would be too long.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<&str>>().join(" ")
}
