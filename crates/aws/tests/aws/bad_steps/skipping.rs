//! A clock whose short waits cost nothing: those between two questions to Route 53, which takes five a second. Time
//! limits pass as they do on the wall.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};

use cutover_aws::{Connection, Limits, Settings, Times};

/// Waits below this are skipped.
const SHORT: Duration = Duration::from_millis(900);

#[derive(Clone, Debug, Default)]
struct Skipping(Arc<Mutex<Duration>>);

impl TimeSource for Skipping {
    fn now(&self) -> SystemTime {
        SystemTime::now() + *self.0.lock().expect("no thread has panicked")
    }
}

impl AsyncSleep for Skipping {
    fn sleep(&self, length: Duration) -> Sleep {
        if length >= SHORT {
            return Sleep::new(tokio::time::sleep(length));
        }
        *self.0.lock().expect("no thread has panicked") += length;
        Sleep::new(std::future::ready(()))
    }
}

/// A connection that skips short waits.
pub(super) async fn connect(endpoint: &str, limits: Limits) -> Connection {
    let skipping = Skipping::default();
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "tests");
    let settings = Settings {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(SharedCredentialsProvider::new(credentials)),
        profile: None,
    };
    let times = Times { clock: SharedTimeSource::new(skipping.clone()), sleep: SharedAsyncSleep::new(skipping) };
    Connection::open(settings, times, limits).await.expect("a connection")
}
