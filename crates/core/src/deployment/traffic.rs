//! What a visitor's request passes through: the maintenance page, DNS, sites and balancers.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SiteCheck;
use crate::names::{BalancerName, DnsName, SiteName};
use crate::time::Span;

/// What visitors see while the site is down: an object in S3 behind a CloudFront distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenancePage {
    /// The S3 bucket that is the distribution's origin.
    pub bucket: String,
    /// The object's key in the bucket.
    #[serde(default = "default_key")]
    pub key: String,
    /// The CloudFront distribution's id. It must list every site as an alternate domain name.
    pub distribution: String,
    /// The distribution's own host name, which records point at during the window.
    pub domain: DnsName,
    /// The page itself, in HTML. `{start}`, `{end}`, `{length}` and `{sites}` are filled in.
    pub text: String,
}

fn default_key() -> String {
    "index.html".to_owned()
}

/// The hosted zone, its TTLs, and which resolvers to ask whether a change has arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The Route 53 hosted zone's name, with or without the trailing dot.
    pub zone: String,
    /// The sites' TTL in ordinary times.
    pub ttl: Span,
    /// The sites' TTL during the upgrade, lowered while it is prepared.
    pub window_ttl: Span,
    /// How long browsers may keep using an open connection after resolvers have the new answer.
    #[serde(default = "default_settle")]
    pub settle: Span,
    /// The recursive resolvers that must have seen a change before the upgrade goes on, in addition to the zone's own
    /// servers.
    #[serde(default)]
    pub resolvers: Vec<IpAddr>,
}

fn default_settle() -> Span {
    Span::seconds(60)
}

/// A public host name that must end up served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// A short name, such as `lms`.
    pub name: SiteName,
    /// The public host name, such as `lms.mitx.mit.edu`.
    pub host: DnsName,
    /// The balancer that serves it.
    pub balancer: BalancerName,
    /// The supervisor program that answers for it on a host.
    #[serde(default = "default_program")]
    pub program: crate::names::ProgramName,
    /// The checks from outside that must pass before visitors are let in.
    #[serde(rename = "check", default)]
    pub checks: Vec<SiteCheck>,
}

fn default_program() -> crate::names::ProgramName {
    "lms".into()
}

/// A load balancer, as sites and fleets see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Balancer {
    /// The classic ELB's name, at most 32 characters, or the target group's.
    pub name: BalancerName,
    /// Classic ELB or target group. They differ in what happens to hosts that are registered before they serve.
    pub kind: BalancerKind,
    /// The host name that records point at: the ELB's own, or its ALB's.
    pub domain: DnsName,
}

/// A classic ELB or a target group.
///
/// A classic ELB keeps a failing host out of service, so hosts may be registered before they serve. A target group
/// brings a new target into service after one passed check, but a target that has failed only after the full
/// threshold; and if all its targets fail, it sends requests to all of them. So hosts are registered there only once
/// they serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum BalancerKind {
    /// A classic Elastic Load Balancer.
    Classic,
    /// A target group of an Application Load Balancer.
    TargetGroup,
}
