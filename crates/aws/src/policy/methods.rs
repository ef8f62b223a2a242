//! What each method of a port, and the state's store, asks AWS; and in which phases it is used. Methods that ask AWS
//! nothing, such as looking at a site from outside, are not here.

use cutover_core::plan::Phase;

/// A method of a port, or of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// The port and the method: `compute.launch`.
    pub name: &'static str,
    /// When it is used.
    pub when: When,
    /// The actions of the operations that it asks for, some of them only where an answer was not as hoped.
    pub calls: &'static [&'static str],
    /// Actions that AWS wants allowed besides, each with the one of `calls` that is the reason.
    pub besides: &'static [(&'static str, &'static str)],
}

/// When a method is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// By every phase, for its plan is made from what is observed; by `check`, `plan`, `status`, `approve`, `report`.
    Always,
    /// By the steps of these phases.
    In(&'static [Phase]),
}

impl Method {
    /// Every action that it needs.
    pub fn actions(&self) -> impl Iterator<Item = &'static str> {
        self.calls.iter().copied().chain(self.besides.iter().map(|(action, _)| *action))
    }

    /// Whether it is needed only where cutover builds images.
    pub(super) fn is_of_builders(&self) -> bool {
        self.name.starts_with("builders.")
    }

    /// Whether it is needed only where Packer builds images.
    pub(super) fn is_of_packer(&self) -> bool {
        self.name.starts_with("packers.")
    }

    /// Whether it belongs to the state's store, and not to a port.
    pub(super) fn is_of_store(&self) -> bool {
        self.name.starts_with("store.")
    }

    const fn always(name: &'static str, calls: &'static [&'static str]) -> Self {
        Self { name, when: When::Always, calls, besides: &[] }
    }

    const fn during(phases: &'static [Phase], name: &'static str, calls: &'static [&'static str]) -> Self {
        Self { name, when: When::In(phases), calls, besides: &[] }
    }

    const fn besides(self, besides: &'static [(&'static str, &'static str)]) -> Self {
        Self { besides, ..self }
    }
}

/// Every method that asks AWS something.
#[must_use]
pub fn methods() -> &'static [Method] {
    &METHODS
}

const ANNOUNCE: &[Phase] = &[Phase::Announce];
const PREPARE: &[Phase] = &[Phase::Prepare];
const WINDOW: &[Phase] = &[Phase::Window];
const RETIRE: &[Phase] = &[Phase::Retire];
const PREPARE_AND_RETIRE: &[Phase] = &[Phase::Prepare, Phase::Retire];
/// A host is terminated only once no balancer has it.
const WINDOW_AND_RETIRE: &[Phase] = &[Phase::Window, Phase::Retire];
/// Where sites' records change: TTLs are lowered in the first of these, and put back in the last.
const RECORDS_CHANGE: &[Phase] = &[Phase::Prepare, Phase::Window, Phase::Retire];
/// Whoever begins to change anything makes the zone's fence its own first.
const EVERY_PHASE: &[Phase] = &Phase::ALL;

/// Of what is not there S3 says so only to those who may list it, and refuses others.
const LISTED: &[(&str, &str)] = &[("s3:ListBucket", "s3:GetObject")];

/// The method that is used only where sites' records change, and not with the fence alone.
pub(super) const SEES_SITES_POINTED: &str = "dns.in_sync";

const METHODS: [Method; 47] = [
    Method::always("account.identity", &["sts:GetCallerIdentity"]),
    Method::always("account.subnets", &["ec2:DescribeSubnets"]),
    Method::always("account.security_groups", &["ec2:DescribeSecurityGroups"]),
    Method::always(
        "account.quotas",
        &[
            "servicequotas:GetServiceQuota",
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceTypes",
            "rds:DescribeAccountAttributes",
        ],
    ),
    Method::always("dns.records", &["route53:ListHostedZonesByName", "route53:ListResourceRecordSets"]),
    Method::always("dns.fence", &["route53:ListHostedZonesByName", "route53:ListResourceRecordSets"]),
    Method::during(
        EVERY_PHASE,
        "dns.change_records",
        &["route53:ListHostedZonesByName", "route53:ChangeResourceRecordSets"],
    ),
    Method::during(RECORDS_CHANGE, SEES_SITES_POINTED, &["route53:GetChange"]),
    Method::always("dns.ask_servers", &["route53:ListHostedZonesByName", "route53:GetHostedZone"]),
    Method::always(
        "balancers.balancers",
        &[
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeInstanceHealth",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
    ),
    Method::during(
        WINDOW_AND_RETIRE,
        "balancers.health",
        &[
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeInstanceHealth",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
    ),
    Method::during(
        WINDOW,
        "balancers.register",
        &[
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
            "elasticloadbalancing:RegisterTargets",
        ],
    ),
    Method::during(
        WINDOW,
        "balancers.deregister",
        &[
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeInstanceHealth",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
            "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
            "elasticloadbalancing:DeregisterTargets",
        ],
    ),
    Method::always("compute.instances", &["ec2:DescribeInstances", "ec2:DescribeInstanceStatus"]),
    Method::during(PREPARE, "compute.launch", &["ec2:RunInstances", "ec2:DescribeInstances"])
        .besides(&[("ec2:CreateTags", "ec2:RunInstances"), ("iam:PassRole", "ec2:RunInstances")]),
    Method::during(WINDOW_AND_RETIRE, "compute.lives", &["ec2:DescribeInstances"]),
    Method::during(RETIRE, "compute.terminate", &["ec2:DescribeInstances", "ec2:TerminateInstances"]),
    Method::always("inventory.location", &["ec2:DescribeInstances"]),
    // For the keys of hosts that the operator's files do not know.
    Method::always("inventory.console", &["ec2:GetConsoleOutput"]),
    Method::always("images.images", &["ec2:DescribeImages"]),
    Method::during(PREPARE, "images.build", &["ec2:DescribeImages"]),
    Method::always("builders.base", &["ec2:DescribeImages", "ssm:GetParameter"]),
    Method::always("builders.all_builders", &["ec2:DescribeInstances"]),
    Method::during(PREPARE, "builders.builders", &["ec2:DescribeInstances"]),
    Method::during(PREPARE, "builders.launch_builder", &["ec2:RunInstances"])
        .besides(&[("ec2:CreateTags", "ec2:RunInstances"), ("iam:PassRole", "ec2:RunInstances")]),
    Method::during(PREPARE, "builders.stop_builder", &["ec2:StopInstances"]),
    Method::during(PREPARE, "builders.make_image", &["ec2:CreateImage", "ec2:DescribeImages"])
        .besides(&[("ec2:CreateTags", "ec2:CreateImage")]),
    Method::during(PREPARE, "builders.require_tokens", &["ec2:ModifyImageAttribute"]),
    Method::during(PREPARE, "builders.discard_builder", &["ec2:DescribeInstances", "ec2:TerminateInstances"]),
    Method::during(
        PREPARE,
        "packers.packer_rests",
        &["ec2:DescribeInstances", "ec2:DescribeImages", "ec2:DescribeKeyPairs", "ec2:DescribeSecurityGroups"],
    ),
    Method::during(
        PREPARE,
        "packers.remove_packer_rest",
        &[
            "ec2:DescribeInstances",
            "ec2:DescribeImages",
            "ec2:TerminateInstances",
            "ec2:DeregisterImage",
            "ec2:DeleteSnapshot",
            "ec2:DeleteKeyPair",
            "ec2:DeleteSecurityGroup",
        ],
    ),
    Method::during(RETIRE, "images.disks", &["ec2:DescribeImages"]),
    // An image that has failed is removed before it is built anew.
    Method::during(PREPARE_AND_RETIRE, "images.remove", &["ec2:DescribeImages", "ec2:DeregisterImage"]),
    Method::during(RETIRE, "images.remove_disk", &["ec2:DeleteSnapshot"]),
    Method::always("databases.databases", &["rds:DescribeDBInstances", "rds:DescribeDBSnapshots"]),
    Method::during(WINDOW, "databases.snapshot", &["rds:DescribeDBSnapshots"]),
    Method::during(WINDOW, "databases.begin_snapshot", &["rds:CreateDBSnapshot"])
        .besides(&[("rds:AddTagsToResource", "rds:CreateDBSnapshot")]),
    Method::always("pages.page", &["s3:GetObject"]).besides(LISTED),
    // S3 says whether the object is the version that was read only to those who may read it.
    Method::during(ANNOUNCE, "pages.put_page", &["s3:PutObject"]).besides(&[("s3:GetObject", "s3:PutObject")]),
    Method::always("pages.distribution", &["cloudfront:GetDistribution"]),
    Method::during(ANNOUNCE, "pages.invalidate", &["cloudfront:CreateInvalidation"]),
    Method::during(ANNOUNCE, "pages.invalidated", &["cloudfront:GetInvalidation"]),
    // The state, where a bucket keeps it.
    Method::always("store.create", &["s3:PutObject", "s3:GetObject"]).besides(LISTED),
    Method::always("store.replace", &["s3:PutObject"]),
    Method::always("store.exists", &["s3:GetObject"]).besides(LISTED),
    Method::always("store.read", &["s3:GetObject"]).besides(LISTED),
    Method::always("store.list", &["s3:ListBucket"]),
];
