//! Machine images.

use async_trait::async_trait;

use cutover_core::names::ImageId;
use cutover_core::observation::MachineImage;
use cutover_core::plan::BuildImage;
use cutover_engine::ports::{Answer, Images};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Images for EmbeddedCloud {
    async fn images(&self) -> Answer<Vec<MachineImage>> {
        self.look("images", |world| Ok(world.machine_images())).await
    }

    async fn build(&self, image: &BuildImage) -> Answer<ImageId> {
        self.change("build", |world| Ok(world.build(image))).await
    }

    async fn remove(&self, image: &ImageId) -> Answer<()> {
        self.change("remove", |world| world.remove_image(image)).await
    }
}
