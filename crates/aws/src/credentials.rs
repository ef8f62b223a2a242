//! Credentials, kept until shortly before they expire. Where they come from is the business of `aws-config`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::time::SharedTimeSource;

/// Credentials are renewed this long before they expire: longer than any call takes.
const MARGIN: Duration = Duration::from_secs(300);

/// The credentials of a connection.
#[derive(Debug)]
pub(crate) struct Keeper {
    provider: SharedCredentialsProvider,
    clock: SharedTimeSource,
    kept: Mutex<Option<Credentials>>,
}

impl Keeper {
    pub(crate) fn new(provider: SharedCredentialsProvider, clock: SharedTimeSource) -> Self {
        Self { provider, clock, kept: Mutex::new(None) }
    }

    /// Credentials that hold now.
    pub(crate) async fn get(&self) -> Result<Credentials, CredentialsError> {
        let renewal = self.clock.now() + MARGIN;
        if let Some(credentials) = self.kept().filter(|kept| kept.expiry().is_none_or(|end| end > renewal)) {
            return Ok(credentials);
        }
        let credentials = self.provider.provide_credentials().await?;
        self.keep(Some(credentials.clone()));
        Ok(credentials)
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

/// The whole chain of reasons; the first alone says only that a provider failed.
pub(crate) fn words(error: &CredentialsError) -> String {
    let mut words = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words.push(cause.to_string());
        source = cause.source();
    }
    words.dedup();
    format!("{}; name a profile, or sign in (`aws sso login --profile NAME`)", words.join(": "))
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::future::ProvideCredentials as Future;
    use aws_smithy_async::time::StaticTimeSource;
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
        let clock = SharedTimeSource::new(StaticTimeSource::new(NOW));
        (Keeper::new(SharedCredentialsProvider::new(source), clock), asked)
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
