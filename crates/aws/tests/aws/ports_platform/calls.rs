//! The deployment that the ports are tried on, what is launched, and calls of the ports, each with a permit of its own.

use std::collections::BTreeMap;

use cutover_aws::Connection;
use cutover_aws::operations::ec2;
use cutover_aws::ports::{AwsCompute, AwsDatabases, AwsImages, AwsPages};
use cutover_aws::service::Service;
use cutover_core::deployment::{Deployment, Role};
use cutover_core::names::{DatabaseName, ImageId, InstanceId, SnapshotId};
use cutover_core::plan::{ImageRef, Launch};
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::ports::{Answer, Compute, Databases, Images, PageVersion, Pages};

use crate::stage::{Furnished, furnish};
use crate::support::by_permit;

pub(super) fn deployment() -> Deployment {
    cutover_contract::deployment()
}

pub(super) async fn furnished() -> Furnished {
    furnish(&deployment()).await
}

pub(super) fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A worker of the first fleet, which must boot stopped.
pub(super) fn worker(deployment: &Deployment) -> Launch {
    let fleet = &deployment.fleets[0];
    Launch {
        name: "edx-worker-live-0-v4".into(),
        fleet: fleet.name.clone(),
        role: Role::Worker,
        image: ImageRef::Known("".into()),
        instance_type: "t3.large".to_owned(),
        subnet: fleet.edxapp.subnets[0].clone(),
        security_groups: fleet.edxapp.security_groups.clone(),
        profile: fleet.edxapp.profile.clone(),
        tags: tags(&[
            ("Name", "edx-worker-live-0-v4"),
            ("environment", deployment.name.as_str()),
            ("purpose", fleet.name.as_str()),
            ("role", deployment.role_tag(Role::Worker)),
            ("release-version", "4"),
            ("cutover-upgrade", deployment.upgrade().as_str()),
        ]),
        boot_stopped: true,
        generation: 1,
    }
}

pub(super) async fn described(connection: &Connection, id: &InstanceId) -> ec2::Instance {
    let request = ec2::DescribeInstances { instance_ids: vec![id.to_string()], ..Default::default() };
    let listed = connection.call(&request).await.expect("it is there");
    listed.reservations.into_iter().flat_map(|one| one.instances).next().expect("an instance")
}

pub(super) fn calls(connection: &Connection, name: &'static str) -> u64 {
    connection.calls().get(&(Service::Ec2, name)).copied().unwrap_or_default()
}

pub(super) async fn launched(
    compute: &AwsCompute,
    launch: &Launch,
    image: &ImageId,
    token: &str,
) -> Answer<InstanceId> {
    by_permit(async |permit| compute.launch(permit, launch, image, token).await).await
}

pub(super) async fn terminated(compute: &AwsCompute, instance: &InstanceId) -> Answer<()> {
    by_permit(async |permit| compute.terminate(permit, instance).await).await
}

pub(super) async fn image_removed(images: &AwsImages, image: &ImageId) -> Answer<()> {
    by_permit(async |permit| images.remove(permit, image).await).await
}

pub(super) async fn snapshot_started(databases: &AwsDatabases, database: &DatabaseName, id: &SnapshotId) -> Answer<()> {
    by_permit(async |permit| databases.begin_snapshot(permit, database, id).await).await
}

pub(super) async fn page_put(
    pages: &AwsPages,
    (bucket, key): (&str, &str),
    body: &str,
    of: Option<&PageVersion>,
) -> Answer<()> {
    by_permit(async |permit| pages.put_page(permit, bucket, key, body, of).await).await
}

pub(super) async fn some_image(images: &AwsImages, role: Role) -> ImageId {
    let listed = images.images().await.expect("images");
    listed.into_iter().find(|image| image.role == role).expect("an image of the role").id
}

pub(super) fn permanent(failure: &Failure, words: &[&str]) {
    assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
    for word in words {
        assert!(failure.to_string().contains(word), "`{word}` is not in: {failure}");
    }
}
