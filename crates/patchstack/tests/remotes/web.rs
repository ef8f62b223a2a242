//! An https server of the tests' own in front of git's `http-backend`: on loopback, with a certificate of its own, and with a password
//! for everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// `alice:s3cret` as basic authentication has it.
const ALICE: &str = "Basic YWxpY2U6czNjcmV0";

/// A running server. It ends with the process of the test.
pub(crate) struct Web {
    port: u16,
    certificate: PathBuf,
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

impl Web {
    /// Starts one that serves the repositories in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let certificate = folder.join("certificate.pem");
        std::fs::write(&certificate, made.cert.pem()).expect("written");
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = versions.expect("versions of TLS").with_no_client_auth().with_single_cert(chain, key);
        let config = Arc::new(config.expect("a certificate with its key"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let root = folder.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, root) = (Arc::clone(&config), root.clone());
                // A client that hangs up is no failure of the server.
                std::thread::spawn(move || {
                    let connection = ServerConnection::new(config).expect("a connection");
                    let _ = answer(StreamOwned::new(connection, stream), &root);
                });
            }
        });
        Self { port, certificate }
    }

    /// The address of a repository, as somebody with this name and password has it.
    pub(crate) fn address(&self, who: &str, repository: &str) -> String {
        format!("https://{who}@localhost:{}/{repository}", self.port)
    }

    /// The file that tells git to trust this server.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }
}

/// A request: its first line, its headers in lower case, and its body.
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

fn answer(stream: Stream, root: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let request = read(&mut reader)?;
    let mut stream = reader.into_inner();
    if request.header("authorization") == Some(ALICE) {
        stream.write_all(&backend(&request, root)?)?;
    } else {
        let headers = "WWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close";
        stream.write_all(format!("HTTP/1.1 401 Unauthorized\r\n{headers}\r\n\r\n").as_bytes())?;
    }
    stream.conn.send_close_notify();
    stream.flush()
}

fn read(reader: &mut BufReader<Stream>) -> std::io::Result<Request> {
    let first = line(reader)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    if request.header("expect").is_some() {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = usize::from_str_radix(line(reader)?.trim(), 16).map_err(std::io::Error::other)?;
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk)?;
            line(reader)?;
            request.body.extend(chunk);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length").and_then(|length| length.parse().ok()) {
        request.body = vec![0; length];
        reader.read_exact(&mut request.body)?;
    }
    Ok(request)
}

fn line(reader: &mut BufReader<Stream>) -> std::io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// The answer of git's own program for servers.
fn backend(request: &Request, root: &Path) -> std::io::Result<Vec<u8>> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", &request.method).env("PATH_INFO", path).env("QUERY_STRING", query);
    command.env("REMOTE_USER", "alice").env("REMOTE_ADDR", "127.0.0.1").env("GIT_CONFIG_NOSYSTEM", "1");
    let names = [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ];
    for (header, variable) in names {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut input = child.stdin.take().expect("it is piped");
    let body = request.body.clone();
    let writer = std::thread::spawn(move || input.write_all(&body));
    let printed = child.wait_with_output()?.stdout;
    let _ = writer.join();
    let end = printed.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or(printed.len().saturating_sub(4));
    let (headers, content) =
        (String::from_utf8_lossy(&printed[..end]).into_owned(), &printed[(end + 4).min(printed.len())..]);
    let status = headers.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let others: String =
        headers.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    let length = content.len();
    let mut all =
        format!("HTTP/1.1 {status}\r\n{others}Content-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
    all.extend(content);
    Ok(all)
}
