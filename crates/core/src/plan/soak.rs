//! Steps that compare the new site with the old one, as visitors get them.

use serde::{Deserialize, Serialize};

use super::count_tasks::CountTasks;
use crate::deployment::{self, SiteCheck};
use crate::names::{DnsName, FleetName, SiteName};

/// What visitors get before the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The fleet.
    pub fleet: FleetName,
    /// Its sites.
    pub sites: Vec<AskedSite>,
    /// How many requests each site gets.
    pub requests: u32,
    /// How the tasks in the fleet's queues are counted, if the file says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<CountTasks>,
}

/// What visitors get after the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soak {
    /// The fleet.
    pub fleet: FleetName,
    /// Its sites.
    pub sites: Vec<AskedSite>,
    /// How the tasks in the fleet's queues are counted, if the file says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<CountTasks>,
    /// How long it takes, how often the sites are requested, and what may differ from the time before the window.
    pub terms: deployment::Soak,
}

/// A site that is requested again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedSite {
    /// The site.
    pub site: SiteName,
    /// Its public host name.
    pub host: DnsName,
    /// The pages, which are requested in turn, and the expected answers.
    pub checks: Vec<SiteCheck>,
}
