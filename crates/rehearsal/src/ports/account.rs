//! The account: an embedded cloud has the network that its deployment names, and no quotas.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::account::{Quota, Subnet};
use cutover_core::deployment::{Fleet, HostGroup};
use cutover_engine::ports::{Account, Answer};

use crate::EmbeddedCloud;
use crate::world::WorldState;

/// The free addresses of a subnet with 256 addresses, the usual size.
const FREE_ADDRESSES: u64 = 200;

#[async_trait(?Send)]
impl Account for EmbeddedCloud {
    async fn identity(&self) -> Answer<String> {
        self.look("identity", |_| Ok("the embedded cloud".to_owned())).await
    }

    async fn subnets(&self, ids: &[String]) -> Answer<BTreeMap<String, Subnet>> {
        let subnet = Subnet { available: true, free_addresses: FREE_ADDRESSES };
        self.look("subnets", |world| {
            let known = ids.iter().filter(|id| groups(world).any(|group| group.subnets.contains(id)));
            Ok(known.map(|id| (id.clone(), subnet.clone())).collect())
        })
        .await
    }

    async fn security_groups(&self, ids: &[String]) -> Answer<BTreeSet<String>> {
        self.look("security_groups", |world| {
            let known = ids.iter().filter(|id| groups(world).any(|group| group.security_groups.contains(id)));
            Ok(known.cloned().collect())
        })
        .await
    }

    async fn quotas(&self, _launches: &BTreeMap<String, u64>, _snapshots: u64) -> Answer<Vec<Quota>> {
        self.look("quotas", |_| Ok(Vec::new())).await
    }

    async fn credentials_until(&self) -> Answer<Option<Timestamp>> {
        self.look("credentials_until", |_| Ok(None)).await
    }
}

fn groups(world: &WorldState) -> impl Iterator<Item = &HostGroup> {
    world.deployment.fleets.iter().flat_map(Fleet::groups).map(|(_, group)| group)
}
