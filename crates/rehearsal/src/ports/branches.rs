//! The release branches of the fork.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_core::observation::ReleaseBranch;
use cutover_engine::ports::{Answer, ReleaseBranches};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl ReleaseBranches for EmbeddedCloud {
    async fn branch(&self, name: &str, _commits: &BTreeSet<Arc<str>>) -> Answer<ReleaseBranch> {
        self.look("branch", |world| Ok(world.branch(name))).await
    }
}
