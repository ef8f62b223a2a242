//! A bridge with 253 addresses, for the machines of one process.

use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use super::control_groups::end;
use crate::program::{run, succeed};

const INSTALL: &str = "install it with: apt-get install iproute2";
/// A lock on the file `N` in this folder is what makes the network `10.213.N.0/24` somebody's.
const LOCKS: &str = "/run/cutover-rig";
/// How many networks there are.
const NETWORKS: u8 = 250;

/// A network, which is taken away with this.
pub(super) struct Network {
    number: u8,
    last: Cell<u8>,
    /// The kernel unlocks it when this process and the keepers of its machines have ended.
    lock: File,
}

impl Network {
    /// Takes the first network that nobody has.
    ///
    /// # Panics
    /// When there is none, or this process may not make one.
    pub(super) fn take() -> Self {
        std::fs::create_dir_all(LOCKS).unwrap_or_else(|error| panic!("{LOCKS}: {error}; machines need root"));
        let (number, lock) = (1..=NETWORKS).find_map(|number| Some((number, lock(number)?))).expect("a free network");
        remove_unused(number);
        let network = Self { number, last: Cell::new(1), lock };
        let bridge = network.bridge();
        ip(&["link", "add", &bridge, "type", "bridge"]);
        ip(&["addr", "add", &format!("{}/24", network.address(1)), "dev", &bridge]);
        ip(&["link", "set", &bridge, "up"]);
        network
    }

    /// The name of the bridge.
    pub(super) fn bridge(&self) -> String {
        bridge(self.number)
    }

    /// The number of the next machine.
    pub(super) fn next(&self) -> u8 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    /// The lock, for the keeper of a machine.
    pub(super) fn lock(&self) -> File {
        self.lock.try_clone().expect("a second descriptor")
    }

    pub(super) fn address(&self, number: u8) -> String {
        format!("10.213.{}.{number}", self.number)
    }

    pub(super) fn machine(&self, number: u8) -> String {
        format!("{}-{number}", self.bridge())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        remove(&self.bridge());
    }
}

fn bridge(number: u8) -> String {
    format!("rig{number}")
}

/// The lock of a network, if nobody has it.
fn lock(number: u8) -> Option<File> {
    let file = File::create(Path::new(LOCKS).join(number.to_string())).expect("a file for a lock");
    file.try_lock().is_ok().then_some(file)
}

/// Removes what processes have left that were killed together with the keepers of their machines, for the process that has locked the network `own`.
fn remove_unused(own: u8) {
    for number in 1..=NETWORKS {
        let exists = Path::new("/sys/class/net").join(bridge(number)).exists();
        // It is locked while its machines are ended, so that nobody takes it meanwhile.
        let lock = if exists && number != own { lock(number) } else { None };
        if exists && (number == own || lock.is_some()) {
            end(&format!("{}-", bridge(number)));
            remove(&bridge(number));
        }
    }
}

fn ip(arguments: &[&str]) {
    succeed("ip", arguments, INSTALL);
}

/// It may have been removed by another process that looks for unused ones.
fn remove(bridge: &str) {
    run(Command::new("ip").args(["link", "delete", bridge]), "", INSTALL);
}
