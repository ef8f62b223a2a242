//! The server from which builders fetch the code of a commit, as an archive: as GitHub has it, without TLS.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use cutover_rig::HttpMessage;

use super::REPOSITORY;

/// A running server. With this it takes no more connections.
pub struct Forge {
    address: String,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forge {
    /// Starts one at port 80 of `address`, for the repository in the folder `bare`.
    ///
    /// # Panics
    /// When somebody else listens there.
    #[must_use]
    pub fn start(address: &str, bare: &Path) -> Self {
        let listener = TcpListener::bind((address, 80)).unwrap_or_else(|error| panic!("{address}:80: {error}"));
        let bare = bare.to_owned();
        let ends = Arc::new(AtomicBool::new(false));
        let must_end = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if must_end.load(Ordering::SeqCst) {
                    return;
                }
                let bare = bare.clone();
                thread::spawn(move || serve(client, &bare));
            }
        });
        Self { address: address.to_owned(), ends, thread: Some(thread) }
    }

    /// The address of the repository.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("http://{}/campus/{REPOSITORY}", self.address)
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // It looks whether it must end once somebody connects.
        let _ = TcpStream::connect((self.address.as_str(), 80));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request.
fn serve(mut client: TcpStream, bare: &Path) {
    let Some(request) = HttpMessage::request(&mut client) else { return };
    let (status, body) = match archive(&request.head, bare) {
        Some(archive) => ("200 OK", archive),
        None => ("404 Not Found", Vec::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = client.write_all(&[head.as_bytes(), &body].concat());
}

/// The archive of the commit that a request is about.
fn archive(head: &str, bare: &Path) -> Option<Vec<u8>> {
    let path = head.split(' ').nth(1)?;
    let commit = path.strip_prefix(&format!("/campus/{REPOSITORY}/archive/"))?.strip_suffix(".tar.gz")?;
    let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut command = Command::new("git");
    command.arg("-C").arg(bare).args(["archive", "--format=tar.gz", commit]);
    let output = is_commit.then(|| command.output().ok()).flatten()?;
    output.status.success().then_some(output.stdout)
}
