//! One call: build, sign, send, read. A call is made once: callers decide whether it is repeated.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_async::rt::sleep::AsyncSleep;
use bytes::Bytes;
use cutover_engine::gate::Permit;
use futures_util::future::{Either, select};
use http::{Request, Response};

use crate::connection::Connection;
use crate::dry::{Line, imagined};
use crate::error::{Cause, Error, no_credentials, refusal};
use crate::operations::{Operation, Paged, Reads, Writes};
use crate::protocol;
use crate::service::Service;
use crate::shape::{Shape, Unreadable};

/// Route 53 accepts five requests a second from an account; a little less leaves room for others.
const ROUTE53_SPACING: Duration = Duration::from_millis(220);
/// Far longer than calls of Route 53 ever queue up: no more of them are made at once than there are slots for calls.
const ROUTE53_QUEUE: Duration = Duration::from_secs(60);

/// More pages than any deployment has, so that a listing without an end is not read forever.
const MOST_PAGES: usize = 1000;

impl Connection {
    /// Makes a call that only reads. One that changes something is refused by the compiler:
    ///
    /// ```compile_fail,E0277
    /// # async fn look(aws: &cutover_aws::Connection) {
    /// let stop = cutover_aws::operations::ec2::StopInstances::default();
    /// let _ = aws.call(&stop).await;
    /// # }
    /// ```
    ///
    /// # Errors
    /// When it failed, with what is known about the world afterwards. Credentials that have expired are renewed for the
    /// next call.
    pub async fn call<O: Reads>(&self, operation: &O) -> Result<O::Output, Error> {
        self.attempt(operation).await
    }

    /// Makes a call that changes something, by the permit for this very attempt:
    ///
    /// ```
    /// # async fn stop(aws: &cutover_aws::Connection, permit: &cutover_engine::gate::Permit) {
    /// let stop = cutover_aws::operations::ec2::StopInstances::default();
    /// let _ = aws.write(permit, &stop).await;
    /// # }
    /// ```
    ///
    /// With a dry permit, or on a connection in dry mode, it is recorded and not sent.
    ///
    /// # Errors
    /// When it failed, with what is known about the world afterwards. Credentials that have expired are renewed for the
    /// next call.
    pub async fn write<O: Writes>(&self, permit: &Permit, operation: &O) -> Result<O::Output, Error> {
        if permit.is_dry() || self.is_dry() {
            let recorded = self.record(operation);
            return recorded.map_err(|trouble| failed::<O>(Cause::Unreadable(trouble.to_string())));
        }
        self.attempt(operation).await
    }

    /// Makes a call and those for its further pages, in order.
    ///
    /// # Errors
    /// When one of them failed, or the pages repeat.
    pub async fn pages<O: Paged>(&self, operation: O) -> Result<Vec<O::Output>, Error> {
        let mut pages = Vec::new();
        let mut next = Some(operation);
        while let Some(operation) = next {
            let page = self.call(&operation).await?;
            next = operation.next(&page);
            pages.push(page);
            if next.as_ref() == Some(&operation) || pages.len() == MOST_PAGES {
                return Err(failed::<O>(Cause::Unreadable("its pages do not end".to_owned())));
            }
        }
        Ok(pages)
    }

    /// Records a write instead of making it, and answers as if it had worked.
    fn record<O: Operation>(&self, operation: &O) -> Result<O::Output, Unreadable> {
        let values = Shape::values(operation);
        let members = values.into_iter().map(|(name, _, value)| (name, value)).collect();
        let line = Line::of(O::SERVICE, O::NAME, members).with(&self.command_options());
        self.writes.record(line.to_string());
        imagined(operation)
    }

    async fn attempt<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        let made = self.sent(operation).await;
        if made.as_ref().is_err_and(Error::is_expired) {
            self.credentials.forget();
        }
        made
    }

    async fn sent<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        self.pace(O::SERVICE).await;
        let found = self.credentials.get().await;
        let credentials = found.map_err(|error| failed::<O>(no_credentials(&error)))?;
        let request = self.signed::<O>(protocol::request(operation), &credentials);
        let request = request.map_err(|why| failed::<O>(Cause::NotSent(why)))?;
        *self.calls.borrow_mut().entry((O::SERVICE, O::NAME)).or_default() += 1;
        let answer = self.send(request).await.map_err(failed::<O>)?;
        if answer.status().is_success() {
            protocol::answer::<O>(&answer).map_err(|trouble| failed::<O>(Cause::Unreadable(trouble.to_string())))
        } else {
            Err(failed::<O>(Cause::Refused(refusal(O::SERVICE.protocol(), &answer))))
        }
    }

    /// Sends within the time limit of an attempt.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cause> {
        let limit = self.limits.attempt;
        match select(pin!(self.web.send(request)), pin!(self.times.sleep.sleep(limit))).await {
            Either::Left((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(lost), _)) => Err(lost.into()),
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

    /// Waits for this call's turn at Route 53.
    async fn pace(&self, service: Service) {
        if service != Service::Route53 {
            return;
        }
        let now = self.times.clock.now();
        let turn = turn(self.next_route53.get(), now);
        self.next_route53.set(turn + ROUTE53_SPACING);
        if let Ok(wait) = turn.duration_since(now)
            && !wait.is_zero()
        {
            self.times.sleep.sleep(wait).await;
        }
    }
}

/// The moment of a call's turn. A turn that would be later than the longest queue was given before the clock was set
/// back.
fn turn(next: SystemTime, now: SystemTime) -> SystemTime {
    if next > now + ROUTE53_QUEUE { now } else { next.max(now) }
}

fn failed<O: Operation>(cause: Cause) -> Error {
    Error::new(O::SERVICE, O::NAME, O::EFFECT, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_route_53_queue_up_and_a_clock_that_is_set_back_holds_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100 * 86_400);
        assert_eq!(turn(SystemTime::UNIX_EPOCH, now), now);
        assert_eq!(turn(now + 32 * ROUTE53_SPACING, now), now + 32 * ROUTE53_SPACING);
        assert_eq!(turn(now + Duration::from_secs(3 * 3600), now), now);
    }
}
