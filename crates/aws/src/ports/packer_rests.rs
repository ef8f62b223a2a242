//! What builds by Packer leave behind in EC2: instances by the tag of the build; key pairs, groups and images by the names that its
//! output has.

use std::rc::Rc;

use cutover_core::names::{ImageId, InstanceId};
use cutover_core::packing::{PackerMade, PackerRest};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::Answer;

use super::compute::{found, is_gone, listed};
use super::tags::{self, tag};
use crate::connection::Connection;
use crate::error::Error;
use crate::operations::ec2;

/// How the names begin that Packer makes up. Nothing of another name is ever removed.
const MADE_UP: &str = "packer_";

/// What builds by Packer leave behind.
pub struct AwsPackerRests {
    connection: Rc<Connection>,
}

impl AwsPackerRests {
    pub(crate) fn new(connection: &Rc<Connection>) -> Self {
        Self { connection: Rc::clone(connection) }
    }

    /// What is still there of the build with that token, of what has its tag, and of what it says that it has made: instances
    /// first, because groups and key pairs wait for them.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn rests(&self, token: &str, made: &PackerMade) -> Answer<Vec<PackerRest>> {
        let mut rests = self.instances(token).await?;
        for image in &made.images {
            rests.extend(self.image(image).await?.map(|_| PackerRest::Image(image.clone())));
        }
        let names = |names: &std::collections::BTreeSet<String>| -> Vec<String> {
            names.iter().filter(|name| name.starts_with(MADE_UP)).cloned().collect()
        };
        rests.extend(self.key_pairs(names(&made.key_pairs)).await?);
        rests.extend(self.groups(names(&made.security_groups)).await?);
        Ok(rests)
    }

    /// Removes something that the build with that token has left behind. Succeeds if it is gone already.
    ///
    /// # Errors
    /// When it is not the build's, or a call fails.
    pub async fn remove(&self, permit: &Permit, token: &str, rest: &PackerRest) -> Answer<()> {
        match rest {
            PackerRest::Instance(id) => self.terminate(permit, token, id).await,
            PackerRest::Ending(_) => Ok(()),
            PackerRest::Image(id) => self.deregister(permit, id).await,
            PackerRest::KeyPair(name) => {
                let delete = ec2::DeleteKeyPair { key_name: name.clone() };
                gone(self.connection.write(permit, &delete).await)
            }
            PackerRest::SecurityGroup { id, .. } => {
                let delete = ec2::DeleteSecurityGroup { group_id: id.clone() };
                gone(self.connection.write(permit, &delete).await)
            }
        }
    }

    async fn instances(&self, token: &str) -> Answer<Vec<PackerRest>> {
        let tagged = filter(&format!("tag:{}", tags::BUILD_TOKEN), vec![token.to_owned()]);
        let instances = listed(&self.connection, vec![tagged]).await?.into_iter().filter_map(|one| {
            let id = InstanceId::from(one.instance_id.as_str());
            match one.state.name.as_str() {
                "terminated" => None,
                "shutting-down" => Some(PackerRest::Ending(id)),
                _ => Some(PackerRest::Instance(id)),
            }
        });
        let mut instances: Vec<PackerRest> = instances.collect();
        instances.sort_by_key(|rest| matches!(rest, PackerRest::Ending(_)));
        Ok(instances)
    }

    async fn key_pairs(&self, names: Vec<String>) -> Answer<Vec<PackerRest>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let request = ec2::DescribeKeyPairs { filters: vec![filter("key-name", names)] };
        let pairs = self.connection.call(&request).await?.key_pairs;
        Ok(pairs.into_iter().filter_map(|pair| pair.key_name).map(PackerRest::KeyPair).collect())
    }

    async fn groups(&self, names: Vec<String>) -> Answer<Vec<PackerRest>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let request = ec2::DescribeSecurityGroups { filters: vec![filter("group-name", names)], ..Default::default() };
        let groups = self.connection.pages(request).await?.into_iter().flat_map(|page| page.security_groups);
        let rest = |group: ec2::SecurityGroup| PackerRest::SecurityGroup {
            id: group.group_id,
            name: group.group_name.unwrap_or_default(),
        };
        Ok(groups.map(rest).collect())
    }

    /// The image, if this account has it and it is not deregistered.
    async fn image(&self, id: &ImageId) -> Answer<Option<ec2::Image>> {
        let request = ec2::DescribeImages {
            owners: vec!["self".to_owned()],
            filters: vec![filter("image-id", vec![id.to_string()])],
            ..Default::default()
        };
        let mut images = self.connection.pages(request).await?.into_iter().flat_map(|page| page.images);
        Ok(images.find(|image| image.state.as_deref() != Some("deregistered")))
    }

    async fn terminate(&self, permit: &Permit, token: &str, id: &InstanceId) -> Answer<()> {
        let found = match found(&self.connection, id).await {
            Err(error) if error.is_not_found() => None,
            found => found?.filter(|found| !is_gone(&found.state.name)),
        };
        let Some(found) = found else { return Ok(()) };
        if tag(&found.tags, tags::BUILD_TOKEN) != Some(token) {
            let why = format!("{id} has not the tag {} of this build, so it was not terminated", tags::BUILD_TOKEN);
            return Err(Failure::permanent(why).with_hint("find out whose it is"));
        }
        let termination = ec2::TerminateInstances { instance_ids: vec![id.to_string()] };
        gone(self.connection.write(permit, &termination).await)
    }

    /// Removes an image, then the snapshots of its disks.
    async fn deregister(&self, permit: &Permit, id: &ImageId) -> Answer<()> {
        let Some(image) = self.image(id).await? else { return Ok(()) };
        let removal = ec2::DeregisterImage { image_id: id.to_string() };
        gone(self.connection.write(permit, &removal).await)?;
        let snapshots = image.block_device_mappings.into_iter().filter_map(|disk| disk.ebs?.snapshot_id);
        for snapshot_id in snapshots {
            gone(self.connection.write(permit, &ec2::DeleteSnapshot { snapshot_id }).await)?;
        }
        Ok(())
    }
}

fn filter(name: &str, values: Vec<String>) -> ec2::Filter {
    ec2::Filter { name: name.to_owned(), values }
}

/// What is gone already is removed.
fn gone<T>(removed: Result<T, Error>) -> Answer<()> {
    match removed {
        Err(error) if !error.is_not_found() => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}
