//! Classic load balancers.

use super::{operations, paged};
use crate::shape::shapes;

shapes! {
    /// Lists balancers.
    pub struct DescribeLoadBalancers {
        /// Those of these names only.
        load_balancer_names: Vec<String> => "LoadBalancerNames",
        /// The page.
        marker: Option<String> => "Marker",
        /// So many in a page.
        page_size: Option<i64> => "PageSize",
    }

    /// A page of balancers.
    pub struct LoadBalancers {
        /// The balancers.
        load_balancers: Vec<LoadBalancer> => "LoadBalancerDescriptions",
        /// The next page.
        next_marker: Option<String> => "NextMarker",
    }

    /// A balancer.
    pub struct LoadBalancer {
        /// Its name.
        name: String => "LoadBalancerName",
        /// The name that records point at.
        dns_name: String => "DNSName",
        /// The zone for alias records.
        hosted_zone_id: Option<String> => "CanonicalHostedZoneNameID",
        /// Its members.
        instances: Vec<Instance> => "Instances",
        /// How it tells whether a member serves.
        health_check: Option<HealthCheck> => "HealthCheck",
        /// The network.
        vpc_id: Option<String> => "VPCId",
    }

    /// A member.
    pub struct Instance {
        /// The instance's id.
        instance_id: String => "InstanceId",
    }

    /// How a balancer tells whether a member serves.
    pub struct HealthCheck {
        /// What is asked, such as `HTTPS:443/heartbeat`.
        target: String => "Target",
        /// How often, in seconds.
        interval: i64 => "Interval",
        /// How long an answer may take, in seconds.
        timeout: i64 => "Timeout",
        /// So many failures in a row take a member out.
        unhealthy_threshold: i64 => "UnhealthyThreshold",
        /// So many successes in a row take it in.
        healthy_threshold: i64 => "HealthyThreshold",
    }

    /// Reads a balancer's settings.
    pub struct DescribeLoadBalancerAttributes {
        /// The balancer.
        load_balancer_name: String => "LoadBalancerName",
    }

    /// What comes back.
    pub struct LoadBalancerAttributesAnswer {
        /// The settings.
        attributes: LoadBalancerAttributes => "LoadBalancerAttributes",
    }

    /// A balancer's settings.
    pub struct LoadBalancerAttributes {
        /// How long connections of a member that leaves are kept.
        connection_draining: Option<ConnectionDraining> => "ConnectionDraining",
    }

    /// How long connections of a member that leaves are kept.
    pub struct ConnectionDraining {
        /// Whether they are.
        enabled: bool => "Enabled",
        /// At most so many seconds.
        timeout: Option<i64> => "Timeout",
    }

    /// Asks what a balancer thinks of its members.
    pub struct DescribeInstanceHealth {
        /// The balancer.
        load_balancer_name: String => "LoadBalancerName",
        /// Of these members only. An unknown one fails the call.
        instances: Vec<Instance> => "Instances",
    }

    /// What a balancer thinks of its members.
    pub struct InstanceHealth {
        /// One for each.
        instance_states: Vec<InstanceState> => "InstanceStates",
    }

    /// What a balancer thinks of a member.
    pub struct InstanceState {
        /// The instance.
        instance_id: String => "InstanceId",
        /// `InService`, `OutOfService` or `Unknown`.
        state: String => "State",
        /// Whose fault it is: `ELB`, `Instance` or `N/A`.
        reason_code: Option<String> => "ReasonCode",
        /// In words.
        description: Option<String> => "Description",
    }

    /// Adds members.
    pub struct RegisterInstancesWithLoadBalancer {
        /// The balancer.
        load_balancer_name: String => "LoadBalancerName",
        /// The members.
        instances: Vec<Instance> => "Instances",
    }

    /// Removes members.
    pub struct DeregisterInstancesFromLoadBalancer {
        /// The balancer.
        load_balancer_name: String => "LoadBalancerName",
        /// The members.
        instances: Vec<Instance> => "Instances",
    }

    /// The members that a balancer has now.
    pub struct Members {
        /// The members.
        instances: Vec<Instance> => "Instances",
    }
}

operations! { Elb:
    Read DescribeLoadBalancers -> LoadBalancers;
    Read DescribeLoadBalancerAttributes -> LoadBalancerAttributesAnswer;
    Read DescribeInstanceHealth -> InstanceHealth;
    Write RegisterInstancesWithLoadBalancer -> Members;
    Write DeregisterInstancesFromLoadBalancer -> Members;
}

paged! {
    DescribeLoadBalancers: next_marker => marker;
}
