//! Credentials, kept until shortly before they expire.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::AsyncSleep;
use futures_util::future::{Either, select};

use super::explain::PATIENCE;
use crate::times::Times;

/// Credentials are renewed this long before they expire: longer than any call takes.
const MARGIN: Duration = Duration::from_secs(300);

/// Where they cannot be renewed, they are used until then: longer than an attempt takes.
const LAST_MINUTE: Duration = Duration::from_secs(60);

/// The credentials of a connection.
#[derive(Debug)]
pub(crate) struct Keeper {
    provider: SharedCredentialsProvider,
    times: Times,
    kept: Mutex<Option<Credentials>>,
    /// Held while the provider is asked.
    turn: tokio::sync::Mutex<()>,
}

impl Keeper {
    pub(crate) fn new(provider: SharedCredentialsProvider, times: Times) -> Self {
        Self { provider, times, kept: Mutex::new(None), turn: tokio::sync::Mutex::new(()) }
    }

    /// Credentials that are valid now.
    pub(crate) async fn get(&self) -> Result<Credentials, CredentialsError> {
        if let Some(credentials) = self.that_hold_for(MARGIN) {
            return Ok(credentials);
        }
        let renewed = match select(pin!(self.renewed()), pin!(self.times.sleep.sleep(PATIENCE))).await {
            Either::Left((found, _)) => found,
            Either::Right(_) => Err(CredentialsError::provider_timed_out(PATIENCE)),
        };
        // Those that are about to expire hold until they do.
        renewed.or_else(|error| self.that_hold_for(LAST_MINUTE).ok_or(error))
    }

    /// Asks for credentials, one at a time: many calls start at the same time, and somebody may have to confirm each
    /// request.
    async fn renewed(&self) -> Result<Credentials, CredentialsError> {
        let _turn = self.turn.lock().await;
        if let Some(credentials) = self.that_hold_for(MARGIN) {
            return Ok(credentials);
        }
        let credentials = self.provider.provide_credentials().await?;
        self.keep(Some(credentials.clone()));
        Ok(credentials)
    }

    fn that_hold_for(&self, length: Duration) -> Option<Credentials> {
        let end = self.times.clock.now() + length;
        self.kept().filter(|kept| kept.expiry().is_none_or(|expiry| expiry > end))
    }

    /// Drops the credentials, which AWS has refused, so that the next call asks for new ones.
    pub(crate) fn forget(&self) {
        self.keep(None);
    }

    fn kept(&self) -> Option<Credentials> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, credentials: Option<Credentials>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = credentials;
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::future::ProvideCredentials as Future;
    use aws_smithy_async::rt::sleep::{SharedAsyncSleep, Sleep};
    use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::SystemTime;

    use super::super::explain::{explained, lasting};
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    /// Gives credentials that are valid for that long after [`NOW`], and counts how often it is asked.
    #[derive(Debug)]
    struct Source {
        holds: Duration,
        asked: Arc<AtomicU32>,
    }

    impl ProvideCredentials for Source {
        fn provide_credentials<'a>(&'a self) -> Future<'a>
        where
            Self: 'a,
        {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Future::ready(Ok(Credentials::new("AKIATEST", "secret", None, Some(NOW + self.holds), "tests")))
        }
    }

    fn keeper(holds: Duration) -> (Keeper, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let source = Source { holds, asked: asked.clone() };
        (Keeper::new(SharedCredentialsProvider::new(source), times()), asked)
    }

    /// Ends every wait at once, so that a time limit is reached by anything that is not ready.
    #[derive(Debug)]
    struct Hurried;

    impl AsyncSleep for Hurried {
        fn sleep(&self, _length: Duration) -> Sleep {
            Sleep::new(std::future::ready(()))
        }
    }

    fn times() -> Times {
        let clock = SharedTimeSource::new(StaticTimeSource::new(NOW));
        Times { clock, sleep: SharedAsyncSleep::new(Hurried) }
    }

    /// A helper that never answers.
    #[derive(Debug)]
    struct Hanging;

    impl ProvideCredentials for Hanging {
        fn provide_credentials<'a>(&'a self) -> Future<'a>
        where
            Self: 'a,
        {
            Future::new(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_helper_that_hangs_is_stopped_and_can_be_asked_again() {
        let keeper = Keeper::new(SharedCredentialsProvider::new(Hanging), times());
        let error = keeper.get().await.expect_err("nobody answers");
        assert!(!lasting(&error));
        let why = explained(&error).why;
        assert!(why.starts_with("the source of credentials did not answer within 60 s"), "{why}");
    }

    #[tokio::test]
    async fn valid_credentials_are_requested_once_and_again_after_a_refusal() {
        let (keeper, asked) = keeper(MARGIN * 2);
        for _ in 0..3 {
            keeper.get().await.expect("credentials");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        keeper.forget();
        keeper.get().await.expect("credentials");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn credentials_about_to_expire_are_renewed_before_a_call() {
        let (keeper, asked) = keeper(MARGIN);
        for _ in 0..3 {
            keeper.get().await.expect("credentials");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    /// Gives credentials after a while, and only the first time.
    #[derive(Debug)]
    struct Once(Arc<AtomicU32>);

    impl ProvideCredentials for Once {
        fn provide_credentials<'a>(&'a self) -> Future<'a>
        where
            Self: 'a,
        {
            Future::new(async {
                let asked = self.0.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                match asked {
                    0 => Ok(Credentials::new("AKIATEST", "secret", None, Some(NOW + MARGIN * 2), "tests")),
                    _ => Err(CredentialsError::provider_error("nobody is there")),
                }
            })
        }
    }

    /// Never ends a wait, so that no time limit is reached.
    #[derive(Debug)]
    struct Patient;

    impl AsyncSleep for Patient {
        fn sleep(&self, _length: Duration) -> Sleep {
            Sleep::new(std::future::pending())
        }
    }

    fn once(now: SystemTime) -> (Keeper, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let clock = SharedTimeSource::new(StaticTimeSource::new(now));
        let times = Times { clock, sleep: SharedAsyncSleep::new(Patient) };
        (Keeper::new(SharedCredentialsProvider::new(Once(Arc::clone(&asked))), times), asked)
    }

    #[tokio::test]
    async fn calls_that_begin_side_by_side_ask_for_credentials_once() {
        let (keeper, asked) = once(NOW);
        let got = futures_util::future::join_all((0..40).map(|_| keeper.get())).await;
        assert!(got.iter().all(Result::is_ok), "{got:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn credentials_that_cannot_be_renewed_are_used_until_they_expire() {
        let (keeper, _) = once(NOW + MARGIN + Duration::from_secs(1));
        keeper.get().await.expect("the first");
        keeper.get().await.expect("the same, since they hold still");
        let (keeper, _) = once(NOW + MARGIN * 2 - LAST_MINUTE);
        keeper.get().await.expect("the first");
        keeper.get().await.expect_err("they are about to expire");
    }
}
