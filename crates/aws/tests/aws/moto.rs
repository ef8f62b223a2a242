//! Every operation that we have, run against moto's server: what we write is understood, and what it answers is read.
//!
//! moto says yes to much that AWS refuses, and is done at once with what takes AWS minutes; what is held against it
//! here is the wire. `CUTOVER_MOTO_PYTHON` names a Python with moto, which `cargo xtask test` installs.

use std::collections::BTreeSet;
use std::path::Path;

use cutover_aws::operations::{cloudfront, ec2, elb, elbv2, rds, route53, servicequotas, ssm, table};
use cutover_aws::service::Service;
use cutover_aws::{Connection, Limits};
use cutover_engine::failure::FailureClass;
use cutover_engine::ports::PageVersion;
use object_store::{Attribute, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use serde_json::Value;

use crate::support::{by_permit, connect, write};

/// A running moto, furnished; it goes when this goes.
pub(crate) struct Moto {
    _server: cutover_rig::Moto,
    facts: Value,
}

impl Moto {
    fn start() -> Self {
        Self::run("serve.py")
    }

    fn run(script: &str) -> Self {
        Self::run_with(script, "")
    }

    /// Runs a script that reads `input` before it says where moto is.
    pub(crate) fn run_with(script: &str, input: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto").join(script);
        let server = cutover_rig::Moto::furnished(&script, input);
        let facts = serde_json::from_str(server.said()).expect("moto started, and says where it is as JSON");
        Self { _server: server, facts }
    }

    /// All that it said.
    pub(crate) fn facts(&self) -> &Value {
        &self.facts
    }

    pub(crate) fn fact(&self, name: &str) -> String {
        self.facts[name].as_str().expect("moto said so").to_owned()
    }

    async fn connect(&self) -> Connection {
        connect(&self.fact("endpoint"), Limits::default()).await
    }
}

async fn instances(moto: &Moto, aws: &Connection) -> String {
    let tag = |key: &str, value: &str| ec2::NewTag { key: key.to_owned(), value: value.to_owned() };
    let launch = ec2::RunInstances {
        image_id: Some("ami-0123456789abcdef0".to_owned()),
        instance_type: Some("t3.large".to_owned()),
        min_count: 1,
        max_count: 1,
        subnet_id: Some(moto.fact("subnet")),
        security_group_ids: vec![moto.fact("group")],
        user_data: Some("IyEvYmluL3NoCg==".to_owned()),
        tag_specifications: vec![ec2::TagSpecification {
            resource_type: "instance".to_owned(),
            tags: vec![tag("Name", "edx <&> \"live\" ä"), tag("cutover:upgrade", "koa-v4")],
        }],
        client_token: Some("token-1".to_owned()),
        ..Default::default()
    };
    let launched = write(aws, &launch).await.expect("RunInstances").instances;
    let id = launched[0].instance_id.clone();
    let tags = ec2::CreateTags { resources: vec![id.clone()], tags: vec![tag("step", "prepare.launch")] };
    write(aws, &tags).await.expect("CreateTags");
    let filters = vec![ec2::Filter { name: "tag:cutover:upgrade".to_owned(), values: vec!["koa-v4".to_owned()] }];
    let pages = aws.pages(ec2::DescribeInstances { filters, ..Default::default() }).await.expect("DescribeInstances");
    let found: Vec<_> = pages.into_iter().flat_map(|page| page.reservations).flat_map(|one| one.instances).collect();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].instance_id.as_str(), found[0].state.name.as_str()), (id.as_str(), "running"));
    assert!(found[0].tags.iter().any(|tag| tag.key == "Name" && tag.value == "edx <&> \"live\" ä"));
    assert!(found[0].tags.iter().any(|tag| tag.key == "step"));
    assert!(found[0].launch_time.is_some() && found[0].private_ip_address.is_some());
    let status = ec2::DescribeInstanceStatus { instance_ids: vec![id.clone()], ..Default::default() };
    let statuses = aws.call(&status).await.expect("DescribeInstanceStatus").instance_statuses;
    assert_eq!(statuses[0].system_status.as_ref().expect("a check").status, "ok");
    let console = ec2::GetConsoleOutput { instance_id: id.clone(), latest: None };
    aws.call(&console).await.expect("GetConsoleOutput");
    id
}

async fn images(aws: &Connection, instance: &str) {
    let create = ec2::CreateImage {
        instance_id: instance.to_owned(),
        name: "edxapp_koa_4".to_owned(),
        description: Some("release 4".to_owned()),
        no_reboot: Some(false),
        tag_specifications: Vec::new(),
    };
    let image = write(aws, &create).await.expect("CreateImage").image_id;
    let described = ec2::DescribeImages { owners: vec!["self".to_owned()], ..Default::default() };
    let pages = aws.pages(described).await.expect("DescribeImages");
    let found = pages[0].images.iter().find(|found| found.image_id == image).expect("the image is listed");
    assert_eq!((found.name.as_deref(), found.state.as_deref()), (Some("edxapp_koa_4"), Some("available")));
    let snapshot = found.block_device_mappings.iter().find_map(|disk| disk.ebs.as_ref()?.snapshot_id.clone());
    let value = Some(ec2::AttributeValue { value: Some("v2.0".to_owned()) });
    let tokens = ec2::ModifyImageAttribute { image_id: image.clone(), imds_support: value };
    write(aws, &tokens).await.expect("ModifyImageAttribute");
    write(aws, &ec2::DeregisterImage { image_id: image }).await.expect("DeregisterImage");
    let snapshot_id = snapshot.expect("the image has a snapshot");
    write(aws, &ec2::DeleteSnapshot { snapshot_id }).await.expect("DeleteSnapshot");
}

async fn networks(moto: &Moto, aws: &Connection) {
    let subnets = ec2::DescribeSubnets { subnet_ids: vec![moto.fact("subnet")], ..Default::default() };
    let subnets = aws.pages(subnets).await.expect("DescribeSubnets");
    assert!(subnets[0].subnets[0].available_ip_address_count.expect("a count") > 1000);
    let groups = ec2::DescribeSecurityGroups { group_ids: vec![moto.fact("group")], ..Default::default() };
    let groups = aws.pages(groups).await.expect("DescribeSecurityGroups");
    assert_eq!(groups[0].security_groups[0].group_name.as_deref(), Some("default"));
}

/// What builds by Packer leave behind: of what is not there, a key pair is deleted all the same, and a group is not.
async fn packer_rests(aws: &Connection) {
    let filters = vec![ec2::Filter { name: "key-name".to_owned(), values: vec!["packer_1".to_owned()] }];
    let pairs = aws.call(&ec2::DescribeKeyPairs { filters }).await.expect("DescribeKeyPairs");
    assert!(pairs.key_pairs.is_empty());
    let pair = ec2::DeleteKeyPair { key_name: "packer_1".to_owned() };
    write(aws, &pair).await.expect("DeleteKeyPair");
    let group = ec2::DeleteSecurityGroup { group_id: "sg-00000000000000000".to_owned() };
    let error = write(aws, &group).await.expect_err("DeleteSecurityGroup");
    assert!(error.is_not_found(), "{error}");
}

async fn quotas(aws: &Connection) {
    let filters = vec![ec2::Filter { name: "instance-type".to_owned(), values: vec!["r5.large".to_owned()] }];
    let types = ec2::DescribeInstanceTypes { filters, next_token: None };
    let types = aws.pages(types).await.expect("DescribeInstanceTypes");
    assert_eq!(types[0].instance_types[0].vcpus.as_ref().expect("processors").default, Some(2));
    // moto knows quotas of VPC only.
    let networks = ("vpc".to_owned(), "L-F678F1CE".to_owned());
    let quota = servicequotas::GetServiceQuota { service_code: networks.0, quota_code: networks.1 };
    assert!(aws.call(&quota).await.expect("GetServiceQuota").quota.value >= 1.0);
    // One of the public parameters that moto has.
    let name = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2".to_owned();
    let parameter = aws.call(&ssm::GetParameter { name }).await.expect("GetParameter").parameter;
    assert!(parameter.value.starts_with("ami-"), "{}", parameter.value);
    // moto does not know this one, so that the models alone vouch for it. Once moto does, this fails and asks for more.
    aws.call(&rds::DescribeAccountAttributes {}).await.expect_err("moto has learned DescribeAccountAttributes");
}

async fn classic_balancers(aws: &Connection, instance: &str) {
    let members = vec![elb::Instance { instance_id: instance.to_owned() }];
    let name = "edx-live".to_owned();
    let register =
        elb::RegisterInstancesWithLoadBalancer { load_balancer_name: name.clone(), instances: members.clone() };
    write(aws, &register).await.expect("RegisterInstancesWithLoadBalancer");
    let pages = elb::DescribeLoadBalancers { page_size: Some(1), ..Default::default() };
    let pages = aws.pages(pages).await.expect("DescribeLoadBalancers");
    let balancers: Vec<_> = pages.into_iter().flat_map(|page| page.load_balancers).collect();
    assert_eq!(balancers.iter().map(|one| &one.name).collect::<BTreeSet<_>>().len(), 3);
    let live = balancers.iter().find(|one| one.name == name).expect("the balancer is listed");
    assert_eq!(live.instances, members);
    let attributes = elb::DescribeLoadBalancerAttributes { load_balancer_name: name.clone() };
    let attributes = aws.call(&attributes).await.expect("DescribeLoadBalancerAttributes").attributes;
    assert!(attributes.connection_draining.is_some());
    let health = elb::DescribeInstanceHealth { load_balancer_name: name.clone(), instances: Vec::new() };
    let health = aws.call(&health).await.expect("DescribeInstanceHealth").instance_states;
    assert_eq!((health[0].instance_id.as_str(), health[0].state.as_str()), (instance, "InService"));
    let deregister = elb::DeregisterInstancesFromLoadBalancer { load_balancer_name: name, instances: members };
    write(aws, &deregister).await.expect("DeregisterInstancesFromLoadBalancer");
}

async fn target_groups(moto: &Moto, aws: &Connection, instance: &str) {
    let arn = moto.fact("target_group");
    let targets = vec![elbv2::Target { id: instance.to_owned(), port: None }];
    let register = elbv2::RegisterTargets { target_group_arn: arn.clone(), targets: targets.clone() };
    write(aws, &register).await.expect("RegisterTargets");
    aws.pages(elbv2::DescribeLoadBalancers::default()).await.expect("DescribeLoadBalancers");
    let groups = elbv2::DescribeTargetGroups { names: vec!["edx".to_owned()], ..Default::default() };
    let groups = aws.pages(groups).await.expect("DescribeTargetGroups");
    assert_eq!(groups[0].target_groups[0].arn, arn);
    assert_eq!(groups[0].target_groups[0].health_check_path.as_deref(), Some("/heartbeat"));
    let attributes = elbv2::DescribeTargetGroupAttributes { target_group_arn: arn.clone() };
    let attributes = aws.call(&attributes).await.expect("DescribeTargetGroupAttributes").attributes;
    assert!(attributes.iter().any(|one| one.key == "deregistration_delay.timeout_seconds"));
    let health = elbv2::DescribeTargetHealth { target_group_arn: arn.clone(), targets: Vec::new() };
    let health = aws.call(&health).await.expect("DescribeTargetHealth").descriptions;
    assert_eq!(health[0].target.id, instance);
    let deregister = elbv2::DeregisterTargets { target_group_arn: arn, targets };
    write(aws, &deregister).await.expect("DeregisterTargets");
}

async fn records(moto: &Moto, aws: &Connection) {
    let zones = route53::ListHostedZonesByName { dns_name: Some("mitx.mit.edu.".to_owned()), ..Default::default() };
    let zones = aws.pages(zones).await.expect("ListHostedZonesByName");
    let zone = zones[0].hosted_zones[0].id.clone();
    assert_eq!(zone, moto.fact("zone"));
    let servers = aws.call(&route53::GetHostedZone { id: zone.clone() }).await.expect("GetHostedZone");
    assert!(!servers.delegation_set.expect("a public zone has servers").name_servers.is_empty());
    let change = |name: &str| route53::Change {
        action: "UPSERT".to_owned(),
        record_set: route53::ResourceRecordSet {
            name: format!("{name}.mitx.mit.edu."),
            record_type: "CNAME".to_owned(),
            ttl: Some(60),
            resource_records: vec![route53::ResourceRecord { value: "elb.example.com".to_owned() }],
            ..Default::default()
        },
    };
    let change_batch = route53::ChangeBatch {
        comment: Some("cutover: page <up> & running".to_owned()),
        changes: vec![change("lms"), change("studio"), change("preview")],
    };
    let changes = route53::ChangeResourceRecordSets { hosted_zone_id: zone.clone(), change_batch };
    let info = write(aws, &changes).await.expect("ChangeResourceRecordSets").change_info;
    let info = aws.call(&route53::GetChange { id: info.id }).await.expect("GetChange").change_info;
    assert_eq!(info.status, "INSYNC");
    let list =
        route53::ListResourceRecordSets { hosted_zone_id: zone, max_items: Some("2".to_owned()), ..Default::default() };
    let pages = aws.pages(list).await.expect("ListResourceRecordSets");
    assert!(pages.len() > 1, "the listing has several pages");
    let names: Vec<_> = pages.into_iter().flat_map(|page| page.record_sets).map(|set| (set.name, set.ttl)).collect();
    for name in ["lms", "studio", "preview"] {
        assert!(names.contains(&(format!("{name}.mitx.mit.edu."), Some(60))), "{name} in {names:?}");
    }
}

async fn distributions(moto: &Moto, aws: &Connection) {
    let id = moto.fact("distribution");
    let answer = aws.call(&cloudfront::GetDistribution { id: id.clone() }).await.expect("GetDistribution");
    assert!(answer.etag.is_some());
    let config = answer.distribution.config;
    assert_eq!(config.aliases.expect("aliases").items, ["lms.mitx.mit.edu"]);
    assert_eq!(config.origins.items[0].domain_name, "page.s3.amazonaws.com");
    let errors = config.custom_error_responses.expect("error pages").items;
    assert_eq!((errors[0].error_code, errors[0].response_code.as_deref()), (404, Some("503")));
    let create = cloudfront::CreateInvalidation {
        distribution_id: id.clone(),
        batch: cloudfront::InvalidationBatch {
            paths: cloudfront::Paths { quantity: 1, items: vec!["/*".to_owned()] },
            caller_reference: "koa-v4.page".to_owned(),
        },
    };
    let made = write(aws, &create).await.expect("CreateInvalidation").invalidation;
    let read = cloudfront::GetInvalidation { distribution_id: id, id: made.id };
    let read = aws.call(&read).await.expect("GetInvalidation").invalidation;
    assert!(read.status.eq_ignore_ascii_case("completed"));
}

async fn databases(aws: &Connection) {
    let name = "mitx-rds".to_owned();
    let listed = aws.pages(rds::DescribeDBInstances::default()).await.expect("DescribeDBInstances");
    assert_eq!(listed[0].instances[0].status.as_deref(), Some("available"));
    let create = rds::CreateDBSnapshot {
        snapshot_identifier: "koa-v4-before".to_owned(),
        instance_identifier: name.clone(),
        tags: vec![rds::Tag { key: "cutover:upgrade".to_owned(), value: "koa-v4".to_owned() }],
    };
    let made = write(aws, &create).await.expect("CreateDBSnapshot").snapshot;
    let again = write(aws, &create).await.expect_err("an identifier is taken once");
    assert_eq!((again.code(), again.class), (Some("DBSnapshotAlreadyExists"), FailureClass::Permanent));
    let list = rds::DescribeDBSnapshots { snapshot_identifier: Some(made.identifier.clone()), ..Default::default() };
    let listed = aws.pages(list).await.expect("DescribeDBSnapshots");
    assert_eq!(listed[0].snapshots[0].instance_identifier.as_deref(), Some("mitx-rds"));
    let restore = rds::RestoreDBInstanceFromDBSnapshot {
        instance_identifier: "mitx-rds-restored".to_owned(),
        snapshot_identifier: Some(made.identifier),
        ..Default::default()
    };
    write(aws, &restore).await.expect("RestoreDBInstanceFromDBSnapshot");
    let rename = rds::ModifyDBInstance {
        identifier: "mitx-rds-restored".to_owned(),
        new_identifier: Some("mitx-rds-kept".to_owned()),
        apply_immediately: Some(true),
    };
    write(aws, &rename).await.expect("ModifyDBInstance");
}

async fn commands(aws: &Connection, instance: &str) {
    let send = ssm::SendCommand {
        document_name: "AWS-RunShellScript".to_owned(),
        instance_ids: vec![instance.to_owned()],
        parameters: [("commands".to_owned(), vec!["true".to_owned()])].into(),
        comment: Some("koa-v4".to_owned()),
        timeout_seconds: Some(60),
    };
    let command = write(aws, &send).await.expect("SendCommand").command;
    assert!(command.requested.is_some());
    let one = ssm::GetCommandInvocation { command_id: command.command_id.clone(), instance_id: instance.to_owned() };
    assert_eq!(aws.call(&one).await.expect("GetCommandInvocation").status, "Success");
    // moto does not know this one, so that the models alone vouch for it. Once moto does, this fails and asks for more.
    aws.call(&ssm::ListCommandInvocations::default()).await.expect_err("moto has learned ListCommandInvocations");
}

async fn pages(aws: &Connection) {
    let (bucket, key) = (aws.page_bucket("page").expect("a bucket"), "index.html");
    let put = async |body: &str, instead_of: Option<&PageVersion>| {
        by_permit(async |permit| bucket.put(permit, key, body, instead_of).await).await
    };
    put("back at six", None).await.expect("PutObject");
    let page = bucket.page(key).await.expect("GetObject").expect("the page");
    assert_eq!(page.text, "back at six");
    let again = put("twice", None).await.expect_err("it exists");
    assert_eq!(again.class, FailureClass::NotApplied, "{again}");
    put("back at seven", Some(&page.version)).await.expect("PutObject");
    let late = put("late", Some(&page.version)).await.expect_err("it is another by now");
    assert_eq!(late.class, FailureClass::NotApplied, "{late}");
    let objects = aws.bucket("page").expect("a bucket");
    let kept = objects.get(&key.into()).await.expect("GetObject");
    let control = "public, max-age=0, s-maxage=60, must-revalidate";
    assert_eq!(kept.attributes.get(&Attribute::CacheControl).expect("kept").as_ref(), control);
    let create = PutOptions { mode: PutMode::Create, ..Default::default() };
    let again = objects.put_opts(&key.into(), "twice".into(), create).await.expect_err("it exists");
    assert!(matches!(again, object_store::Error::AlreadyExists { .. }), "{again}");
}

#[tokio::test]
async fn every_operation_is_understood_and_its_answer_read() {
    let moto = Moto::start();
    let aws = moto.connect().await;
    aws.identity(Some("123456789012")).await.expect("GetCallerIdentity");
    let instance = instances(&moto, &aws).await;
    images(&aws, &instance).await;
    networks(&moto, &aws).await;
    quotas(&aws).await;
    classic_balancers(&aws, &instance).await;
    target_groups(&moto, &aws, &instance).await;
    records(&moto, &aws).await;
    distributions(&moto, &aws).await;
    databases(&aws).await;
    commands(&aws, &instance).await;
    pages(&aws).await;
    packer_rests(&aws).await;
    let stop = ec2::StopInstances { instance_ids: vec![instance.clone()], force: None };
    assert_eq!(write(&aws, &stop).await.expect("StopInstances").instances[0].instance_id, instance);
    let terminate = ec2::TerminateInstances { instance_ids: vec![instance] };
    let ended = write(&aws, &terminate).await.expect("TerminateInstances").instances;
    assert!(ended[0].current_state.is_some());
    let run: BTreeSet<_> = aws.calls().into_keys().collect();
    let all: BTreeSet<_> = table().iter().map(|entry| (entry.service, entry.name)).collect();
    assert_eq!(
        all.difference(&run).collect::<Vec<_>>(),
        Vec::<&(Service, &str)>::new(),
        "operations that were not run"
    );
}

#[tokio::test]
async fn a_refusal_has_awss_code_and_request_id() {
    let moto = Moto::start();
    let aws = moto.connect().await;
    let unknown = ec2::DescribeInstances { instance_ids: vec!["i-0123456789abcdef0".to_owned()], ..Default::default() };
    let error = aws.call(&unknown).await.expect_err("there is no such instance");
    assert_eq!((error.code(), error.class), (Some("InvalidInstanceID.NotFound"), FailureClass::Permanent));
    assert!(error.is_not_found());
    assert!(error.to_string().contains("(request "), "{error}");
    let error = aws.call(&route53::GetHostedZone { id: "Z0".to_owned() }).await.expect_err("there is no such zone");
    assert!(error.is_not_found(), "{error}");
    let error = aws.identity(Some("999999999999")).await.expect_err("it is another account");
    assert!(error.to_string().contains("123456789012"), "{error}");
}

#[tokio::test]
async fn signatures_are_those_that_botocore_makes() {
    let judge = Moto::run("signatures.py");
    let aws = judge.connect().await;
    let filters = vec![ec2::Filter { name: "tag:a b".to_owned(), values: vec!["ä/+*~=&%".to_owned()] }];
    let query = aws.call(&ec2::DescribeInstances { filters, ..Default::default() }).await.expect_err("a judgement");
    let rest = route53::ListResourceRecordSets {
        hosted_zone_id: "/hostedzone/Z1".to_owned(),
        start_record_name: Some("\\052.mitx+ä.edu.".to_owned()),
        start_record_type: Some("CNAME".to_owned()),
        ..Default::default()
    };
    let rest = aws.call(&rest).await.expect_err("a judgement");
    let payload = write(&aws, &cloudfront::CreateInvalidation::default()).await.expect_err("a judgement");
    let json = write(&aws, &ssm::SendCommand::default()).await.expect_err("a judgement");
    assert_eq!(query.code(), Some("Same.ec2.us-east-1"));
    assert_eq!(rest.code(), Some("Same.route53.us-east-1"));
    assert_eq!(payload.code(), Some("Same.cloudfront.us-east-1"));
    assert_eq!(json.code(), Some("Same.ssm.us-east-1"));
}
