//! What the tests share: a connection with keys that mean nothing, on the wall clock; and where the Python parts are.

use std::ffi::OsString;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use cutover_aws::{Connection, Limits, Settings, Times};

#[derive(Debug)]
struct TokioSleep;

impl AsyncSleep for TokioSleep {
    fn sleep(&self, length: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(length))
    }
}

/// Limits with waits that a test can bear.
pub(crate) fn limits() -> Limits {
    Limits { backoff: Duration::from_millis(10), ..Limits::default() }
}

/// A connection to a stand-in for AWS.
pub(crate) async fn connect(endpoint: &str, limits: Limits) -> Connection {
    let settings = Settings {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(SharedCredentialsProvider::new(Credentials::new("AKIATEST", "secret", None, None, "tests"))),
        profile: None,
    };
    let times =
        Times { clock: SharedTimeSource::new(SystemTimeSource::new()), sleep: SharedAsyncSleep::new(TokioSleep) };
    Connection::open(settings, times, limits).await.expect("a connection")
}

/// Where a part of the Python environment is. Its absence is a failure: a test that is left out protects nothing.
pub(crate) fn from_environment(variable: &str, what: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| {
        panic!("run `cargo xtask test`, which installs what the tests need, or set {variable} to {what}")
    })
}
