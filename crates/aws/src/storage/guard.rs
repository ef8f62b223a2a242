//! The HTTP client of a bucket: requests have the time limit of an attempt, expired credentials are renewed for the
//! next request, and in dry mode every request that would change a bucket is refused, including journal records. Reads
//! pass. Pages that a dry run would write do not get here: they are recorded as lines before.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use futures_util::future::{Either, select};
use http::{Method, StatusCode};
use object_store::ClientOptions;
use object_store::client::{self as store, HttpErrorKind, HttpService};

use super::failure::element;
use crate::connection::Connection;
use crate::credentials::Keeper;
use crate::dry::Writes;
use crate::error::expired;
use crate::web::{Lost, Web};

/// The HTTP client of a bucket, with a time limit and a check for dry mode.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    web: Web,
    sleep: SharedAsyncSleep,
    limit: Duration,
    credentials: Arc<Keeper>,
    writes: Arc<Writes>,
    bucket: String,
}

impl Guarded {
    pub(super) fn new(connection: &Connection, bucket: &str) -> Self {
        Self {
            web: connection.web.clone(),
            sleep: connection.times.sleep.clone(),
            limit: connection.limits.attempt,
            credentials: Arc::clone(&connection.credentials),
            writes: Arc::clone(&connection.writes),
            bucket: bucket.to_owned(),
        }
    }

    /// Sends, and waits no longer than an attempt may take: a journal that waited forever for an answer would stop the
    /// upgrade forever.
    async fn send(&self, request: store::HttpRequest) -> Result<store::HttpResponse, store::HttpError> {
        match select(HttpService::call(&self.web, request), pin!(self.sleep.sleep(self.limit))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => {
                let lost = Lost::NoAnswer(format!("none within {} s", self.limit.as_secs()));
                Err(store::HttpError::new(HttpErrorKind::Timeout, lost))
            }
        }
    }

    /// The answer, after checking whether it says that the credentials have expired.
    async fn seen(
        &self,
        method: &Method,
        answer: store::HttpResponse,
    ) -> Result<store::HttpResponse, store::HttpError> {
        if !answer.status().is_client_error() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = body.bytes().await?;
        let code = element(&String::from_utf8_lossy(&body), "Code");
        // To a HEAD S3 says no more than that it was a bad request.
        let untold = *method == Method::HEAD && parts.status == StatusCode::BAD_REQUEST;
        if untold || code.is_some_and(|code| expired(&code)) {
            self.credentials.forget();
        }
        Ok(store::HttpResponse::from_parts(parts, body.into()))
    }
}

#[async_trait]
impl HttpService for Guarded {
    async fn call(&self, request: store::HttpRequest) -> Result<store::HttpResponse, store::HttpError> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let only_reads = matches!(method, Method::GET | Method::HEAD);
        if self.writes.is_dry() && !only_reads {
            let why = format!("a dry run changes nothing in bucket {} ({method} {path})", self.bucket);
            return Err(store::HttpError::new(HttpErrorKind::Unknown, Lost::NotSent(why)));
        }
        let answer = self.send(request).await?;
        self.seen(&method, answer).await
    }
}

impl store::HttpConnector for Guarded {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<store::HttpClient> {
        Ok(store::HttpClient::new(self.clone()))
    }
}
