//! All hosts, each with its master connection, which is made when it is first needed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OnceCell;

use cutover_core::names::InstanceId;
use cutover_hosts::command::Command;
use cutover_hosts::envelope::{self, Answered, Output};

use crate::effective::Effective;
use crate::host_keys::HostKeys;
use crate::master::{self, Master};
use crate::settings::Settings;
use crate::trouble::{Trouble, of_not_begun};
use crate::turns::Turns;

/// What is added to the limit that a host keeps by itself, for the way there and back.
const WAY: Duration = Duration::from_secs(15);

/// How long all connections may take to end. One that does not is ended by its own limit.
const TO_END: Duration = Duration::from_secs(2);

/// A host, and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its instance, which no other host ever is.
    pub instance: InstanceId,
    /// The name or address at which `ssh` reaches it. It may belong to another instance later.
    pub address: String,
}

/// Hosts that are reached over SSH. Connections and keys belong to instances, because addresses are given again.
pub struct SshHosts {
    settings: Settings,
    /// For the control sockets. It is removed with this value.
    folder: TempDir,
    turns: Turns,
    launched: Cell<u64>,
    connections: RefCell<BTreeMap<InstanceId, Rc<Connection>>>,
    /// The files with the keys of those hosts whose keys were told.
    keys: RefCell<BTreeMap<InstanceId, PathBuf>>,
}

/// The connection to a host at an address.
struct Connection {
    address: String,
    /// It is made when it is first needed.
    master: OnceCell<Master>,
}

/// How long the path of a folder for folders of sockets may be. That of a socket has 107 bytes at most, of which our names take up
/// to 16, and 17 are for the name under which ssh makes it first.
const LONGEST: usize = 107 - 16 - 17;

/// Where folders of control sockets go: the usual folder for temporary files, unless its path is too long.
fn folder_for_sockets(usual: PathBuf) -> PathBuf {
    if usual.as_os_str().len() <= LONGEST { usual } else { PathBuf::from("/tmp") }
}

impl SshHosts {
    /// No connection yet.
    ///
    /// # Errors
    /// When there is no folder for control sockets.
    pub fn new(settings: Settings) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cut").tempdir_in(folder_for_sockets(std::env::temp_dir()))?;
        let (connections, keys) = (RefCell::default(), RefCell::default());
        Ok(Self { settings, folder, turns: Turns::new(), launched: Cell::new(0), connections, keys })
    }

    /// From now on, this instance is known by these keys alone, whatever files of known hosts say about its address: that may
    /// have belonged to another host before.
    ///
    /// # Errors
    /// When they cannot be written to the folder of the control sockets.
    pub fn know(&self, instance: &InstanceId, keys: &HostKeys) -> std::io::Result<()> {
        let mut known = self.keys.borrow_mut();
        let file = self.folder.path().join(format!("{}.keys", known.len()));
        std::fs::write(&file, keys.known_hosts())?;
        known.insert(instance.clone(), file);
        Ok(())
    }

    /// Whether the keys of this instance were told.
    #[must_use]
    pub fn knows(&self, instance: &InstanceId) -> bool {
        self.keys.borrow().contains_key(instance)
    }

    /// Runs a command on a host, with `input` on its standard input. The host ends it after `limit`.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn run(&self, peer: &Peer, command: &Command, input: &[u8], limit: Duration) -> Result<Output, Trouble> {
        let connection = self.connection(peer).await?;
        let master = connection.master.get().ok_or_else(ended)?;
        let line = envelope::line(command, limit, &master.user);
        let printed = master.run(&line, input, limit + WAY).await;
        let answered = printed.as_ref().map(|printed| envelope::open(&printed.stdout, &printed.stderr));
        if let Ok(Answered::Ended(output)) = answered {
            return Ok(output);
        }
        let lives = master.is_alive(&self.settings).await;
        if !lives {
            self.forget(&peer.instance, &connection);
        }
        Err(match answered {
            Ok(answered) => {
                incomplete(answered, printed.as_ref().is_ok_and(|printed| printed.has_ended), lives, limit + WAY)
            }
            Err(trouble) => trouble.clone(),
        })
    }

    /// The user that commands run as on a host.
    ///
    /// # Errors
    /// When no connection can be made.
    pub async fn user(&self, peer: &Peer) -> Result<String, Trouble> {
        let connection = self.connection(peer).await?;
        connection.master.get().map(|master| master.user.clone()).ok_or_else(ended)
    }

    /// Where an instance is to which there is a connection, and the user that commands run as there. None is made.
    #[must_use]
    pub fn connected(&self, instance: &InstanceId) -> Option<(Peer, String)> {
        let connections = self.connections.borrow();
        let connection = connections.get(instance)?;
        let user = connection.master.get()?.user.clone();
        Some((Peer { instance: instance.clone(), address: connection.address.clone() }, user))
    }

    /// The connection to a host, which is made if there is none at this address.
    async fn connection(&self, peer: &Peer) -> Result<Rc<Connection>, Trouble> {
        let connection = self.entry(peer);
        connection.master.get_or_try_init(|| self.launch(peer)).await?;
        Ok(connection)
    }

    /// The entry of a host. It replaces one of the same host at another address, whose connection ends by itself when it has
    /// not been used for a while.
    fn entry(&self, peer: &Peer) -> Rc<Connection> {
        let mut connections = self.connections.borrow_mut();
        match connections.get(&peer.instance) {
            Some(connection) if connection.address == peer.address => Rc::clone(connection),
            _ => {
                let new = Rc::new(Connection { address: peer.address.clone(), master: OnceCell::new() });
                connections.insert(peer.instance.clone(), Rc::clone(&new));
                new
            }
        }
    }

    async fn launch(&self, peer: &Peer) -> Result<Master, Trouble> {
        let turn = self.turns.take(None).await;
        let effective = Effective::of(&self.settings, &peer.address).await?;
        let _turn = match effective.way.shared() {
            None => turn,
            way => {
                drop(turn);
                self.turns.take(way).await
            }
        };
        let number = self.launched.replace(self.launched.get() + 1);
        let keys = self.keys.borrow().get(&peer.instance).cloned();
        let path = self.folder.path().join(number.to_string());
        Master::open(&self.settings, &peer.address, effective, keys.as_deref(), &path).await
    }

    /// Forgets a connection that has ended, unless another one was made meanwhile.
    fn forget(&self, instance: &InstanceId, ended: &Rc<Connection>) {
        let mut connections = self.connections.borrow_mut();
        if connections.get(instance).is_some_and(|connection| Rc::ptr_eq(connection, ended)) {
            connections.remove(instance);
        }
    }
}

fn ended() -> Trouble {
    Trouble::Unreachable("the connection has ended".to_owned())
}

/// Why an answer is not complete. `has_ended` says whether the host has ended its output within `limit`, and `lives` whether
/// the connection outlived it: with the connection, anything may have been lost that the host printed.
fn incomplete(answered: Answered, has_ended: bool, lives: bool, limit: Duration) -> Trouble {
    let within = format!("within {} s", limit.as_secs());
    match answered {
        Answered::NotBegun(_) if !has_ended => Trouble::StuckBefore(within),
        _ if !has_ended => Trouble::Lost(format!("no answer {within}")),
        _ if !lives => Trouble::Lost("the connection ended".to_owned()),
        Answered::NotBegun(said) => of_not_begun(said),
        Answered::CutOff | Answered::Ended(_) => Trouble::Lost("the answer is not complete".to_owned()),
    }
}

/// Ends the connections that cutover has made. The operator's own ones stay.
impl Drop for SshHosts {
    fn drop(&mut self) {
        let connections = self.connections.borrow();
        let masters = connections.values().filter_map(|connection| connection.master.get());
        let ending: Vec<_> = masters.filter_map(|master| master.end(&self.settings)).collect();
        master::wait_for(ending, TO_END);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sockets_are_elsewhere_if_the_usual_folders_path_is_too_long_for_them() {
        assert_eq!(folder_for_sockets("/var/tmp".into()), PathBuf::from("/var/tmp"));
        let long = format!("/home/operator/{}", "long".repeat(20));
        assert_eq!(folder_for_sockets(long.into()), PathBuf::from("/tmp"));
    }

    #[test]
    fn a_command_has_certainly_not_begun_only_if_the_connection_outlived_what_the_host_printed() {
        let welcome = || Answered::NotBegun("welcome".to_owned());
        let of = |answered, has_ended, lives| incomplete(answered, has_ended, lives, Duration::from_secs(9));
        assert_eq!(of(welcome(), true, true), Trouble::NotBegun("welcome".to_owned()));
        for trouble in [
            of(welcome(), true, false),
            of(Answered::NotBegun("for root rights use sudo".to_owned()), true, false),
            of(welcome(), false, true),
            of(welcome(), false, false),
            of(Answered::CutOff, true, true),
            of(Answered::CutOff, true, false),
            of(Answered::CutOff, false, true),
        ] {
            assert!(trouble.may_have_run(), "{trouble}");
        }
    }
}
