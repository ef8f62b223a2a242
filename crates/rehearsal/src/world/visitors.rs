//! Visitors, as shares of a constant stream of visits: which part gets the site, the maintenance page, or an error.
//!
//! Between two events of the world these shares are constant. So they are recorded only when they change, and counts
//! are sums over the time between changes.

use std::collections::BTreeSet;

use jiff::Timestamp;

use cutover_core::deployment::Site;
use cutover_core::names::DnsName;
use cutover_core::time::between;

use super::parts::{Cache, Reach, Seen, Shares, SiteTimeline, Streams, VisitorReport, WHOLE, part, split, visit_time};
use super::state::WorldState;

impl WorldState {
    /// Records what visitors see now of the sites whose names have new targets or whose balancers have changed.
    pub(crate) fn note_visitors(&mut self, renamed: &BTreeSet<usize>, behind: &BTreeSet<usize>) {
        for position in renamed {
            let streams = self.streams(&self.deployment.sites[*position]);
            if streams.are_astray(&self.own_targets(*position)) {
                self.tally.astray.insert(*position);
            } else {
                self.tally.astray.remove(position);
            }
            self.tally.streams[*position] = streams;
        }
        for position in renamed.union(behind) {
            let shares = self.shares(&self.deployment.sites[*position], &self.tally.streams[*position]);
            self.visitors[*position].note(self.now, shares);
        }
    }

    /// Where visitors of a site are expected: the maintenance page and the site's own balancer.
    fn own_targets(&self, position: usize) -> Vec<&DnsName> {
        let balancer = self.balancers.get(&self.deployment.sites[position].balancer);
        let own = balancer.map(|balancer| &balancer.domain);
        own.into_iter().chain([&self.pages.distribution.domain]).collect()
    }

    pub(crate) fn visitors_between(&self, from: Timestamp, to: Timestamp) -> VisitorReport {
        let timelines: Vec<SiteTimeline> = self
            .deployment
            .sites
            .iter()
            .zip(&self.visitors)
            .map(|(site, visitors)| SiteTimeline { site: site.name.clone(), segments: visitors.segments(from, to) })
            .collect();
        let count = |seen: Seen| {
            let segments = timelines.iter().flat_map(|timeline| &timeline.segments);
            let time: u128 =
                segments.map(|segment| visit_time(segment.shares.of(seen), between(segment.from, segment.to))).sum();
            // Rounded up, so that an error is never reported as zero.
            let visits =
                (time * u128::from(self.deployment.embedded.visits_per_second)).div_ceil(1000 * u128::from(WHOLE));
            u64::try_from(visits).unwrap_or(u64::MAX)
        };
        VisitorReport {
            site: count(Seen::Site),
            maintenance: count(Seen::Maintenance),
            error: count(Seen::Error),
            error_stale_resolver: count(Seen::StaleError),
            timelines,
        }
    }

    /// Whether all visitors whose resolvers honour TTLs get the site, over new connections and old ones.
    pub(crate) fn is_served(&self, site: &Site) -> bool {
        self.zone.resolvers.iter().filter(|resolver| resolver.honest).all(|resolver| {
            let targets = resolver.caches.get(&site.host).into_iter().flat_map(Cache::targets);
            targets
                .map(|(target, _)| self.reach(site, target))
                .all(|reach| matches!(reach, Reach::Hosts { serving, receiving } if serving == receiving))
        })
    }

    /// The targets to which the visitors of a site go.
    fn streams(&self, site: &Site) -> Streams {
        let stale = self.deployment.embedded.stale_visits_per_mille.min(1000) * (WHOLE / 1000);
        let mut streams = Streams::of(self.zone.resolvers.len());
        for (honest, visits) in [(true, WHOLE - stale), (false, stale)] {
            let mut caches: Vec<&Cache> = Vec::with_capacity(self.zone.resolvers.len());
            let resolvers = self.zone.resolvers.iter().filter(|resolver| resolver.honest == honest);
            caches.extend(resolvers.filter_map(|resolver| resolver.caches.get(&site.host)));
            for (cache, visits) in caches.iter().zip(split(visits, caches.len())) {
                for (target, of_million) in cache.targets() {
                    streams.add(target, part(visits, of_million, WHOLE), honest);
                }
            }
        }
        streams
    }

    /// What the visitors of a site see who go to a target.
    fn shares(&self, site: &Site, streams: &Streams) -> Shares {
        let reached: Vec<Reach> = streams.targets.iter().map(|target| self.reach(site, target)).collect();
        let mut shares = Shares::default();
        for stream in &streams.list {
            shares.add(stream.visits, reached[stream.target], stream.honest);
        }
        shares
    }
}
