//! What the actions may be done to, for one deployment. Every action that a method could need is here; which of them
//! stay is the business of the caller.
//!
//! Instances, images and their snapshots are known by the deployment's tags, all else by name or id. Operations that
//! list are allowed for the region: a list shows the whole account, whichever resources a policy names.

use std::collections::BTreeSet;

use cutover_core::deployment::{
    Balancer, BalancerKind, Base, Builder, Database, Deployment, Fleet, HostGroup, Image, Role,
};
use cutover_core::names::DnsName;

use super::document::Statement;

/// The tags by which instances, images and snapshots are known.
const ENVIRONMENT: &str = "environment";
const ROLE: &str = "role";

/// Where the deployment lives, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location<'a> {
    /// The account's number.
    pub account: Option<&'a str>,
    /// The region.
    pub region: Option<&'a str>,
}

impl Location<'_> {
    /// The ARN of something in the region that belongs to the account.
    fn arn(self, service: &str, resource: impl std::fmt::Display) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region(), self.account())
    }

    /// The ARN of something that the account has once for all regions.
    fn global_arn(self, service: &str, resource: impl std::fmt::Display) -> String {
        format!("arn:aws:{service}::{}:{resource}", self.account())
    }

    /// The ARN of something in the region that may belong to another account, as images do.
    fn ownerless_arn(self, service: &str, resource: impl std::fmt::Display) -> String {
        format!("arn:aws:{service}:{}::{resource}", self.region())
    }

    fn account(&self) -> &str {
        self.account.unwrap_or("*")
    }

    fn region(&self) -> &str {
        self.region.unwrap_or("*")
    }
}

/// What the ports may do. `points_sites` says that sites' records change, and not only the zone's fence.
pub(super) fn of_ports(deployment: &Deployment, location: Location<'_>, points_sites: bool) -> Vec<Statement> {
    let parts = [
        vec![look(location)],
        records(deployment, points_sites),
        page(deployment, location),
        balancers(deployment, location),
        launch(deployment, location),
        base_images(deployment, location),
        building(deployment, location),
        packer_rests(deployment, location),
        consoles(deployment, location),
        removal(deployment, location),
        snapshots(deployment, location),
    ];
    parts.concat()
}

/// What the state's store may do; nothing when a folder keeps the state. Nothing is ever deleted.
///
/// Of an object that is not there S3 says so to those who may list it: it takes the object's name for the prefix then.
pub(super) fn of_store(deployment: &Deployment) -> Vec<Statement> {
    let Some(location) = deployment.state.location.strip_prefix("s3://") else { return Vec::new() };
    let (bucket, folder) = location.split_once('/').unwrap_or((location, ""));
    let upgrade = deployment.upgrade();
    let parts = folder.split('/').filter(|part| !part.is_empty()).chain([upgrade.as_str(), "*"]);
    let objects = parts.collect::<Vec<_>>().join("/");
    let keep = ["s3:GetObject", "s3:PutObject"];
    vec![
        Statement::allow("KeepState", &keep, vec![format!("arn:aws:s3:::{bucket}/{objects}")]),
        Statement::allow("ListState", &["s3:ListBucket"], vec![format!("arn:aws:s3:::{bucket}")]).only_where(
            "StringLike",
            "s3:prefix",
            [objects],
        ),
    ]
}

/// Listings, for which AWS knows no resources or lists them all.
fn look(location: Location<'_>) -> Statement {
    let actions = [
        "sts:GetCallerIdentity",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeKeyPairs",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "elasticloadbalancing:DescribeInstanceHealth",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "rds:DescribeAccountAttributes",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots",
        "servicequotas:GetServiceQuota",
    ];
    let look = Statement::allow("Look", &actions, vec!["*".to_owned()]);
    match location.region {
        Some(region) => look.where_equal("aws:RequestedRegion", [region]),
        None => look,
    }
}

/// The zone's id is not in the file; its records are, by name. As Route 53 normalises them: lower case, no dot at the
/// end.
///
/// A batch has the fence in it, so that one statement has to allow both. IAM cannot tell which action is on which of a
/// batch's records.
fn records(deployment: &Deployment, points_sites: bool) -> Vec<Statement> {
    let zone = || vec!["arn:aws:route53:::hostedzone/*".to_owned()];
    let (mut names, mut types, mut actions) =
        (BTreeSet::from([normalised(&deployment.fence())]), vec!["TXT"], vec!["CREATE", "DELETE"]);
    if points_sites {
        names.extend(deployment.sites.iter().map(|site| normalised(&site.host)));
        types.push("CNAME");
        actions.push("UPSERT");
    }
    let all = "ForAllValues:StringEquals";
    vec![
        Statement::allow("FindZone", &["route53:ListHostedZonesByName"], vec!["*".to_owned()]),
        Statement::allow("ReadZone", &["route53:GetHostedZone", "route53:ListResourceRecordSets"], zone()),
        Statement::allow("ChangeRecords", &["route53:ChangeResourceRecordSets"], zone())
            .only_where(all, "route53:ChangeResourceRecordSetsNormalizedRecordNames", names)
            .only_where(all, "route53:ChangeResourceRecordSetsRecordTypes", types)
            .only_where(all, "route53:ChangeResourceRecordSetsActions", actions),
        Statement::allow("SeeSitesPointed", &["route53:GetChange"], vec!["arn:aws:route53:::change/*".to_owned()]),
    ]
}

fn normalised(name: &DnsName) -> String {
    name.as_str().trim_end_matches('.').to_lowercase()
}

fn page(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    let page = &deployment.maintenance_page;
    let distribution = location.global_arn("cloudfront", format_args!("distribution/{}", page.distribution));
    let of_distribution = ["cloudfront:GetDistribution", "cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"];
    vec![
        Statement::allow(
            "Page",
            &["s3:GetObject", "s3:PutObject"],
            vec![format!("arn:aws:s3:::{}/{}", page.bucket, page.key)],
        ),
        Statement::allow("SeeThatPageIsMissing", &["s3:ListBucket"], vec![format!("arn:aws:s3:::{}", page.bucket)]),
        Statement::allow("Distribution", &of_distribution, vec![distribution]),
    ]
}

fn balancers(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    let arns = |kind, arn: fn(&Balancer) -> String| {
        let of_kind = deployment.balancers.iter().filter(move |balancer| balancer.kind == kind);
        of_kind.map(|balancer| location.arn("elasticloadbalancing", arn(balancer))).collect()
    };
    let classic = arns(BalancerKind::Classic, |balancer| format!("loadbalancer/{}", balancer.name));
    let groups = arns(BalancerKind::TargetGroup, |balancer| format!("targetgroup/{}/*", balancer.name));
    let of_classic = [
        "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
        "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
    ];
    let of_groups = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"];
    vec![
        Statement::allow("ClassicMembers", &of_classic, classic),
        Statement::allow("TargetGroupMembers", &of_groups, groups),
    ]
}

/// A launch asks for each of its parts. The instance and its disks must carry the deployment's tag from the first
/// moment on, and what tags them is the launch alone.
fn launch(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    const RUN: &[&str] = &["ec2:RunInstances"];
    let requested = format!("aws:RequestTag/{ENVIRONMENT}");
    let name = deployment.name.as_str();
    let (instances, volumes) = (location.arn("ec2", "instance/*"), location.arn("ec2", "volume/*"));
    let mut types = of_groups(deployment, |group| vec![group.instance_type.clone()]);
    types.extend(builders(deployment).map(|(_, builder)| builder.instance_type.clone()));
    let mut roles = of_groups(deployment, |group| vec![role_of(&group.profile, location)]);
    roles.extend(builders(deployment).filter_map(|(_, builder)| Some(role_of(builder.profile.as_deref()?, location))));
    vec![
        Statement::allow("LaunchInstances", RUN, vec![instances.clone()])
            .where_equal(&requested, [name])
            .where_equal("ec2:InstanceType", types),
        Statement::allow("LaunchVolumes", RUN, vec![volumes.clone()]).where_equal(&requested, [name]),
        Statement::allow("LaunchFromImages", RUN, vec![location.ownerless_arn("ec2", "image/*")])
            .where_equal(format!("aws:ResourceTag/{ENVIRONMENT}"), [name]),
        Statement::allow("LaunchInto", RUN, launched_into(deployment, location)),
        Statement::allow("TagLaunched", &["ec2:CreateTags"], vec![instances, volumes])
            .where_equal("ec2:CreateAction", ["RunInstances"]),
        Statement::allow("PassRolesNamedLikeProfiles", &["iam:PassRole"], roles.into_iter().collect())
            .where_equal("iam:PassedToService", ["ec2.amazonaws.com"]),
    ]
}

fn images(deployment: &Deployment) -> impl Iterator<Item = &Image> {
    Role::ALL.into_iter().filter_map(|role| Some(&deployment.role.services(role)?.image))
}

/// Images that cutover builds on instances, and on what.
pub(super) fn builders(deployment: &Deployment) -> impl Iterator<Item = (&Image, &Builder)> {
    images(deployment).filter_map(|image| Some((image, image.builder.as_ref()?)))
}

/// What builders are launched from, which has none of the deployment's tags: that image, or those of that owner.
fn base_images(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    const RUN: &[&str] = &["ec2:RunInstances"];
    let any = || vec![location.ownerless_arn("ec2", "image/*")];
    let parameter = |path: &str| location.ownerless_arn("ssm", format_args!("parameter{path}"));
    let mut public = Vec::new();
    // Packer launches its own instance, by whatever rights the operator has.
    let of_packer = images(deployment).filter(|image| image.packer.is_some()).filter_map(|image| match image.base() {
        Base::Parameter(path) => Some(parameter(path)),
        Base::Id(_) | Base::Newest { .. } => None,
    });
    let (mut named, mut owners, mut parameters) = (Vec::new(), BTreeSet::new(), Vec::from_iter(of_packer));
    for (image, _) in builders(deployment) {
        match image.base() {
            Base::Id(id) => named.push(location.ownerless_arn("ec2", format_args!("image/{id}"))),
            Base::Newest { owner: "self", .. } => drop(owners.insert(location.account().to_owned())),
            Base::Newest { owner, .. } => drop(owners.insert(owner.to_owned())),
            Base::Parameter(path) => {
                parameters.push(parameter(path));
                public = any();
            }
        }
    }
    let of_owners = if owners.is_empty() { Vec::new() } else { any() };
    vec![
        Statement::allow("BaseParameters", &["ssm:GetParameter"], parameters),
        Statement::allow("BuildFromImages", RUN, named),
        Statement::allow("BuildFromOwners", RUN, of_owners).where_equal("ec2:Owner", owners),
        Statement::allow("BuildFromPublic", RUN, public).only_where("Bool", "ec2:Public", ["true"]),
    ]
}

/// What is done with a builder, and with the image that is made of it.
fn building(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    if builders(deployment).next().is_none() {
        return Vec::new();
    }
    let name = deployment.name.as_str();
    let (tagged, requested) = (format!("aws:ResourceTag/{ENVIRONMENT}"), format!("aws:RequestTag/{ENVIRONMENT}"));
    let instances = || vec![location.arn("ec2", "instance/*")];
    let made = || vec![location.ownerless_arn("ec2", "image/*"), location.ownerless_arn("ec2", "snapshot/*")];
    vec![
        Statement::allow("StopBuilders", &["ec2:StopInstances", "ec2:CreateImage"], instances())
            .where_equal(&tagged, [name])
            .only_where("StringLike", "aws:ResourceTag/cutover-build", ["*"]),
        Statement::allow("MakeImages", &["ec2:CreateImage"], made()).where_equal(&requested, [name]),
        Statement::allow("TagImages", &["ec2:CreateTags"], made()).where_equal("ec2:CreateAction", ["CreateImage"]),
    ]
}

/// Whether Packer builds an image.
pub(super) fn uses_packer(deployment: &Deployment) -> bool {
    images(deployment).any(|image| image.packer.is_some())
}

/// What a build by Packer leaves behind if it is killed. Packer makes up the names, and tags neither key pairs nor groups, so that
/// IAM cannot tell its groups from others. Only those are asked to be deleted that its output names.
fn packer_rests(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    if !uses_packer(deployment) {
        return Vec::new();
    }
    let made = ["key-pair/packer_*", "security-group/*"].map(|kind| location.arn("ec2", kind)).to_vec();
    vec![Statement::allow("RemoveRestsOfPacker", &["ec2:DeleteKeyPair", "ec2:DeleteSecurityGroup"], made)]
}

/// Network and key pair of next hosts and builders.
fn launched_into(deployment: &Deployment, location: Location<'_>) -> Vec<String> {
    let mut subnets = of_groups(deployment, |group| group.subnets.clone());
    subnets.extend(builders(deployment).map(|(_, builder)| builder.subnet.clone()));
    let mut groups = of_groups(deployment, |group| group.security_groups.clone());
    groups.extend(builders(deployment).flat_map(|(_, builder)| builder.security_groups.clone()));
    let key_pair = deployment.aws.as_ref().and_then(|aws| aws.key_pair.as_ref());
    let resources = std::iter::once("network-interface/*".to_owned())
        .chain(subnets.iter().map(|subnet| format!("subnet/{subnet}")))
        .chain(groups.iter().map(|group| format!("security-group/{group}")))
        .chain(key_pair.map(|key_pair| format!("key-pair/{key_pair}")));
    resources.map(|resource| location.arn("ec2", resource)).collect()
}

/// The role of an instance profile. The file names profiles alone; that a role has its profile's name is how the
/// console and most tools make them.
fn role_of(profile: &str, location: Location<'_>) -> String {
    match profile.starts_with("arn:") {
        true => profile.replacen(":instance-profile/", ":role/", 1),
        false => location.global_arn("iam", format_args!("role/{profile}")),
    }
}

/// What `part` says of each group of hosts, once.
fn of_groups(deployment: &Deployment, part: impl Fn(&HostGroup) -> Vec<String>) -> BTreeSet<String> {
    deployment.fleets.iter().flat_map(Fleet::groups).flat_map(|(_, group)| part(group)).collect()
}

/// What the deployment's own hosts write to their consoles, and no other machine.
fn consoles(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    let consoles = Statement::allow("ReadHostKeys", &["ec2:GetConsoleOutput"], vec![location.arn("ec2", "instance/*")]);
    vec![consoles.where_equal(format!("aws:ResourceTag/{ENVIRONMENT}"), [deployment.name.as_str()])]
}

/// Makes hosts of an image ask with tokens, which is a part of building it.
const TOKENS: &str = "ec2:ModifyImageAttribute";

/// Only what carries the deployment's tags is ever removed.
fn removal(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    let environment = format!("aws:ResourceTag/{ENVIRONMENT}");
    let name = deployment.name.as_str();
    let roles: BTreeSet<&str> = Role::ALL.into_iter().map(|role| deployment.role_tag(role)).collect();
    let images = vec![location.ownerless_arn("ec2", "image/*"), location.ownerless_arn("ec2", "snapshot/*")];
    vec![
        Statement::allow("TerminateHosts", &["ec2:TerminateInstances"], vec![location.arn("ec2", "instance/*")])
            .where_equal(&environment, [name])
            .where_equal(format!("aws:ResourceTag/{ROLE}"), roles),
        Statement::allow("RemoveImages", &["ec2:DeregisterImage", "ec2:DeleteSnapshot", TOKENS], images)
            .where_equal(environment, [name]),
    ]
}

/// Snapshots of database instances, under the names that plans give them. RDS lowers the case of both.
fn snapshots(deployment: &Deployment, location: Location<'_>) -> Vec<Statement> {
    let names = format!("cutover-{}-*", deployment.upgrade()).replace('_', "-").to_lowercase();
    let snapshots = location.arn("rds", format_args!("snapshot:{names}"));
    let databases = deployment.databases.iter().filter(|database| has_snapshots(database));
    let databases = databases.map(|database| location.arn("rds", format!("db:{}", database.name).to_lowercase()));
    let resources = databases.chain([snapshots.clone()]).collect();
    vec![
        Statement::allow("SnapshotDatabases", &["rds:CreateDBSnapshot"], resources),
        Statement::allow("TagSnapshots", &["rds:AddTagsToResource"], vec![snapshots]),
    ]
}

/// Whether snapshots are taken of a database instance.
pub(super) fn has_snapshots(database: &Database) -> bool {
    database.snapshot || database.warm_up_snapshot
}
