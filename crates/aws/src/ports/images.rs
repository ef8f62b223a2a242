//! Machine images on EC2: listed, found by name when they were built by other means, removed if they are ours.
//!
//! Nothing here builds an image.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::AsyncSleep;
use jiff::Timestamp;

use cutover_core::deployment::Deployment;
use cutover_core::names::ImageId;
use cutover_core::observation::MachineImage;
use cutover_core::plan::BuildImage;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::ports::{Answer, Images};

use super::tags::{self, tag};
use crate::connection::Connection;
use crate::error::Error;
use crate::operations::{Operation, ec2};

/// Images in a page, the most that EC2 gives.
const PAGE: i64 = 1000;
/// How often a removal is asked for until it is known what became of it.
const ATTEMPTS: u32 = 6;
/// EC2 takes a snapshot for one in use until some seconds after its image is gone: the wait between two attempts then.
const SNAPSHOT_PAUSE: Duration = Duration::from_secs(2);

/// Machine images.
pub struct AwsImages {
    connection: Rc<Connection>,
    deployment: Deployment,
}

impl AwsImages {
    /// Of that deployment.
    #[must_use]
    pub fn new(connection: &Rc<Connection>, deployment: &Deployment) -> Self {
        Self { connection: Rc::clone(connection), deployment: deployment.clone() }
    }

    /// Images of this account that are not deregistered.
    async fn listed(&self, filters: Vec<ec2::Filter>) -> Answer<Vec<ec2::Image>> {
        let owners = vec!["self".to_owned()];
        let request = ec2::DescribeImages { owners, filters, max_results: Some(PAGE), ..Default::default() };
        let images = self.connection.pages(request).await?.into_iter().flat_map(|page| page.images);
        Ok(images.filter(|image| image.state.as_deref() != Some("deregistered")).collect())
    }

    /// Removes what its id names, and asks again while that is in doubt or refused for now: asking twice removes it
    /// once. What is gone already is removed.
    async fn removed<O: Operation>(&self, removal: &O) -> Result<(), Error> {
        let Connection { times, limits, .. } = &*self.connection;
        let mut attempt = 1;
        loop {
            let error = match self.connection.call(removal).await {
                Ok(_) => return Ok(()),
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) => error,
            };
            let in_use = error.code() == Some("InvalidSnapshot.InUse");
            if attempt == ATTEMPTS || !in_use && error.class == FailureClass::Permanent {
                return Err(error);
            }
            times.sleep.sleep(if in_use { SNAPSHOT_PAUSE } else { limits.backoff * attempt }).await;
            attempt += 1;
        }
    }

    async fn delete_snapshots(&self, image: &ImageId, snapshots: Vec<String>) -> Answer<()> {
        let mut left = Vec::new();
        for snapshot in snapshots {
            if let Err(error) = self.removed(&ec2::DeleteSnapshot { snapshot_id: snapshot.clone() }).await {
                left.push(format!("{snapshot}: {error}"));
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        // For good: removing the image again would find neither it nor its snapshots.
        Err(Failure::permanent(format!(
            "image {image} is gone, and snapshots of it may be left, which cost money; delete them by hand: {}",
            left.join("; ")
        )))
    }
}

#[async_trait(?Send)]
impl Images for AwsImages {
    async fn images(&self) -> Answer<Vec<MachineImage>> {
        let listed = self.listed(tags::of_deployment(&self.deployment)).await?;
        let mut images = Vec::new();
        for image in &listed {
            images.extend(described(&self.deployment, image)?);
        }
        images.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        Ok(images)
    }

    async fn build(&self, image: &BuildImage) -> Answer<ImageId> {
        let filter = ec2::Filter { name: "name".to_owned(), values: vec![image.name.to_string()] };
        let found = self.listed(vec![filter]).await?.into_iter().next();
        let found = found.ok_or_else(|| not_built(image))?;
        let lacks = lacking(image, &found);
        // Whatever builds it may put the tags on at the end.
        if found.state.as_deref() == Some("available") && !lacks.is_empty() {
            return Err(Failure::permanent(format!(
                "image {} ({}) is there without the tags by which it is known: put {} on it, and run the phase again",
                image.name,
                found.image_id,
                lacks.join(", ")
            )));
        }
        Ok(found.image_id.into())
    }

    async fn remove(&self, image: &ImageId) -> Answer<()> {
        let request = ec2::DescribeImages { image_ids: vec![image.to_string()], ..Default::default() };
        let listed = match self.connection.call(&request).await {
            Err(error) if is_gone(&error) => return Ok(()),
            answer => answer?.images,
        };
        let Some(found) = listed.into_iter().find(|one| one.image_id == image.as_str()) else { return Ok(()) };
        if !tags::belongs(&self.deployment, &found.tags) {
            return Err(Failure::permanent(format!(
                "image {image} has {}, so it is none of {} and was not removed; find out whose it is",
                tags::claimed(&found.tags),
                self.deployment.name
            )));
        }
        let disks = found.block_device_mappings.into_iter();
        let snapshots: Vec<String> = disks.filter_map(|disk| disk.ebs?.snapshot_id).collect();
        match self.removed(&ec2::DeregisterImage { image_id: image.to_string() }).await {
            // Whoever looks again may find no image, and then nobody would look for its snapshots.
            Err(error) if error.class == FailureClass::InDoubt => Err(Failure::permanent(format!(
                "{error}; once image {image} is gone, these snapshots of it are left, which cost money: {}",
                snapshots.join(", ")
            ))),
            Err(error) => Err(error.into()),
            Ok(()) => self.delete_snapshots(image, snapshots).await,
        }
    }
}

fn is_gone(error: &Error) -> bool {
    error.is_not_found() || error.code() == Some("InvalidAMIID.Unavailable")
}

/// An image as the engine wants it; nothing for one whose role tag is none of ours.
fn described(deployment: &Deployment, image: &ec2::Image) -> Answer<Option<MachineImage>> {
    let role = tag(&image.tags, tags::ROLE).and_then(|value| tags::role(deployment, value));
    let Some(role) = role else { return Ok(None) };
    let created = image.creation_date.as_deref().and_then(|date| date.parse::<Timestamp>().ok());
    let text = |key| tag(&image.tags, key).unwrap_or_default().to_owned();
    Ok(Some(MachineImage {
        id: image.image_id.as_str().into(),
        name: image.name.as_deref().unwrap_or_default().into(),
        role,
        codename: text(tags::CODENAME),
        version: text(tags::VERSION),
        commit: tag(&image.tags, tags::COMMIT).map(str::to_owned),
        available: image.state.as_deref() == Some("available"),
        created: created
            .ok_or_else(|| Failure::not_applied(format!("EC2 does not say when image {} was made", image.image_id)))?,
    }))
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
    Failure::permanent(format!(
        "there is no image {name}, and nothing builds images on AWS yet: build it by other means from {branch} of \
         {repository}, under exactly this name, with the tags {tags} and {commit}=COMMIT (the commit baked into it), and \
         {environment} on its snapshots, without which nobody may remove them later; then run the phase again: it goes on \
         from there",
        name = image.name,
        branch = image.branch,
        repository = image.repository,
        tags = tags.join(", "),
        commit = tags::COMMIT,
        environment = tags::ENVIRONMENT,
    ))
}
