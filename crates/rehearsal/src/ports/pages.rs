//! The maintenance page.

use async_trait::async_trait;

use cutover_core::names::InvalidationId;
use cutover_core::observation::Distribution;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, PageObject, PageVersion, Pages};

use crate::EmbeddedCloud;
use crate::world::WorldState;

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
        let (bucket, key, body) = (bucket.to_owned(), key.to_owned(), body.to_owned());
        let instead_of = instead_of.cloned();
        let put = move |world: &mut WorldState| world.put_page(&bucket, &key, &body, instead_of.as_ref());
        self.change("put_page", permit, put).await
    }

    async fn distribution(&self, id: &str) -> Answer<Option<Distribution>> {
        self.look("distribution", |world| Ok(world.distribution(id))).await
    }

    async fn invalidate(&self, permit: &Permit, distribution: &str, reference: &str) -> Answer<InvalidationId> {
        let (distribution, reference) = (distribution.to_owned(), reference.to_owned());
        self.change("invalidate", permit, move |world| world.invalidate(&distribution, &reference)).await
    }

    async fn invalidated(&self, distribution: &str, id: &InvalidationId) -> Answer<bool> {
        self.look("invalidated", |world| world.invalidated(distribution, id)).await
    }
}
