//! A network between the client and moto that misbehaves on order or by chance: it delays, drops and loses answers,
//! throttles, fails, and cuts connections before, within and after what is said. Everything else it passes on
//! unchanged.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cutover_rig::HttpMessage;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It goes through, and so does the answer, after a wait.
    Delay(Duration),
    /// It is not passed on: refused for its rate, as the service's protocol says it.
    Throttle,
    /// It is not passed on: refused with this status and code, as the service's protocol says it.
    Refuse(u16, &'static str),
    /// It is not passed on: the server says that it has failed.
    Fail,
    /// It is not passed on, and nobody says a word.
    Drop,
    /// Only its beginning is passed on.
    CutRequest(Cut),
    /// It goes through; the answer is lost, and the connection closed.
    LoseAnswer,
    /// It goes through; the server says that it has failed all the same.
    FailAfter,
    /// It goes through; only the beginning of the answer comes back.
    CutAnswer(Cut),
    /// It goes through; the answer never comes, and the connection stays.
    Silence,
}

/// Where a message of HTTP is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Within the first line.
    FirstLine,
    /// Within the headers.
    Headers,
    /// After the first byte of the body.
    FirstByte,
    /// In the middle of the body.
    Middle,
    /// Before the last byte.
    LastByte,
}

impl Trouble {
    /// All of them but refusals, as they are called in a list of what went wrong.
    pub(crate) const ALL: [(&str, Self); 15] = [
        ("delayed", Self::Delay(Duration::from_millis(60))),
        ("throttled", Self::Throttle),
        ("failed-before", Self::Fail),
        ("dropped", Self::Drop),
        ("request-cut-in-headers", Self::CutRequest(Cut::Headers)),
        ("request-cut-in-body", Self::CutRequest(Cut::Middle)),
        ("request-cut-before-its-end", Self::CutRequest(Cut::LastByte)),
        ("answer-lost", Self::LoseAnswer),
        ("failed-after", Self::FailAfter),
        ("answer-cut-in-first-line", Self::CutAnswer(Cut::FirstLine)),
        ("answer-cut-in-headers", Self::CutAnswer(Cut::Headers)),
        ("answer-cut-in-first-byte", Self::CutAnswer(Cut::FirstByte)),
        ("answer-cut-in-body", Self::CutAnswer(Cut::Middle)),
        ("answer-cut-before-its-end", Self::CutAnswer(Cut::LastByte)),
        ("silent", Self::Silence),
    ];

    /// Whether the request reaches the other side as a whole.
    pub(crate) fn goes_through(self) -> bool {
        !matches!(self, Self::Throttle | Self::Refuse(..) | Self::Fail | Self::Drop | Self::CutRequest(_))
    }

    /// Whether an answer comes in the end that leaves no doubt of what became of the request.
    pub(crate) fn is_answered(self) -> bool {
        matches!(self, Self::Delay(_) | Self::Throttle | Self::Refuse(..))
    }
}

impl Cut {
    /// So much of a message is left, less than the whole in any case.
    fn of(self, message: &[u8]) -> &[u8] {
        let end = |pattern: &[u8]| message.windows(pattern.len()).position(|bytes| bytes == pattern);
        let line = end(b"\r\n").unwrap_or(message.len());
        let head = end(b"\r\n\r\n").map_or(message.len(), |index| index + 4);
        let length = match self {
            Self::FirstLine => line / 2,
            Self::Headers => line + (head - line) / 2,
            Self::FirstByte => head + 1,
            Self::Middle => head + (message.len() - head) / 2,
            Self::LastByte => message.len(),
        };
        &message[..length.min(message.len() - 1)]
    }
}

/// The misbehaving network.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What is to become of which requests: those whose text contains the words, in this order.
    orders: VecDeque<(String, Trouble)>,
    /// Chance, and how many requests there are to one that gets into trouble.
    chance: Option<(fastrand::Rng, usize)>,
    /// Each request that was passed on, whole.
    passed: Vec<String>,
}

impl State {
    /// What is to become of a request.
    fn trouble(&mut self, text: &str) -> Option<Trouble> {
        let index = self.orders.iter().position(|(words, _)| text.contains(words.as_str()));
        if let Some((_, trouble)) = index.and_then(|index| self.orders.remove(index)) {
            return Some(trouble);
        }
        let (chance, one_in) = self.chance.as_mut()?;
        let one_in = if changes_something(text) { one_in.div_ceil(3) } else { *one_in };
        let all = Trouble::ALL;
        (chance.usize(..one_in) == 0).then(|| all[chance.usize(..all.len())].1)
    }
}

impl Proxy {
    /// In front of `endpoint`, an address of loopback.
    pub(crate) fn before(endpoint: &str) -> Self {
        let upstream = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let proxy = Self { endpoint, state: Arc::default() };
        let state = Arc::clone(&proxy.state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, state) = (upstream.clone(), Arc::clone(&state));
                std::thread::spawn(move || serve(client, &upstream, &state));
            }
        });
        proxy
    }

    /// The next request that contains `words` gets into this trouble, the one after that into the next order's.
    pub(crate) fn order(&self, words: &str, trouble: Trouble) {
        self.state().orders.push_back((words.to_owned(), trouble));
    }

    /// From now on one request in so many gets into some trouble, and of those that change something, which are few,
    /// three times as many. The seed says which, as far as requests come in the same order again.
    pub(crate) fn misbehave(&self, seed: u64, one_in: usize) {
        self.state().chance = Some((fastrand::Rng::with_seed(seed), one_in));
    }

    /// How many requests that contain `words` have reached the other side.
    pub(crate) fn passed(&self, words: &str) -> usize {
        self.state().passed.iter().filter(|request| request.contains(words)).count()
    }

    /// Those requests, in the order in which they were passed on.
    pub(crate) fn texts(&self, words: &str) -> Vec<String> {
        self.state().passed.iter().filter(|request| request.contains(words)).cloned().collect()
    }

    /// Forgets the orders that were not carried out; how many they were.
    pub(crate) fn withdraw(&self) -> usize {
        std::mem::take(&mut self.state().orders).len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread has panicked")
    }
}

/// Serves one connection, one request after the other, until one gets into trouble.
fn serve(mut client: TcpStream, upstream: &str, state: &Mutex<State>) {
    while let Some(request) = HttpMessage::request(&mut client).map(|request| request.bytes()) {
        let text = String::from_utf8_lossy(&request).into_owned();
        let of = Refusals(service(&text).to_owned());
        let trouble = state.lock().expect("no thread has panicked").trouble(&text);
        if let Some(trouble) = trouble.filter(|trouble| !trouble.goes_through()) {
            refuse(&mut client, upstream, trouble, &request, &of);
            return;
        }
        state.lock().expect("no thread has panicked").passed.push(text);
        let Some(answer) = ask(upstream, &request) else { return };
        if !give_back(&mut client, trouble, &answer, &of.failed()) {
            return;
        }
    }
}

/// What happens to a request that does not go through. The connection is closed after it.
fn refuse(client: &mut TcpStream, upstream: &str, trouble: Trouble, request: &[u8], refusals: &Refusals) {
    match trouble {
        Trouble::Throttle => {
            let _ = client.write_all(&refusals.throttled());
        }
        Trouble::Refuse(status, code) => {
            let _ = client.write_all(&refusals.of(status, code));
        }
        Trouble::Fail => {
            let _ = client.write_all(&refusals.failed());
        }
        Trouble::CutRequest(cut) => {
            let mut server = TcpStream::connect(upstream).expect("moto listens");
            let _ = server.write_all(cut.of(request));
            let _ = server.shutdown(Shutdown::Both);
        }
        _ => {}
    }
}

/// Gives an answer back, or what trouble leaves of it. Whether the connection can go on.
fn give_back(client: &mut TcpStream, trouble: Option<Trouble>, answer: &[u8], failed: &[u8]) -> bool {
    if let Some(Trouble::Delay(length)) = trouble {
        std::thread::sleep(length);
    }
    if trouble == Some(Trouble::Silence) {
        // Until the client has had enough.
        let _ = client.read(&mut [0; 1]);
    }
    let left = match trouble {
        Some(Trouble::LoseAnswer | Trouble::Silence) => &[],
        Some(Trouble::FailAfter) => failed,
        Some(Trouble::CutAnswer(cut)) => cut.of(answer),
        _ => answer,
    };
    client.write_all(left).is_ok() && left.len() == answer.len()
}

/// The answer of the other side, on a connection of its own.
fn ask(upstream: &str, request: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).ok()?;
    server.write_all(request).ok()?;
    HttpMessage::answer(&mut server, request.starts_with(b"HEAD ")).map(|answer| answer.bytes())
}

/// Whether a request is for more than reading.
fn changes_something(text: &str) -> bool {
    let operation = text.split_once("Action=").map(|(_, rest)| rest);
    let reads = |operation: &str| ["Describe", "Get", "List"].iter().any(|begin| operation.starts_with(begin));
    !text.starts_with("GET ") && !text.starts_with("HEAD ") && !operation.is_some_and(reads)
}

/// The service that a request was signed for; nothing where it was not signed.
fn service(text: &str) -> &str {
    text.split_once("/aws4_request").and_then(|(scope, _)| scope.rsplit('/').next()).unwrap_or_default()
}

/// What that service says when it refuses.
struct Refusals(String);

impl Refusals {
    /// To those who ask too often.
    fn throttled(&self) -> Vec<u8> {
        match self.0.as_str() {
            "s3" => self.of(503, "SlowDown"),
            "ec2" => self.of(503, "RequestLimitExceeded"),
            "ssm" | "servicequotas" => self.of(400, "ThrottlingException"),
            _ => self.of(400, "Throttling"),
        }
    }

    /// When it has failed.
    fn failed(&self) -> Vec<u8> {
        match self.0.as_str() {
            "s3" | "ec2" => self.of(500, "InternalError"),
            "ssm" | "servicequotas" => self.of(500, "InternalServerError"),
            _ => self.of(500, "InternalFailure"),
        }
    }

    /// With that status and code.
    fn of(&self, status: u16, code: &str) -> Vec<u8> {
        let body = match self.0.as_str() {
            "s3" => format!(
                "<Error><Code>{code}</Code><HttpMessage>on order</HttpMessage><RequestId>r-1</RequestId></Error>"
            ),
            "ec2" => format!(
                "<Response><Errors><Error><Code>{code}</Code><HttpMessage>on order</HttpMessage></Error></Errors>\
                 <RequestID>r-1</RequestID></Response>"
            ),
            "ssm" | "servicequotas" => format!(r#"{{"__type":"{code}","message":"on order"}}"#),
            _ => format!(
                "<ErrorResponse><Error><Code>{code}</Code><HttpMessage>on order</HttpMessage></Error><RequestId>r-1</RequestId>\
                 </ErrorResponse>"
            ),
        };
        let length = body.len();
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
    }
}
