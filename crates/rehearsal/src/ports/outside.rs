//! The view from outside.

use async_trait::async_trait;

use cutover_core::names::DnsName;
use cutover_core::observation::Certificate;
use cutover_engine::ports::{Answer, Outside, Page};

use crate::{EmbeddedCloud, WorldState};

#[async_trait(?Send)]
impl Outside for EmbeddedCloud {
    async fn fetch(&self, host: &DnsName, path: &str, pinned: Option<&DnsName>) -> Answer<Page> {
        match pinned {
            // Recorded in the world, because this is how the world knows which balancers were verified.
            Some(target) => self.look_and_note("fetch", |world| world.fetch_pinned(host, path, target)).await,
            None => {
                let answer =
                    |world: &WorldState| Ok((world.fetch_as_visitors_do(host, path), world.lateness_of_sites()));
                let (page, late) = self.look("fetch", answer).await?;
                self.delay(late).await;
                Ok(page)
            }
        }
    }

    async fn certificate(&self, host: &DnsName, domain: &DnsName) -> Answer<Option<Certificate>> {
        self.look("certificate", |world| Ok(world.certificate(host, domain))).await
    }
}
