//! A network of 253 addresses for the machines of one process: a bridge, or a part of loopback.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::control_groups::end;
use super::kind::Kind;
use crate::program::{run, succeed};

const INSTALL: &str = "install it with: apt-get install iproute2";
/// A lock on the file `N` in this folder is what makes the networks `10.213.N.0/24` and `127.213.N.0/24` somebody's.
const LOCKS: &str = "/run/cutover-rig";
/// How many networks there are.
const NETWORKS: u8 = 250;

/// A network, which is taken away with this.
pub(super) struct Network {
    kind: Kind,
    number: u8,
    /// The numbers of its machines, and of those that have ended without another in their place.
    taken: Mutex<BTreeSet<u8>>,
    /// The kernel unlocks it when this process and the keepers of its machines have ended.
    lock: File,
}

impl Network {
    /// Takes the first network that nobody has.
    ///
    /// # Panics
    /// When there is none, or this process may not make one.
    pub(super) fn take(kind: Kind) -> Self {
        std::fs::create_dir_all(LOCKS).unwrap_or_else(|error| panic!("{LOCKS}: {error}; machines need root"));
        let (number, lock) = (1..=NETWORKS).find_map(|number| Some((number, lock(number)?))).expect("a free network");
        let network = Self { kind, number, taken: Mutex::new(BTreeSet::from([1])), lock };
        if kind == Kind::Booted {
            remove_unused(number);
            network.build();
        }
        network
    }

    /// Makes the bridge.
    fn build(&self) {
        let bridge = self.bridge();
        // By itself a bridge has the lowest of the addresses of its machines: another one when that machine ends, which the
        // others take up to a minute to notice.
        let hardware = format!("02:d5:00:00:00:{:02x}", self.number);
        ip(&["link", "add", &bridge, "address", &hardware, "type", "bridge"]);
        ip(&["addr", "add", &format!("{}/24", self.address(1)), "dev", &bridge]);
        ip(&["link", "set", &bridge, "up"]);
    }

    /// What its machines are.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The name of the bridge.
    pub(super) fn bridge(&self) -> String {
        bridge(self.number)
    }

    /// The number of the next machine, which none has had before.
    pub(super) fn next(&self) -> u8 {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let next = taken.last().map_or(1, |last| last + 1);
        taken.insert(next);
        next
    }

    /// The number of the machine that is to have this address, which may be that of one that has ended.
    ///
    /// # Panics
    /// When it is not an address of this network.
    pub(super) fn number_of(&self, address: &str) -> u8 {
        let number = (2..=254).find(|number| self.address(*number) == address);
        let number = number.unwrap_or_else(|| panic!("{address} is not an address in {}/24", self.address(0)));
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        number
    }

    /// Gives this computer another address on the network. All of loopback are its own already.
    pub(super) fn add(&self, number: u8) -> String {
        let address = self.address(number);
        if self.kind == Kind::Booted {
            ip(&["addr", "add", &format!("{address}/24"), "dev", &self.bridge()]);
        }
        address
    }

    /// The lock, for the keeper of a machine.
    pub(super) fn lock(&self) -> File {
        self.lock.try_clone().expect("a second descriptor")
    }

    pub(super) fn address(&self, number: u8) -> String {
        self.kind.address(self.number, number)
    }

    pub(super) fn machine(&self, number: u8) -> String {
        format!("{}-{number}", self.bridge())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if self.kind == Kind::Booted {
            remove(&self.bridge());
        }
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
