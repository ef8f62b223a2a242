//! Machine images: building them, under a name that makes repeated calls harmless, and removing them.

use cutover_core::journal::Fact;
use cutover_core::names::{DiskId, ImageId};
use cutover_core::plan::BuildImage;

use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::halt::WriteError;
use crate::hints::WRONG_ACCOUNT;
use crate::ports::Answer;

pub(super) async fn built(context: &StepContext<'_>, build: &BuildImage) -> Answer<Seen> {
    let images = context.ask(async |_| context.readings.images().await).await?;
    let Some(image) = images.iter().find(|image| image.name == build.name) else { return Ok(Seen::NotYet) };
    context.note(Fact::ImageBuilt { name: build.name.clone(), image: image.id.clone() });
    if !image.available {
        let what = ["image ", build.name.as_str(), " (", image.id.as_str(), ") is being built"];
        return Ok(Seen::UnderWay(what.concat()));
    }
    let commit =
        image.commit.as_ref().map(|commit| Fact::Note { text: format!("built from {} at {commit}", build.branch) });
    Ok(Seen::Holds(Vec::from_iter(commit)))
}

pub(super) async fn build(context: &StepContext<'_>, build: &BuildImage) -> Result<(), WriteError> {
    let images = &context.world.images;
    let image = context.write("build", async |permit| images.build(permit, build).await).await?;
    Ok(context.learn(Fact::ImageBuilt { name: build.name.clone(), image }).await?)
}

/// Whether the image is gone, and the snapshots of its disks too.
pub(super) async fn removed(context: &StepContext<'_>, image: &ImageId) -> Answer<Seen> {
    let images = context.ask(async |_| context.readings.images().await).await?;
    // With the wrong region or account, every image would seem to be gone.
    if images.is_empty() {
        return Err(Failure::permanent(format!(
            "no image of this deployment is listed at all, so it is not known whether {image} is gone"
        ))
        .with_hint(WRONG_ACCOUNT));
    }
    let is_there = images.iter().any(|other| other.id == *image);
    let leaves_disks =
        !disks(context, image).is_empty() && !context.knows(&Fact::DisksRemoved { image: image.clone() });
    Ok(if is_there || leaves_disks { Seen::NotYet } else { Seen::holds() })
}

/// Removes an image, then the snapshots of its disks. Their ids are recorded first: they cannot be found once the image
/// is gone.
pub(super) async fn remove(context: &StepContext<'_>, image: &ImageId) -> Result<(), WriteError> {
    let port = &context.world.images;
    let found = context.ask(async |world| world.images.disks(image).await).await?;
    if !found.is_empty() {
        context.learn(Fact::ImageDisks { image: image.clone(), disks: found }).await?;
    }
    context.write("remove", async |permit| port.remove(permit, image).await).await?;
    for disk in disks(context, image) {
        context.write("remove_disk", async |permit| port.remove_disk(permit, &disk).await).await?;
    }
    Ok(context.learn(Fact::DisksRemoved { image: image.clone() }).await?)
}

/// The disks of an image, according to the journal.
fn disks(context: &StepContext<'_>, image: &ImageId) -> Vec<DiskId> {
    let run = context.run();
    let of_image = run.facts.iter().filter_map(|fact| match fact {
        Fact::ImageDisks { image: of, disks } if of == image => Some(disks.clone()),
        _ => None,
    });
    of_image.flatten().collect()
}
