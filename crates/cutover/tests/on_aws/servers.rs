//! Servers that stand in for AWS: some that refuse, one that never answers, and one that forwards most requests.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_rig::HttpMessage;

/// A server on loopback, which runs until the test ends.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Refuses every request, with that code.
    pub(crate) fn refusing(code: &'static str, message: &'static str) -> Self {
        Self::start(move |client, _| answer(client, 403, &refusal(code, message)))
    }

    /// Answers who the caller is, and refuses everything else.
    pub(crate) fn forbidding() -> Self {
        Self::start(|client, request| match request.contains("Action=GetCallerIdentity") {
            true => answer(client, 200, IDENTITY),
            false => answer(client, 403, &refusal("AccessDenied", "Access Denied")),
        })
    }

    /// Refuses every sign-in of SSO.
    pub(crate) fn signing_nobody_in() -> Self {
        Self::start(|client, _| {
            let body = "{\"message\":\"Session token not found or invalid\"}";
            let (kind, length) = ("x-amzn-errortype: UnauthorizedException", body.len());
            let head = format!("HTTP/1.1 401 X\r\n{kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = client.write_all((head + body).as_bytes());
        })
    }

    /// Accepts every connection, and never answers.
    pub(crate) fn silent() -> Self {
        Self::start(|client, _| {
            // Until the other side closes the connection.
            while client.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
        })
    }

    /// Forwards requests to `endpoint`, except that requests with `words` get into `trouble`.
    pub(crate) fn before(endpoint: &str, words: &'static str, trouble: &Arc<Mutex<Trouble>>) -> Self {
        let (upstream, trouble) = (endpoint.trim_start_matches("http://").to_owned(), Arc::clone(trouble));
        Self::start(move |client, request| {
            let trouble = if request.contains(words) { *trouble.lock().expect("no panic") } else { Trouble::None };
            match trouble {
                Trouble::Fail => return answer(client, 500, &refusal("InternalFailure", "on order")),
                Trouble::Delay(length) => std::thread::sleep(length),
                Trouble::None => {}
            }
            let mut server = TcpStream::connect(&upstream).expect("it listens");
            // One request per connection, so that the end of the connection is the end of the answer.
            let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            server.write_all(request.as_bytes()).expect("passed on");
            let mut bytes = Vec::new();
            let _ = server.read_to_end(&mut bytes);
            let _ = client.write_all(&bytes);
        })
    }

    fn start(serve: impl Fn(&mut TcpStream, &str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, serve) = (Arc::clone(&asked), Arc::new(serve));
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || {
                    // As a whole: if a part were left unread, the answer could be lost.
                    let Some(request) = HttpMessage::request(&mut client) else { return };
                    serve(&mut client, &String::from_utf8_lossy(&request.bytes()));
                });
            }
        });
        Self { endpoint, asked }
    }

    /// How many requests it has received.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// What happens to the selected requests.
#[derive(Clone, Copy)]
pub(crate) enum Trouble {
    /// They are forwarded.
    None,
    /// They are not forwarded: the server answers that it has failed.
    Fail,
    /// They are forwarded after a while.
    Delay(Duration),
}

const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/alice\
                        </Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>\
                        <ResponseMetadata><RequestId>request-1</RequestId></ResponseMetadata>\
                        </GetCallerIdentityResponse>";

/// An error in the form that all of AWS's XML protocols understand.
fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>request-1</RequestId></ErrorResponse>"
    )
}

fn answer(client: &mut TcpStream, status: u16, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = client.write_all((head + body).as_bytes());
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}
