//! Instances, images, databases, the maintenance page and the account, through the engine's ports, on a furnished moto.

use std::collections::BTreeMap;
use std::rc::Rc;

use cutover_aws::operations::ec2;
use cutover_aws::{Vantage, cloud};
use cutover_contract::WallClock;
use cutover_core::deployment::{Role, RootVolume};
use cutover_core::names::{DatabaseName, SnapshotId};
use cutover_core::observation::InstanceState;
use cutover_core::plan::BuildImage;
use cutover_engine::failure::FailureClass;
use cutover_engine::ports::{Account, Answer, Compute, Databases, Images, Pages};
use object_store::{Attribute, ObjectStoreExt};

use super::calls::{
    calls, described, furnished, image_removed, launched, page_put, permanent, snapshot_started, some_image, tags,
    terminated, worker,
};
use crate::stage::Furnished;
use crate::support::{by_permit, write};

#[tokio::test]
async fn a_launch_requests_everything_from_plan_and_file() {
    let Furnished { connection, mut deployment, moto: _moto, .. } = furnished().await;
    let volume = RootVolume { device: "/dev/sda1".into(), size_gib: 25, kind: "gp3".into(), encrypted: true };
    let aws = deployment.aws.get_or_insert_default();
    aws.root_volume = Some(volume);
    let image = some_image(&cloud::images(&connection, &deployment), Role::Worker).await;
    let compute = cloud::compute(&connection, &deployment);
    let launch = worker(&deployment);
    let id = launched(&compute, &launch, &image, "token-1").await.expect("a launch");
    let found = described(&connection, &id).await;
    assert_eq!(found.client_token.as_deref(), Some("token-1"));
    assert_eq!(found.image_id.as_deref(), Some(image.as_str()));
    assert_eq!(found.subnet_id.as_deref(), Some(launch.subnet.as_str()));
    let profile = found.iam_instance_profile.and_then(|profile| profile.arn).expect("a profile");
    assert!(profile.ends_with(&launch.profile), "{profile}");
    let put: BTreeMap<String, String> = found.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    assert_eq!(put, launch.tags);
    let listed = compute.instances().await.expect("instances");
    let host = listed.iter().find(|host| host.id == id).expect("it is listed");
    assert_eq!((host.name.as_str(), host.role, host.version.as_str()), ("edx-worker-live-0-v4", Role::Worker, "4"));
    assert_eq!(host.upgrade, Some(deployment.upgrade()));
}

/// AWS gives the first launch back for its token. moto takes no notice of it: once it does, this fails and the contract
/// of one launch for one token holds on it too.
#[tokio::test]
async fn both_launches_of_one_token_say_so_which_moto_alone_takes_for_two() {
    let Furnished { connection, deployment, moto: _moto, .. } = furnished().await;
    let image = some_image(&cloud::images(&connection, &deployment), Role::Worker).await;
    let compute = cloud::compute(&connection, &deployment);
    let first = launched(&compute, &worker(&deployment), &image, "token-2").await.expect("a launch");
    let second = launched(&compute, &worker(&deployment), &image, "token-2").await.expect("the same launch");
    assert_ne!(first, second, "moto has learned what a token is");
    for id in [first, second] {
        assert_eq!(described(&connection, &id).await.client_token.as_deref(), Some("token-2"));
    }
}

#[tokio::test]
async fn what_is_not_the_deployments_is_neither_terminated_nor_removed() {
    let furnished = furnished().await;
    let (connection, deployment) = (&furnished.connection, &furnished.deployment);
    let compute = cloud::compute(connection, deployment);
    assert!(!furnished.foreign_instances.is_empty() && !furnished.foreign_images.is_empty());
    for foreign in &furnished.foreign_instances {
        let failure = terminated(&compute, foreign).await.expect_err("it is somebody else's");
        permanent(&failure, &[foreign.as_str(), "was not terminated"]);
        assert_eq!(described(connection, foreign).await.state.name, "running");
    }
    let images = cloud::images(connection, deployment);
    for foreign in &furnished.foreign_images {
        let disks = images.disks(foreign).await.map(|_| ());
        for answer in [disks, image_removed(&images, foreign).await] {
            permanent(&answer.expect_err("it is somebody else's"), &[foreign.as_str(), "was not removed"]);
        }
    }
    assert_eq!((calls(connection, "TerminateInstances"), calls(connection, "DeregisterImage")), (0, 0));
}

#[tokio::test]
async fn a_host_is_terminated_once_and_its_checks_are_asked_after_once() {
    let Furnished { connection, deployment, moto: _moto, .. } = furnished().await;
    let compute = cloud::compute(&connection, &deployment);
    let hosts = compute.instances().await.expect("instances");
    assert!(hosts.iter().all(|host| host.state == InstanceState::Running), "{hosts:?}");
    compute.instances().await.expect("instances");
    assert_eq!(calls(&connection, "DescribeInstanceStatus"), 1);
    for _ in 0..2 {
        terminated(&compute, &hosts[0].id).await.expect("it is ours");
    }
    assert_eq!(calls(&connection, "TerminateInstances"), 1);
    let unknown = terminated(&compute, &"i-00000000000000001".into()).await.expect_err("there is none");
    permanent(&unknown, &["InvalidInstanceID.NotFound"]);
}

#[tokio::test]
async fn an_image_that_is_there_is_the_build_and_one_that_is_not_is_asked_for_in_words() {
    let Furnished { connection, deployment, moto: _moto, .. } = furnished().await;
    let images = cloud::images(&connection, &deployment);
    let listed = images.images().await.expect("images");
    let newest = listed.iter().rfind(|image| image.role == Role::Edxapp).expect("an image");
    let build = |name: &str, version: &str| BuildImage {
        name: name.into(),
        role: Role::Edxapp,
        base: "base".to_owned(),
        repository: "https://git.example/edx-platform".to_owned(),
        branch: "mitx/koa".to_owned(),
        commit: None,
        builder: None,
        packer: None,
        tags: tags(&[
            ("environment", deployment.name.as_str()),
            ("role", deployment.role_tag(Role::Edxapp)),
            ("release-version", version),
        ]),
    };
    let built = async |build: &BuildImage| by_permit(async |permit| images.build(permit, build).await).await;
    let there = build(newest.name.as_str(), &newest.version);
    assert_eq!(built(&there).await.expect("it is there"), newest.id);
    let untagged = built(&build(newest.name.as_str(), "99")).await.expect_err("its version is another");
    permanent(&untagged, &[newest.id.as_str(), "tag it with release-version=99"]);
    let missing = built(&build("edxapp_9", "4")).await.expect_err("nothing builds images");
    permanent(&missing, &["edxapp_9", "release-version=4", "commit=COMMIT", "mitx/koa"]);
}

#[tokio::test]
async fn an_image_says_which_disks_it_leaves_and_each_is_removed_after_it() {
    let Furnished { connection, deployment, moto: _moto, .. } = furnished().await;
    let images = cloud::images(&connection, &deployment);
    let listed = images.images().await.expect("images");
    let oldest = &listed[0].id;
    let disks = images.disks(oldest).await.expect("it is ours");
    assert!(!disks.is_empty());
    for _ in 0..2 {
        image_removed(&images, oldest).await.expect("it is ours, and then gone");
    }
    assert_eq!(images.images().await.expect("images"), listed[1..]);
    assert_eq!((calls(&connection, "DeregisterImage"), calls(&connection, "DeleteSnapshot")), (1, 0));
    assert_eq!(images.disks(oldest).await.expect("it is gone"), []);
    for disk in &disks {
        for _ in 0..2 {
            let gone = by_permit(async |permit| images.remove_disk(permit, disk).await).await;
            gone.expect("it is removed, and then gone");
        }
        let snapshot_id = disk.to_string();
        let again = write(&connection, &ec2::DeleteSnapshot { snapshot_id }).await;
        assert!(again.is_err_and(|error| error.is_not_found()), "{disk} is left");
    }
    image_removed(&images, &"ami-00000000000000001".into()).await.expect("it never was");
}

#[tokio::test]
async fn snapshots_are_found_whatever_case_rds_keeps_them_in() {
    let Furnished { connection, deployment, moto: _moto, .. } = furnished().await;
    let databases = cloud::databases(&connection, &deployment, Rc::new(WallClock));
    let name = deployment.databases[0].name.clone();
    let asked = [DatabaseName::from(name.as_str().to_ascii_uppercase()), "nobody".into()];
    let found = databases.databases(&asked).await.expect("databases");
    assert_eq!(found.keys().collect::<Vec<_>>(), [&asked[0]]);
    let state = &found[&asked[0]];
    // The one that RDS takes of itself, and the one of the night.
    assert_eq!((state.available, state.snapshots.len()), (true, 2), "{state:?}");
    assert!(state.snapshots.iter().any(|snapshot| snapshot.id.as_str().starts_with("rds:")), "{state:?}");
    let id = SnapshotId::from("before-koa");
    assert_eq!(databases.snapshot(&name, &id).await.expect("an answer"), None);
    snapshot_started(&databases, &name, &id).await.expect("it begins");
    let shouted = SnapshotId::from("Before-Koa");
    let snapshot = databases.snapshot(&name, &shouted).await.expect("an answer").expect("it is there");
    assert_eq!((snapshot.id, snapshot.available), (shouted, true));
    let again = snapshot_started(&databases, &name, &id).await.expect_err("it exists");
    permanent(&again, &["DBSnapshotAlreadyExists"]);
    let nobodys = snapshot_started(&databases, &"nobody".into(), &"other".into()).await.expect_err("no such database");
    permanent(&nobodys, &["DBInstanceNotFound"]);
}

#[tokio::test]
async fn the_page_is_kept_by_edges_and_not_by_browsers() {
    let Furnished { connection, mut deployment, moto: _moto, .. } = furnished().await;
    deployment.sites.clear();
    let pages = cloud::pages(&connection, &deployment, &Rc::new(Vantage::default()));
    let page = deployment.maintenance_page.clone();
    let object = (page.bucket.as_str(), page.key.as_str());
    let old = pages.page(&page.bucket, &page.key).await.expect("it is read").map(|page| page.version);
    page_put(&pages, object, "<p>Zurück um sechs</p>", old.as_ref()).await.expect("it is put");
    let read = pages.page(&page.bucket, &page.key).await.expect("it is read");
    assert_eq!(read.as_ref().map(|page| page.text.as_str()), Some("<p>Zurück um sechs</p>"));
    let bucket = connection.bucket(&page.bucket).expect("a bucket");
    let object = bucket.get(&page.key.as_str().into()).await.expect("the object");
    let kept = |attribute| object.attributes.get(&attribute).map(|value| value.as_ref().to_owned());
    assert_eq!(kept(Attribute::ContentType).as_deref(), Some("text/html; charset=utf-8"));
    let cache = "public, max-age=0, s-maxage=60, must-revalidate";
    assert_eq!(kept(Attribute::CacheControl).as_deref(), Some(cache));
    assert_eq!(pages.page(&page.bucket, "nothing.html").await.expect("an answer"), None);
    let failure = pages.page("no-such-bucket", "index.html").await.expect_err("there is no bucket");
    permanent(&failure, &["GetObject of s3://no-such-bucket/index.html", "NoSuchBucket", "check its name"]);
    let failure = page_put(&pages, ("no-such-bucket", "index.html"), "", None).await.expect_err("there is no bucket");
    permanent(&failure, &["PutObject of s3://no-such-bucket/index.html", "NoSuchBucket"]);

    let found = pages.distribution(&page.distribution).await.expect("an answer").expect("it is there");
    assert_eq!((found.domain, found.deployed, found.enabled, found.errors_show_page), (page.domain, true, true, true));
    assert_eq!(found.aliases.len(), cutover_contract::deployment().sites.len());
    assert_eq!(found.origins, [format!("{}.s3.amazonaws.com", page.bucket)]);
    assert_eq!(pages.distribution("E0NOBODY").await.expect("an answer"), None);
    let invalidate = by_permit(async |permit| pages.invalidate(permit, &page.distribution, "reference-1").await);
    let invalidation = invalidate.await.expect("it begins");
    assert!(pages.invalidated(&page.distribution, &invalidation).await.expect("an answer"));
    assert!(!pages.invalidated(&page.distribution, &"I0NOBODY".into()).await.expect("it may not be known yet"));
}

#[tokio::test]
async fn a_page_that_somebody_has_changed_put_or_removed_since_it_was_read_is_left_as_it_is() {
    let Furnished { connection, deployment, moto: _moto, .. } = furnished().await;
    let pages = cloud::pages(&connection, &deployment, &Rc::new(Vantage::default()));
    let (bucket, key) = (deployment.maintenance_page.bucket.as_str(), "since.html");
    let text = async || pages.page(bucket, key).await.expect("an answer").map(|page| page.text);
    let left = |answer: Answer<()>, words: &str| {
        let failure = answer.expect_err("it is another by now");
        assert_eq!(failure.class, FailureClass::NotApplied, "{failure}");
        assert!(failure.to_string().contains(words), "`{words}` is not in: {failure}");
    };
    page_put(&pages, (bucket, key), "read", None).await.expect("there was none");
    left(page_put(&pages, (bucket, key), "ours", None).await, "was changed after it was read, and was not overwritten");
    let read = pages.page(bucket, key).await.expect("an answer").expect("the page").version;
    page_put(&pages, (bucket, key), "somebody else's", Some(&read)).await.expect("it is the one that was read");
    left(page_put(&pages, (bucket, key), "ours", Some(&read)).await, "was changed after it was read");
    assert_eq!(text().await.as_deref(), Some("somebody else's"));
    connection.bucket(bucket).expect("a bucket").delete(&key.into()).await.expect("somebody removes it");
    left(page_put(&pages, (bucket, key), "ours", Some(&read)).await, "was removed after it was read");
    assert_eq!(text().await, None);
}

#[tokio::test]
async fn the_account_is_who_the_file_says_and_what_it_lacks_is_left_out() {
    let Furnished { connection, mut deployment, moto: _moto, .. } = furnished().await;
    let account = cloud::account(&connection, &deployment);
    assert!(account.identity().await.expect("we are known").starts_with("arn:aws:"));
    let group = &deployment.fleets[0].edxapp;
    let with = |ids: &[String], nobody: &str| [ids, &[nobody.to_owned()]].concat();
    let subnets = account.subnets(&with(&group.subnets, "subnet-00000000000000001")).await.expect("subnets");
    assert_eq!(subnets.len(), group.subnets.len());
    assert!(subnets.values().all(|subnet| subnet.available && subnet.free_addresses > 100), "{subnets:?}");
    let groups = account.security_groups(&with(&group.security_groups, "sg-00000000000000001")).await.expect("groups");
    assert_eq!(groups, group.security_groups.iter().cloned().collect());
    assert_eq!(account.credentials_until().await.expect("an answer"), None);
    // moto knows quotas of VPC only. Once it knows EC2's, this fails and asks for more.
    let launches = BTreeMap::from([("r5.large".to_owned(), 2)]);
    let failure = account.quotas(&launches, 0).await.expect_err("moto has learned quotas of EC2");
    permanent(&failure, &["service-quotas GetServiceQuota"]);
    let failure = account.quotas(&[("r5.largo".to_owned(), 2)].into(), 0).await.expect_err("there is no such type");
    permanent(&failure, &["r5.largo", "us-east-1"]);
    deployment.aws.get_or_insert_default().account = Some("999999999999".to_owned());
    let failure = cloud::account(&connection, &deployment).identity().await.expect_err("it is another account");
    permanent(&failure, &["123456789012", "999999999999"]);
}
