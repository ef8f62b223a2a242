//! Steps that request pages of a site.

use serde::{Deserialize, Serialize};

use crate::deployment::SiteCheck;
use crate::names::{DnsName, SiteName};

/// Pages of a site to request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckSite {
    /// The site.
    pub site: SiteName,
    /// Its public host name.
    pub host: DnsName,
    /// How the name is resolved.
    pub via: Via,
    /// The expected answers.
    pub checks: Vec<SiteCheck>,
    /// How often each page is requested, each time on a new connection: a balancer passes requests on to its hosts in turn.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub requests: u32,
}

const fn once() -> u32 {
    1
}

const fn is_once(requests: &u32) -> bool {
    *requests == once()
}

/// How a check's host name is resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// As visitors do.
    PublicDns,
    /// Pinned to this balancer, behind the maintenance page.
    Balancer(DnsName),
}
