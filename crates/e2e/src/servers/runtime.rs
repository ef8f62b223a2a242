//! The runtime socket of HAProxy, through which it is told what to change while it runs.

use std::fs::File;
use std::io::{Read, Result, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use super::room::Room;

/// The socket of a running HAProxy.
pub(super) struct Runtime {
    room: Room,
    socket: String,
}

impl Runtime {
    pub(super) fn new(room: &Room, socket: String) -> Self {
        Self { room: room.clone(), socket }
    }

    /// What it answers to an order, without the blanks around it.
    ///
    /// # Panics
    /// When it does not answer.
    pub(super) fn ask(&self, order: &str) -> String {
        self.try_ask(order).unwrap_or_else(|error| panic!("HAProxy does not answer `{order}`: {error}"))
    }

    pub(super) fn try_ask(&self, order: &str) -> Result<String> {
        // The path of a socket must not be longer than 107 characters, and the folder may be anywhere.
        let folder = File::open(self.room.path(""))?;
        let mut stream = UnixStream::connect(format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), self.socket))?;
        stream.write_all(format!("{order}\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.trim().to_owned())
    }
}
