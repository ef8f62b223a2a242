//! How a call to AWS fails, and what is known about the world then.
//!
//! The class follows from three things: whether an answer came, what it says, and whether the operation changes
//! anything. If that is not certain, a write is in doubt.

use aws_credential_types::provider::error::CredentialsError;
use bytes::Bytes;
use cutover_engine::failure::{Failure, FailureClass};
use http::Response;

use crate::credentials::{MissingCredentials, explained, lasting};
use crate::operations::Effect;
use crate::protocol::{document, root};
use crate::service::{Protocol, Service};
use crate::shape::Document;
use crate::web::Lost;

/// An answer that refuses the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// AWS's code, such as `InvalidAMIID.NotFound`; `HTTP 503` where there is none.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// The request id, which AWS support asks for.
    pub request_id: Option<String>,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// AWS answered, and refused.
    Refused(Refusal),
    /// The request was certainly not sent.
    NotSent(String),
    /// The request may have been sent, and no complete answer came.
    NoAnswer(String),
    /// An answer came that cannot be read.
    Unreadable(String),
    /// There was no connection to send the request on.
    Unreachable(String),
    /// There are no credentials to sign requests with, and there will be none until somebody acts.
    NoCredentials(MissingCredentials),
    /// The source of credentials did not answer this time.
    CredentialsFailed(MissingCredentials),
    /// The answer is complete, but not as required, such as another account.
    Mismatch(String),
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Error {
    /// The service.
    pub service: Service,
    /// The operation, as AWS calls it.
    pub operation: &'static str,
    /// What is known about the world now.
    pub class: FailureClass,
    /// Why.
    pub cause: Cause,
}

impl Error {
    /// The failure of an operation with that effect.
    #[must_use]
    pub fn new(service: Service, operation: &'static str, effect: Effect, cause: Cause) -> Self {
        let class = class(effect, &cause);
        Self { service, operation, class, cause }
    }

    /// AWS's code, where AWS has answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str())
    }

    /// Whether AWS says that the object does not exist. Shortly after a write this proves nothing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code().is_some_and(|code| {
            code.starts_with("NoSuch")
                || ["NotFound", "NotFoundFault", "DoesNotExist"].iter().any(|end| code.ends_with(end))
        })
    }

    /// Whether renewed credentials may help.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.code().is_some_and(expired)
    }

    /// AWS's refusal, where AWS has answered.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.cause {
            Cause::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What the operator can do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        hint(&self.cause)
    }

    fn text(&self) -> String {
        let call = format!("{} {}", self.service.command(), self.operation);
        message(&call, self.class, &self.cause)
    }
}

impl From<Lost> for Cause {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NotSent(why) => Self::NotSent(why),
            Lost::Unreachable(why) => Self::Unreachable(why),
            Lost::NoAnswer(why) => Self::NoAnswer(why),
        }
    }
}

/// Why there are no credentials to sign requests with.
pub(crate) fn no_credentials(error: &CredentialsError) -> Cause {
    let missing = explained(error);
    if lasting(error) { Cause::NoCredentials(missing) } else { Cause::CredentialsFailed(missing) }
}

/// The message about a call that failed in that class for that cause, without the hint.
pub(crate) fn message(call: &str, class: FailureClass, cause: &Cause) -> String {
    match cause {
        Cause::Refused(Refusal { code, message, request_id, .. }) => {
            let id = request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
            let message = if message.is_empty() { String::new() } else { format!(": {message}") };
            format!("{call} was refused: {code}{message}{id}")
        }
        Cause::NotSent(why) | Cause::Unreachable(why) => format!("{call} could not be sent: {why}"),
        Cause::NoAnswer(why) if class == FailureClass::InDoubt => {
            format!("{call} got no answer, and may have worked: {why}")
        }
        Cause::NoAnswer(why) => format!("{call} got no answer: {why}"),
        Cause::Unreadable(why) => format!("{call} got an answer that cannot be read: {why}"),
        Cause::NoCredentials(missing) | Cause::CredentialsFailed(missing) => {
            format!("{call} was not sent: no AWS credentials: {}", missing.why)
        }
        Cause::Mismatch(why) => format!("{call}: {why}"),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = error.hint().map(str::to_owned);
        Self { hint, ..Self::new(error.class, error.to_string()) }
    }
}

/// Refusals because of the rate of calls, from all services.
const THROTTLED: [&str; 12] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "EC2ThrottledException",
    "BandwidthLimitExceeded",
    // Route 53, while an earlier change to the zone is being taken in.
    "PriorRequestNotComplete",
    "SlowDown",
    // Balancers, when what they depend on is asked too often.
    "DependencyThrottle",
];

/// Refusals that new credentials resolve.
const EXPIRED: [&str; 4] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// Whether a call refused with that code may work with renewed credentials.
pub(crate) fn expired(code: &str) -> bool {
    EXPIRED.contains(&code)
}

/// Refusals because the object of a call is busy, possibly for minutes: nothing was changed.
const BUSY: [&str; 4] = [
    // While RDS makes a backup, which it does every day.
    "InvalidDBInstanceState",
    "InvalidDBSnapshotState",
    // Until some seconds after the image of a snapshot is gone.
    "InvalidSnapshot.InUse",
    "TooManyInvalidationsInProgress",
];

/// Refusals that pass with time: nothing was changed, and the same call may work later.
const LATER: [&str; 12] = [
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientAddressCapacity",
    "InsufficientDBInstanceCapacity",
    "IncorrectInstanceState",
    "IncorrectState",
    "InvalidInstanceID.NotReady",
    "ConcurrentModification",
    // S3, when a request did not arrive in whole, when the object is not the one that was read, and when something else
    // was being written to it.
    "RequestTimeout",
    "PreconditionFailed",
    "ConditionalRequestConflict",
    "OperationAborted",
];

/// What is known about the world after an operation of that effect has failed for that cause.
pub(crate) fn class(effect: Effect, cause: &Cause) -> FailureClass {
    let unknown = if effect == Effect::Read { FailureClass::NotApplied } else { FailureClass::InDoubt };
    match cause {
        Cause::NotSent(_) | Cause::Unreachable(_) | Cause::CredentialsFailed(_) => FailureClass::NotApplied,
        Cause::NoAnswer(_) | Cause::Unreadable(_) => unknown,
        Cause::NoCredentials(_) | Cause::Mismatch(_) => FailureClass::Permanent,
        Cause::Refused(Refusal { status, code, .. }) => {
            let code = code.as_str();
            if THROTTLED.contains(&code) || *status == 429 {
                FailureClass::Throttled
            } else if BUSY.contains(&code) {
                FailureClass::Busy
            } else if LATER.contains(&code) || EXPIRED.contains(&code) {
                FailureClass::NotApplied
            } else if *status >= 500 || *status < 400 || *status == 408 {
                unknown
            } else {
                FailureClass::Permanent
            }
        }
    }
}

/// What the operator can do about a call that failed for that cause.
pub(crate) fn hint(cause: &Cause) -> Option<&'static str> {
    match cause {
        // EC2 has no code of its own for this.
        Cause::Refused(refusal) if refusal.message.contains("does not match the architecture") => {
            Some("use an image and an `instance_type` of the same architecture")
        }
        Cause::Refused(refusal) => hint_of_code(&refusal.code),
        Cause::Unreachable(_) => Some("check this machine's network, and HTTPS_PROXY and NO_PROXY where they are set"),
        Cause::NoCredentials(missing) | Cause::CredentialsFailed(missing) => Some(missing.hint),
        Cause::NotSent(_) | Cause::NoAnswer(_) | Cause::Unreadable(_) | Cause::Mismatch(_) => None,
    }
}

fn hint_of_code(code: &str) -> Option<&'static str> {
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            Some("sign in again (`aws sso login`), or check this machine's clock")
        }
        "AuthFailure" | "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
            Some("check the profile, the region and this machine's clock")
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            Some("add the missing permission: `cutover policy` prints those that are needed")
        }
        "InsufficientInstanceCapacity" | "InsufficientHostCapacity" => Some(
            "AWS has no instance of this type free in this zone: try again later, or name another subnet or `instance_type` in the file",
        ),
        "VcpuLimitExceeded" | "InstanceLimitExceeded" | "SnapshotLimitExceeded" | "ResourceLimitExceeded" => {
            Some("a quota of the account is reached: have it raised, or remove what nobody needs")
        }
        "InsufficientFreeAddressesInSubnet" => Some("name another subnet in the file, or free addresses in this one"),
        "InvalidAMIID.NotFound" | "InvalidAMIID.Unavailable" => Some(
            "the image is gone, or not shared with this account: `--replan` looks anew for the newest one that the file names",
        ),
        "RequestTimeTooSkewed" => Some("set this machine's clock: it is wrong by minutes"),
        _ => None,
    }
}

/// The refusal in an answer that is not a success.
pub(crate) fn refusal(protocol: Protocol, answer: &Response<Bytes>) -> Refusal {
    let status = answer.status().as_u16();
    let body = document(protocol, answer.body()).unwrap_or_default();
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = |names: &[&str]| names.iter().find_map(|name| found(&body, name));
    let code = header("x-amzn-errortype")
        .or_else(|| text(&["Code", "__type"]))
        // Route 53 puts the reasons against a batch of changes under an element named like the code.
        .or_else(|| root(protocol, answer.body()).filter(|name| name.starts_with("Invalid")))
        .map_or_else(|| format!("HTTP {status}"), |code| short(&code));
    let message = reasons(&body).or_else(|| text(&["Message", "message"])).unwrap_or_default();
    let request_id = header("x-amzn-requestid").or_else(|| text(&["RequestId", "RequestID"]));
    Refusal { status, code, message, request_id }
}

/// All reasons of Route 53 against a batch of changes, where it lists them.
fn reasons(body: &Document) -> Option<String> {
    let list = &body.find("Messages")?.children;
    let told: Vec<&str> = list.iter().map(|(_, reason)| reason.text.trim()).filter(|text| !text.is_empty()).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

fn found(body: &Document, name: &str) -> Option<String> {
    body.find(name).map(|document| document.text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// `com.amazonaws.ssm#InvalidInstanceId:http://...` is `InvalidInstanceId`.
fn short(code: &str) -> String {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str, effect: Effect) -> Error {
        let refusal = Refusal { status, code: code.to_owned(), message: "m".to_owned(), request_id: None };
        Error::new(Service::Ec2, "RunInstances", effect, Cause::Refused(refusal))
    }

    #[test]
    fn a_write_after_a_server_error_is_in_doubt_and_a_read_is_not() {
        assert_eq!(refused(500, "InternalError", Effect::Write).class, FailureClass::InDoubt);
        assert_eq!(refused(503, "Unavailable", Effect::Read).class, FailureClass::NotApplied);
    }

    #[test]
    fn throttling_is_recognized_by_its_code() {
        let refusals = [
            (503, "RequestLimitExceeded"),
            (400, "PriorRequestNotComplete"),
            (400, "DependencyThrottle"),
            (429, "HTTP 429"),
        ];
        for (status, code) in refusals {
            let error = refused(status, code, Effect::Write);
            assert_eq!(error.class, FailureClass::Throttled, "{code}");
        }
    }

    #[test]
    fn a_write_without_an_answer_is_in_doubt_and_one_never_sent_is_not() {
        let lost = Error::new(Service::Ec2, "CreateImage", Effect::Write, Cause::NoAnswer("cut".to_owned()));
        let unsent = Error::new(Service::Ec2, "CreateImage", Effect::Write, Cause::NotSent("refused".to_owned()));
        assert_eq!((lost.class, unsent.class), (FailureClass::InDoubt, FailureClass::NotApplied));
    }

    #[test]
    fn a_request_that_did_not_arrive_completely_may_be_repeated() {
        assert_eq!(refused(400, "RequestTimeout", Effect::Write).class, FailureClass::NotApplied);
        assert_eq!(refused(408, "HTTP 408", Effect::Write).class, FailureClass::InDoubt);
    }

    #[test]
    fn busy_resources_are_a_class_of_their_own() {
        for code in ["InvalidDBInstanceState", "InvalidSnapshot.InUse", "TooManyInvalidationsInProgress"] {
            assert_eq!(refused(400, code, Effect::Write).class, FailureClass::Busy, "{code}");
        }
    }

    #[test]
    fn every_reason_against_a_batch_is_told() {
        let body = "<InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Messages>\
                    <Message>one</Message><Message>two</Message></Messages><RequestId>R</RequestId></InvalidChangeBatch>";
        let answer = Response::builder().status(400).body(Bytes::from(body)).expect("an answer");
        let refusal = refusal(Protocol::RestXml, &answer);
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("InvalidChangeBatch", "one; two"));
    }

    #[test]
    fn a_launch_without_capacity_is_not_applied() {
        let error = refused(500, "InsufficientInstanceCapacity", Effect::Write);
        assert_eq!(error.class, FailureClass::NotApplied);
    }

    #[test]
    fn a_launch_that_the_account_or_the_zone_has_no_room_for_says_what_to_do() {
        for (code, words) in [
            ("InsufficientInstanceCapacity", "name another subnet or `instance_type`"),
            ("VcpuLimitExceeded", "a quota of the account is reached"),
            ("InsufficientFreeAddressesInSubnet", "free addresses"),
            ("InvalidAMIID.NotFound", "`--replan`"),
        ] {
            let hint = refused(400, code, Effect::Write).hint();
            assert!(hint.is_some_and(|hint| hint.contains(words)), "{code}: {hint:?}");
        }
        let message = "The architecture 'arm64' of the specified instance type does not match the architecture 'x86_64' of the specified AMI";
        let refusal = Refusal {
            status: 400,
            code: "InvalidParameterValue".to_owned(),
            message: message.to_owned(),
            request_id: None,
        };
        assert!(hint(&Cause::Refused(refusal)).is_some_and(|hint| hint.contains("the same architecture")));
    }

    #[test]
    fn the_reason_is_found_in_the_errors_of_all_protocols() {
        let cases = [
            (
                Protocol::Ec2,
                "<Response><Errors><Error><Code>C</Code><Message>M</Message></Error></Errors><RequestID>R</RequestID></Response>",
            ),
            (
                Protocol::Query,
                "<ErrorResponse><Error><Type>Sender</Type><Code>C</Code><Message>M</Message></Error><RequestId>R</RequestId></ErrorResponse>",
            ),
            (Protocol::Json, r#"{"__type":"com.amazonaws.ssm#C","message":"M","RequestId":"R"}"#),
        ];
        for (protocol, body) in cases {
            let answer = Response::builder().status(400).body(Bytes::from(body)).expect("an answer");
            let refusal = refusal(protocol, &answer);
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("C", "M"), "{protocol:?}");
            assert_eq!(refusal.request_id.as_deref(), Some("R"), "{protocol:?}");
        }
    }

    #[test]
    fn an_answer_from_something_else_than_aws_is_named_by_its_status() {
        let answer = Response::builder().status(502).body(Bytes::from("<html><br>bad gateway")).expect("an answer");
        assert_eq!(refusal(Protocol::Query, &answer).code, "HTTP 502");
    }
}
