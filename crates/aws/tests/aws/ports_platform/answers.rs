//! What moto never says: answers of AWS as they are documented, from a server of this file.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use cutover_aws::{Connection, Limits, Vantage, cloud};
use cutover_contract::WallClock;
use cutover_core::observation::InstanceState;
use cutover_engine::failure::FailureClass;
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::ports::{Account, Compute, Databases, Dns, Images, PageVersion, Pages};

use super::calls::{calls, deployment, image_removed, launched, page_put, permanent, snapshot_started, worker};
use crate::support::{by_permit, connect};

/// A server that answers each operation with what is said for it, the last of several for ever.
fn saying(answers: &[(&'static str, &[(u16, String)])]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let mut answers: BTreeMap<String, Vec<(u16, String)>> =
        answers.iter().map(|(name, said)| ((*name).to_owned(), said.to_vec())).collect();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = vec![0; 65536];
            let length = stream.read(&mut bytes).unwrap_or_default();
            let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let asked = |name: &String| {
                request.contains(&format!("Action={name}&"))
                    || request.contains(&format!(".{name}\r\n"))
                    || request.ends_with(&format!("Action={name}"))
            };
            let name = answers.keys().find(|name| asked(name)).cloned().unwrap_or_default();
            let said = answers.get_mut(&name);
            let (status, body) = match said {
                Some(said) if said.len() > 1 => said.remove(0),
                Some(said) => said[0].clone(),
                None => (400, refused("NobodySaidSo")),
            };
            let length = body.len();
            let _ =
                write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        }
    });
    endpoint
}

pub(super) fn refused(code: &str) -> String {
    format!("<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>")
}

pub(super) async fn connection(answers: &[(&'static str, &[(u16, String)])]) -> Rc<Connection> {
    Rc::new(connect(&saying(answers), Limits::default()).await)
}

pub(super) fn instance(id: &str, state: &str) -> String {
    format!(
        "<item><instancesSet><item><instanceId>{id}</instanceId><imageId>ami-1</imageId>\
         <instanceState><name>{state}</name></instanceState><instanceType>r5.large</instanceType>\
         <launchTime>2021-01-01T00:00:00Z</launchTime><tagSet>\
         <item><key>environment</key><value>contract</value></item><item><key>role</key><value>edx</value></item>\
         <item><key>purpose</key><value>live</value></item></tagSet></item></instancesSet></item>"
    )
}

pub(super) fn listed(instances: &str) -> String {
    format!("<DescribeInstancesResponse><reservationSet>{instances}</reservationSet></DescribeInstancesResponse>")
}

#[tokio::test]
async fn a_token_of_another_launch_is_followed_to_its_instance() {
    let mismatch = || (400, refused("IdempotentParameterMismatch"));
    let launch = worker(&deployment());
    let lives = [(200, listed(&(instance("i-gone", "terminated") + &instance("i-lives", "pending"))))];
    let aws = connection(&[("RunInstances", &[mismatch()]), ("DescribeInstances", &lives)]).await;
    let id = launched(&cloud::compute(&aws, &deployment()), &launch, &"ami-1".into(), "t").await.expect("it lives");
    assert_eq!(id.as_str(), "i-lives");
    let gone = [(200, listed(&instance("i-gone", "terminated")))];
    let aws = connection(&[("RunInstances", &[mismatch()]), ("DescribeInstances", &gone)]).await;
    let end = launched(&cloud::compute(&aws, &deployment()), &launch, &"ami-1".into(), "t").await;
    permanent(&end.expect_err("it is gone"), &["was not launched", "run the phase again"]);
}

#[tokio::test]
async fn a_launch_that_returns_a_terminated_instance_fails() {
    let replayed = format!("<RunInstancesResponse>{}</RunInstancesResponse>", inner(&instance("i-gone", "terminated")));
    for answer in [(200, replayed), (400, refused("IdempotentInstanceTerminated"))] {
        let aws = connection(&[("RunInstances", &[answer])]).await;
        let compute = cloud::compute(&aws, &deployment());
        let end = launched(&compute, &worker(&deployment()), &"ami-1".into(), "t").await;
        permanent(&end.expect_err("it is gone"), &["was terminated; run the phase again", "new token"]);
    }
}

/// What is within the outermost `<item>`.
fn inner(item: &str) -> &str {
    item.strip_prefix("<item>").and_then(|rest| rest.strip_suffix("</item>")).expect("an item")
}

#[tokio::test]
async fn no_capacity_leaves_a_launch_to_be_made_again() {
    let aws = connection(&[("RunInstances", &[(500, refused("InsufficientInstanceCapacity"))])]).await;
    let end = launched(&cloud::compute(&aws, &deployment()), &worker(&deployment()), &"ami-1".into(), "t").await;
    assert_eq!(end.expect_err("there is no room").class, FailureClass::NotApplied);
}

#[tokio::test]
async fn a_host_boots_until_both_checks_pass_and_is_not_asked_after_again() {
    let status = |check: &str| {
        let body = format!(
            "<DescribeInstanceStatusResponse><instanceStatusSet><item><instanceId>i-1</instanceId>\
             <systemStatus><status>ok</status></systemStatus><instanceStatus><status>{check}</status></instanceStatus>\
             </item></instanceStatusSet></DescribeInstanceStatusResponse>"
        );
        (200, body)
    };
    let statuses = [status("initializing"), status("ok"), status("impaired")];
    let states =
        ["running", "running", "running", "stopped", "running"].map(|state| (200, listed(&instance("i-1", state))));
    let aws = connection(&[("DescribeInstances", &states), ("DescribeInstanceStatus", &statuses)]).await;
    let compute = cloud::compute(&aws, &deployment());
    let mut seen = Vec::new();
    for _ in &states {
        seen.push(compute.instances().await.expect("instances")[0].state);
    }
    use InstanceState::{Booting, Running, Stopped};
    assert_eq!(seen, [Booting, Running, Running, Stopped, Booting]);
    assert_eq!(calls(&aws, "DescribeInstanceStatus"), 3);
}

fn image(state: &str) -> String {
    format!(
        "<DescribeImagesResponse><imagesSet><item><imageId>ami-1</imageId><name>n</name><imageState>{state}</imageState>\
         <creationDate>2021-01-01T00:00:00.000Z</creationDate><blockDeviceMapping><item><ebs>\
         <snapshotId>snap-1</snapshotId></ebs></item></blockDeviceMapping><tagSet>\
         <item><key>environment</key><value>contract</value></item><item><key>role</key><value>edx</value></item>\
         </tagSet></item></imagesSet></DescribeImagesResponse>"
    )
}

#[tokio::test]
async fn an_image_that_failed_is_listed_and_cannot_be_launched() {
    for (state, shown) in
        [("available", Some(true)), ("pending", Some(false)), ("failed", Some(false)), ("deregistered", None)]
    {
        let aws = connection(&[("DescribeImages", &[(200, image(state))])]).await;
        let images = cloud::images(&aws, &deployment()).images().await.expect("images");
        assert_eq!(images.first().map(|image| image.available), shown, "{state}");
    }
}

#[tokio::test]
async fn a_disk_that_is_in_use_a_moment_longer_is_busy_and_one_that_is_gone_is_removed() {
    let answers = [
        (400, refused("InvalidSnapshot.InUse")),
        (200, "<DeleteSnapshotResponse><return>true</return></DeleteSnapshotResponse>".to_owned()),
        (400, refused("InvalidSnapshot.NotFound")),
        (403, refused("UnauthorizedOperation")),
    ];
    let aws = connection(&[("DeleteSnapshot", &answers)]).await;
    let images = cloud::images(&aws, &deployment());
    let disk = "snap-1".into();
    let removed = async || by_permit(async |permit| images.remove_disk(permit, &disk).await).await;
    let busy = removed().await.expect_err("its image is only just gone");
    assert_eq!((busy.class, calls(&aws, "DeleteSnapshot")), (FailureClass::Busy, 1), "{busy}");
    removed().await.expect("it is free a moment later");
    removed().await.expect("it is gone already");
    permanent(&removed().await.expect_err("it stays"), &["UnauthorizedOperation", "cutover policy"]);
}

#[tokio::test]
async fn an_image_tells_of_its_disks_and_of_none_once_it_is_gone() {
    let unknown = [(400, refused("InvalidAMIID.NotFound")), (400, refused("InvalidAMIID.Unavailable"))];
    let [missing, unavailable] = unknown;
    let answers = [(200, image("available")), (200, image("deregistered")), missing, unavailable];
    let aws = connection(&[("DescribeImages", &answers)]).await;
    let images = cloud::images(&aws, &deployment());
    assert_eq!(images.disks(&"ami-1".into()).await.expect("it is listed"), ["snap-1".into()]);
    for _ in 0..3 {
        assert_eq!(images.disks(&"ami-1".into()).await.expect("it is gone"), []);
    }
}

fn snapshots(status: &str) -> String {
    format!(
        "<DescribeDBSnapshotsResponse><DescribeDBSnapshotsResult><DBSnapshots><DBSnapshot>\
         <DBSnapshotIdentifier>s</DBSnapshotIdentifier><DBInstanceIdentifier>d</DBInstanceIdentifier>\
         <Status>{status}</Status></DBSnapshot></DBSnapshots></DescribeDBSnapshotsResult></DescribeDBSnapshotsResponse>"
    )
}

#[tokio::test]
async fn a_snapshot_without_a_time_was_started_now_and_a_failed_one_is_an_error() {
    let aws = connection(&[("DescribeDBSnapshots", &[(200, snapshots("creating")), (200, snapshots("failed"))])]).await;
    let databases = cloud::databases(&aws, &deployment(), Rc::new(WallClock));
    let before = jiff::Timestamp::now();
    let found = databases.snapshot(&"d".into(), &"s".into()).await.expect("an answer").expect("it is there");
    assert!(!found.available && found.started >= before, "{found:?}");
    let failure = databases.snapshot(&"d".into(), &"s".into()).await.expect_err("it has failed");
    permanent(&failure, &["snapshot s of d has failed"]);
}

#[tokio::test]
async fn too_many_snapshots_are_told_with_the_way_out_and_a_busy_database_is_busy() {
    let refused = |code: &str| (400, format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"));
    let answers = [refused("SnapshotQuotaExceeded"), refused("InvalidDBInstanceState")];
    let aws = connection(&[("CreateDBSnapshot", &answers)]).await;
    let databases = cloud::databases(&aws, &deployment(), Rc::new(WallClock));
    let failure = snapshot_started(&databases, &"d".into(), &"s".into()).await.expect_err("there are too many");
    permanent(&failure, &["SnapshotQuotaExceeded", "s of d was not started", "delete manual snapshots"]);
    let busy = snapshot_started(&databases, &"d".into(), &"s".into()).await.expect_err("RDS makes its daily backup");
    assert_eq!(busy.class, FailureClass::Busy);
    assert!(busy.message.contains("s of d was not started: RDS is making a backup"), "{busy}");
    let made = aws.calls()[&(cutover_aws::service::Service::Rds, "CreateDBSnapshot")];
    assert_eq!(made, 2, "each was asked for once");
}

#[tokio::test]
async fn quotas_count_what_runs_and_what_the_upgrade_adds() {
    let spot =
        instance("i-2", "running").replace("<launchTime>", "<instanceLifecycle>spot</instanceLifecycle><launchTime>");
    let kind = |name: &str, vcpus: u32| {
        format!(
            "<item><instanceType>{name}</instanceType><vCpuInfo><defaultVCpus>{vcpus}</defaultVCpus></vCpuInfo></item>"
        )
    };
    let kinds = format!(
        "<DescribeInstanceTypesResponse><instanceTypeSet>{}{}</instanceTypeSet></DescribeInstanceTypesResponse>",
        kind("r5.large", 2),
        kind("t3.xlarge", 4)
    );
    let attributes = "<DescribeAccountAttributesResponse><DescribeAccountAttributesResult><AccountQuotas><AccountQuota>\
                      <AccountQuotaName>ManualSnapshots</AccountQuotaName><Used>97</Used><Max>100</Max>\
                      </AccountQuota></AccountQuotas></DescribeAccountAttributesResult></DescribeAccountAttributesResponse>";
    let aws = connection(&[
        ("DescribeInstances", &[(200, listed(&(instance("i-1", "running") + &spot)))]),
        ("DescribeInstanceTypes", &[(200, kinds)]),
        ("GetServiceQuota", &[(200, r#"{"Quota":{"QuotaName":"Running","Value":1152.0}}"#.to_owned())]),
        ("DescribeAccountAttributes", &[(200, attributes.to_owned())]),
    ])
    .await;
    let launches = BTreeMap::from([("r5.large".to_owned(), 18), ("t3.xlarge".to_owned(), 6)]);
    let quotas = cloud::account(&aws, &deployment()).quotas(&launches, 2).await.expect("quotas");
    let figures: Vec<_> = quotas.iter().map(|quota| (quota.used, quota.limit, quota.needed)).collect();
    assert_eq!(figures, [(2, 1152, 60), (97, 100, 2)]);
}

#[tokio::test]
async fn a_quota_that_may_not_be_read_says_so() {
    let denied = r#"{"__type":"AccessDeniedException","Message":"no"}"#.to_owned();
    let kinds = "<DescribeInstanceTypesResponse><instanceTypeSet><item><instanceType>r5.large</instanceType><vCpuInfo>\
                 <defaultVCpus>2</defaultVCpus></vCpuInfo></item></instanceTypeSet></DescribeInstanceTypesResponse>";
    let aws = connection(&[
        ("DescribeInstances", &[(200, listed(""))]),
        ("DescribeInstanceTypes", &[(200, kinds.to_owned())]),
        ("GetServiceQuota", &[(400, denied)]),
    ])
    .await;
    let launches = BTreeMap::from([("r5.large".to_owned(), 1)]);
    let failure = cloud::account(&aws, &deployment()).quotas(&launches, 0).await.expect_err("it may not be read");
    permanent(&failure, &["GetServiceQuota", "AccessDeniedException", "cutover policy"]);
}

/// A page that these tests put.
const PAGE: (&str, &str) = ("upgrading", "index.html");

/// A server that hangs up on everybody.
fn hanging_up() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 65536]);
        }
    });
    endpoint
}

#[tokio::test]
async fn a_page_whose_answer_is_lost_may_be_there_and_one_never_sent_is_not() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let ends = [(hanging_up(), FailureClass::InDoubt), (format!("http://{nobody}"), FailureClass::NotApplied)];
    for (endpoint, class) in ends {
        let aws = Rc::new(connect(&endpoint, Limits::default()).await);
        let pages = cloud::pages(&aws, &deployment(), &Rc::new(Vantage::default()));
        let failure = page_put(&pages, PAGE, "text", None).await.expect_err("nobody answers");
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.message.starts_with("s3 PutObject of s3://upgrading/index.html "), "{failure}");
        let read = pages.page("upgrading", "index.html").await.expect_err("nobody answers");
        assert_eq!(read.class, FailureClass::NotApplied, "{read}");
    }
}

#[tokio::test]
async fn what_s3_has_against_a_page_is_told_with_what_is_known_then() {
    let said = |code: &str| format!("<Error><Code>{code}</Code><Message>m</Message><RequestId>R1</RequestId></Error>");
    for (status, code, class, words) in [
        (503, "SlowDown", FailureClass::Throttled, ""),
        (
            412,
            "PreconditionFailed",
            FailureClass::NotApplied,
            "; it was changed after it was read, and was not overwritten",
        ),
        (
            409,
            "ConditionalRequestConflict",
            FailureClass::NotApplied,
            "; try again: something else was being written there at that moment",
        ),
    ] {
        let aws = connection(&[("", &[(status, said(code))])]).await;
        let pages = cloud::pages(&aws, &deployment(), &Rc::new(Vantage::default()));
        for version in [None, Some(PageVersion("\"v\"".to_owned()))] {
            let failure = page_put(&pages, PAGE, "text", version.as_ref()).await.expect_err(code);
            assert_eq!(failure.class, class, "{failure}");
            assert!(failure.to_string().ends_with(&format!("was refused: {code}: m (request R1){words}")), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_refusal_is_shown_without_the_session_token() {
    let said = "The Canonical String should have been 'POST\n/\n\nx-amz-date:20210101T000000Z\n\
                x-amz-security-token:IQoJsecret+/=\n\nhost'";
    let refusal = refused("SignatureDoesNotMatch").replace("<Message>m", &format!("<Message>{said}"));
    let aws = connection(&[("DescribeSecurityGroups", &[(403, refusal)])]).await;
    let groups = cloud::account(&aws, &deployment()).security_groups(&["sg-1".to_owned()]).await;
    let failure = groups.expect_err("it is refused");
    permanent(&failure, &["SignatureDoesNotMatch", "x-amz-security-token:(left out)", "host"]);
    assert!(!failure.message.contains("secret"), "{failure}");
}

#[tokio::test]
async fn missing_status_checks_of_a_new_instance_are_ignored() {
    let aws = connection(&[
        ("DescribeInstances", &[(200, listed(&instance("i-1", "running")))]),
        ("DescribeInstanceStatus", &[(400, refused("InvalidInstanceID.NotFound"))]),
    ])
    .await;
    let seen = cloud::compute(&aws, &deployment()).instances().await.expect("instances");
    assert_eq!(seen[0].state, InstanceState::Booting);
}

#[tokio::test]
async fn a_launch_that_came_to_nothing_says_what_ec2_says_of_it() {
    let reason = "<stateReason><code>Client.InternalError</code><message>no key</message></stateReason>";
    let gone = instance("i-gone", "terminated").replace("<launchTime>", &format!("{reason}<launchTime>"));
    let replayed = format!("<RunInstancesResponse>{}</RunInstancesResponse>", inner(&gone));
    let aws = connection(&[("RunInstances", &[(200, replayed)])]).await;
    let end = launched(&cloud::compute(&aws, &deployment()), &worker(&deployment()), &"ami-1".into(), "t").await;
    permanent(&end.expect_err("it is gone"), &["i-gone (no key) was terminated"]);
}

#[tokio::test]
async fn an_image_that_was_deregistered_a_moment_ago_is_removed() {
    let aws = connection(&[("DescribeImages", &[(400, refused("InvalidAMIID.Unavailable"))])]).await;
    image_removed(&cloud::images(&aws, &deployment()), &"ami-1".into()).await.expect("it is gone");
}

const ZONES: &str = "<ListHostedZonesByNameResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id>\
                     <Name>mitx.mit.edu.</Name></HostedZone></HostedZones></ListHostedZonesByNameResponse>";

#[tokio::test]
async fn a_batch_with_a_replaced_fence_is_superseded_and_one_with_another_mistake_is_not() {
    let set = "resource record set [name='_cutover.x.mitx.mit.edu.', type='TXT']";
    let against = |reasons: &[String]| {
        let reasons: String = reasons.iter().map(|reason| format!("<Message>{reason}</Message>")).collect();
        let batch = "<InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">";
        (400, format!("{batch}<Messages>{reasons}</Messages></InvalidChangeBatch>"))
    };
    let in_a_list = |reason: &str| {
        let error = format!("<Type>Sender</Type><Code>InvalidChangeBatch</Code><Message>[{reason}]</Message>");
        (400, format!("<ErrorResponse><Error>{error}</Error><RequestId>R1</RequestId></ErrorResponse>"))
    };
    let other = "RRSet with DNS name www.example. is not permitted in zone mitx.mit.edu.".to_owned();
    let gone = format!("Tried to delete {set} but it was not found");
    let differs = format!("Tried to delete {set} but the values provided do not match the current values");
    let exists = format!("Tried to create {set} but it already exists");
    for (answer, class) in [
        (against(&[other.clone(), differs.clone()]), FailureClass::Superseded),
        (against(&[gone]), FailureClass::Superseded),
        (in_a_list(&differs), FailureClass::Superseded),
        (in_a_list(&exists), FailureClass::Superseded),
        (against(std::slice::from_ref(&other)), FailureClass::Permanent),
        (in_a_list(&other), FailureClass::Permanent),
    ] {
        let aws = connection(&[("", &[(200, ZONES.to_owned()), answer])]).await;
        let dns = cloud::dns(&aws, &deployment(), &Rc::new(Vantage::default()));
        let record = |value: &str| FenceRecord { values: vec![value.to_owned()], ttl: Duration::from_secs(60) };
        let (was, next) = (Some(record("cutover koa 1 a 1")), record("cutover koa 1 a 2"));
        let fence = FenceChange { name: "_cutover.x.mitx.mit.edu".into(), was, next };
        let changed = by_permit(async |permit| dns.change_records(permit, "mitx.mit.edu", &[], &fence).await).await;
        let failure = changed.expect_err("the batch is refused");
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.message.contains("InvalidChangeBatch"), "{failure}");
    }
}

#[tokio::test]
async fn records_after_a_wildcard_at_the_end_of_a_page_are_read() {
    let page = |records: &str, rest: &str| {
        let sets = format!("<ResourceRecordSets>{records}</ResourceRecordSets>");
        (200, format!("<ListResourceRecordSetsResponse>{sets}{rest}</ListResourceRecordSetsResponse>"))
    };
    let next = r"<IsTruncated>true</IsTruncated><NextRecordName>\052.mitx.mit.edu.</NextRecordName>";
    let record = "<ResourceRecordSet><Name>1.mitx.mit.edu.</Name><Type>CNAME</Type><TTL>60</TTL><ResourceRecords>\
                  <ResourceRecord><Value>elb.example.com</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>";
    let pages = [(200, ZONES.to_owned()), page("", next), page(record, "<IsTruncated>false</IsTruncated>")];
    let aws = connection(&[("", &pages)]).await;
    let dns = cloud::dns(&aws, &deployment(), &Rc::new(Vantage::default()));
    let found = dns.records("mitx.mit.edu", &["1.mitx.mit.edu".into()]).await.expect("records");
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_member_of_a_cluster_of_which_a_snapshot_is_wanted_is_refused_before_any_window() {
    let instance = "<DBInstance><DBInstanceIdentifier>contract-rds-mysql</DBInstanceIdentifier>\
                    <DBInstanceStatus>available</DBInstanceStatus><DBClusterIdentifier>c-1</DBClusterIdentifier>\
                    </DBInstance>";
    let answer = format!(
        "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances>{instance}</DBInstances>\
         </DescribeDBInstancesResult></DescribeDBInstancesResponse>"
    );
    let aws = connection(&[("DescribeDBInstances", &[(200, answer)])]).await;
    let databases = cloud::databases(&aws, &deployment(), Rc::new(WallClock));
    let failure = databases.databases(&["contract-rds-mysql".into()]).await.expect_err("it is of a cluster");
    permanent(&failure, &["member of cluster c-1", "snapshot = false"]);
}
