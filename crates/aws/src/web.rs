//! The one HTTP client of the binary, on the one TLS stack, and its bridges: to the official runtime, for finding
//! credentials, and to `object_store`, for S3. It can also fetch a page as a visitor would, on a separate connection.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_async::future::timeout::Timeout;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{self as store, HttpErrorKind};

/// Idle connections are kept for this long: for less time than AWS keeps them.
const IDLE: Duration = Duration::from_secs(10);
/// The user agent of requests.
const USER_AGENT: &str = concat!("cutover/", env!("CARGO_PKG_VERSION"));
/// How much of a page is read: far more than checks need.
const MOST_OF_A_PAGE_BYTES: usize = 1 << 20;

/// The HTTP client. Copies share its connections.
#[derive(Clone, Debug)]
pub struct Web {
    client: reqwest::Client,
}

/// Why a request has no complete answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Lost {
    /// It cannot be sent as it is.
    #[error("{0}")]
    NotSent(String),
    /// It was certainly not sent: there was no connection to send it on.
    #[error("{0}")]
    Unreachable(String),
    /// It may have been sent.
    #[error("{0}")]
    NoAnswer(String),
}

impl Web {
    /// A client with that time limit for connecting. It does not follow redirects: signed requests must not go
    /// elsewhere.
    ///
    /// # Errors
    /// When this machine has no root certificates.
    pub fn new(connect: Duration) -> Result<Self, String> {
        // Whoever comes first chooses for the process; everybody here chooses the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(connect)
            // A write on a connection that the other side is just closing would be in doubt.
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(USER_AGENT)
            .build();
        client.map(|client| Self { client }).map_err(|error| chain(&error))
    }

    /// Sends a request and waits for the complete answer, without a time limit.
    ///
    /// # Errors
    /// When no complete answer comes.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Lost> {
        let request = reqwest::Request::try_from(request).map_err(|error| Lost::NotSent(chain(&error)))?;
        let host = authority(request.url());
        let answer = self.client.execute(request).await.map_err(|error| {
            if error.is_connect() {
                Lost::Unreachable(format!("{host} cannot be reached ({})", chain(&error)))
            } else if error.is_builder() {
                Lost::NotSent(chain(&error))
            } else {
                Lost::NoAnswer(chain(&error))
            }
        })?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(|error| Lost::NoAnswer(chain(&error)))?;
        let mut whole = Response::new(if status.is_success() { body } else { without_tokens(body) });
        *whole.status_mut() = status;
        *whole.headers_mut() = headers;
        Ok(whole)
    }
}

/// A refusal without the session token. To show what should have been signed, AWS repeats the headers of the request,
/// and refusals are printed and recorded.
fn without_tokens(body: Bytes) -> Bytes {
    const TOKEN: &str = "x-amz-security-token:";
    let is_end = |letter: char| letter.is_whitespace() || "<&\"\\".contains(letter);
    let text = String::from_utf8_lossy(&body);
    let (mut kept, mut rest) = (String::new(), &*text);
    while let Some(found) = rest.to_ascii_lowercase().find(TOKEN) {
        let (before, token) = rest.split_at(found + TOKEN.len());
        kept.extend([before, "(left out)"]);
        let token = token.trim_start_matches(' ');
        rest = token.find(is_end).map_or("", |end| &token[end..]);
    }
    if kept.is_empty() {
        return body;
    }
    kept.push_str(rest);
    kept.into()
}

/// Asks for `https://{host}{path}` at `addresses`, as a visitor who comes for the first time: on a new connection,
/// without following redirects. Returns the status, and the body or the beginning of a long one.
///
/// Proxies of this machine are not used: they may have a cache, or connect elsewhere than visitors do.
///
/// # Errors
/// Why no complete answer came, in words. There is no time limit here.
pub(crate) async fn visit(
    tls: rustls::ClientConfig,
    host: &str,
    addresses: &[SocketAddr],
    path: &str,
) -> Result<(u16, Vec<u8>), String> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .resolve_to_addrs(host, addresses)
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(USER_AGENT)
        .build()
        .map_err(|error| chain(&error))?;
    let mut answer = client.get(format!("https://{host}{path}")).send().await.map_err(|error| chain(&error))?;
    let mut body = Vec::new();
    while body.len() < MOST_OF_A_PAGE_BYTES
        && let Some(piece) = answer.chunk().await.map_err(|error| chain(&error))?
    {
        body.extend_from_slice(&piece);
    }
    body.truncate(MOST_OF_A_PAGE_BYTES);
    Ok((answer.status().as_u16(), body))
}

/// Only the host and the port of an address.
fn authority(url: &reqwest::Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or("nobody"))
}

/// An error with its causes: reqwest's own message says little. Addresses are left out, since they may contain secrets.
fn chain(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words.push(cause.to_string());
        source = cause.source();
    }
    // What kind of an error of the client it is, whoever asks knows.
    words.retain(|word| !word.starts_with("client error ("));
    words.dedup();
    if words.is_empty() { "the request failed".to_owned() } else { words.join(": ") }
}

/// The client as the official runtime wants it.
#[derive(Debug)]
struct Connector {
    web: Web,
    limit: Option<Duration>,
    sleep: Option<SharedAsyncSleep>,
}

impl HttpClient for Web {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        // Looking for instance credentials on a laptop must end soon.
        let limit = match (settings.connect_timeout(), settings.read_timeout()) {
            (Some(connect), Some(read)) => Some(connect + read),
            (one, other) => one.or(other),
        };
        SharedHttpConnector::new(Connector { web: self.clone(), limit, sleep: parts.sleep_impl() })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let web = self.web.clone();
        let limit = self.limit.zip(self.sleep.clone());
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
            let send = web.send(Request::from_parts(parts, body));
            let answer = match limit {
                Some((limit, sleep)) => Timeout::new(Box::pin(send), sleep.sleep(limit))
                    .await
                    .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?,
                None => send.await,
            };
            let answer = answer.map_err(|lost| ConnectorError::io(lost.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The client as `object_store` wants it. Pages and journal records are small: bodies are kept in memory.
#[async_trait]
impl store::HttpService for Web {
    async fn call(&self, request: store::HttpRequest) -> Result<store::HttpResponse, store::HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let answer = self.send(Request::from_parts(parts, body)).await.map_err(|lost| {
            let kind = match &lost {
                Lost::NotSent(_) | Lost::Unreachable(_) => HttpErrorKind::Connect,
                Lost::NoAnswer(_) => HttpErrorKind::Interrupted,
            };
            store::HttpError::new(kind, lost)
        })?;
        Ok(answer.map(store::HttpResponseBody::from))
    }
}

impl store::HttpConnector for Web {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<store::HttpClient> {
        Ok(store::HttpClient::new(self.clone()))
    }
}
