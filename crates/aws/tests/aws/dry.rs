//! Dry runs: no write reaches the cloud, and each becomes a line that the real `aws` command takes and that does what
//! the call would have done. The command is of the Python environment that `CUTOVER_MOTO_PYTHON` is of.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;

use cutover_aws::dry::Line;
use cutover_aws::operations::{Effect, Entry, cloudfront, ec2, elb, elbv2, rds, route53, ssm, table};
use cutover_aws::service::Service;
use cutover_aws::shape::{Kind, Member, Value};
use cutover_aws::{Connection, Limits};
use cutover_contract::WallClock;
use cutover_core::deployment::Fleet;
use cutover_core::journal::Upgrade;
use cutover_core::plan::{Order, Phase};
use cutover_core::planner::{Inputs, forecast};
use cutover_engine::dry::{DryOutcome, Writes, walk};
use cutover_engine::observe::observe;
use cutover_engine::ports::{Clock, PageVersion};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::moto::Moto;
use crate::obedient::Obedient;
use crate::stage::furnish;
use crate::support::{by_dry_permit, by_permit, connect, from_environment, write};
use crate::surroundings::Surroundings;

const USER_DATA: &str = "#!/bin/sh\necho \"it's $HOME\" > held\n";
/// The same in base 64.
const ENCODED: &str = "IyEvYmluL3NoCmVjaG8gIml0J3MgJEhPTUUiID4gaGVsZAo=";

fn writes() -> Vec<Entry> {
    table().into_iter().filter(|entry| entry.effect == Effect::Write).collect()
}

/// A value for every member, whatever is in it.
fn filled(members: &[Member]) -> Vec<(&'static str, Value)> {
    members.iter().map(|member| (member.name, sample(member.name, &member.kind))).collect()
}

fn sample(name: &str, kind: &Kind) -> Value {
    match kind {
        Kind::Text if name == "UserData" => Value::Text(ENCODED.to_owned()),
        // As long as the longest of AWS's shortest.
        Kind::Text => Value::Text("it's \"<x>\" $x and more than twenty letters".to_owned()),
        Kind::Integer => Value::Integer(300),
        Kind::Decimal => panic!("{name}: decimals are only ever read"),
        Kind::Boolean => Value::Boolean(false),
        Kind::Time => Value::Time("2021-01-04T09:00:00Z".parse().expect("a moment")),
        Kind::List(element) => Value::List("member", vec![sample(name, element), sample(name, element)]),
        Kind::Map(entry) => Value::Map(vec![("commands".to_owned(), sample(name, entry))]),
        Kind::Structure(members) => Value::Structure(filled(&members())),
    }
}

/// What the `aws` command has to say against lines.
fn wrong_with(lines: &[String]) -> Vec<String> {
    let input = serde_json::to_string(lines).expect("text") + "\n";
    let judge = Moto::run_with("lines.py", &input);
    serde_json::from_value(judge.facts().clone()).expect("a list of text")
}

#[test]
fn every_write_is_a_line_that_the_aws_command_takes() {
    let region = [("region", "us-east-1".to_owned())];
    let line =
        |entry: &Entry| Line::of(entry.service, entry.name, filled(&(entry.request)())).with(&region).to_string();
    let mut lines: Vec<String> = writes().iter().map(line).collect();
    assert_eq!(wrong_with(&lines), Vec::<String>::new());
    lines.retain(|line| line.starts_with("aws ec2 run-instances"));
    let spoilt = ["--tag-specifications", "ResourceType", "Key", "--security-group-ids"]
        .map(|name| lines[0].replacen(name, &format!("{name}x"), 1));
    assert_eq!(wrong_with(&spoilt).len(), spoilt.len(), "a mistake that the command does not find");
}

#[tokio::test]
async fn every_write_is_answered_as_if_it_had_worked() {
    let aws = connect("http://127.0.0.1:9", Limits::default()).await;
    aws.run_dry();
    macro_rules! call {
        ($($operation:path),+ $(,)?) => {
            $(write(&aws, &<$operation>::default()).await.expect(stringify!($operation));)+
        };
    }
    call!(
        ec2::RunInstances,
        ec2::StopInstances,
        ec2::TerminateInstances,
        ec2::CreateTags,
        ec2::CreateImage,
        ec2::ModifyImageAttribute,
        ec2::DeregisterImage,
        ec2::DeleteSnapshot,
        ec2::DeleteKeyPair,
        ec2::DeleteSecurityGroup,
        elb::RegisterInstancesWithLoadBalancer,
        elb::DeregisterInstancesFromLoadBalancer,
        elbv2::RegisterTargets,
        elbv2::DeregisterTargets,
        rds::CreateDBSnapshot,
        rds::RestoreDBInstanceFromDBSnapshot,
        rds::ModifyDBInstance,
        route53::ChangeResourceRecordSets,
        cloudfront::CreateInvalidation,
        ssm::SendCommand,
    );
    let lines: BTreeSet<String> = aws.take_writes().iter().map(|line| first_words(line)).collect();
    let all: BTreeSet<String> = writes()
        .iter()
        .map(|entry| first_words(&Line::of(entry.service, entry.name, Vec::new()).to_string()))
        .collect();
    assert_eq!(lines, all, "writes that were not tried");
    assert!(aws.calls().is_empty(), "nothing was sent");
    assert!(aws.take_writes().is_empty(), "they are taken once");
}

fn first_words(line: &str) -> String {
    line.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn without_a_dry_run_nothing_is_put_down() {
    let moto = Moto::run_with("serve.py", "");
    let aws = connect(&moto.fact("endpoint"), Limits::default()).await;
    let stop = ec2::StopInstances { instance_ids: vec!["i-0123456789abcdef0".to_owned()], force: None };
    write(&aws, &stop).await.expect_err("there is no such instance, says moto");
    assert!(!aws.is_dry() && aws.take_writes().is_empty());
}

#[tokio::test]
async fn lines_do_what_the_calls_would_have_done_and_the_calls_do_nothing() {
    let moto = Moto::run_with("serve.py", "");
    let (dry, aws) = (
        connect(&moto.fact("endpoint"), Limits::default()).await,
        connect(&moto.fact("endpoint"), Limits::default()).await,
    );
    dry.run_dry();
    let before = standing(&moto, &aws).await;
    let lines = written_down(&moto, &dry).await;
    assert_eq!(standing(&moto, &aws).await, before, "a dry run changed something");
    for line in &lines {
        run(line);
    }
    let after = standing(&moto, &aws).await;
    let wanted = Standing {
        instances: vec![("edx <&> 'live'; $(x)".to_owned(), Some("token-1".to_owned()))],
        records: vec![("lms.mitx.mit.edu.".to_owned(), "page.cloudfront.net".to_owned(), Some(60))],
        members: vec!["i-classic".to_owned()],
        targets: vec!["i-target".to_owned()],
        snapshots: vec!["before-koa".to_owned()],
        page: Some("back at six".to_owned()),
    };
    assert_eq!(after, wanted);
    assert_eq!(user_data(&moto), USER_DATA);
}

#[tokio::test]
async fn a_whole_upgrade_runs_dry_and_every_line_of_it_is_one_that_the_aws_command_takes() {
    let furnished = furnish(&cutover_contract::deployment()).await;
    let (surroundings, others) = (Surroundings::of(&furnished), Rc::new(Obedient::default()));
    let clock: Rc<dyn Clock> = Rc::new(WallClock);
    let world = surroundings.world(&furnished, Rc::clone(&clock), Rc::clone(&others) as _, others);
    // A conductor, of which a dry run knows nothing, has left its mark on the zone.
    let conductor = cutover_contract::gate(&world, &clock, &furnished.deployment);
    conductor.write("anything", async |_| Ok(())).await.expect("the fence is raised");
    let before = furnished.connection.calls();
    furnished.connection.run_dry();
    let (deployment, upgrade) = (&furnished.deployment, Upgrade::default());
    let observation = observe(&world, &*clock, deployment, &upgrade).await.expect("an observation");
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    let plans = Phase::ALL.map(|phase| forecast(inputs, phase, Order::Overlapped));
    let take = || furnished.connection.take_writes();
    let mut lines = Vec::new();
    for last in 1..=plans.len() {
        let (plans, writes, silent) = (&plans[..last], Writes::PutDown(&take), BTreeMap::new());
        let walked = walk(&world, &clock, deployment, &upgrade, plans, writes, &silent).await.expect("a walk");
        for step in &walked {
            match &step.outcome {
                DryOutcome::Writes { lines: of_step } => lines.extend(of_step.clone()),
                DryOutcome::AlreadySo | DryOutcome::InWords { .. } => {}
                other => panic!("{}: {other:?}", step.id),
            }
        }
    }
    let counts = |operation: &str| lines.iter().filter(|line| line.contains(operation)).count();
    let hosts: u32 = deployment.fleets.iter().flat_map(Fleet::groups).map(|(_, group)| group.count).sum();
    assert_eq!(counts(" ec2 run-instances "), hosts as usize);
    assert!(lines.iter().any(|line| line.contains("--image-id '<image ")), "images are not built yet");
    assert!(lines.iter().any(|line| line.contains("<instance of ")), "nor are hosts launched");
    for operation in ["s3api put-object", "create-invalidation", "change-resource-record-sets", "create-db-snapshot"] {
        assert!(counts(operation) > 0, "no {operation}");
    }
    let fence = format!("{}.\"", deployment.fence());
    assert_eq!(counts("change-resource-record-sets"), counts(&fence), "every batch replaces the fence");
    // There and back.
    assert!(counts("register-instances-with-load-balancer") + counts("register-targets") > 0, "next hosts go in");
    assert!(counts("deregister-instances-from-load-balancer") + counts("deregister-targets") > 0, "old hosts go out");
    let sent = furnished.connection.calls();
    let is_sent = |key: &(Service, &'static str)| sent.get(key) != before.get(key);
    let written: Vec<_> = writes().into_iter().filter(|entry| is_sent(&(entry.service, entry.name))).collect();
    assert!(written.is_empty(), "{written:?}");
    lines.dedup_by_key(|line| first_words(line));
    // The page's file is not there; where lines are really run, it is.
    lines.retain(|line| !line.contains("--body"));
    assert_eq!(wrong_with(&lines), Vec::<String>::new());
}

/// What stands in moto, as far as the lines below change it.
#[derive(Debug, PartialEq)]
struct Standing {
    instances: Vec<(String, Option<String>)>,
    records: Vec<(String, String, Option<i64>)>,
    members: Vec<String>,
    targets: Vec<String>,
    snapshots: Vec<String>,
    page: Option<String>,
}

async fn standing(moto: &Moto, aws: &Connection) -> Standing {
    let tagged = ec2::Filter { name: "tag-key".to_owned(), values: vec!["Name".to_owned()] };
    let listing = ec2::DescribeInstances { filters: vec![tagged], ..Default::default() };
    let listed = aws.call(&listing).await.expect("instances").reservations;
    let name =
        |instance: &ec2::Instance| instance.tags.iter().find(|tag| tag.key == "Name").map(|tag| tag.value.clone());
    let instances = listed.iter().flat_map(|one| &one.instances);
    let zone = route53::ListResourceRecordSets { hosted_zone_id: moto.fact("zone"), ..Default::default() };
    let records = aws.call(&zone).await.expect("records").record_sets.into_iter();
    let cnames = records.filter(|record| record.record_type == "CNAME");
    let balancers =
        elb::DescribeLoadBalancers { load_balancer_names: vec!["edx-live".to_owned()], ..Default::default() };
    let live = aws.call(&balancers).await.expect("the balancer").load_balancers.remove(0);
    let group = moto.fact("target_group");
    let health = elbv2::DescribeTargetHealth { target_group_arn: group, targets: Vec::new() };
    let targets = aws.call(&health).await.expect("targets").descriptions;
    let snapshots = aws.call(&rds::DescribeDBSnapshots::default()).await.expect("snapshots").snapshots;
    let bucket = aws.bucket("page").expect("a bucket");
    let page = match bucket.get(&Key::from("sub/index.html")).await {
        Ok(page) => Some(String::from_utf8(page.bytes().await.expect("a body").to_vec()).expect("text")),
        Err(_) => None,
    };
    Standing {
        instances: instances.map(|one| (name(one).unwrap_or_default(), one.client_token.clone())).collect(),
        records: cnames.map(|record| (record.name, record.resource_records[0].value.clone(), record.ttl)).collect(),
        members: live.instances.into_iter().map(|member| member.instance_id).collect(),
        targets: targets.into_iter().map(|target| target.target.id).collect(),
        // RDS takes one by itself.
        snapshots: snapshots.into_iter().map(|one| one.identifier).filter(|id| !id.starts_with("rds:")).collect(),
        page,
    }
}

/// The lines of one write of each kind that an upgrade makes most.
async fn written_down(moto: &Moto, dry: &Connection) -> Vec<String> {
    let launched = write(dry, &launch(moto)).await.expect("RunInstances");
    assert_eq!(launched.instances.len(), 1, "whoever launches finds an instance");
    let record = route53::ResourceRecordSet {
        name: "lms.mitx.mit.edu.".to_owned(),
        record_type: "CNAME".to_owned(),
        ttl: Some(60),
        resource_records: vec![route53::ResourceRecord { value: "page.cloudfront.net".to_owned() }],
        ..Default::default()
    };
    let changes = vec![route53::Change { action: "UPSERT".to_owned(), record_set: record }];
    let change_batch = route53::ChangeBatch { comment: Some("it's the window".to_owned()), changes };
    let change = route53::ChangeResourceRecordSets { hosted_zone_id: moto.fact("zone"), change_batch };
    write(dry, &change).await.expect("ChangeResourceRecordSets");
    let register = elb::RegisterInstancesWithLoadBalancer {
        load_balancer_name: "edx-live".to_owned(),
        instances: vec![elb::Instance { instance_id: "i-classic".to_owned() }],
    };
    write(dry, &register).await.expect("RegisterInstancesWithLoadBalancer");
    let targets = vec![elbv2::Target { id: "i-target".to_owned(), port: None }];
    let register = elbv2::RegisterTargets { target_group_arn: moto.fact("target_group"), targets };
    write(dry, &register).await.expect("RegisterTargets");
    let snapshot = rds::CreateDBSnapshot {
        snapshot_identifier: "before-koa".to_owned(),
        instance_identifier: "mitx-rds".to_owned(),
        tags: vec![rds::Tag { key: "cutover:upgrade".to_owned(), value: "koa".to_owned() }],
    };
    write(dry, &snapshot).await.expect("CreateDBSnapshot");
    put_page(dry).await;
    dry.take_writes()
}

fn launch(moto: &Moto) -> ec2::RunInstances {
    let tag = |key: &str, value: &str| ec2::NewTag { key: key.to_owned(), value: value.to_owned() };
    let tags = vec![tag("Name", "edx <&> 'live'; $(x)"), tag("cutover:upgrade", "koa-v4")];
    ec2::RunInstances {
        image_id: Some("ami-0123456789abcdef0".to_owned()),
        instance_type: Some("t3.large".to_owned()),
        min_count: 1,
        max_count: 1,
        subnet_id: Some(moto.fact("subnet")),
        security_group_ids: vec![moto.fact("group")],
        user_data: Some(ENCODED.to_owned()),
        tag_specifications: vec![ec2::TagSpecification { resource_type: "instance".to_owned(), tags }],
        client_token: Some("token-1".to_owned()),
        ..Default::default()
    }
}

/// The page goes down as a line; every other way to write to a bucket is refused.
async fn put_page(dry: &Connection) {
    let bucket = dry.page_bucket("page").expect("a bucket");
    let put = by_permit(async |permit| bucket.put(permit, "sub/index.html", "back at six", None).await).await;
    put.expect("it is put down");
    let (state, key) = (dry.bucket("page").expect("a bucket"), Key::from("sub/index.html"));
    for mode in [PutMode::Overwrite, PutMode::Create] {
        let options = PutOptions { mode, ..Default::default() };
        state.put_opts(&key, "record 1".into(), options).await.expect_err("a dry run has no state");
    }
    state.delete(&key).await.expect_err("nor does it delete");
}

/// The condition of a page's line.
fn condition(line: &str) -> &str {
    let start = line.find(" --if-").expect("a condition");
    line[start..].split(" --region").next().expect("the region follows").trim()
}

#[tokio::test]
async fn a_pages_line_takes_the_place_of_the_version_that_was_read_and_of_no_other() {
    let moto = Moto::run_with("serve.py", "");
    let endpoint = moto.fact("endpoint");
    let (dry, aws) = (connect(&endpoint, Limits::default()).await, connect(&endpoint, Limits::default()).await);
    dry.run_dry();
    let bucket = aws.page_bucket("page").expect("a bucket");
    let put = async |body: &str, instead_of: Option<&PageVersion>| {
        by_permit(async |permit| bucket.put(permit, "index.html", body, instead_of).await).await.expect("it is put");
    };
    put("the first", None).await;
    let read = bucket.page("index.html").await.expect("an answer").expect("the page").version;
    let planned = dry.page_bucket("page").expect("a bucket");
    for instead_of in [None, Some(&read)] {
        let put = by_permit(async |permit| planned.put(permit, "index.html", "back at six", instead_of).await).await;
        put.expect("it is put down");
    }
    let lines = dry.take_writes();
    let conditions: Vec<&str> = lines.iter().map(|line| condition(line)).collect();
    assert_eq!(conditions, ["--if-none-match '*'".to_owned(), format!("--if-match '{}'", read.0)]);
    put("somebody else's", Some(&read)).await;
    for line in &lines {
        assert!(!runs(line).status.success(), "{line}");
    }
    let there = bucket.page("index.html").await.expect("an answer").expect("the page");
    assert_eq!(there.text, "somebody else's");
}

#[tokio::test]
async fn a_dry_permit_sends_nothing_although_the_connection_is_not_dry() {
    let aws = connect("http://127.0.0.1:9", Limits::default()).await;
    assert!(!aws.is_dry());
    let stop = ec2::StopInstances { instance_ids: vec!["i-1".to_owned()], force: None };
    let stopped = by_dry_permit(async |permit| aws.write(permit, &stop).await).await.expect("it is put down");
    assert_eq!(stopped.instances[0].instance_id, "i-1");
    let bucket = aws.page_bucket("page").expect("a bucket");
    let put = by_dry_permit(async |permit| bucket.put(permit, "index.html", "back at six", None).await).await;
    put.expect("it is put down");
    assert!(aws.calls().is_empty(), "nothing was sent");
    let lines: Vec<String> = aws.take_writes().iter().map(|line| first_words(line)).collect();
    assert_eq!(lines, ["aws ec2 stop-instances", "aws s3api put-object"]);
    // Nobody listens where it would be sent.
    write(&aws, &stop).await.expect_err("by another permit it is sent");
    let put = by_permit(async |permit| bucket.put(permit, "index.html", "back at six", None).await).await;
    put.expect_err("and so is the page");
    assert!(aws.take_writes().is_empty());
}

/// Runs a line as an operator would.
fn run(line: &str) {
    let output = runs(line);
    assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// What comes of running a line in a folder with the page.
fn runs(line: &str) -> Output {
    let folder = std::env::temp_dir().join(format!("cutover-dry-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("index.html"), "back at six").expect("the page");
    let mut path = commands().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(&folder)
        .env("PATH", path)
        .env("AWS_ACCESS_KEY_ID", "AKIATEST")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .output()
        .expect("a shell");
    let _ = std::fs::remove_dir_all(&folder);
    output
}

/// The folder that the `aws` command is in.
fn commands() -> PathBuf {
    let python: OsString = from_environment("CUTOVER_MOTO_PYTHON", "a Python that has moto and the `aws` command");
    let folder = Path::new(&python).parent().expect("it is in a folder").to_owned();
    assert!(folder.join("aws").is_file(), "{} has no `aws`: run `cargo xtask test` again", folder.display());
    folder
}

/// What moto keeps of the instance's user data, decoded by the `aws` command's own JSON.
fn user_data(moto: &Moto) -> String {
    let script = "import base64, boto3, sys; ec2 = boto3.client('ec2', endpoint_url=sys.argv[1], \
                  region_name='us-east-1', aws_access_key_id='x', aws_secret_access_key='x'); \
                  id = ec2.describe_instances(Filters=[{'Name': 'tag-key', 'Values': ['cutover:upgrade']}])\
                  ['Reservations'][0]['Instances'][0]['InstanceId']; \
                  data = ec2.describe_instance_attribute(InstanceId=id, Attribute='userData')['UserData']['Value']; \
                  sys.stdout.write(base64.b64decode(data).decode())";
    let python = from_environment("CUTOVER_MOTO_PYTHON", "a Python that has moto");
    let output = Command::new(python).args(["-c", script, &moto.fact("endpoint")]).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
