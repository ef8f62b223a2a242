//! Load balancers.

use std::collections::BTreeMap;

use async_trait::async_trait;

use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{BalancerState, Health};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Balancers};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Balancers for EmbeddedCloud {
    async fn balancers(&self, names: &[BalancerName]) -> Answer<BTreeMap<BalancerName, BalancerState>> {
        self.look("balancers", |world| Ok(world.balancer_states(names))).await
    }

    async fn health(&self, name: &BalancerName) -> Answer<BTreeMap<InstanceId, Health>> {
        self.look("health", |world| world.health(name)).await
    }

    async fn register(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        let (name, instances) = (name.clone(), instances.to_vec());
        self.change("register", permit, move |world| world.register(&name, &instances)).await
    }

    async fn deregister(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        let (name, instances) = (name.clone(), instances.to_vec());
        self.change("deregister", permit, move |world| world.deregister(&name, &instances)).await
    }
}
