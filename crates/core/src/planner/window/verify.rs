//! Checks of the sites, with requests and with writes: before visitors can see them, and in the way that visitors see them.

use super::Window;
use super::ids::{deregister_id, healthy_id, verify_id, write_check_id};
use crate::deployment::{Fleet, Role, Site};
use crate::names::StepId;
use crate::plan::{self, Action, CheckSite, Line, Rule, Step, Via};
use crate::planner::build::{CALL_LIMIT, step};

impl<'a> Window<'a> {
    /// Verifies behind the maintenance page: through the balancer, while DNS still points at the page.
    pub(super) fn verify(&self, fleet: &Fleet) -> Vec<Step> {
        let sites = self.deployment.sites_of(fleet);
        sites
            .filter_map(|site| {
                let balancer = self.deployment.balancer(&site.balancer)?;
                let title = format!("verify {} behind the page", site.host);
                let action = self.check_site(fleet, site, Via::Balancer(balancer.domain.clone()));
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

    /// Tries writes on one next host, once the pages are right and the workers run. One after the other: what a check has written
    /// is not there any more when the next one begins.
    pub(super) fn write_checks(&self, fleet: &Fleet) -> Vec<Step> {
        let Some(host) = self.next.of(&fleet.name, Role::Edxapp).first() else { return Vec::new() };
        let verified: Vec<StepId> = self.deployment.sites_of(fleet).map(verify_id).collect();
        let workers = self.workers_started(fleet).ids;
        let mut before: Option<StepId> = None;
        let checks = self.deployment.write_checks_of(fleet).map(|check| {
            let (id, title) = (write_check_id(fleet, check), format!("write check `{}` on {}", check.name, host.name));
            let action = Action::WriteCheck(plan::WriteCheck {
                host: host.clone(),
                fleet: fleet.name.clone(),
                name: check.name.clone(),
                command: check.command.clone(),
                directory: check.directory.clone(),
                user: check.user.clone(),
            });
            step(id.clone(), Line::Verify, title, action)
                .of_fleet(&fleet.name)
                .after_all(&verified, Rule::Follows)
                .after_all(&workers, Rule::WorkersRun)
                .after_all(before.replace(id).as_slice(), Rule::Follows)
                .takes(check.expected.duration(), check.limit.duration())
                .page_stays(self.page_stays[&fleet.name])
        });
        checks.collect()
    }

    /// The ids of a fleet's write checks.
    pub(super) fn writes_tried(&self, fleet: &Fleet) -> Vec<StepId> {
        self.deployment.write_checks_of(fleet).map(|check| write_check_id(fleet, check)).collect()
    }

    /// Requests the site's pages so often that each next host answers: they get requests in turn.
    pub(super) fn check_site(&self, fleet: &Fleet, site: &Site, via: Via) -> Action {
        let hosts = self.next.of(&fleet.name, Role::Edxapp).len();
        let requests = u32::try_from(hosts).unwrap_or(u32::MAX).clamp(FEWEST_REQUESTS, MOST_REQUESTS);
        let checks = site.checks.iter().map(|check| check.of_release(&self.deployment.release)).collect();
        Action::CheckSite(CheckSite { site: site.name.clone(), host: site.host.clone(), via, checks, requests })
    }
}

/// How often a page is requested at least: a host that answers now and then must not pass by luck.
const FEWEST_REQUESTS: u32 = 3;
/// How often it is requested at most: each request is a connection, and visitors wait meanwhile.
const MOST_REQUESTS: u32 = 50;
