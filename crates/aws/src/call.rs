//! One call: build, sign, send, read; and again where that is safe.

use std::pin::pin;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_async::rt::sleep::AsyncSleep;
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Request, Response};

use crate::connection::Connection;
use crate::credentials::{lasting, words};
use crate::error::{Cause, Error, refusal};
use crate::operations::{Effect, Operation, Paged};
use crate::protocol::{self, Service};
use crate::web::Lost;

/// Route 53 takes five requests a second of an account; a little less leaves room for others.
const ROUTE53_SPACING: Duration = Duration::from_millis(220);

/// More pages than any deployment has: an API that does not end is not followed for ever.
const MOST_PAGES: usize = 1000;

impl Connection {
    /// Makes a call. It is repeated after a wait where that is safe: when it was refused for its rate or provably
    /// not sent, and when it only reads, after a lost answer or a failure of the server too.
    ///
    /// # Errors
    /// When the last attempt failed, with what is known then.
    pub async fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        let mut attempt = 1;
        let mut renewed = false;
        loop {
            let error = match self.attempt(operation).await {
                Ok(output) => return Ok(output),
                Err(error) => error,
            };
            if error.is_expired() && !renewed {
                renewed = true;
                self.credentials.forget();
            } else if error.may_repeat() && attempt < self.limits.attempts {
                self.times.sleep.sleep(self.backoff(attempt)).await;
                attempt += 1;
            } else {
                return Err(error);
            }
        }
    }

    /// Makes a call and those for its further pages, in order.
    ///
    /// # Errors
    /// When one of them failed, or the pages come round again.
    pub async fn pages<O: Paged>(&self, operation: O) -> Result<Vec<O::Output>, Error> {
        let mut pages = Vec::new();
        let mut next = Some(operation);
        while let Some(operation) = next {
            let page = self.call(&operation).await?;
            next = operation.next(&page);
            pages.push(page);
            if next.as_ref() == Some(&operation) || pages.len() == MOST_PAGES {
                let cause = Cause::Unreadable("its pages do not end".to_owned());
                return Err(Error::new(O::SERVICE, O::NAME, O::EFFECT, cause));
            }
        }
        Ok(pages)
    }

    async fn attempt<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        let failed = |cause| Error::new(O::SERVICE, O::NAME, O::EFFECT, cause);
        // The only way to the network: what must not be written in a dry run is stopped here.
        if O::EFFECT == Effect::Write && self.is_dry() {
            return self.write_down(operation).map_err(|trouble| failed(Cause::Unreadable(trouble.to_string())));
        }
        self.pace(O::SERVICE).await;
        let found = self.credentials.get().await;
        let credentials = found.map_err(|error| {
            let why = words(&error);
            failed(if lasting(&error) { Cause::NoCredentials(why) } else { Cause::CredentialsFailed(why) })
        })?;
        let request = self.signed::<O>(protocol::request(operation), &credentials);
        let request = request.map_err(|why| failed(Cause::NotSent(why)))?;
        *self.calls.borrow_mut().entry((O::SERVICE, O::NAME)).or_default() += 1;
        let answer = self.send(request).await.map_err(failed)?;
        if answer.status().is_success() {
            protocol::answer::<O>(&answer).map_err(|trouble| failed(Cause::Unreadable(trouble.to_string())))
        } else {
            Err(failed(Cause::Refused(refusal(O::SERVICE.protocol(), &answer))))
        }
    }

    /// Sends within the time limit of an attempt.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cause> {
        let limit = self.limits.attempt;
        match select(pin!(self.web.send(request)), pin!(self.times.sleep.sleep(limit))).await {
            Either::Left((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(Lost::NotSent(why)), _)) => Err(Cause::NotSent(why)),
            Either::Left((Err(Lost::NoAnswer(why)), _)) => Err(Cause::NoAnswer(why)),
            Either::Right(_) => Err(Cause::NoAnswer(format!("none within {} s", limit.as_secs()))),
        }
    }

    fn signed<O: Operation>(
        &self,
        request: protocol::Request,
        credentials: &Credentials,
    ) -> Result<Request<Bytes>, String> {
        let endpoint = self.endpoint.clone().unwrap_or_else(|| O::SERVICE.endpoint(&self.region));
        let mut builder = Request::builder().method(request.method).uri(format!("{endpoint}{}", request.path));
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let mut whole = builder.body(request.body).map_err(|error| error.to_string())?;
        let identity = credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(O::SERVICE.signing_region(&self.region))
            .name(O::SERVICE.name())
            .time(self.times.clock.now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let uri = whole.uri().to_string();
        let signable = SignableRequest::new(request.method, uri, headers, SignableBody::Bytes(whole.body()))
            .map_err(|error| error.to_string())?;
        let (instructions, _) = sign(signable, &params).map_err(|error| error.to_string())?.into_parts();
        instructions.apply_to_request_http1x(&mut whole);
        Ok(whole)
    }

    /// Half of the wait is certain and half is chance, so that colleagues who were refused together part.
    fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self.limits.backoff.saturating_mul(1 << (attempt - 1).min(16));
        doubled.min(self.limits.longest_backoff).mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Waits for this call's turn at Route 53.
    async fn pace(&self, service: Service) {
        if service != Service::Route53 {
            return;
        }
        let now = self.times.clock.now();
        let turn = self.next_route53.get().max(now);
        self.next_route53.set(turn + ROUTE53_SPACING);
        if let Ok(wait) = turn.duration_since(now)
            && !wait.is_zero()
        {
            self.times.sleep.sleep(wait).await;
        }
    }
}
