//! Machine images: built under a name that makes building twice building once, and removed.

use cutover_core::journal::Fact;
use cutover_core::names::ImageId;
use cutover_core::plan::BuildImage;

use super::{Scene, Seen};
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
    Ok(if images.iter().any(|other| other.id == *image) { Seen::NotYet } else { Seen::holds() })
}
