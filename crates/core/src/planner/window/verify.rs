//! Checks of the sites: before visitors can see them, and in the way that visitors see them.

use super::Window;
use super::ids::{deregister_id, healthy_id, verify_id};
use crate::deployment::{Fleet, Site};
use crate::plan::{Action, CheckSite, Line, Rule, Step, Via};
use crate::planner::build::{CALL_LIMIT, step};

impl<'a> Window<'a> {
    /// Verifies behind the maintenance page: through the balancer, while DNS still points at the page.
    pub(super) fn verify(&self, fleet: &Fleet) -> Vec<Step> {
        let sites = self.deployment.sites_of(fleet);
        sites
            .filter_map(|site| {
                let balancer = self.deployment.balancer(&site.balancer)?;
                let title = format!("verify {} behind the page", site.host);
                let action = check_site(site, Via::Balancer(balancer.domain.clone()));
                let expected = self.deployment.expected.site_check.duration();
                let verify = step(verify_id(site), Line::Verify, title, action)
                    .of_fleet(&fleet.name)
                    .after(&healthy_id(&site.balancer), Rule::HealthyFirst)
                    .after(&deregister_id(&site.balancer), Rule::CurrentHostsOut)
                    .takes(expected, CALL_LIMIT + 5 * expected);
                Some(verify.page_stays(self.page_stays[&fleet.name]))
            })
            .collect()
    }
}

pub(super) fn check_site(site: &Site, via: Via) -> Action {
    Action::CheckSite(CheckSite { site: site.name.clone(), host: site.host.clone(), via, checks: site.checks.clone() })
}
