//! Stand-ins on loopback for what is outside of AWS's API: name servers that answer over UDP and TCP, and HTTPS servers
//! with certificates of an authority that exists for a test only. What they answer can be changed while they run.
//!
//! Each runs in threads of its own until the test's process ends.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};

use cutover_rig::HttpMessage;
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, Record};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a name server says.
#[derive(Default)]
pub(crate) struct Book {
    /// CNAME targets by name, without dots at the end; other names do not exist.
    pub(crate) targets: BTreeMap<String, String>,
    /// Whether it says nothing at all.
    pub(crate) silent: bool,
    /// Whether it sends people to TCP.
    pub(crate) only_tcp: bool,
    /// So many questions over UDP are lost first.
    pub(crate) lost: u32,
    /// What it answers instead of anything else.
    pub(crate) code: Option<ResponseCode>,
    /// The questions that came, with whether recursion was asked for.
    pub(crate) asked: Vec<(String, bool)>,
}

/// A name server.
#[derive(Clone)]
pub(crate) struct NameServer {
    /// Where it listens, over UDP and TCP.
    pub(crate) address: SocketAddr,
    book: Arc<Mutex<Book>>,
}

impl NameServer {
    /// Listens at that address of loopback; with port 0, at any port that is free for both UDP and TCP.
    pub(crate) fn start(address: Ipv4Addr, port: u16) -> Self {
        let (udp, tcp) = (0..50)
            .find_map(|_| {
                let udp = UdpSocket::bind((address, port)).ok()?;
                let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
                Some((udp, tcp))
            })
            .expect("a port that is free for UDP and TCP");
        let server = Self { address: udp.local_addr().expect("an address"), book: Arc::default() };
        let (by_udp, by_tcp) = (server.clone(), server.clone());
        std::thread::spawn(move || by_udp.serve_udp(&udp));
        std::thread::spawn(move || by_tcp.serve_tcp(&tcp));
        server
    }

    /// Several, at 127.0.0.`first` and those after it, all at one port.
    pub(crate) fn several(first: u8, count: u8) -> Vec<Self> {
        let one = Self::start(Ipv4Addr::new(127, 0, 0, first), 0);
        let others = (1..count).map(|next| Self::start(Ipv4Addr::new(127, 0, 0, first + next), one.address.port()));
        std::iter::once(one.clone()).chain(others).collect()
    }

    /// What it says, to be looked at and changed.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no thread of a test panics")
    }

    /// From now on, `name` is a CNAME of `target`.
    pub(crate) fn point(&self, name: &str, target: &str) {
        self.book().targets.insert(name.to_owned(), target.to_owned());
    }

    /// The address alone.
    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if self.book().lost > 0 {
                self.book().lost -= 1;
                continue;
            }
            let Some(mut answer) = self.answer(&buffer[..length]) else { continue };
            if self.book().only_tcp {
                answer.answers.clear();
                answer.metadata.truncation = true;
            }
            // An answer to somebody else's question, before the real one.
            let mut stray = answer.clone();
            stray.metadata.id = stray.metadata.id.wrapping_add(1);
            stray.answers.clear();
            for message in [stray, answer] {
                let _ = socket.send_to(&message.to_vec().expect("a message"), from);
            }
        }
    }

    fn serve_tcp(&self, listener: &TcpListener) {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 2];
            let _ = stream.read_exact(&mut length);
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            let _ = stream.read_exact(&mut question);
            if let Some(answer) = self.answer(&question) {
                let bytes = answer.to_vec().expect("a message");
                let length = u16::try_from(bytes.len()).expect("a short message");
                let _ = stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat());
            }
        }
    }

    fn answer(&self, question: &[u8]) -> Option<Message> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?.clone();
        let name = query.name.to_ascii().trim_end_matches('.').to_owned();
        let mut book = self.book();
        book.asked.push((name.clone(), question.metadata.recursion_desired));
        if book.silent {
            return None;
        }
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.add_query(query.clone());
        match (book.code, book.targets.get(&name)) {
            (Some(code), _) => answer.metadata.response_code = code,
            (None, None) => answer.metadata.response_code = ResponseCode::NXDomain,
            (None, Some(target)) => {
                let target = Name::from_ascii(format!("{target}.")).expect("a name");
                answer.add_answer(Record::from_rdata(query.name, 60, RData::CNAME(CNAME(target))));
            }
        }
        Some(answer)
    }
}

/// Somebody who issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate in DER, for those who shall trust it.
    pub(crate) root: Vec<u8>,
}

impl Authority {
    /// A new one, whom nobody trusts yet.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate").der().to_vec();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// A certificate for those names that holds for years.
    pub(crate) fn issue(&self, names: &[&str]) -> Arc<CertifiedKey> {
        self.issue_until(names, 2099)
    }

    /// A certificate for those names that expires with the beginning of that year.
    pub(crate) fn issue_until(&self, names: &[&str], year: i32) -> Arc<CertifiedKey> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = ring::sign::any_supported_type(&key).expect("a key that ring can sign with");
        Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key))
    }
}

/// What a web server says.
#[derive(Default)]
pub(crate) struct Site {
    /// Certificates by host name.
    pub(crate) certificates: BTreeMap<String, Arc<CertifiedKey>>,
    /// The one for hosts that have none of their own; without it the handshake is refused.
    pub(crate) fallback: Option<Arc<CertifiedKey>>,
    /// Status and body by host name and path; 404 without.
    pub(crate) pages: BTreeMap<(String, String), (u16, String)>,
    /// More lines of every answer's head, such as a `location`.
    pub(crate) head: String,
    /// Whether it accepts connections and says nothing.
    pub(crate) silent: bool,
    /// The connections that came.
    pub(crate) connections: u32,
    /// The host names and paths that were asked for.
    pub(crate) asked: Vec<(String, String)>,
    /// The host names that handshakes were made for.
    pub(crate) greeted: BTreeSet<String>,
}

/// An HTTPS server. It keeps connections open for as long as they are used.
#[derive(Clone)]
pub(crate) struct WebServer {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    site: Arc<Mutex<Site>>,
}

impl WebServer {
    /// Listens at a free port of loopback.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self { address: listener.local_addr().expect("an address"), site: Arc::default() };
        let serving = server.clone();
        std::thread::spawn(move || serving.serve(&listener));
        server
    }

    /// What it says, to be looked at and changed.
    pub(crate) fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().expect("no thread of a test panics")
    }

    /// From now on, it has a certificate for `host`.
    pub(crate) fn certify(&self, host: &str, certificate: Arc<CertifiedKey>) {
        self.site().certificates.insert(host.to_owned(), certificate);
    }

    /// From now on, it has that page.
    pub(crate) fn publish(&self, host: &str, path: &str, status: u16, body: &str) {
        self.site().pages.insert((host.to_owned(), path.to_owned()), (status, body.to_owned()));
    }

    fn serve(&self, listener: &TcpListener) {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ByName(self.clone())));
        let config = Arc::new(config);
        let mut silent = Vec::new();
        for stream in listener.incoming().flatten() {
            self.site().connections += 1;
            if self.site().silent {
                silent.push(stream);
                continue;
            }
            let (server, config) = (self.clone(), Arc::clone(&config));
            std::thread::spawn(move || server.talk(stream, config));
        }
    }

    fn talk(&self, stream: TcpStream, config: Arc<ServerConfig>) {
        let session = ServerConnection::new(config).expect("a session");
        let mut stream = StreamOwned::new(session, stream);
        while let Some(HttpMessage { head, .. }) = HttpMessage::request(&mut stream) {
            let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
            let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
            let whole = self.page(host, path);
            if stream.write_all(whole.as_bytes()).is_err() {
                break;
            }
        }
    }

    fn page(&self, host: String, path: String) -> String {
        let mut site = self.site();
        let missing = (404, "no such page".to_owned());
        let (status, body) = site.pages.get(&(host.clone(), path.clone())).cloned().unwrap_or(missing);
        site.asked.push((host, path));
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{}\r\n{body}", body.len(), site.head)
    }
}

struct ByName(WebServer);

impl std::fmt::Debug for ByName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByName")
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name().unwrap_or_default().to_owned();
        let mut site = self.0.site();
        site.greeted.insert(host.clone());
        site.certificates.get(&host).or(site.fallback.as_ref()).cloned()
    }
}
