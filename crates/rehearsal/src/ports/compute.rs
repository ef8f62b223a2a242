//! Instances.

use async_trait::async_trait;

use cutover_core::names::{ImageId, InstanceId};
use cutover_core::observation::Instance;
use cutover_core::plan::Launch;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Compute};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Compute for EmbeddedCloud {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        self.look("instances", |world| Ok(world.instances())).await
    }

    async fn launch(&self, permit: &Permit, launch: &Launch, image: &ImageId, token: &str) -> Answer<InstanceId> {
        let (launch, image, token) = (launch.clone(), image.clone(), token.to_owned());
        self.change("launch", permit, move |world| world.launch(&launch, &image, &token)).await
    }

    async fn lives(&self, instance: &InstanceId) -> Answer<bool> {
        self.look("lives", |world| Ok(world.lives(instance))).await
    }

    async fn terminate(&self, permit: &Permit, instance: &InstanceId) -> Answer<()> {
        let instance = instance.clone();
        self.change("terminate", permit, move |world| world.terminate(&instance)).await
    }
}
