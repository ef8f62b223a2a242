//! A long way to a host, on which everything takes its time. Kernels can delay packets themselves (netem), but not all are
//! built for that; so a relay on loopback holds back what it passes on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The way to a host. Connections that were made through it end when this process does.
pub struct FarAway {
    host: String,
    relay: SocketAddr,
}

impl FarAway {
    /// A relay to the sshd at `host`, which delays each direction.
    pub(super) fn new(host: &str, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let relay = listener.local_addr().expect("an address");
        let to = host.to_owned();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let to = to.clone();
                thread::spawn(move || connect(near, &to, delay));
            }
        });
        Self { host: host.to_owned(), relay }
    }

    /// The lines of an OpenSSH configuration that lead to the host on this way.
    #[must_use]
    pub fn config(&self) -> String {
        let (host, address, port) = (&self.host, self.relay.ip(), self.relay.port());
        format!("Host {host}\n  HostName {address}\n  HostKeyAlias {host}\n  Port {port}\n")
    }
}

fn connect(near: TcpStream, host: &str, delay: Duration) {
    thread::sleep(2 * delay);
    let Ok(far) = TcpStream::connect((host, 22)) else { return };
    let copy = |stream: &TcpStream| stream.try_clone().expect("a second descriptor");
    let (from, to) = (copy(&far), copy(&near));
    thread::spawn(move || relay(from, to, delay));
    relay(near, far, delay);
}

/// Passes on what comes from `from`, each piece `delay` after it came.
fn relay(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        for (came, piece) in receiver {
            thread::sleep((came + delay).saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if sender.send((Instant::now(), buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}
