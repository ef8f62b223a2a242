//! Messages to people: an outbox.

use async_trait::async_trait;

use cutover_core::plan::Announce;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Announcer, Answer};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Announcer for EmbeddedCloud {
    async fn announce(&self, permit: &Permit, message: &Announce, token: &str) -> Answer<()> {
        let (token, message) = (token.to_owned(), message.clone());
        self.change("announce", permit, move |world| {
            world.outbox.entry(token).or_insert(message);
            Ok(())
        })
        .await
    }

    async fn announced(&self, token: &str) -> Answer<Option<bool>> {
        self.look("announced", |world| Ok(Some(world.outbox.contains_key(token)))).await
    }
}
