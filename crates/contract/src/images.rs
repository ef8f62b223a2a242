//! Machine images. There is no contract for building them, which depends on the builder.

use cutover_core::deployment::Role;
use cutover_core::names::ImageId;

use crate::broken::{Broken, Kept, refused_for_good, same, that};
use crate::stage::Stage;

async fn listed(stage: &Stage) -> Result<Vec<ImageId>, Broken> {
    Ok(stage.world.images.images().await?.into_iter().map(|image| image.id).collect())
}

pub(crate) async fn images_are_listed_oldest_first(stage: &Stage) -> Kept {
    let images = stage.world.images.images().await?;
    that(images.len() > 1, || format!("too few to tell: {images:?}"))?;
    that(images.is_sorted_by_key(|image| image.created), || format!("not by age: {images:?}"))
}

pub(crate) async fn every_role_has_an_image_as_it_is_tagged(stage: &Stage) -> Kept {
    let release = &stage.deployment.release;
    for role in Role::ALL.into_iter().filter(|role| stage.deployment.role.services(*role).is_some()) {
        let image = stage.image(role).await?;
        same("its code name", &*image.codename, &*release.current_codename)?;
        same("its version", &*image.version, &*release.current_version)?;
        that(image.commit.is_some(), || format!("{} does not say its commit", image.name))?;
        let pattern = stage.deployment.role.services(role).map(|services| services.image.name.clone());
        let prefix = pattern.unwrap_or_default().replace("{deployment}", stage.deployment.name.as_str());
        let prefix = prefix.split('{').next().unwrap_or_default().to_owned();
        that(image.name.as_str().starts_with(&prefix), || format!("{role} has {}", image.name))?;
    }
    Ok(())
}

pub(crate) async fn a_removed_image_is_no_longer_listed(stage: &Stage) -> Kept {
    let mut wanted = listed(stage).await?;
    let oldest = wanted.remove(0);
    stage.write(async |permit| stage.world.images.remove(permit, &oldest).await).await?;
    stage.holds("all images but the removed one are listed", async || Ok(listed(stage).await? == wanted)).await
}

pub(crate) async fn removing_an_unknown_image_changes_nothing(stage: &Stage) -> Kept {
    let before = listed(stage).await?;
    // Both answers are fine: that it is already gone, or that it never existed.
    let _ = stage.write(async |permit| stage.world.images.remove(permit, &"ami-00000000000000001".into()).await).await;
    same("the images", listed(stage).await?, before)
}

pub(crate) async fn what_is_not_of_the_deployment_is_not_listed(stage: &Stage) -> Kept {
    let listed = listed(stage).await?;
    let foreign = listed.iter().find(|image| stage.foreign_images.contains(image));
    that(foreign.is_none(), || format!("listed as the deployment's: {foreign:?}"))
}

pub(crate) async fn an_image_that_is_gone_has_no_disks(stage: &Stage) -> Kept {
    let disks = stage.world.images.disks(&"ami-00000000000000001".into()).await?;
    same("the disks of an image that is not there", disks, Vec::new())
}

pub(crate) async fn a_removed_disk_is_removed_however_often(stage: &Stage) -> Kept {
    let disk = "snap-00000000000000001".into();
    for _ in 0..2 {
        stage.write(async |permit| stage.world.images.remove_disk(permit, &disk).await).await?;
    }
    Ok(())
}

pub(crate) async fn what_is_not_of_the_deployment_is_never_removed(stage: &Stage) -> Kept {
    that(!stage.foreign_images.is_empty(), || "nothing to try it on".to_owned())?;
    for foreign in &stage.foreign_images {
        let answer = stage.write(async |permit| stage.world.images.remove(permit, foreign).await).await;
        refused_for_good(&format!("removing {foreign}"), answer)?;
    }
    Ok(())
}
