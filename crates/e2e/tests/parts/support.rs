//! What the tests have in common.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use cutover_e2e::waiting::until;

/// Waits until something is so.
///
/// # Panics
/// When it does not come to that within a minute.
#[track_caller]
pub(crate) fn wait(what: &str, is_so: impl Fn() -> bool) {
    assert!(until(Duration::from_secs(60), || is_so().then_some(())).is_some(), "it does not come to this: {what}");
}

/// A web server at a free port of `address`, which gives `answer` to every request, until the test ends. Returns its port.
pub(crate) fn web_server(address: &str, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = client.read(&mut request).unwrap_or(0);
            let answer = answer(&String::from_utf8_lossy(&request[..length]));
            let _ = client.write_all(answer.as_bytes());
        }
    });
    port
}

/// An answer of a web server, with this status and these further lines in its head.
pub(crate) fn response(status: &str, head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{head}\r\n{body}")
}

/// The same whose body comes in pieces.
pub(crate) fn chunked(pieces: &[&str]) -> String {
    let chunk = |piece: &&str| format!("{:x}\r\n{piece}\r\n", piece.len());
    let body: String = pieces.iter().chain(&[""]).map(chunk).collect();
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{body}")
}
