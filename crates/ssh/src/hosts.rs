//! All hosts, each with its master connection, which is made when it is first needed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OnceCell;

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

/// Hosts that are reached over SSH, by their addresses.
pub struct SshHosts {
    settings: Settings,
    /// For the control sockets. It is removed with this value.
    folder: TempDir,
    turns: Turns,
    launched: Cell<u64>,
    masters: RefCell<BTreeMap<String, Rc<OnceCell<Master>>>>,
    /// The files with the keys of those hosts whose keys were told, by address.
    keys: RefCell<BTreeMap<String, PathBuf>>,
}

impl SshHosts {
    /// No connection yet.
    ///
    /// # Errors
    /// When there is no folder for control sockets.
    pub fn new(settings: Settings) -> std::io::Result<Self> {
        // The name is short because the path of a socket must be.
        let folder = tempfile::Builder::new().prefix("cut").tempdir()?;
        let (masters, keys) = (RefCell::default(), RefCell::default());
        Ok(Self { settings, folder, turns: Turns::new(), launched: Cell::new(0), masters, keys })
    }

    /// From now on, the host at this address is known by these keys alone, whatever files of known hosts say about the
    /// address: it may have belonged to another host before.
    ///
    /// # Errors
    /// When they cannot be written to the folder of the control sockets.
    pub fn know(&self, address: &str, keys: &HostKeys) -> std::io::Result<()> {
        let mut known = self.keys.borrow_mut();
        let file = self.folder.path().join(format!("{}.keys", known.len()));
        std::fs::write(&file, keys.known_hosts())?;
        known.insert(address.to_owned(), file);
        Ok(())
    }

    /// Whether the keys of the host at this address were told.
    #[must_use]
    pub fn knows(&self, address: &str) -> bool {
        self.keys.borrow().contains_key(address)
    }

    /// Runs a command on a host, with `input` on its standard input. The host ends it after `limit`.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn run(
        &self,
        address: &str,
        command: &Command,
        input: &[u8],
        limit: Duration,
    ) -> Result<Output, Trouble> {
        let cell = self.master(address).await?;
        let master = cell.get().ok_or_else(|| Trouble::Unreachable("the connection has ended".to_owned()))?;
        let line = envelope::line(command, limit, &master.user);
        let printed = master.run(&line, input, limit + WAY).await;
        let answered = printed.as_ref().map(|printed| envelope::open(&printed.stdout, &printed.stderr));
        if let Ok(Answered::Ended(output)) = answered {
            return Ok(output);
        }
        let lives = master.is_alive(&self.settings).await;
        if !lives {
            self.forget(address, &cell);
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
    pub async fn user(&self, address: &str) -> Result<String, Trouble> {
        let cell = self.master(address).await?;
        cell.get()
            .map(|master| master.user.clone())
            .ok_or_else(|| Trouble::Unreachable("the connection has ended".to_owned()))
    }

    /// The user that commands run as on a host to which there is a connection. None is made.
    #[must_use]
    pub fn user_of_connection(&self, address: &str) -> Option<String> {
        let masters = self.masters.borrow();
        masters.get(address).and_then(|cell| cell.get()).map(|master| master.user.clone())
    }

    /// The connection to a host, which is made if there is none.
    async fn master(&self, address: &str) -> Result<Rc<OnceCell<Master>>, Trouble> {
        let cell = Rc::clone(self.masters.borrow_mut().entry(address.to_owned()).or_default());
        cell.get_or_try_init(async || {
            let turn = self.turns.take(None).await;
            let effective = Effective::of(&self.settings, address).await?;
            let _turn = match effective.way.shared() {
                None => turn,
                way => {
                    drop(turn);
                    self.turns.take(way).await
                }
            };
            let number = self.launched.replace(self.launched.get() + 1);
            let keys = self.keys.borrow().get(address).cloned();
            Master::open(
                &self.settings,
                address,
                effective,
                keys.as_deref(),
                &self.folder.path().join(number.to_string()),
            )
            .await
        })
        .await?;
        Ok(cell)
    }

    /// Forgets a connection that has ended, unless another one was made meanwhile.
    fn forget(&self, address: &str, ended: &Rc<OnceCell<Master>>) {
        let mut masters = self.masters.borrow_mut();
        if masters.get(address).is_some_and(|cell| Rc::ptr_eq(cell, ended)) {
            masters.remove(address);
        }
    }
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
        let masters = self.masters.borrow();
        let ending: Vec<_> =
            masters.values().filter_map(|cell| cell.get()).filter_map(|master| master.end(&self.settings)).collect();
        master::wait_for(ending, TO_END);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
