//! All hosts, each with its master connection, which is made when it is first needed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{OnceCell, Semaphore};

use cutover_hosts::command::Command;
use cutover_hosts::envelope::{self, Answered, Output};

use crate::limits::pause;
use crate::master::{Master, Printed};
use crate::settings::Settings;
use crate::trouble::{Trouble, of_not_begun};

/// How many connections are made at the same time. Making one takes processor time for its cryptography, and sshd
/// refuses some of those that are not signed in yet (`MaxStartups`), for jump hosts above all.
const CONNECTING: usize = 10;
/// What is added to the limit that a host keeps by itself, for the way there and back.
const WAY: Duration = Duration::from_secs(15);

/// Hosts that are reached over SSH, by their addresses.
pub struct SshHosts {
    settings: Settings,
    /// For the control sockets. It is removed with this value.
    folder: TempDir,
    connecting: Semaphore,
    launched: Cell<u64>,
    masters: RefCell<BTreeMap<String, Rc<OnceCell<Master>>>>,
}

impl SshHosts {
    /// No connection yet.
    ///
    /// # Errors
    /// When there is no folder for control sockets.
    pub fn new(settings: Settings) -> std::io::Result<Self> {
        // The name is short because the path of a socket must be.
        let folder = tempfile::Builder::new().prefix("cut").tempdir()?;
        let (connecting, launched, masters) = (Semaphore::new(CONNECTING), Cell::new(0), RefCell::default());
        Ok(Self { settings, folder, connecting, launched, masters })
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
        let answer = match &printed {
            Ok(Printed { stdout, stderr }) => match envelope::open(stdout, stderr) {
                Answered::Ended(output) => return Ok(output),
                Answered::NotBegun(_) if stdout.is_empty() && stderr.is_empty() => {
                    Err(Trouble::Lost("the connection ended".to_owned()))
                }
                Answered::NotBegun(said) => Err(of_not_begun(said)),
                Answered::CutOff => Err(Trouble::Lost("the answer is not complete".to_owned())),
            },
            Err(trouble) => Err(trouble.clone()),
        };
        if !master.is_alive(&self.settings).await {
            self.forget(address, &cell);
        }
        answer
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

    /// The connection to a host, which is made if there is none.
    async fn master(&self, address: &str) -> Result<Rc<OnceCell<Master>>, Trouble> {
        let cell = Rc::clone(self.masters.borrow_mut().entry(address.to_owned()).or_default());
        cell.get_or_try_init(async || {
            let _turn = self.connecting.acquire().await;
            let number = self.launched.replace(self.launched.get() + 1);
            Master::open(&self.settings, address, self.folder.path(), number).await
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

    /// Ends all connections.
    pub async fn close(&self) {
        let masters = std::mem::take(&mut *self.masters.borrow_mut());
        for master in masters.values().filter_map(|cell| cell.get()) {
            master.close(&self.settings).await;
        }
        // A master removes its socket when it ends, and the folder is removed after this.
        pause(Duration::from_millis(10)).await;
    }
}
