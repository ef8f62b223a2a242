//! Instances on EC2 on which images are built: found by their tags, launched under a token, made an image of, terminated if they
//! are ours.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_types::base64;

use cutover_core::deployment::{Base, Builder};
use cutover_core::names::{ImageId, ImageName, InstanceId};
use cutover_core::observation::{BaseImage, BuilderInstance};
use cutover_core::plan::BuildImage;
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Builders};

use super::compute::{found, is_gone, listed, profile, root_volume, state, why_gone};
use super::tags::{self, Owner, tag};
use crate::connection::Connection;
use crate::operations::{ec2, ssm};

/// Images in a page.
const PAGE: i64 = 1000;

/// Instances on which images are built.
pub struct AwsBuilders {
    connection: Rc<Connection>,
    owner: Owner,
    key_pair: Option<String>,
}

impl AwsBuilders {
    pub(crate) fn new(connection: &Rc<Connection>, owner: Owner, key_pair: Option<String>) -> Self {
        Self { connection: Rc::clone(connection), owner, key_pair }
    }

    async fn newest(&self, name: &str, owner: &str) -> Answer<Option<BaseImage>> {
        let filter = |name: &str, value: &str| ec2::Filter { name: name.to_owned(), values: vec![value.to_owned()] };
        let filters = vec![filter("name", name), filter("state", "available")];
        let owners = vec![owner.to_owned()];
        let request = ec2::DescribeImages { owners, filters, max_results: Some(PAGE), ..Default::default() };
        let images = self.connection.pages(request).await?.into_iter().flat_map(|page| page.images);
        // Dates of EC2 sort as text. Of two images of one moment, any will do, but always the same one.
        let newest =
            images.filter(is_available).max_by_key(|image| (image.creation_date.clone(), image.image_id.clone()));
        Ok(newest.as_ref().map(described))
    }

    async fn parameter(&self, name: &str) -> Answer<Option<String>> {
        match self.connection.call(&ssm::GetParameter { name: name.to_owned() }).await {
            Ok(found) => Ok(Some(found.parameter.value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The builders of this deployment that a filter finds.
    async fn builders_like(&self, filter: ec2::Filter) -> Answer<Vec<BuilderInstance>> {
        let filters = self.owner.filters().into_iter().chain([filter]).collect();
        listed(&self.connection, filters).await?.iter().map(described_builder).collect()
    }

    fn request(&self, image: &BuildImage, builder: &Builder, token: &str, limit: Duration) -> ec2::RunInstances {
        let mut tags = image.tags.clone();
        tags.insert(tags::NAME.to_owned(), format!("builder of {}", image.name));
        tags.insert(tags::BUILD.to_owned(), image.name.to_string());
        tags.insert(tags::BUILD_TOKEN.to_owned(), token.to_owned());
        ec2::RunInstances {
            image_id: Some(image.base.clone()),
            instance_type: Some(builder.instance_type.clone()),
            min_count: 1,
            max_count: 1,
            key_name: self.key_pair.clone(),
            subnet_id: Some(builder.subnet.clone()),
            security_group_ids: builder.security_groups.clone(),
            user_data: Some(base64::encode(ends_by_itself(limit))),
            iam_instance_profile: builder.profile.as_deref().and_then(profile),
            block_device_mappings: builder.root_volume.iter().map(root_volume).collect(),
            tag_specifications: ["instance", "volume"].map(|kind| tags::specification(kind, &tags)).to_vec(),
            client_token: Some(token.to_owned()),
            instance_initiated_shutdown_behavior: Some("terminate".to_owned()),
            metadata_options: Some(ec2::MetadataOptions { http_tokens: Some("required".to_owned()) }),
        }
    }

    /// The image of that name, when EC2 says that there is one: an answer was lost, if it is of this upgrade.
    async fn made_before(&self, image: &BuildImage) -> Answer<ImageId> {
        let filter = ec2::Filter { name: "name".to_owned(), values: vec![image.name.to_string()] };
        let request =
            ec2::DescribeImages { owners: vec!["self".to_owned()], filters: vec![filter], ..Default::default() };
        let found = self.connection.pages(request).await?.into_iter().flat_map(|page| page.images).next();
        let Some(found) = found else {
            return Err(Failure::not_applied(format!("EC2 has an image {} and does not list it yet", image.name)));
        };
        match tag(&found.tags, tags::UPGRADE) == image.tags.get(tags::UPGRADE).map(String::as_str) {
            true => Ok(found.image_id.into()),
            false => Err(Failure::permanent(format!(
                "there is an image {} ({}) already, and it is not of this upgrade",
                image.name, found.image_id
            ))
            .with_hint("`--replan` gives the new image another number, if that one has the tags of this deployment; else rename one")),
        }
    }
}

#[async_trait(?Send)]
impl Builders for AwsBuilders {
    /// The image that a base is; nothing if there is none that can be launched.
    async fn base(&self, base: Base<'_>) -> Answer<Option<BaseImage>> {
        let id = match base {
            Base::Newest { name, owner } => return self.newest(name, owner).await,
            Base::Id(id) => id.to_owned(),
            Base::Parameter(name) => match self.parameter(name).await? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        let request = ec2::DescribeImages { image_ids: vec![id], ..Default::default() };
        match self.connection.call(&request).await {
            Ok(found) => Ok(found.images.iter().find(|image| is_available(image)).map(described)),
            Err(error) if error.is_not_found() || error.code() == Some("InvalidAMIID.Malformed") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn builders(&self, image: &ImageName) -> Answer<Vec<BuilderInstance>> {
        let build = ec2::Filter { name: format!("tag:{}", tags::BUILD), values: vec![image.to_string()] };
        self.builders_like(build).await
    }

    async fn all_builders(&self) -> Answer<Vec<BuilderInstance>> {
        self.builders_like(ec2::Filter { name: "tag-key".to_owned(), values: vec![tags::BUILD.to_owned()] }).await
    }

    async fn launch_builder(
        &self,
        permit: &Permit,
        image: &BuildImage,
        builder: &Builder,
        token: &str,
        limit: Duration,
    ) -> Answer<InstanceId> {
        let request = self.request(image, builder, token, limit);
        let launched = self.connection.write(permit, &request).await?;
        let found = launched.instances.into_iter().next();
        let found = found.ok_or_else(|| Failure::in_doubt(format!("EC2 launched no builder of {}", image.name)))?;
        match is_gone(&found.state.name) {
            true => Err(Failure::permanent(format!("builder {} was terminated", why_gone(&found)))
                .with_hint("run the phase again: it builds on another instance")),
            false => Ok(found.instance_id.into()),
        }
    }

    async fn stop_builder(&self, permit: &Permit, builder: &InstanceId) -> Answer<()> {
        let stop = ec2::StopInstances { instance_ids: vec![builder.to_string()], force: None };
        self.connection.write(permit, &stop).await?;
        Ok(())
    }

    /// Makes the image, with its tags and those of its snapshots from the first moment on.
    async fn make_image(&self, permit: &Permit, image: &BuildImage, builder: &InstanceId) -> Answer<ImageId> {
        let make = ec2::CreateImage {
            instance_id: builder.to_string(),
            name: image.name.to_string(),
            description: Some(format!("{} of {}", image.branch, image.repository)),
            // It is stopped, so its disk is at rest.
            no_reboot: Some(true),
            tag_specifications: ["image", "snapshot"].map(|kind| tags::specification(kind, &image.tags)).to_vec(),
        };
        match self.connection.write(permit, &make).await {
            Ok(made) => Ok(made.image_id.into()),
            Err(error) if error.code() == Some("InvalidAMIName.Duplicate") => self.made_before(image).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Makes hosts that are launched from the image ask for a token before they tell what their profile may do (IMDSv2).
    async fn require_tokens(&self, permit: &Permit, image: &ImageId) -> Answer<()> {
        let value = Some(ec2::AttributeValue { value: Some("v2.0".to_owned()) });
        let modify = ec2::ModifyImageAttribute { image_id: image.to_string(), imds_support: value };
        self.connection.write(permit, &modify).await?;
        Ok(())
    }

    async fn discard_builder(&self, permit: &Permit, builder: &InstanceId) -> Answer<()> {
        let found = match found(&self.connection, builder).await {
            Err(error) if error.is_not_found() => None,
            found => found?.filter(|found| !is_gone(&found.state.name)),
        };
        let Some(found) = found else { return Ok(()) };
        if !self.owner.owns(&found.tags) || tag(&found.tags, tags::BUILD).is_none() {
            let why =
                format!("{builder} has {}, so it is no builder and was not terminated", tags::claimed(&found.tags));
            return Err(Failure::permanent(why).with_hint("find out whose it is"));
        }
        let termination = ec2::TerminateInstances { instance_ids: vec![builder.to_string()] };
        self.connection.write(permit, &termination).await?;
        Ok(())
    }
}

/// The user data of a builder: it ends by itself long after its build must have ended, in case nobody ends it. A stop by EC2, as
/// for the image, is another thing than a shutdown from inside.
fn ends_by_itself(limit: Duration) -> String {
    let minutes = (2 * limit).as_secs().div_ceil(60).max(60);
    format!("#!/bin/sh\nshutdown -P +{minutes} 'cutover: nobody has ended this build'\n")
}

fn is_available(image: &ec2::Image) -> bool {
    image.state.as_deref() == Some("available")
}

fn described(image: &ec2::Image) -> BaseImage {
    BaseImage { id: image.image_id.as_str().into(), name: image.name.clone().unwrap_or_default() }
}

fn described_builder(one: &ec2::Instance) -> Answer<BuilderInstance> {
    // Whether it can be reached is seen when its job is started, so its status checks are not waited for.
    let state = state(&one.state.name, true).ok_or_else(|| {
        Failure::not_applied(format!(
            "EC2 says of {} that it is `{}`, which is unknown to us",
            one.instance_id, one.state.name
        ))
    })?;
    Ok(BuilderInstance {
        id: one.instance_id.as_str().into(),
        image: tag(&one.tags, tags::BUILD).unwrap_or_default().into(),
        token: tag(&one.tags, tags::BUILD_TOKEN).unwrap_or_default().to_owned(),
        state,
        why_gone: is_gone(&one.state.name).then(|| why_gone(one)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builder_that_nobody_ends_ends_by_itself_after_twice_the_limit() {
        let script = |limit| ends_by_itself(Duration::from_secs(limit));
        assert!(script(9_000).contains("shutdown -P +300 "), "{}", script(9_000));
        assert!(script(60).contains("shutdown -P +60 "), "never before an hour");
    }
}
