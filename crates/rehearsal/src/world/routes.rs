//! Where a request ends: at the maintenance page, on a host behind a balancer, or nowhere.

use cutover_core::deployment::{Site, SiteCheck};
use cutover_core::names::{BalancerName, DnsName, InstanceId};
use cutover_core::observation::{Certificate, Health};
use cutover_core::time::later;
use cutover_engine::ports::Page;

use super::parts::{Balancer, Reach};
use super::state::WorldState;

impl WorldState {
    /// Where requests for `site` end that go to `target`.
    pub(crate) fn reach(&self, site: &Site, target: &DnsName) -> Reach {
        if *target == self.pages.distribution.domain {
            return if self.page_for(&site.host).is_some() { Reach::Page } else { Reach::Nobody };
        }
        let Some((name, balancer)) = self.balancer_at(site, target) else { return Reach::Nobody };
        let Some(members) = self.tally.members(name) else { return Reach::Nobody };
        let health = balancer.received_by(members.in_service > 0);
        let receiving = if health == Health::InService { members.in_service } else { members.out_of_service };
        let serving = self.tally.serving(members, health, &site.program);
        if receiving == 0 { Reach::Nobody } else { Reach::Hosts { serving, receiving } }
    }

    /// The balancer that answers for `site` at `domain`. Target groups share the domain of their ALB, which selects one
    /// by host name.
    pub(crate) fn balancer_at(&self, site: &Site, domain: &DnsName) -> Option<(&BalancerName, &Balancer)> {
        let own = self.balancers.get_key_value(&site.balancer).filter(|(_, balancer)| balancer.domain == *domain);
        own.or_else(|| self.balancers.iter().find(|(_, balancer)| balancer.domain == *domain))
    }

    /// The page that visitors get.
    pub(crate) fn fetch_as_visitors_do(&self, host: &DnsName, path: &str) -> Page {
        match self.resolve_outside(host) {
            Some(_) if self.request_fails(host, path) => answer(502, "Bad Gateway"),
            Some(target) => {
                let moment = self.now.as_millisecond().to_string();
                let turn = self.below(&["request", host.as_str(), path, &moment], u64::MAX);
                self.fetch_from(host, path, &target, turn)
            }
            None => answer(0, "the name does not resolve"),
        }
    }

    /// The page from `target`, even if DNS points elsewhere. A site's check that next hosts pass counts as verified.
    pub(crate) fn fetch_pinned(&mut self, host: &DnsName, path: &str, target: &DnsName) -> Page {
        self.pinned_requests += 1;
        let page = self.fetch_from(host, path, target, self.pinned_requests);
        self.note_verification(host, path, target, &page);
        page
    }

    /// The page from `target`, where a balancer passes the request on to the host whose turn it is.
    fn fetch_from(&self, host: &DnsName, path: &str, target: &DnsName, turn: u64) -> Page {
        if *target == self.pages.distribution.domain {
            return match self.page_for(host) {
                // For deep paths the origin returns an error, for which the page is shown too.
                Some(body) if path == "/" => answer(200, body),
                Some(body) if self.pages.distribution.errors_show_page => answer(503, body),
                _ => answer(403, "Request blocked."),
            };
        }
        let Some((_, site)) = self.site(host) else { return answer(404, "there is no site with that name") };
        let Some((_, balancer)) = self.balancer_at(site, target) else {
            return answer(0, "nothing answers there");
        };
        let receivers: Vec<&InstanceId> = balancer.receivers().collect();
        let picked = turn.checked_rem(receivers.len() as u64).unwrap_or(0);
        let receiver =
            receivers.get(usize::try_from(picked).unwrap_or(0)).and_then(|instance| self.hosts.get(*instance));
        match receiver {
            None => answer(503, "Service Unavailable"),
            Some(receiver) if !receiver.serves(&site.program) => answer(502, "Bad Gateway"),
            Some(receiver) => self.served(site, path, receiver.current),
        }
    }

    /// The site's own answer, with everything that its checks look for, and the name of the release that answers.
    fn served(&self, site: &Site, path: &str, is_current: bool) -> Page {
        let release = &self.deployment.release;
        let filled = site.checks.iter().filter(|check| check.path == path).map(|check| match is_current {
            true => check.of_current_release(release),
            false => check.of_release(release),
        });
        let checks: Vec<SiteCheck> = filled.collect();
        let status = checks.first().map_or(200, |check| check.status);
        let texts: Vec<&str> = checks.iter().filter_map(|check| check.contains.as_deref()).collect();
        if checks.iter().any(SiteCheck::is_heartbeat) {
            return answer(status, &heartbeat(&texts));
        }
        answer(status, &format!("<title>{}</title>\n{}\n", site.name, texts.join("\n")))
    }

    /// The certificate that the server at `domain` presents for `host`.
    pub(crate) fn certificate(&self, host: &DnsName, domain: &DnsName) -> Option<Certificate> {
        let distribution = &self.pages.distribution;
        let covered = if *domain == distribution.domain {
            distribution.certified.contains(host)
        } else {
            self.balancers.values().any(|balancer| balancer.domain == *domain)
        };
        let expires = later(self.furnished_at, std::time::Duration::from_secs(365 * 86_400));
        covered.then_some(Certificate { expires, objection: None })
    }
}

/// A heartbeat as Django prints it. What a check of it looks for besides is in it, too.
fn heartbeat(texts: &[&str]) -> String {
    let services = r#"{"modulestore": {"message": "OK", "status": true}, "sql": {"message": "OK", "status": true}"#;
    let texts = texts.iter().filter(|text| !services.contains(**text));
    let texts = texts.map(|text| format!(", \"{text}\": true"));
    format!("{services}{}}}", texts.collect::<String>())
}

fn answer(status: u16, body: &str) -> Page {
    Page { status, body: body.to_owned() }
}
