//! The client of `object_store` for one bucket, with the credentials, the HTTP client and the region of a connection.

use std::sync::Arc;

use async_trait::async_trait;
use cutover_engine::failure::Failure;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, S3ConditionalPut};
use object_store::{CredentialProvider, RetryConfig};

use super::guard::Guarded;
use crate::connection::Connection;
use crate::credentials::Keeper;

impl Connection {
    /// The client for a bucket. Create-only writes are conditional requests. `object_store` repeats nothing by itself:
    /// a repeated create could meet its own write.
    pub(super) fn s3(&self, name: &str) -> Result<AmazonS3, Failure> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region(&self.region)
            .with_credentials(Arc::new(Bridge(self.credentials.clone())))
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(Guarded::new(self, name));
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http:"));
        }
        builder.build().map_err(|error| Failure::permanent(format!("bucket {name} cannot be used: {error}")))
    }
}

/// Credentials as `object_store` wants them.
#[derive(Debug)]
struct Bridge(Arc<Keeper>);

#[async_trait]
impl CredentialProvider for Bridge {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credentials = self
            .0
            .get()
            .await
            .map_err(|source| object_store::Error::Generic { store: "S3", source: Box::new(source) })?;
        Ok(Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        }))
    }
}
