//! New sites that do worse than the old ones, because a test says so.

use std::time::Duration;

use cutover_core::names::DnsName;

use super::parts::Fault;
use super::state::WorldState;

impl WorldState {
    /// How much longer a site takes now to answer visitors.
    pub(crate) fn lateness_of_sites(&self) -> Duration {
        let late = self.faults.iter().map(|fault| match fault {
            Fault::SitesAreSlow { from, by_ms } if *from <= self.now => Duration::from_millis((*by_ms).into()),
            _ => Duration::ZERO,
        });
        late.sum()
    }

    /// Whether a request that a visitor makes now fails.
    pub(crate) fn request_fails(&self, host: &DnsName, path: &str) -> bool {
        let moment = self.now.as_nanosecond().to_string();
        self.faults.iter().any(|fault| match fault {
            Fault::SitesFail { from, one_in, only } if *from <= self.now => {
                only.as_ref().is_none_or(|only| only == host)
                    && self.below(&["fails", host.as_str(), path, &moment], *one_in) == 0
            }
            _ => false,
        })
    }
}
