//! Instances on which images are built.

use std::time::Duration;

use async_trait::async_trait;

use cutover_core::deployment::{Base, Builder};
use cutover_core::names::{ImageId, ImageName, InstanceId};
use cutover_core::observation::{BaseImage, BuilderInstance};
use cutover_core::plan::BuildImage;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Builders};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Builders for EmbeddedCloud {
    async fn base(&self, base: Base<'_>) -> Answer<Option<BaseImage>> {
        self.look("base", |world| Ok(Some(world.base(base)))).await
    }

    async fn builders(&self, image: &ImageName) -> Answer<Vec<BuilderInstance>> {
        self.look("builders", |world| Ok(world.builders(Some(image)))).await
    }

    async fn all_builders(&self) -> Answer<Vec<BuilderInstance>> {
        self.look("all_builders", |world| Ok(world.builders(None))).await
    }

    async fn launch_builder(
        &self,
        permit: &Permit,
        image: &BuildImage,
        _builder: &Builder,
        token: &str,
        _limit: Duration,
    ) -> Answer<InstanceId> {
        let (image, token) = (image.clone(), token.to_owned());
        self.change("launch_builder", permit, move |world| Ok(world.launch_builder(&image, &token))).await
    }

    async fn stop_builder(&self, permit: &Permit, builder: &InstanceId) -> Answer<()> {
        let builder = builder.clone();
        self.change("stop_builder", permit, move |world| world.stop_builder(&builder)).await
    }

    async fn make_image(&self, permit: &Permit, image: &BuildImage, builder: &InstanceId) -> Answer<ImageId> {
        let (image, builder) = (image.clone(), builder.clone());
        self.change("make_image", permit, move |world| world.make_image(&image, &builder)).await
    }

    async fn require_tokens(&self, permit: &Permit, _image: &ImageId) -> Answer<()> {
        self.change("require_tokens", permit, |_| Ok(())).await
    }

    async fn discard_builder(&self, permit: &Permit, builder: &InstanceId) -> Answer<()> {
        let builder = builder.clone();
        self.change("discard_builder", permit, move |world| world.discard_builder(&builder)).await
    }
}
