//! Redis, in which celery keeps its queues.

use super::process::Process;
use super::room::Room;

/// A running Redis, which keeps nothing on disk.
pub struct Broker {
    address: String,
    room: Room,
    _process: Process,
}

impl Broker {
    /// Starts one, at port 6379.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(room: &Room, address: &str) -> Self {
        let words = ["redis-server", "--bind", address, "--protected-mode", "no", "--save", "", "--appendonly", "no"];
        let arguments: Vec<String> = words.map(str::to_owned).to_vec();
        let process = room.start("broker", &arguments, || ask(room, address, &["ping"]).as_deref() == Some("PONG"));
        Self { address: address.to_owned(), room: room.clone(), _process: process }
    }

    /// The address at which it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it answers to a command of `redis-cli`, such as `["LLEN", "celery"]`.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn ask(&self, command: &[&str]) -> String {
        ask(&self.room, &self.address, command).unwrap_or_else(|| panic!("Redis does not answer {command:?}"))
    }
}

fn ask(room: &Room, address: &str, command: &[&str]) -> Option<String> {
    let output = room.command("redis-cli").args(["-e", "-h", address]).args(command).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
