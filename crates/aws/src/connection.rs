//! A connection to an account of AWS in a region: credentials, addresses, limits, and the count of calls.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use cutover_engine::failure::Failure;
use cutover_engine::lease::ATTEMPT;

use crate::credentials::{Keeper, MissingCredentials, explained, of_profile, until};
use crate::dry::Writes;
use crate::service::Service;
use crate::times::Times;
use crate::web::Web;

/// Region, credentials and endpoint. What is not given is found where the `aws` command finds it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The profile of `~/.aws/config`, which also configures SSO and roles to assume.
    pub profile: Option<String>,
    /// The region, such as `us-east-1`.
    pub region: Option<String>,
    /// The address of all services, for tests against a stand-in.
    pub endpoint: Option<String>,
    /// Credentials to use instead of the profile's, for tests.
    pub credentials: Option<SharedCredentialsProvider>,
}

/// How long things may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For connecting.
    pub connect: Duration,
    /// For one call, from sending the request to the end of the answer.
    pub attempt: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // The limit of the gate, from which conductors calculate how long a lease must last.
        Self { connect: Duration::from_secs(5), attempt: ATTEMPT }
    }
}

/// Prefixes of regions outside of the commercial partition: China, governments, the European sovereign cloud.
const ELSEWHERE: [&str; 5] = ["cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-"];

/// A connection. One thread uses it.
#[derive(Debug)]
pub struct Connection {
    pub(crate) web: Web,
    pub(crate) times: Times,
    pub(crate) limits: Limits,
    pub(crate) credentials: Arc<Keeper>,
    pub(crate) region: String,
    pub(crate) endpoint: Option<String>,
    /// When the next call of Route 53 may be made.
    pub(crate) next_route53: Cell<SystemTime>,
    pub(crate) calls: RefCell<BTreeMap<(Service, &'static str), u64>>,
    /// The profile that was asked for.
    pub(crate) profile: Option<String>,
    /// Where writes are recorded in a dry run.
    pub(crate) writes: Arc<Writes>,
}

impl Connection {
    /// Finds the region and the source of credentials. No call is made yet.
    ///
    /// # Errors
    /// When no region is configured, or one whose addresses are not known, or when this machine cannot use TLS.
    pub async fn open(settings: Settings, times: Times, limits: Limits) -> Result<Self, Failure> {
        let web = Web::new(limits.connect).map_err(|why| Failure::permanent(format!("cannot speak TLS: {why}")))?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(web.clone())
            .time_source(times.clock.clone())
            .sleep_impl(times.sleep.clone());
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = settings.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let config = loader.load().await;
        let region = config.region().ok_or_else(|| {
            Failure::permanent("no AWS region is set")
                .with_hint("name a region in the deployment file or in the profile")
        })?;
        if config.endpoint_url().is_none() && ELSEWHERE.iter().any(|prefix| region.as_ref().starts_with(prefix)) {
            let why = format!(
                "region {region} has other addresses than AWS's commercial regions, and cutover knows only those"
            );
            return Err(Failure::permanent(why).with_hint("name a commercial region in the deployment file"));
        }
        let provider = match (settings.credentials, &settings.profile) {
            (Some(given), _) => given,
            (None, Some(profile)) => of_profile(profile, region, &web, &times),
            (None, None) => config.credentials_provider().ok_or_else(|| {
                Failure::permanent("there is no source of AWS credentials")
                    .with_hint("name a profile in the deployment file")
            })?,
        };
        Ok(Self {
            region: region.as_ref().to_owned(),
            endpoint: config.endpoint_url().map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
            credentials: Arc::new(Keeper::new(provider, times.clone())),
            next_route53: Cell::new(SystemTime::UNIX_EPOCH),
            calls: RefCell::default(),
            profile: settings.profile,
            writes: Arc::default(),
            web,
            times,
            limits,
        })
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The HTTP client.
    #[must_use]
    pub fn web(&self) -> &Web {
        &self.web
    }

    /// The number of calls of each operation so far, including failed ones.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<(Service, &'static str), u64> {
        self.calls.borrow().clone()
    }

    /// Switches dry mode on: from here on this connection writes nothing, in S3 neither. Dry mode cannot be switched
    /// off.
    pub fn run_dry(&self) {
        self.writes.run_dry();
    }

    /// Whether writes are recorded instead of being made, whatever their permits say.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.writes.is_dry()
    }

    /// The writes that were recorded since this was last called, in order, each as a line for a shell. None of them
    /// contains a secret.
    #[must_use]
    pub fn take_writes(&self) -> Vec<String> {
        self.writes.take()
    }

    /// The options with which the `aws` command reaches what this connection reaches.
    pub(crate) fn command_options(&self) -> Vec<(&'static str, String)> {
        let mut options = vec![("region", self.region.clone())];
        options.extend(self.profile.clone().map(|profile| ("profile", profile)));
        options.extend(self.endpoint.clone().map(|endpoint| ("endpoint-url", endpoint)));
        options
    }

    /// Until when the credentials can be used or renewed; nothing when there is no limit.
    ///
    /// # Errors
    /// When there are none.
    pub async fn credentials_until(&self) -> Result<Option<SystemTime>, Failure> {
        let found = self.credentials.get().await;
        found.map(|credentials| until(&credentials)).map_err(|error| {
            let MissingCredentials { why, hint } = explained(&error);
            Failure::permanent(why).with_hint(hint)
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
    use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};

    use super::*;

    #[derive(Debug)]
    struct NoSleep;

    impl AsyncSleep for NoSleep {
        fn sleep(&self, _length: Duration) -> Sleep {
            Sleep::new(std::future::ready(()))
        }
    }

    async fn open(region: &str) -> Result<Connection, Failure> {
        let credentials = Credentials::new("AKIATEST", "secret", None, None, "tests");
        let settings = Settings {
            region: Some(region.to_owned()),
            credentials: Some(SharedCredentialsProvider::new(credentials)),
            ..Settings::default()
        };
        let times = Times {
            clock: SharedTimeSource::new(StaticTimeSource::new(SystemTime::UNIX_EPOCH)),
            sleep: SharedAsyncSleep::new(NoSleep),
        };
        Connection::open(settings, times, Limits::default()).await
    }

    #[tokio::test]
    async fn a_region_whose_addresses_are_not_known_is_refused() {
        for region in ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"] {
            let failure = open(region).await.expect_err("it is apart from the others");
            assert!(failure.message.contains(region), "{failure}");
        }
        open("us-east-1").await.expect("a region like others");
    }
}
