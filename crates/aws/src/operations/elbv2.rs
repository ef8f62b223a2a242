//! Target groups, and the balancers in front of them.

use super::{operations, paged};
use crate::shape::shapes;

shapes! {
    /// Lists balancers.
    pub struct DescribeLoadBalancers {
        /// Those of these ARNs only.
        load_balancer_arns: Vec<String> => "LoadBalancerArns",
        /// Those of these names only.
        names: Vec<String> => "Names",
        /// The page.
        marker: Option<String> => "Marker",
    }

    /// A page of balancers.
    pub struct LoadBalancers {
        /// The balancers.
        load_balancers: Vec<LoadBalancer> => "LoadBalancers",
        /// The next page.
        next_marker: Option<String> => "NextMarker",
    }

    /// A balancer.
    pub struct LoadBalancer {
        /// Its ARN.
        arn: String => "LoadBalancerArn",
        /// Its name.
        name: Option<String> => "LoadBalancerName",
        /// The name that records point at.
        dns_name: Option<String> => "DNSName",
        /// The zone for alias records.
        hosted_zone_id: Option<String> => "CanonicalHostedZoneId",
    }

    /// Lists target groups.
    pub struct DescribeTargetGroups {
        /// Those of these ARNs only.
        target_group_arns: Vec<String> => "TargetGroupArns",
        /// Those of these names only.
        names: Vec<String> => "Names",
        /// The page.
        marker: Option<String> => "Marker",
        /// So many in a page.
        page_size: Option<i64> => "PageSize",
    }

    /// A page of target groups.
    pub struct TargetGroups {
        /// The target groups.
        target_groups: Vec<TargetGroup> => "TargetGroups",
        /// The next page.
        next_marker: Option<String> => "NextMarker",
    }

    /// A target group.
    pub struct TargetGroup {
        /// Its ARN.
        arn: String => "TargetGroupArn",
        /// Its name.
        name: String => "TargetGroupName",
        /// The port of its targets.
        port: Option<i64> => "Port",
        /// What its targets are: `instance`, `ip`, and so on.
        target_type: Option<String> => "TargetType",
        /// How often targets are asked, in seconds.
        health_check_interval_seconds: Option<i64> => "HealthCheckIntervalSeconds",
        /// How long an answer may take, in seconds.
        health_check_timeout_seconds: Option<i64> => "HealthCheckTimeoutSeconds",
        /// So many successes in a row take a target in.
        healthy_threshold_count: Option<i64> => "HealthyThresholdCount",
        /// So many failures in a row take it out.
        unhealthy_threshold_count: Option<i64> => "UnhealthyThresholdCount",
        /// A question.
        health_check_path: Option<String> => "HealthCheckPath",
        /// The balancers in front of it.
        load_balancer_arns: Vec<String> => "LoadBalancerArns",
        /// The network.
        vpc_id: Option<String> => "VpcId",
    }

    /// Reads a target group's settings.
    pub struct DescribeTargetGroupAttributes {
        /// The target group.
        target_group_arn: String => "TargetGroupArn",
    }

    /// A target group's settings.
    pub struct TargetGroupAttributes {
        /// The settings.
        attributes: Vec<Attribute> => "Attributes",
    }

    /// A setting.
    pub struct Attribute {
        /// Its key, such as `deregistration_delay.timeout_seconds`.
        key: String => "Key",
        /// Its value.
        value: Option<String> => "Value",
    }

    /// Asks what a target group thinks of its targets.
    pub struct DescribeTargetHealth {
        /// The target group.
        target_group_arn: String => "TargetGroupArn",
        /// Of these targets only.
        targets: Vec<Target> => "Targets",
    }

    /// What a target group thinks of its targets.
    pub struct TargetHealthDescriptions {
        /// One for each.
        descriptions: Vec<TargetHealthDescription> => "TargetHealthDescriptions",
    }

    /// What a target group thinks of a target.
    pub struct TargetHealthDescription {
        /// The target.
        target: Target => "Target",
        /// What it thinks.
        health: Option<TargetHealth> => "TargetHealth",
    }

    /// A target.
    pub struct Target {
        /// The instance's id.
        id: String => "Id",
        /// The port, where it differs from the group's.
        port: Option<i64> => "Port",
    }

    /// Whether a target serves.
    pub struct TargetHealth {
        /// `initial`, `healthy`, `unhealthy`, `unused`, `draining` or `unavailable`.
        state: String => "State",
        /// A code, such as `Target.Timeout`.
        reason: Option<String> => "Reason",
        /// In words.
        description: Option<String> => "Description",
    }

    /// Adds targets.
    pub struct RegisterTargets {
        /// The target group.
        target_group_arn: String => "TargetGroupArn",
        /// The targets.
        targets: Vec<Target> => "Targets",
    }

    /// Removes targets.
    pub struct DeregisterTargets {
        /// The target group.
        target_group_arn: String => "TargetGroupArn",
        /// The targets.
        targets: Vec<Target> => "Targets",
    }

    /// An answer of which nothing is needed.
    pub struct Done {}
}

operations! { ElbV2:
    Read DescribeLoadBalancers -> LoadBalancers;
    Read DescribeTargetGroups -> TargetGroups;
    Read DescribeTargetGroupAttributes -> TargetGroupAttributes;
    Read DescribeTargetHealth -> TargetHealthDescriptions;
    Write RegisterTargets -> Done;
    Write DeregisterTargets -> Done;
}

paged! {
    DescribeLoadBalancers: next_marker => marker;
    DescribeTargetGroups: next_marker => marker;
}
