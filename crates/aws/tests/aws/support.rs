//! What the tests share: a connection with keys that mean nothing, on the wall clock; gates that bar nobody, and one of
//! a dry run; and where the Python parts are.

use std::ffi::OsString;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use cutover_aws::operations::Writes;
use cutover_aws::{Connection, Error, Limits, Settings, Times};
use cutover_contract::WallClock;
use cutover_engine::gate::{Authority, Gate, Permit};
use cutover_engine::journal::{Journal, Reading};
use cutover_engine::lease::OnClock;
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::time::between;

#[derive(Debug)]
struct TokioSleep;

impl AsyncSleep for TokioSleep {
    fn sleep(&self, length: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(length))
    }
}

/// A connection to a stand-in for AWS.
pub(crate) async fn connect(endpoint: &str, limits: Limits) -> Connection {
    let keys = Credentials::new("AKIATEST", "secret", None, None, "tests");
    connect_as(endpoint, limits, SharedCredentialsProvider::new(keys)).await
}

/// The same as somebody.
pub(crate) async fn connect_as(endpoint: &str, limits: Limits, whoever: SharedCredentialsProvider) -> Connection {
    let settings = Settings {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(whoever),
        profile: None,
    };
    let times =
        Times { clock: SharedTimeSource::new(SystemTimeSource::new()), sleep: SharedAsyncSleep::new(TokioSleep) };
    Connection::open(settings, times, limits).await.expect("a connection")
}

/// Gives other credentials each time, and counts how often it is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Renewing(Arc<AtomicU32>);

impl Renewing {
    pub(crate) fn provider(&self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(self.clone())
    }

    pub(crate) fn asked(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        Provided::ready(Ok(Credentials::new(format!("AKIA{count}"), "secret", None, None, "tests")))
    }
}

/// A clock on which nobody waits: pauses between attempts are no matter here.
pub(crate) struct Hasty;

#[async_trait(?Send)]
impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn up(&self) -> Duration {
        between(Timestamp::UNIX_EPOCH, self.now())
    }

    fn sleep(&self, _: Duration) -> LocalBoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Does what takes a permit, by one of a gate that bars nobody.
pub(crate) async fn by_permit<T>(work: impl AsyncFnOnce(&Permit) -> T) -> T {
    through(&Gate::alone(&(Rc::new(WallClock) as Rc<dyn Clock>)), work).await
}

/// The same by a permit of a dry run.
pub(crate) async fn by_dry_permit<T>(work: impl AsyncFnOnce(&Permit) -> T) -> T {
    let clock: Rc<dyn Clock> = Rc::new(WallClock);
    let store = Store::memory(&"nobody".into());
    let journal = Journal::open(store, Reading::default(), Rc::clone(&clock), 0, "dry".to_owned(), Rc::new(|_| {}));
    through(&Gate::new(Authority::PutDown, Rc::new(journal), Rc::new(OnClock(clock))), work).await
}

async fn through<T>(gate: &Gate, work: impl AsyncFnOnce(&Permit) -> T) -> T {
    gate.write("test", async |permit| Ok(work(permit).await)).await.expect("nobody bars it")
}

/// Makes a write that no port makes.
pub(crate) async fn write<O: Writes>(aws: &Connection, operation: &O) -> Result<O::Output, Error> {
    by_permit(async |permit| aws.write(permit, operation).await).await
}

/// Where a part of the Python environment is. Its absence is a failure: a test that is left out protects nothing.
pub(crate) fn from_environment(variable: &str, what: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| {
        panic!("run `cargo xtask test`, which installs what the tests need, or set {variable} to {what}")
    })
}
