//! Credentials, kept until shortly before they expire, and what is said when there are none. Where they come from is the
//! business of `aws-config`.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as ProvidedCredentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::AsyncSleep;
use futures_util::future::{Either, select};

use crate::connection::Times;
use crate::web::Web;

/// Credentials are renewed this long before they expire: longer than any call takes.
const MARGIN: Duration = Duration::from_secs(300);

/// Where they cannot be renewed, they are used until then: longer than an attempt takes.
const LAST_MINUTE: Duration = Duration::from_secs(60);

/// So long whoever gives credentials may take: somebody may have to confirm it on a telephone.
const PATIENCE: Duration = Duration::from_secs(60);

/// The credentials of a connection.
#[derive(Debug)]
pub(crate) struct Keeper {
    provider: SharedCredentialsProvider,
    times: Times,
    kept: Mutex<Option<Credentials>>,
    /// Held by whoever asks the provider.
    turn: tokio::sync::Mutex<()>,
}

/// Credentials of a profile and of nothing else: as for the `aws` command, a profile that is named comes before keys in
/// the environment.
pub(crate) fn of_profile(profile: &str, region: &Region, web: &Web, times: &Times) -> SharedCredentialsProvider {
    let config = ProviderConfig::empty()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_region(Some(region.clone()))
        .with_http_client(web.clone())
        .with_time_source(times.clock.clone())
        .with_sleep_impl(times.sleep.clone());
    let inner = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
    SharedCredentialsProvider::new(OfProfile { profile: profile.to_owned(), inner })
}

/// The official provider, which of a profile without credentials says no more than that it has none.
#[derive(Debug)]
struct OfProfile {
    profile: String,
    inner: ProfileFileCredentialsProvider,
}

impl ProvideCredentials for OfProfile {
    fn provide_credentials<'a>(&'a self) -> ProvidedCredentials<'a>
    where
        Self: 'a,
    {
        let Self { profile, inner } = self;
        ProvidedCredentials::new(async move {
            inner.provide_credentials().await.map_err(|error| match std::error::Error::source(&error) {
                None if lasting(&error) => {
                    let why = format!("profile `{profile}` has none, or ~/.aws/config has no such profile");
                    CredentialsError::not_loaded(why)
                }
                _ => error,
            })
        })
    }
}

impl Keeper {
    pub(crate) fn new(provider: SharedCredentialsProvider, times: Times) -> Self {
        Self { provider, times, kept: Mutex::new(None), turn: tokio::sync::Mutex::new(()) }
    }

    /// Credentials that hold now.
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

    /// Asks for credentials, one at a time: many calls begin side by side, and somebody may have to confirm each.
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

    /// Asks again next time, since AWS has refused these.
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

/// Until when credentials can be used or renewed; nothing when there is no limit that anybody could know.
///
/// Whoever gave them says where they come from. Those of SSO are renewed too, for as long as the person's sign-in lasts;
/// since its end is on record nowhere, the end of the credentials themselves is what can be counted on.
pub(crate) fn until(credentials: &Credentials) -> Option<SystemTime> {
    use AwsCredentialFeature as Source;
    let sources = credentials.get_property::<Vec<Source>>().map(Vec::as_slice).unwrap_or_default();
    let renews = |source: &Source| {
        matches!(
            source,
            Source::CredentialsImds
                | Source::CredentialsHttp
                | Source::CredentialsProcess
                | Source::CredentialsStsAssumeRole
                | Source::CredentialsStsAssumeRoleWebId
                | Source::CredentialsEnvVarsStsWebIdToken
                | Source::CredentialsProfileStsWebIdToken
        )
    };
    credentials.expiry().filter(|_| !sources.iter().any(renews))
}

/// Whether asking again is no use: there is nothing to ask, or what is there is wrong.
pub(crate) fn lasting(error: &CredentialsError) -> bool {
    matches!(error, CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_))
}

/// Why there are none, and what to do about it.
pub(crate) fn words(error: &CredentialsError) -> String {
    let why = match error {
        CredentialsError::ProviderTimedOut(_) => format!("nobody gave any within {} s", PATIENCE.as_secs()),
        _ => reasons(error),
    };
    let why = match why.split_once(NOWHERE) {
        Some((_, attempts)) => nowhere(attempts),
        None => why,
    };
    let remedy = remedy(&why);
    format!("{}; {remedy}", shortened(&why))
}

/// How the official chain begins to say that it has found nothing.
const NOWHERE: &str = "no credentials found in chain.";

/// What is said where nobody had any. Of each attempt the chain says that it was none; only a profile may be meant to be
/// one, and lack something.
fn nowhere(attempts: &str) -> String {
    const PROFILE: &str = "Profile: the credential provider was not enabled:";
    let profile = attempts.split_once(PROFILE).and_then(|(_, rest)| rest.split_once("WebIdentityToken:"));
    let profile = profile.map(|(why, _)| format!("; {}", why.trim())).unwrap_or_default();
    format!("there are none in the environment, in a profile of ~/.aws, or from this machine's own role{profile}")
}

/// What stands between reasons and says nothing that the beginning of the sentence does not.
const SAYS_NOTHING: [&str; 5] = [
    "an error occurred while loading credentials",
    "an error occurred while loading an access token",
    "the credential provider was not enabled",
    "the credentials provider was not properly configured",
    "service error",
];

/// The chain of reasons on one line. The first alone says only that a provider failed.
fn reasons(error: &CredentialsError) -> String {
    let mut reasons = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reasons.push(said(&cause.to_string()));
        source = cause.source();
    }
    reasons.retain(|reason| !SAYS_NOTHING.contains(&reason.as_str()));
    reasons.dedup();
    if reasons.is_empty() {
        reasons.push(error.to_string());
    }
    reasons.join(": ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The official client shows some refusals as it shows them to programmers.
fn said(reason: &str) -> String {
    let message = reason.strip_prefix("Error {").and_then(|rest| rest.split_once("message: \""));
    let message = message.and_then(|(_, rest)| rest.split_once('"'));
    message.map_or_else(|| reason.to_owned(), |(message, _)| message.to_owned())
}

/// What to do, by what is known of the reason.
fn remedy(why: &str) -> &'static str {
    let tells = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if tells(&["SSO", "/sso/cache/", "UnauthorizedException"]) {
        "sign in: `aws sso login --profile NAME`"
    } else if tells(&["external process"]) {
        "the profile's `credential_process` must print them as JSON: run it by hand and see"
    } else if tells(&["profile `"]) {
        "mend ~/.aws/config, or name another profile: `aws configure list-profiles` shows those that there are"
    } else if tells(&["could not parse profile file"]) {
        "mend ~/.aws/config or ~/.aws/credentials: a line of it is neither `[profile NAME]` nor `key = value`"
    } else if tells(&["ExpiredToken"]) {
        "what the profile builds on has expired: sign in again"
    } else {
        "sign in (`aws sso login --profile NAME`), and name the profile in the deployment file or as AWS_PROFILE"
    }
}

/// A helper's own words may have no end.
fn shortened(why: &str) -> String {
    const MOST: usize = 400;
    if why.chars().count() <= MOST {
        return why.to_owned();
    }
    let kept: String = why.chars().take(MOST).collect();
    format!("{}...", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::future::ProvideCredentials as Future;
    use aws_smithy_async::rt::sleep::{SharedAsyncSleep, Sleep};
    use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    /// Gives credentials that hold as long after [`NOW`], and counts how often it is asked.
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

    /// Waits as soon as it is asked to: time passes only for whoever is not ready.
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
    async fn a_helper_that_hangs_is_not_waited_for_for_ever_and_may_be_asked_again() {
        let keeper = Keeper::new(SharedCredentialsProvider::new(Hanging), times());
        let error = keeper.get().await.expect_err("nobody answers");
        assert!(!lasting(&error));
        assert!(words(&error).starts_with("nobody gave any within 60 s"), "{}", words(&error));
    }

    #[test]
    fn a_helper_that_talks_for_ever_is_cut_short_and_keeps_to_one_line() {
        let error = CredentialsError::provider_error(format!("external process said\n{}", "no \n".repeat(1000)));
        let words = words(&error);
        assert!(words.len() < 600 && !words.contains('\n') && words.contains("credential_process"), "{words}");
    }

    #[tokio::test]
    async fn credentials_that_hold_are_asked_for_once_and_again_after_a_refusal() {
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

    /// Lets nobody run out of patience.
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

    fn from_source(source: Option<AwsCredentialFeature>) -> Credentials {
        let mut credentials = Credentials::new("AKIATEST", "secret", None, Some(NOW + MARGIN), "tests");
        credentials.get_property_mut_or_default::<Vec<AwsCredentialFeature>>().extend(source);
        credentials
    }

    #[test]
    fn credentials_that_renew_themselves_have_no_end_and_others_have_theirs() {
        for source in [
            AwsCredentialFeature::CredentialsImds,
            AwsCredentialFeature::CredentialsHttp,
            AwsCredentialFeature::CredentialsProcess,
            AwsCredentialFeature::CredentialsStsAssumeRole,
            AwsCredentialFeature::CredentialsProfileStsWebIdToken,
        ] {
            assert_eq!(until(&from_source(Some(source.clone()))), None, "{source:?}");
        }
        assert_eq!(until(&from_source(Some(AwsCredentialFeature::CredentialsSso))), Some(NOW + MARGIN));
        assert_eq!(until(&from_source(None)), Some(NOW + MARGIN));
        assert_eq!(until(&Credentials::new("AKIATEST", "secret", None, None, "tests")), None);
    }
}
