//! Where credentials come from when a profile is named, and until when credentials can be used.

use std::time::SystemTime;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as ProvidedCredentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::explain::lasting;
use crate::times::Times;
use crate::web::Web;

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

/// The official provider. About a profile without credentials it says only that there are none.
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
                    let why = format!("profile `{profile}` has no credentials, or ~/.aws/config has no such profile");
                    CredentialsError::not_loaded(why)
                }
                _ => error,
            })
        })
    }
}

/// Until when credentials can be used or renewed; nothing when there is no known limit.
///
/// Their source is recorded in them. Credentials of SSO are renewed too, as long as the sign-in of the person lasts;
/// since the end of that is recorded nowhere, the expiry of the credentials themselves counts.
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

#[cfg(test)]
mod tests {
    use super::*;

    const END: SystemTime = SystemTime::UNIX_EPOCH;

    fn from_source(source: Option<AwsCredentialFeature>) -> Credentials {
        let mut credentials = Credentials::new("AKIATEST", "secret", None, Some(END), "tests");
        credentials.get_property_mut_or_default::<Vec<AwsCredentialFeature>>().extend(source);
        credentials
    }

    #[test]
    fn renewable_credentials_have_no_end_and_others_do() {
        for source in [
            AwsCredentialFeature::CredentialsImds,
            AwsCredentialFeature::CredentialsHttp,
            AwsCredentialFeature::CredentialsProcess,
            AwsCredentialFeature::CredentialsStsAssumeRole,
            AwsCredentialFeature::CredentialsProfileStsWebIdToken,
        ] {
            assert_eq!(until(&from_source(Some(source.clone()))), None, "{source:?}");
        }
        assert_eq!(until(&from_source(Some(AwsCredentialFeature::CredentialsSso))), Some(END));
        assert_eq!(until(&from_source(None)), Some(END));
        assert_eq!(until(&Credentials::new("AKIATEST", "secret", None, None, "tests")), None);
    }
}
