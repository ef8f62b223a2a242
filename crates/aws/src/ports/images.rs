//! Machine images on EC2: listed, found by name when they were built by other means, removed if they are ours.
//!
//! Nothing here builds an image.

use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::names::{DiskId, ImageId};
use cutover_core::observation::MachineImage;
use cutover_core::plan::BuildImage;
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Images};

use super::tags::{self, Owner, tag};
use crate::connection::Connection;
use crate::error::Error;
use crate::operations::ec2;

/// Images in a page, the most that EC2 gives.
const PAGE: i64 = 1000;

/// Machine images.
pub struct AwsImages {
    connection: Rc<Connection>,
    owner: Owner,
}

impl AwsImages {
    pub(crate) fn new(connection: &Rc<Connection>, owner: Owner) -> Self {
        Self { connection: Rc::clone(connection), owner }
    }

    /// Images of this account that are not deregistered.
    async fn listed(&self, filters: Vec<ec2::Filter>) -> Answer<Vec<ec2::Image>> {
        let owners = vec!["self".to_owned()];
        let request = ec2::DescribeImages { owners, filters, max_results: Some(PAGE), ..Default::default() };
        let images = self.connection.pages(request).await?.into_iter().flat_map(|page| page.images);
        Ok(images.filter(is_kept).collect())
    }

    /// The image of that id, to be removed; nothing of one that is gone. One that is not the deployment's is refused.
    async fn ours(&self, image: &ImageId) -> Answer<Option<ec2::Image>> {
        let request = ec2::DescribeImages { image_ids: vec![image.to_string()], ..Default::default() };
        let listed = match self.connection.call(&request).await {
            Err(error) if is_gone(&error) => return Ok(None),
            answer => answer?.images.into_iter().filter(is_kept),
        };
        let Some(found) = listed.into_iter().find(|one| one.image_id == image.as_str()) else { return Ok(None) };
        if self.owner.owns(&found.tags) {
            return Ok(Some(found));
        }
        Err(Failure::permanent(format!(
            "image {image} has {}, so it is no image of {} and was not removed",
            tags::claimed(&found.tags),
            self.owner.deployment
        ))
        .with_hint("find out whose it is"))
    }
}

#[async_trait(?Send)]
impl Images for AwsImages {
    async fn images(&self) -> Answer<Vec<MachineImage>> {
        let listed = self.listed(self.owner.filters()).await?;
        let mut images = Vec::new();
        for image in &listed {
            images.extend(described(&self.owner, image)?);
        }
        images.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        Ok(images)
    }

    async fn build(&self, _permit: &Permit, image: &BuildImage) -> Answer<ImageId> {
        let filter = ec2::Filter { name: "name".to_owned(), values: vec![image.name.to_string()] };
        let found = self.listed(vec![filter]).await?.into_iter().next();
        let found = found.ok_or_else(|| not_built(image))?;
        let lacks = lacking(image, &found);
        // Whatever builds it may put the tags on at the end.
        if found.state.as_deref() == Some("available") && !lacks.is_empty() {
            return Err(Failure::permanent(format!(
                "image {} ({}) lacks tags by which it is found",
                image.name, found.image_id
            ))
            .with_hint(format!("tag it with {}, and run the phase again", lacks.join(", "))));
        }
        Ok(found.image_id.into())
    }

    async fn disks(&self, image: &ImageId) -> Answer<Vec<DiskId>> {
        let found = self.ours(image).await?;
        let disks = found.into_iter().flat_map(|image| image.block_device_mappings);
        Ok(disks.filter_map(|disk| disk.ebs?.snapshot_id).map(DiskId::from).collect())
    }

    async fn remove(&self, permit: &Permit, image: &ImageId) -> Answer<()> {
        if self.ours(image).await?.is_none() {
            return Ok(());
        }
        let removal = ec2::DeregisterImage { image_id: image.to_string() };
        gone(self.connection.write(permit, &removal).await)
    }

    async fn remove_disk(&self, permit: &Permit, disk: &DiskId) -> Answer<()> {
        let removal = ec2::DeleteSnapshot { snapshot_id: disk.to_string() };
        gone(self.connection.write(permit, &removal).await)
    }
}

/// What is gone already is removed.
fn gone<T>(removed: Result<T, Error>) -> Answer<()> {
    match removed {
        Err(error) if !is_gone(&error) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Deregistered images may be listed for a while.
fn is_kept(image: &ec2::Image) -> bool {
    image.state.as_deref() != Some("deregistered")
}

fn is_gone(error: &Error) -> bool {
    error.is_not_found() || error.code() == Some("InvalidAMIID.Unavailable")
}

/// An image as the engine wants it; nothing for one whose role tag is none of ours.
fn described(owner: &Owner, image: &ec2::Image) -> Answer<Option<MachineImage>> {
    let Some(role) = owner.role(&image.tags) else { return Ok(None) };
    let created = image.creation_date.as_deref().and_then(|date| date.parse::<Timestamp>().ok());
    let text = |key| tag(&image.tags, key).unwrap_or_default().into();
    Ok(Some(MachineImage {
        id: image.image_id.as_str().into(),
        name: image.name.as_deref().unwrap_or_default().into(),
        role,
        codename: text(tags::CODENAME),
        version: text(tags::VERSION),
        commit: tag(&image.tags, tags::COMMIT).map(Arc::from),
        available: image.state.as_deref() == Some("available"),
        failed: failed(image),
        created: created
            .ok_or_else(|| Failure::not_applied(format!("EC2 does not say when image {} was made", image.image_id)))?,
    }))
}

/// Why an image has failed, if it has.
fn failed(image: &ec2::Image) -> Option<String> {
    let state = image.state.as_deref().filter(|state| matches!(*state, "failed" | "error" | "invalid" | "disabled"))?;
    let reason = image.state_reason.as_ref().and_then(|reason| reason.message.clone().or_else(|| reason.code.clone()));
    Some(reason.unwrap_or_else(|| format!("EC2 says that it is `{state}`")))
}

/// The tags of those that images are told apart by, which `found` lacks or has otherwise.
fn lacking(image: &BuildImage, found: &ec2::Image) -> Vec<String> {
    let keys = [tags::ENVIRONMENT, tags::ROLE, tags::CODENAME, tags::VERSION];
    let wanted = keys.into_iter().filter_map(|key| Some((key, image.tags.get(key)?)));
    let wrong = wanted.filter(|(key, value)| tag(&found.tags, key) != Some(value));
    wrong.map(|(key, value)| format!("{key}={value}")).collect()
}

fn not_built(image: &BuildImage) -> Failure {
    let tags: Vec<String> = image.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let hint = format!(
        "build it by other means from {branch} of {repository}, under exactly this name, with the tags {tags} and \
         {commit}=COMMIT (the commit that it contains), and with {environment} on its snapshots, which cannot be removed later \
         without it; then run the phase again: it continues from there",
        branch = image.branch,
        repository = image.repository,
        tags = tags.join(", "),
        commit = tags::COMMIT,
        environment = tags::ENVIRONMENT,
    );
    Failure::permanent(format!("there is no image {}, and cutover cannot build images on AWS yet", image.name))
        .with_hint(hint)
}
