//! The maintenance page.

use async_trait::async_trait;

use cutover_core::names::InvalidationId;
use cutover_core::observation::Distribution;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, PageObject, PageVersion, Pages};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Pages for EmbeddedCloud {
    async fn page(&self, bucket: &str, key: &str) -> Answer<Option<PageObject>> {
        self.look("page", |world| Ok(world.page(bucket, key))).await
    }

    async fn put_page(
        &self,
        permit: &Permit,
        bucket: &str,
        key: &str,
        body: &str,
        instead_of: Option<&PageVersion>,
    ) -> Answer<()> {
        self.change("put_page", permit, |world| world.put_page(bucket, key, body, instead_of)).await
    }

    async fn distribution(&self, id: &str) -> Answer<Option<Distribution>> {
        self.look("distribution", |world| Ok(world.distribution(id))).await
    }

    async fn invalidate(&self, permit: &Permit, distribution: &str, reference: &str) -> Answer<InvalidationId> {
        self.change("invalidate", permit, |world| world.invalidate(distribution, reference)).await
    }

    async fn invalidated(&self, distribution: &str, id: &InvalidationId) -> Answer<bool> {
        self.look("invalidated", |world| world.invalidated(distribution, id)).await
    }
}
