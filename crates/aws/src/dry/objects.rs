//! What stands between a bucket and the network: no request takes longer than an attempt may. In a dry run a page that
//! would be put is put down as a line, and everything else that would change a bucket is refused, journal records among
//! them. Reads pass.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderName, Method, Response};
use object_store::ClientOptions;
use object_store::client::{self as store, HttpErrorKind, HttpService};
use percent_encoding::percent_decode_str;

use super::{Ledger, Line};
use crate::connection::Connection;
use crate::web::{Lost, Web};

/// The HTTP client of a bucket, with a time limit, and with the dry run in front of it.
#[derive(Clone, Debug)]
pub(crate) struct Guarded {
    web: Web,
    sleep: SharedAsyncSleep,
    limit: Duration,
    writes: Arc<Ledger>,
    bucket: String,
    options: Vec<(&'static str, String)>,
}

/// What a dry run cannot put down.
#[derive(Debug, thiserror::Error)]
#[error("not sent: a dry run changes nothing in bucket {bucket} ({method} {path})")]
struct Refused {
    bucket: String,
    method: Method,
    path: String,
}

impl Guarded {
    pub(super) fn new(connection: &Connection, bucket: &str) -> Self {
        Self {
            web: connection.web.clone(),
            sleep: connection.times.sleep.clone(),
            limit: connection.limits.attempt,
            writes: Arc::clone(&connection.writes),
            bucket: bucket.to_owned(),
            options: connection.options(),
        }
    }

    /// Sends, and waits no longer than an attempt may take: a journal that waits for ever for an answer would hold up
    /// the upgrade for ever.
    async fn send(&self, request: store::HttpRequest) -> Result<store::HttpResponse, store::HttpError> {
        match select(HttpService::call(&self.web, request), pin!(self.sleep.sleep(self.limit))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => {
                let lost = Lost::NoAnswer(format!("none within {} s", self.limit.as_secs()));
                Err(store::HttpError::new(HttpErrorKind::Timeout, lost))
            }
        }
    }

    /// The line for a request; nothing where it is more than putting an object.
    fn line(&self, request: &store::HttpRequest) -> Option<String> {
        let headers = request.headers();
        // What is created once is state: a lease, a record. No dry run has any.
        let conditional = headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MATCH);
        if request.method() != Method::PUT || conditional || request.uri().query().is_some() {
            return None;
        }
        let path = request.uri().path();
        let (_, key) = path.split_once(&format!("/{}/", self.bucket))?;
        let key = percent_decode_str(key).decode_utf8().ok()?;
        let file = key.rsplit('/').next().unwrap_or_default();
        let mut line = Line::new("s3api", "put-object");
        line.text("bucket", &self.bucket);
        line.text("key", &key);
        line.text("body", file);
        let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        for (option, value) in [("content-type", header(CONTENT_TYPE)), ("cache-control", header(CACHE_CONTROL))] {
            if let Some(value) = value {
                line.text(option, value);
            }
        }
        Some(line.with(&self.options).to_string())
    }
}

#[async_trait]
impl HttpService for Guarded {
    async fn call(&self, request: store::HttpRequest) -> Result<store::HttpResponse, store::HttpError> {
        if !self.writes.is_dry() || matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.send(request).await;
        }
        let Some(line) = self.line(&request) else {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let refused = Refused { bucket: self.bucket.clone(), method, path };
            return Err(store::HttpError::new(HttpErrorKind::Unknown, refused));
        };
        self.writes.put_down(line);
        let mut answer = Response::new(store::HttpResponseBody::from(Bytes::new()));
        answer.headers_mut().insert(ETAG, http::HeaderValue::from_static("\"dry\""));
        Ok(answer)
    }
}

impl store::HttpConnector for Guarded {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<store::HttpClient> {
        Ok(store::HttpClient::new(self.clone()))
    }
}
