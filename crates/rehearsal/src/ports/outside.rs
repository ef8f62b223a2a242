//! The view from outside.

use async_trait::async_trait;

use cutover_core::names::DnsName;
use cutover_core::observation::Certificate;
use cutover_engine::ports::{Answer, Outside, Page};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Outside for EmbeddedCloud {
    async fn fetch(&self, host: &DnsName, path: &str, pinned: Option<&DnsName>) -> Answer<Page> {
        match pinned {
            // Recorded in the world, because this is how the world knows which balancers were verified.
            Some(target) => self.look_and_note("fetch", |world| world.fetch_pinned(host, path, target)).await,
            None => self.look("fetch", |world| Ok(world.fetch_as_visitors_do(host, path))).await,
        }
    }

    async fn certificate(&self, host: &DnsName, domain: &DnsName) -> Answer<Option<Certificate>> {
        self.look("certificate", |world| Ok(world.certificate(host, domain))).await
    }
}
