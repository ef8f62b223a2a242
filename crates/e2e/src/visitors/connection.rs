//! A connection of a visitor's browser: HTTP/1.1 over TLS, with the site's certificate checked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long a visitor waits for anything. Browsers wait for longer; on a busy computer, a page can take seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest body that is read.
const LONGEST_BYTES: usize = 1 << 20;

/// What a browser knows of TLS: whom it trusts.
pub(super) type Trust = Arc<ClientConfig>;

/// Trusts the authority with this certificate, in PEM, and nobody else.
pub(super) fn trust(authority: &str) -> Trust {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.as_bytes()).expect("a certificate in PEM");
    roots.add(certificate).expect("a certificate of an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(config.expect("its own versions").with_root_certificates(roots).with_no_client_auth())
}

/// An answer of a web server.
pub(super) struct Response {
    pub status: u16,
    /// The lines of its head.
    pub head: Vec<String>,
    pub body: String,
}

impl Response {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&String| line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name));
        self.head.iter().find(is_it).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    fn says(&self, name: &str, value: &str) -> bool {
        self.header(name).is_some_and(|own| own.eq_ignore_ascii_case(value))
    }
}

/// An open connection.
pub(super) struct Connection {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Connection {
    /// One to a site at an address.
    pub(super) fn open(trust: &Trust, site: &str, address: &str) -> Result<Self, String> {
        let to = SocketAddr::new(address.parse().map_err(|_| format!("{address} is no address"))?, 443);
        let stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let name = site.to_owned().try_into().map_err(|_| format!("{site} is no host name"))?;
        let client = ClientConnection::new(Arc::clone(trust), name).map_err(|error| error.to_string())?;
        Ok(Self { stream: BufReader::new(StreamOwned::new(client, stream)) })
    }

    /// Asks for a path. Says with the answer whether the connection stays open.
    pub(super) fn get(&mut self, site: &str, path: &str) -> Result<(Response, bool), String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {site}\r\nUser-Agent: cutover-visitor\r\n\r\n");
        let sent = self.stream.get_mut().write_all(request.as_bytes()).and_then(|()| self.stream.get_mut().flush());
        sent.map_err(|error| error.to_string())?;
        let mut response = self.head()?;
        let stays = !response.says("connection", "close");
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        response.body = if response.says("transfer-encoding", "chunked") { self.chunks() } else { self.body(length) }?;
        Ok((response, stays))
    }

    fn head(&mut self) -> Result<Response, String> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("`{first}` is no answer of a web server"))?;
        let mut head = Vec::new();
        loop {
            match self.line()? {
                line if line.is_empty() => return Ok(Response { status, head, body: String::new() }),
                line => head.push(line),
            }
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => Err("the connection was closed".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A body of that length, or everything until the end of the connection.
    fn body(&mut self, length: Option<usize>) -> Result<String, String> {
        let mut body = Vec::new();
        let limit = length.unwrap_or(LONGEST_BYTES).min(LONGEST_BYTES);
        let read = self.stream.by_ref().take(limit as u64).read_to_end(&mut body);
        match read {
            Ok(read) if length.is_some_and(|length| read < length) => Err("the answer was cut off".to_owned()),
            Ok(_) => Ok(String::from_utf8_lossy(&body).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn chunks(&mut self) -> Result<String, String> {
        let mut body = String::new();
        loop {
            let size = self.line()?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| format!("`{size}` is no length of a chunk"))?;
            body += &self.body(Some(size))?;
            let _ = self.line()?;
            if size == 0 || body.len() > LONGEST_BYTES {
                return Ok(body);
            }
        }
    }
}
