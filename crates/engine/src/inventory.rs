//! Looks at the machine images of a deployment, and at everything that may use them.

use std::collections::BTreeSet;
use std::sync::Arc;

use cutover_core::deployment::{Deployment, Role};
use cutover_core::inventory::Seen;
use cutover_core::observation::{Part, Unseen};

use crate::ports::{Answer, Clock, World};
use crate::retry::read;

/// What there is, and what could not be seen: release branches, and images that others are built from. Nothing is changed.
///
/// # Errors
/// When the images, the instances or the builders cannot be listed.
pub async fn look(world: &World, clock: &dyn Clock, deployment: &Deployment) -> Answer<(Seen, Vec<Unseen>)> {
    let mut seen = Seen {
        images: read(clock, async || world.images.images().await).await?,
        instances: read(clock, async || world.compute.instances().await).await?,
        builders: read(clock, async || world.builders.all_builders().await).await?,
        ..Seen::default()
    };
    let mut unseen = Vec::new();
    let has_clone = deployment.branches.as_ref().is_some_and(|branches| branches.repository.is_some());
    let commits: BTreeSet<Arc<str>> = seen.images.iter().filter_map(|image| image.commit.clone()).collect();
    for role in Role::ALL {
        let Some(image) = deployment.role.services(role).map(|services| &services.image) else { continue };
        let branch = &image.branch;
        if has_clone && !seen.branches.contains_key(branch) {
            match read(clock, async || world.branches.branch(branch, &commits).await).await {
                Ok(known) => drop(seen.branches.insert(branch.clone(), known)),
                Err(failure) => {
                    unseen.push(Unseen { part: Part::ReleaseBranch(branch.clone()), why: failure.to_string() });
                }
            }
        }
        if image.is_built_here() {
            match read(clock, async || world.builders.base(image.base()).await).await {
                Ok(base) => seen.bases.extend(base.map(|base| (role, base))),
                Err(failure) => unseen.push(Unseen { part: Part::BaseImage(role), why: failure.to_string() }),
            }
        }
    }
    Ok((seen, unseen))
}
