//! Requests that still arrive at a fleet's hosts while visitors are sent elsewhere, as a host's access log has them.

use cutover_core::names::FleetName;

use super::state::WorldState;

/// How many requests the visitors of one resolver make to a site in a minute.
const PER_MINUTE: usize = 6;

impl WorldState {
    /// The requests of the last minute: those of visitors whose resolvers still name a balancer of the fleet.
    pub(crate) fn late_requests(&self, fleet: &FleetName) -> usize {
        let Some(fleet) = self.deployment.fleets.iter().find(|known| known.name == *fleet) else { return 0 };
        let at_balancer = self.deployment.sites_of(fleet).flat_map(|site| {
            let domain = self.deployment.balancer(&site.balancer).map(|balancer| balancer.domain.clone());
            self.zone.resolvers.iter().filter(move |resolver| {
                let cached = resolver.caches.get(&site.host).map(|cache| &cache.record.target);
                cached.is_some() && cached == domain.as_ref()
            })
        });
        PER_MINUTE * at_balancer.count()
    }
}
