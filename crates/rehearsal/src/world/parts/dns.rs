//! The zone, its servers, and the resolvers in front of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::{ChangeId, DnsName};
use cutover_core::observation::Record;
use cutover_core::plan::RecordTarget;
use cutover_core::time::{between, later};
use cutover_engine::fence::FenceRecord;

use crate::world::chance::milliseconds;

/// How many servers a zone of Route 53 has.
pub(crate) const SERVERS: usize = 4;

/// Resolvers that visitors use besides those of the deployment file.
pub(crate) const VISITORS_RESOLVERS: usize = 4;

/// Resolvers that ignore TTLs.
pub(crate) const STALE_RESOLVERS: usize = 2;

/// The zone, its servers, its changes, and the resolvers of the world.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Zone {
    /// The records as the API shows them.
    pub(crate) records: BTreeMap<DnsName, Record>,
    /// The TXT records that say which conductor last changed records.
    #[serde(default)]
    pub(crate) fences: BTreeMap<DnsName, FenceRecord>,
    pub(crate) servers: Vec<Server>,
    pub(crate) changes: BTreeMap<ChangeId, Change>,
    pub(crate) resolvers: Vec<Resolver>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) answers: BTreeMap<DnsName, Record>,
    /// When it will have got all changes so far. It gets them in their order.
    pub(crate) up_to_date: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) records: Vec<RecordTarget>,
    pub(crate) in_sync: bool,
}

/// A recursive resolver.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Resolver {
    /// Its address, if the deployment file names it.
    pub(crate) address: Option<IpAddr>,
    /// Whether it honours TTLs.
    pub(crate) honest: bool,
    pub(crate) caches: BTreeMap<DnsName, Cache>,
}

/// A resolver's cached answer for a name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cache {
    pub(crate) record: Record,
    /// The server that it asks.
    pub(crate) server: usize,
    pub(crate) fetched: Timestamp,
    /// When it asks again, if the answer will be a different one then.
    pub(crate) due: Option<Timestamp>,
    /// The target of connections that were opened with the previous answer and are still open.
    pub(crate) left: Option<Left>,
}

/// A previous target, and when the last connection to it closes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Left {
    pub(crate) target: DnsName,
    pub(crate) until: Timestamp,
}

impl Cache {
    /// The first refresh after `now` of a cache that keeps answers for `kept`.
    pub(crate) fn next_refresh(&self, kept: Duration, now: Timestamp) -> Timestamp {
        let kept = kept.max(Duration::from_secs(1));
        let rounds = between(self.fetched, now).as_nanos().div_ceil(kept.as_nanos()).max(1);
        later(self.fetched, kept.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX)))
    }
}

impl Zone {
    /// The zone with these records on all servers, and resolvers whose cached answers have random ages. `below` gives
    /// random numbers.
    pub(crate) fn furnish(
        records: BTreeMap<DnsName, Record>,
        addresses: &[IpAddr],
        stale_ttl: Duration,
        at: Timestamp,
        below: impl Fn(&[&str], u64) -> u64,
    ) -> Self {
        let named = addresses.iter().map(|address| (Some(*address), true));
        let pool = std::iter::repeat_n((None, true), VISITORS_RESOLVERS);
        let stale = std::iter::repeat_n((None, false), STALE_RESOLVERS);
        let furnish = |(number, (address, honest)): (usize, (Option<IpAddr>, bool))| {
            let number = number.to_string();
            let cache = |(name, record): (&DnsName, &Record)| {
                let kept = milliseconds(if honest { record.ttl } else { stale_ttl });
                let age = below(&["age", &number, name.as_str()], kept);
                let server = below(&["asks", &number, name.as_str()], SERVERS as u64);
                let fetched = cutover_core::time::earlier(at, Duration::from_millis(age));
                let server = usize::try_from(server).unwrap_or(0);
                (name.clone(), Cache { record: record.clone(), server, fetched, due: None, left: None })
            };
            Resolver { address, honest, caches: records.iter().map(cache).collect() }
        };
        let resolvers = named.chain(pool).chain(stale).enumerate().map(furnish).collect();
        let server = Server { answers: records.clone(), up_to_date: at };
        Self { records, fences: BTreeMap::new(), servers: vec![server; SERVERS], changes: BTreeMap::new(), resolvers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_never_due_before_now_however_little_its_answer_is_past_its_time() {
        let fetched = Timestamp::UNIX_EPOCH;
        let record = Record { target: "balancer.example".into(), ttl: Duration::from_secs(60) };
        let cache = Cache { record, server: 0, fetched, due: None, left: None };
        for nanoseconds in [0, 1, 300_000, 999_999] {
            let now = later(fetched, Duration::from_secs(120) + Duration::from_nanos(nanoseconds));
            let due = cache.next_refresh(Duration::from_secs(60), now);
            assert!(due >= now && between(now, due) < Duration::from_secs(60), "{now}: {due}");
        }
    }
}
