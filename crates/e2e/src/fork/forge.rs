//! The server from which builders fetch the code of a commit, as an archive: as GitHub has it, without TLS.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use cutover_rig::HttpMessage;

use super::REPOSITORY;

/// The address of a server that runs as long as this process does.
pub struct Forge {
    address: String,
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
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let bare = bare.clone();
                thread::spawn(move || serve(client, &bare));
            }
        });
        Self { address: address.to_owned() }
    }

    /// The address of the repository.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("http://{}/campus/{REPOSITORY}", self.address)
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
