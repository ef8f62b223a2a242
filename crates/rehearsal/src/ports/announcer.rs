//! Messages to people: an outbox.

use async_trait::async_trait;

use cutover_core::plan::Announce;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Announcer, Answer};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Announcer for EmbeddedCloud {
    async fn announce(&self, permit: &Permit, message: &Announce, token: &str) -> Answer<()> {
        self.change("announce", permit, |world| {
            world.outbox.entry(token.to_owned()).or_insert_with(|| message.clone());
            Ok(())
        })
        .await
    }

    async fn announced(&self, token: &str) -> Answer<Option<bool>> {
        self.look("announced", |world| Ok(Some(world.outbox.contains_key(token)))).await
    }
}
