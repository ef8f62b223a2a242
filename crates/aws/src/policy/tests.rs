//! What a policy must and must not let through, and that IAM would take it.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::deployment::{Aws, BalancerKind, Builder, Deployment, Packer, parse};
use cutover_core::plan::Phase;

use super::*;

const OPERATORS: [&str; 4] = ["StringEquals", "StringLike", "Bool", "ForAllValues:StringEquals"];

fn production() -> Deployment {
    parse(include_str!("../../../../examples/mitx-production.toml")).expect("the example has no mistakes")
}

/// A deployment that has everything that a policy can be about.
fn everything() -> Deployment {
    let mut deployment = production();
    deployment.balancers[0].kind = BalancerKind::TargetGroup;
    deployment.state.location = "s3://mitx-state/cutover/".to_owned();
    deployment.aws = Some(Aws { key_pair: Some("mitx".to_owned()), ..Aws::default() });
    deployment.dns.window_ttl = cutover_core::time::Span::seconds(30);
    let services = [Some(&mut deployment.role.edxapp), deployment.role.worker.as_mut()];
    for services in services.into_iter().flatten() {
        services.image.base = "/aws/service/canonical/ubuntu/id".to_owned();
        services.image.builder = Some(builder());
    }
    let worker = &mut deployment.role.worker.as_mut().expect("it has workers").image;
    (worker.builder, worker.packer) = (None, Some(packer()));
    deployment
}

/// The same, with images that are all built in this way.
fn built_by(builder: Option<&Builder>, packer: Option<&Packer>) -> Deployment {
    let mut deployment = everything();
    let services = [Some(&mut deployment.role.edxapp), deployment.role.worker.as_mut()];
    for services in services.into_iter().flatten() {
        (services.image.builder, services.image.packer) = (builder.cloned(), packer.cloned());
    }
    deployment
}

/// The same, with images that are built by other means.
fn without_builders() -> Deployment {
    built_by(None, None)
}

fn builder() -> Builder {
    Builder {
        instance_type: "m5.xlarge".to_owned(),
        subnet: "subnet-build".to_owned(),
        security_groups: vec!["sg-build".to_owned()],
        profile: None,
        root_volume: None,
        provision: vec![vec!["true".to_owned()]],
        identity: Vec::new(),
    }
}

fn packer() -> Packer {
    let (template, program) = ("worker.json".to_owned(), "packer".to_owned());
    Packer { template, only: None, program, variables: BTreeMap::new(), identity: Vec::new() }
}

fn whole(deployment: &Deployment) -> Policy {
    policy(deployment, &Phase::ALL, Some("123456789012"), Some("us-east-1"))
}

fn of(phase: Phase) -> Policy {
    policy(&everything(), &[phase], Some("123456789012"), Some("us-east-1"))
}

fn allowed(policy: &Policy) -> BTreeSet<&'static str> {
    policy.statement.iter().flat_map(|statement| statement.action.iter().copied()).collect()
}

fn statement<'a>(policy: &'a Policy, sid: &str) -> &'a Statement {
    policy.statement.iter().find(|statement| statement.sid == sid).unwrap_or_else(|| panic!("no statement {sid}"))
}

/// The values that a statement lets through for a key.
fn values<'a>(policy: &'a Policy, sid: &str, key: &str) -> Vec<&'a str> {
    let conditions = statement(policy, sid).condition.values();
    conditions.filter_map(|keys| keys.get(key)).flatten().map(String::as_str).collect()
}

fn changes(action: &str) -> bool {
    let verb = action.split_once(':').expect("a service and an action").1;
    !["Describe", "List", "Get"].iter().any(|reading| verb.starts_with(reading))
}

#[test]
fn the_policy_of_the_largest_deployment_fits_into_a_managed_policy_or_that_of_each_phase_does() {
    let fits = |policy: &Policy| policy.length() <= LONGEST;
    assert!(fits(&whole(&production())) && fits(&whole(&without_builders())));
    // All images are built in one way, in the files of most teams.
    for in_one_way in [built_by(Some(&builder()), None), built_by(None, Some(&packer()))] {
        for phase in Phase::ALL {
            let policy = policy(&in_one_way, &[phase], Some("123456789012"), Some("us-east-1"));
            assert!(fits(&policy), "{phase}: {} characters", policy.length());
        }
    }
}

#[test]
fn iam_takes_every_statement() {
    let mut sids = BTreeSet::new();
    for statement in whole(&everything()).statement {
        let sid = statement.sid;
        assert!(sids.insert(sid) && sid.chars().all(|letter| letter.is_ascii_alphanumeric()), "{sid}");
        assert!(!statement.action.is_empty() && !statement.resource.is_empty(), "{sid}");
        for resource in &statement.resource {
            assert!(
                resource == "*" || resource.split(':').count() >= 6 && resource.starts_with("arn:aws:"),
                "{resource}"
            );
        }
        for (operator, keys) in &statement.condition {
            assert!(OPERATORS.contains(operator), "{operator}");
            for (key, values) in keys {
                assert!(key.contains(':') && !values.is_empty(), "{sid}: {key}");
            }
        }
    }
}

#[test]
fn every_action_that_a_method_needs_is_allowed_and_no_other() {
    let needed: BTreeSet<&str> = methods().iter().flat_map(Method::actions).collect();
    assert_eq!(allowed(&whole(&everything())), needed);
}

#[test]
fn what_a_statement_is_about_is_needed_by_some_method() {
    let location = statements::Location { account: None, region: None };
    let all = [statements::of_ports(&everything(), location, true), statements::of_store(&everything())].concat();
    let all: BTreeSet<&str> = all.iter().flat_map(|statement| statement.action.iter().copied()).collect();
    assert_eq!(all, methods().iter().flat_map(Method::actions).collect());
}

#[test]
fn an_action_besides_has_a_reason_among_the_calls() {
    for method in methods() {
        for (action, because_of) in method.besides {
            assert!(method.calls.contains(because_of), "{}: {action} because of {because_of}", method.name);
        }
    }
}

#[test]
fn what_only_looks_changes_nothing_but_the_state() {
    let looks = policy(&everything(), &[], None, None);
    let changing: Vec<_> = allowed(&looks).into_iter().filter(|action| changes(action)).collect();
    assert_eq!(changing, ["s3:PutObject"]);
    assert!(looks.statement.iter().all(|statement| statement.sid != "Page" || statement.action == ["s3:GetObject"]));
    let folder = allowed(&policy(&production(), &[], None, None));
    assert!(!folder.iter().any(|action| changes(action)), "{folder:?}");
}

#[test]
fn each_phase_may_change_what_it_changes_and_nothing_else() {
    let changing = |phase| allowed(&of(phase)).into_iter().filter(|action| changes(action)).collect::<Vec<_>>();
    assert_eq!(
        changing(Phase::Announce),
        ["cloudfront:CreateInvalidation", "route53:ChangeResourceRecordSets", "s3:PutObject"]
    );
    let launches =
        ["ec2:CreateTags", "ec2:RunInstances", "iam:PassRole", "route53:ChangeResourceRecordSets", "s3:PutObject"];
    let elsewhere = policy(&without_builders(), &[Phase::Prepare], None, None);
    assert_eq!(allowed(&elsewhere).into_iter().filter(|action| changes(action)).collect::<Vec<_>>(), launches);
    let builds = changing(Phase::Prepare).into_iter().filter(|action| !launches.contains(action));
    assert_eq!(
        builds.collect::<Vec<_>>(),
        [
            "ec2:CreateImage",
            "ec2:DeleteKeyPair",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteSnapshot",
            "ec2:DeregisterImage",
            "ec2:ModifyImageAttribute",
            "ec2:StopInstances",
            "ec2:TerminateInstances",
        ]
    );
    assert_eq!(
        changing(Phase::Window),
        [
            "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
            "elasticloadbalancing:RegisterTargets",
            "rds:AddTagsToResource",
            "rds:CreateDBSnapshot",
            "route53:ChangeResourceRecordSets",
            "s3:PutObject",
        ]
    );
    assert_eq!(
        changing(Phase::Retire),
        [
            "ec2:DeleteSnapshot",
            "ec2:DeregisterImage",
            "ec2:TerminateInstances",
            "route53:ChangeResourceRecordSets",
            "s3:PutObject",
        ]
    );
}

#[test]
fn only_what_carries_the_deployments_tags_can_be_removed() {
    let policy = of(Phase::Retire);
    for sid in ["TerminateHosts", "RemoveImages"] {
        assert_eq!(values(&policy, sid, "aws:ResourceTag/environment"), ["mitx-production"]);
    }
    assert_eq!(values(&policy, "TerminateHosts", "aws:ResourceTag/role"), ["edxapp", "worker"]);
}

#[test]
fn the_files_own_role_tags_are_those_of_the_policy() {
    let mut deployment = everything();
    deployment.aws.as_mut().expect("a section").role_tags.edxapp = "edx".to_owned();
    let policy = whole(&deployment);
    assert_eq!(values(&policy, "TerminateHosts", "aws:ResourceTag/role"), ["edx", "worker"]);
}

#[test]
fn a_launch_must_tag_from_the_first_moment_and_only_a_launch_may_tag() {
    let policy = of(Phase::Prepare);
    for sid in ["LaunchInstances", "LaunchVolumes"] {
        assert_eq!(values(&policy, sid, "aws:RequestTag/environment"), ["mitx-production"]);
    }
    assert_eq!(
        values(&policy, "LaunchInstances", "ec2:InstanceType"),
        ["m5.xlarge", "r5.large", "t3.large", "t3.xlarge"]
    );
    assert_eq!(values(&policy, "LaunchFromImages", "aws:ResourceTag/environment"), ["mitx-production"]);
    assert_eq!(values(&policy, "TagLaunched", "ec2:CreateAction"), ["RunInstances"]);
    let into = &statement(&policy, "LaunchInto").resource;
    assert!(into.contains(&"arn:aws:ec2:us-east-1:123456789012:subnet/subnet-0c1a61ba".to_owned()), "{into:?}");
    assert!(into.contains(&"arn:aws:ec2:us-east-1:123456789012:key-pair/mitx".to_owned()), "{into:?}");
    assert!(!into.iter().any(|resource| resource.ends_with("subnet/*")), "{into:?}");
}

#[test]
fn only_the_role_of_a_profile_is_passed_and_only_to_instances() {
    let mut deployment = everything();
    deployment.fleets[0].edxapp.profile = "arn:aws:iam::123456789012:instance-profile/edx/live".to_owned();
    let policy = whole(&deployment);
    let passed = &statement(&policy, "PassRolesNamedLikeProfiles").resource;
    assert_eq!(
        passed[..],
        ["arn:aws:iam::123456789012:role/edx-instance-role", "arn:aws:iam::123456789012:role/edx/live"]
    );
    assert_eq!(values(&policy, "PassRolesNamedLikeProfiles", "iam:PassedToService"), ["ec2.amazonaws.com"]);
}

fn one_site(window_ttl_seconds: u64) -> Deployment {
    let mut deployment = everything();
    deployment.dns.window_ttl = cutover_core::time::Span::seconds(window_ttl_seconds);
    deployment.sites.truncate(1);
    deployment.sites[0].host = "LMS.mitx.mit.edu".into();
    deployment.dns.zone = "MITx.mit.edu.".to_owned();
    deployment
}

/// The names, types and actions of records that a batch may have.
fn batch(policy: &Policy) -> [Vec<&str>; 3] {
    let key = |key| values(policy, "ChangeRecords", key);
    [
        key("route53:ChangeResourceRecordSetsNormalizedRecordNames"),
        key("route53:ChangeResourceRecordSetsRecordTypes"),
        key("route53:ChangeResourceRecordSetsActions"),
    ]
}

const FENCE: &str = "_cutover.mitx-production.mitx.mit.edu";

#[test]
fn only_the_sites_own_cnames_and_the_fence_can_be_changed() {
    let wanted = [vec![FENCE, "lms.mitx.mit.edu"], vec!["TXT", "CNAME"], vec!["CREATE", "DELETE", "UPSERT"]];
    for phase in [Phase::Prepare, Phase::Window, Phase::Retire] {
        assert_eq!(batch(&policy(&one_site(30), &[phase], None, None)), wanted, "{phase}");
    }
}

#[test]
fn where_no_site_is_pointed_the_fence_alone_can_be_changed() {
    let wanted = [vec![FENCE], vec!["TXT"], vec!["CREATE", "DELETE"]];
    assert_eq!(batch(&policy(&one_site(30), &[Phase::Announce], None, None)), wanted);
    let as_ever = everything().dns.ttl.duration().as_secs();
    assert_eq!(batch(&policy(&one_site(as_ever), &[Phase::Retire], None, None)), wanted);
}

#[test]
fn members_change_in_the_files_balancers_alone_each_by_its_kind() {
    let policy = of(Phase::Window);
    let arn = |rest: &str| format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:{rest}");
    assert_eq!(
        statement(&policy, "ClassicMembers").resource,
        ["edx-residential-studio-live-mitx", "edx-residential-draft-mitx-produ"]
            .map(|name| arn(&format!("loadbalancer/{name}")))
    );
    let groups = &statement(&policy, "TargetGroupMembers").resource;
    assert_eq!(groups[..], [arn("targetgroup/edx-residential-live-mitx-produc/*")]);
    assert!(!allows(&whole(&production()), "elasticloadbalancing", "RegisterTargets"), "it has no target group");
}

#[test]
fn a_snapshot_of_the_plan_is_allowed_and_tagging_a_database_is_not() {
    let policy = of(Phase::Window);
    let names = "arn:aws:rds:us-east-1:123456789012:snapshot:cutover-mitx-production-koa-v4-*";
    let database = "arn:aws:rds:us-east-1:123456789012:db:mitx-production-rds-mysql";
    assert_eq!(statement(&policy, "SnapshotDatabases").resource, [database, names]);
    assert_eq!(statement(&policy, "TagSnapshots").resource, [names]);
    let mut without = everything();
    without.databases.iter_mut().for_each(|one| (one.snapshot, one.warm_up_snapshot) = (false, false));
    assert!(!allows(&whole(&without), "rds", "CreateDBSnapshot"), "no snapshot is taken");
}

#[test]
fn the_state_is_kept_in_its_folder_of_the_bucket_and_never_deleted() {
    let policy = of(Phase::Window);
    let keep = statement(&policy, "KeepState");
    assert_eq!(keep.action, ["s3:GetObject", "s3:PutObject"]);
    assert_eq!(keep.resource, ["arn:aws:s3:::mitx-state/cutover/mitx-production-koa-v4/*"]);
    assert_eq!(statement(&policy, "ListState").resource, ["arn:aws:s3:::mitx-state"]);
    assert_eq!(values(&policy, "ListState", "s3:prefix"), ["cutover/mitx-production-koa-v4/*"]);
    assert!(!allowed(&policy).iter().any(|action| action.starts_with("s3:Delete")), "{policy:?}");
    let mut bare = everything();
    bare.state.location = "s3://mitx-state".to_owned();
    assert_eq!(statement(&whole(&bare), "KeepState").resource, ["arn:aws:s3:::mitx-state/mitx-production-koa-v4/*"]);
}

#[test]
fn records_that_keep_their_ttl_are_not_changed_when_the_old_hosts_go() {
    let mut deployment = everything();
    deployment.dns.window_ttl = deployment.dns.ttl;
    let retire = |deployment| allows(&policy(deployment, &[Phase::Retire], None, None), "route53", "GetChange");
    assert!(!retire(&deployment));
    assert!(retire(&everything()));
}

#[test]
fn what_is_not_known_of_the_place_is_left_open() {
    let text = serde_json::to_string(&policy(&everything(), &Phase::ALL, None, None)).expect("JSON");
    assert!(text.contains("arn:aws:ec2:*:*:instance/*") && !text.contains("aws:RequestedRegion"), "{text}");
    let known = whole(&everything());
    assert_eq!(values(&known, "Look", "aws:RequestedRegion"), ["us-east-1"]);
    let global = statement(&known, "Distribution").resource.concat();
    assert_eq!(global, "arn:aws:cloudfront::123456789012:distribution/E2MITXUPGRADE1");
}
