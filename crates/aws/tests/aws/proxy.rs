//! A network between the client and moto that misbehaves on order: it delays, drops and loses answers, throttles, fails,
//! and cuts connections before, within and after what is said. Everything else it passes on unchanged.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It goes through, and so does the answer, after a wait.
    Delay(Duration),
    /// It is not passed on: refused for its rate, as the service's protocol says it.
    Throttle,
    /// It is not passed on: the server says that it has failed.
    Fail,
    /// It is not passed on, and nobody says a word.
    Drop,
    /// Only so many of its bytes are passed on.
    CutRequest(usize),
    /// It goes through; the answer is lost, and the connection closed.
    LoseAnswer,
    /// It goes through; the server says that it has failed all the same.
    FailAfter,
    /// It goes through; only so many bytes of the answer come back.
    CutAnswer(usize),
    /// It goes through; the answer never comes, and the connection stays.
    Silence,
}

/// What is to become of which requests: those whose text contains the words, in this order.
type Orders = Arc<Mutex<VecDeque<(String, Trouble)>>>;

/// The misbehaving network.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    orders: Orders,
    /// Each request that was passed on, whole, by the words that tell it apart.
    passed: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// In front of `endpoint`, an address of loopback.
    pub(crate) fn before(endpoint: &str) -> Self {
        let upstream = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (orders, passed) = (Orders::default(), Arc::default());
        let proxy = Self { endpoint, orders: Arc::clone(&orders), passed: Arc::clone(&passed) };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, orders, passed) = (upstream.clone(), Arc::clone(&orders), Arc::clone(&passed));
                std::thread::spawn(move || serve(client, &upstream, &orders, &passed));
            }
        });
        proxy
    }

    /// The next request that contains `words` gets into this trouble, the one after that into the next order's.
    pub(crate) fn order(&self, words: &str, trouble: Trouble) {
        self.orders.lock().expect("no thread has panicked").push_back((words.to_owned(), trouble));
    }

    /// How many requests that contain `words` have reached the other side.
    pub(crate) fn passed(&self, words: &str) -> usize {
        let passed = self.passed.lock().expect("no thread has panicked");
        passed.iter().filter(|request| request.contains(words)).count()
    }

    /// Whether all orders have been carried out.
    pub(crate) fn is_done(&self) -> bool {
        self.orders.lock().expect("no thread has panicked").is_empty()
    }
}

/// Serves one connection, one request after the other.
fn serve(mut client: TcpStream, upstream: &str, orders: &Orders, passed: &Arc<Mutex<Vec<String>>>) {
    while let Some(request) = message(&mut client) {
        let text = String::from_utf8_lossy(&request).into_owned();
        let trouble = {
            let mut orders = orders.lock().expect("no thread has panicked");
            let place = orders.iter().position(|(words, _)| text.contains(words.as_str()));
            place.and_then(|place| orders.remove(place)).map(|(_, trouble)| trouble)
        };
        match &trouble {
            Some(Trouble::Drop) => return,
            Some(Trouble::Throttle) => {
                let _ = client.write_all(&refusal(400, "Throttling"));
                return;
            }
            Some(Trouble::Fail) => {
                let _ = client.write_all(&refusal(500, "InternalFailure"));
                return;
            }
            Some(Trouble::CutRequest(length)) => {
                let mut server = TcpStream::connect(upstream).expect("moto listens");
                let _ = server.write_all(&request[..(*length).min(request.len() - 1)]);
                let _ = server.shutdown(Shutdown::Both);
                return;
            }
            _ => {}
        }
        passed.lock().expect("no thread has panicked").push(text);
        let Some(answer) = ask(upstream, &request) else { return };
        let sent = match trouble {
            Some(Trouble::LoseAnswer) => return,
            Some(Trouble::FailAfter) => {
                let _ = client.write_all(&refusal(500, "InternalFailure"));
                return;
            }
            Some(Trouble::CutAnswer(length)) => {
                let _ = client.write_all(&answer[..length.min(answer.len() - 1)]);
                return;
            }
            Some(Trouble::Silence) => {
                // Until the client has had enough.
                let _ = client.read(&mut [0; 1]);
                return;
            }
            Some(Trouble::Delay(length)) => {
                std::thread::sleep(length);
                client.write_all(&answer)
            }
            _ => client.write_all(&answer),
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The answer of the other side, on a connection of its own.
fn ask(upstream: &str, request: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).ok()?;
    server.write_all(request).ok()?;
    message(&mut server)
}

/// One whole message of HTTP: its head, and as much body as that says. Nothing when the connection ends before.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let has_none = head.starts_with("http/1.1 204") || head.starts_with("http/1.1 304");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    match length {
        Some(length) => {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).ok()?;
            bytes.extend(body);
        }
        // An answer without a length ends with its connection; a request without one has no body.
        None if head.starts_with("http/") && !has_none => {
            stream.read_to_end(&mut bytes).ok()?;
        }
        None => {}
    }
    Some(bytes)
}

/// A refusal that all of AWS's protocols in XML understand.
fn refusal(status: u16, code: &str) -> Vec<u8> {
    let body = format!(
        "<ErrorResponse><Error><Code>{code}</Code><Message>on order</Message></Error><RequestId>r-1</RequestId>\
         </ErrorResponse>"
    );
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}
