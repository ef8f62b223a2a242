//! Machine images.

use async_trait::async_trait;

use cutover_core::names::{DiskId, ImageId};
use cutover_core::observation::MachineImage;
use cutover_core::plan::BuildImage;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Images};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Images for EmbeddedCloud {
    async fn images(&self) -> Answer<Vec<MachineImage>> {
        self.look("images", |world| Ok(world.machine_images())).await
    }

    async fn build(&self, permit: &Permit, image: &BuildImage) -> Answer<ImageId> {
        let image = image.clone();
        self.change("build", permit, move |world| Ok(world.build(&image))).await
    }

    async fn disks(&self, _image: &ImageId) -> Answer<Vec<DiskId>> {
        // Images of this cloud have no separate snapshots.
        self.look("disks", |_| Ok(Vec::new())).await
    }

    async fn remove(&self, permit: &Permit, image: &ImageId) -> Answer<()> {
        let image = image.clone();
        self.change("remove", permit, move |world| world.remove_image(&image)).await
    }

    async fn remove_disk(&self, permit: &Permit, _disk: &DiskId) -> Answer<()> {
        self.change("remove_disk", permit, |_| Ok(())).await
    }
}
