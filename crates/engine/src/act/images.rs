//! Machine images: built under a name that makes building twice building once, and removed.

use cutover_core::journal::Fact;
use cutover_core::names::ImageId;
use cutover_core::plan::BuildImage;

use super::{Scene, Seen};
use crate::failure::Failure;
use crate::ports::Answer;

pub(super) async fn built(scene: &Scene<'_>, build: &BuildImage) -> Answer<Seen> {
    let images = scene.world.images.images().await?;
    let Some(image) = images.into_iter().find(|image| image.name == build.name) else { return Ok(Seen::NotYet) };
    if !image.available {
        return Ok(Seen::UnderWay(format!("image {} ({}) is being built", build.name, image.id)));
    }
    let mut facts = vec![Fact::ImageBuilt { name: build.name.clone(), image: image.id }];
    facts.extend(image.commit.map(|commit| Fact::Note { text: format!("built from {} at {commit}", build.branch) }));
    Ok(Seen::Holds(facts))
}

pub(super) async fn removed(scene: &Scene<'_>, image: &ImageId) -> Answer<Seen> {
    let images = scene.world.images.images().await?;
    // In a region or an account where there is nothing of the deployment, every image seems to be gone.
    if images.is_empty() {
        return Err(Failure::permanent(format!(
            "no image of this deployment is listed at all, so whether {image} is gone is unknown; look at region and \
             account of the credentials"
        )));
    }
    Ok(if images.iter().any(|other| other.id == *image) { Seen::NotYet } else { Seen::holds() })
}
