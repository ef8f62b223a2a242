//! What all commands of `cutover image` look at.

use cutover_core::deployment::Cloud;
use cutover_core::inventory::Inventory;
use cutover_core::journal::Upgrade;
use cutover_core::observation::Unseen;
use cutover_engine::inventory;
use cutover_engine::ports::World;

use crate::error::CommandError;
use crate::patience::telling;
use crate::session::Session;
use crate::show::image::Around;

/// The images of a deployment, and what could not be seen of what concerns them.
pub(super) struct Looked {
    pub(super) inventory: Inventory,
    pub(super) unseen: Vec<Unseen>,
    pub(super) world: World,
}

/// Looks at the images, and at all that may use them.
///
/// # Errors
/// When the images or the instances cannot be listed, or the lease cannot be read.
pub(super) async fn look(session: &Session, upgrade: &Upgrade) -> Result<Looked, CommandError> {
    let (world, deployment) = (session.world().await?, session.deployment());
    let conducted = session.conductor().await?.lives() == Some(true);
    let seeing = inventory::look(&world, &*session.clock, deployment);
    let (seen, unseen) = telling(|| "the list of images".to_owned(), seeing).await?;
    Ok(Looked { inventory: Inventory::of(deployment, upgrade, &seen, conducted), unseen, world })
}

/// What texts about the images need to know besides.
pub(super) fn around<'a>(session: &'a Session, looked: &'a Looked) -> Around<'a> {
    let deployment = session.deployment();
    Around {
        deployment: deployment.name.as_str(),
        file: session.file(),
        now: session.clock.now(),
        aws_options: (deployment.cloud == Cloud::Aws).then_some(&looked.world.aws_options),
    }
}
