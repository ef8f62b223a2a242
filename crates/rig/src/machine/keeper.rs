//! The process that keeps a machine, and ends it when it is dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::control_groups;
use super::kind::Kind;
use super::network::Network;
use super::outfit::Outfit;

const BOOTED: &str = include_str!("keeper.sh");
const PLAIN: &str = include_str!("plain.sh");
const INIT: &str = include_str!("init.sh");
pub(super) const INSTALL: &str = "install it with: apt-get install systemd-container util-linux iproute2";
/// The usual size of a machine's disk, which is in memory.
const DISK_MIB: u32 = 96;

/// A machine that is kept.
pub(super) struct Keeper {
    process: Child,
    kind: Kind,
    machine: String,
    furniture: PathBuf,
}

impl Keeper {
    /// Starts the machine with that number. `root` is the system that all machines share, after the layers of its image, and
    /// `furniture` has its own files.
    pub(super) fn start(network: &Network, number: u8, root: &str, furniture: &Path, outfit: &Outfit) -> Self {
        let (kind, machine) = (network.kind(), network.machine(number));
        let disk = format!("{}m", outfit.disk_mib().unwrap_or(DISK_MIB));
        let console = console(furniture);
        let mut command = Command::new("setsid");
        command.args(["unshare", "--mount", "/bin/sh", "-c"]);
        match kind {
            Kind::Booted => {
                command.args([BOOTED, "keeper"]).arg(root).arg(furniture);
                command.args([&network.bridge(), &machine, &disk]).arg(console).args(outfit.options());
            }
            Kind::Plain => {
                command.args([PLAIN, "keeper"]).arg(root).arg(furniture).arg(&disk).arg(console);
                command.args([INIT, &network.address(number), &kind.port().to_string()]).args(outfit.mounts());
            }
        }
        let process = command.stdin(Stdio::piped()).stdout(network.lock()).spawn();
        let process = process.unwrap_or_else(|error| panic!("no machine can be started ({error}); {INSTALL}"));
        Self { process, kind, machine, furniture: furniture.to_owned() }
    }

    /// The id of the machine's first process, once there is one.
    pub(super) fn first_process(&self) -> Option<u32> {
        match self.kind {
            Kind::Booted => control_groups::first_process(&self.machine),
            Kind::Plain => std::fs::read_to_string(beside(&self.furniture, "first")).ok()?.trim().parse().ok(),
        }
    }

    /// Makes the machine start again when its first process has ended.
    pub(super) fn restarts(&self) {
        std::fs::write(beside(&self.furniture, "reset"), "").expect("written");
    }

    /// Whether the machine was powered off.
    pub(super) fn is_off(&self) -> bool {
        beside(&self.furniture, "off").exists()
    }

    /// Where this process sees what the machine has written to its disk.
    pub(super) fn layer(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/mnt/upper", self.process.id()))
    }

    /// What the machine has printed while it started.
    pub(super) fn console(&self) -> String {
        std::fs::read_to_string(console(&self.furniture)).unwrap_or_default()
    }

    pub(super) fn machine(&self) -> &str {
        &self.machine
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // It ends the machine when its standard input ends.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn console(furniture: &Path) -> PathBuf {
    furniture.with_file_name("console")
}

fn beside(furniture: &Path, extension: &str) -> PathBuf {
    furniture.with_extension(extension)
}
