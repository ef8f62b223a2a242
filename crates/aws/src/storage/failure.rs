//! What failures of S3 mean.

use aws_credential_types::provider::error::CredentialsError;
use cutover_engine::failure::Failure;
use object_store::client::HttpError;

use crate::error::{Cause, Refusal, class, hint, message, no_credentials};
use crate::operations::Effect;
use crate::web::Lost;

/// The failure of a request of S3, such as `PutObject of s3://BUCKET/KEY`, with what is known about the object now.
pub(super) fn failure(effect: Effect, request: &str, cause: &Cause) -> Failure {
    let class = class(effect, cause);
    let hint = s3_hint(cause).or_else(|| hint(cause)).map(str::to_owned);
    Failure { hint, ..Failure::new(class, message(&format!("s3 {request}"), class, cause)) }
}

fn s3_hint(cause: &Cause) -> Option<&'static str> {
    let Cause::Refused(refusal) = cause else { return None };
    match refusal.code.as_str() {
        "NoSuchBucket" => Some("there is no such bucket: check its name in the deployment file"),
        "PermanentRedirect" => Some("use a bucket in the region of the deployment: this one is in another region"),
        "PreconditionFailed" => Some("it was changed after it was read, and was not overwritten"),
        "ConditionalRequestConflict" => Some("try again: something else was being written there at that moment"),
        "AccessDenied" => Some(
            "add the missing permission, or the one to list the bucket, without which S3 refuses to say that an object does \
             not exist; `cutover policy` prints those that are needed",
        ),
        _ => None,
    }
}

/// Why a request failed. `object_store` keeps the type of its error private, and puts status and body into the message.
pub(super) fn cause(error: &object_store::Error) -> Cause {
    let mut words = String::new();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(lost) = inner.downcast_ref::<Lost>() {
            return lost.clone().into();
        }
        if let Some(error) = inner.downcast_ref::<CredentialsError>() {
            return no_credentials(error);
        }
        if inner.is::<HttpError>() && inner.source().is_none() {
            return Cause::NoAnswer(inner.to_string());
        }
        words = inner.to_string();
        source = inner.source();
    }
    refused(error, &words)
}

/// The refusal in the innermost message.
fn refused(error: &object_store::Error, words: &str) -> Cause {
    let status = status(error, words);
    if words.contains("redirect without LOCATION") {
        let refusal = Refusal { status: 400, code: "PermanentRedirect".to_owned(), ..no_words() };
        return Cause::Refused(refusal);
    }
    let Some(status) = status else { return Cause::Unreadable(words.to_owned()) };
    let code = element(words, "Code").unwrap_or_else(|| format!("HTTP {status}"));
    let message = element(words, "Message").unwrap_or_default();
    Cause::Refused(Refusal { status, code, message, request_id: element(words, "RequestId") })
}

fn no_words() -> Refusal {
    Refusal { status: 0, code: String::new(), message: String::new(), request_id: None }
}

fn status(error: &object_store::Error, words: &str) -> Option<u16> {
    let told = words.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)).and_then(|code| code.parse().ok());
    told.or(match error {
        object_store::Error::NotFound { .. } => Some(404),
        object_store::Error::PermissionDenied { .. } => Some(403),
        object_store::Error::Unauthenticated { .. } => Some(401),
        object_store::Error::AlreadyExists { .. } => Some(409),
        object_store::Error::Precondition { .. } => Some(412),
        _ => None,
    })
}

/// The text of the first element of that name in an answer of S3.
pub(super) fn element(words: &str, name: &str) -> Option<String> {
    let (_, rest) = words.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use cutover_engine::failure::FailureClass;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Words(&'static str);

    fn generic(words: &'static str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: Box::new(Words(words)) }
    }

    #[test]
    fn a_refusal_has_s3s_code_and_request_id() {
        let error = generic(
            "Server returned non-2xx status code: 503 Service Unavailable: <Error><Code>SlowDown</Code>\
             <Message>Reduce</Message><RequestId>R1</RequestId></Error>",
        );
        let failure = failure(Effect::Write, "PutObject of s3://page/index.html", &cause(&error));
        assert_eq!(failure.class, FailureClass::Throttled);
        assert_eq!(failure.message, "s3 PutObject of s3://page/index.html was refused: SlowDown: Reduce (request R1)");
    }

    #[test]
    fn a_failure_of_the_server_leaves_a_write_in_doubt_and_a_read_not_applied() {
        let cause = cause(&generic("Server returned non-2xx status code: 500 Internal Server Error: "));
        assert_eq!(failure(Effect::Write, "PutObject", &cause).class, FailureClass::InDoubt);
        assert_eq!(failure(Effect::Read, "GetObject", &cause).class, FailureClass::NotApplied);
    }

    #[test]
    fn a_bucket_in_another_region_has_a_hint() {
        let cause = cause(&generic("Received redirect without LOCATION, this normally indicates an incorrectly ..."));
        let failure = failure(Effect::Write, "PutObject", &cause);
        assert_eq!(failure.class, FailureClass::Permanent);
        assert!(failure.hint.is_some_and(|hint| hint.contains("another region")));
    }
}
