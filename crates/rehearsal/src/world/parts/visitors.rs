//! Visitors, as shares of a constant stream of visits.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::{DnsName, SiteName};
use cutover_core::time::between;

use super::{Cache, Reach};
use crate::world::chance::milliseconds;

/// All visits to a site: shares are parts of a million.
pub(crate) const WHOLE: u32 = 1_000_000;

/// The visits over connections that were opened before, of a million visits over a resolver whose answer has changed.
pub(crate) const OVER_OPEN_CONNECTIONS: u32 = 50_000;

/// What a visitor may see, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// The site.
    Site,
    /// The maintenance page.
    Maintenance,
    /// An error, because the visitor's resolver ignores TTLs.
    StaleError,
    /// An error.
    Error,
}

impl Seen {
    /// Everything that a visitor may see, from best to worst.
    pub const ALL: [Self; 4] = [Self::Site, Self::Maintenance, Self::StaleError, Self::Error];
}

/// What the visitors of a site see at a moment, in parts of a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// The site.
    pub site: u32,
    /// The maintenance page.
    pub maintenance: u32,
    /// An error, over a resolver that ignores TTLs.
    pub error_stale_resolver: u32,
    /// An error that the upgrade has caused.
    pub error: u32,
}

impl Shares {
    /// The share of visits with this result.
    #[must_use]
    pub const fn of(&self, seen: Seen) -> u32 {
        match seen {
            Seen::Site => self.site,
            Seen::Maintenance => self.maintenance,
            Seen::StaleError => self.error_stale_resolver,
            Seen::Error => self.error,
        }
    }

    /// Adds visits of one kind. `honest` says that the resolver honours TTLs, so the upgrade is the cause of errors.
    pub(crate) fn add(&mut self, visits: u32, reach: Reach, honest: bool) {
        let (well, page) = match reach {
            Reach::Page => (0, visits),
            Reach::Nobody => (0, 0),
            // Rounded down, so that one failing host among many is not lost by rounding.
            Reach::Hosts { serving, receiving } => (part(visits, serving, receiving), 0),
        };
        self.site += well;
        self.maintenance += page;
        let errors = visits - well - page;
        if honest {
            self.error += errors;
        } else {
            self.error_stale_resolver += errors;
        }
    }
}

/// What the visitors of a site saw during a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// The start of the period.
    pub from: Timestamp,
    /// The end of the period.
    pub to: Timestamp,
    /// What most of them saw.
    pub seen: Seen,
    /// What they saw, in parts of a million.
    pub shares: Shares,
}

/// What the visitors of a site saw, one segment after the other without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteTimeline {
    /// The site.
    pub site: SiteName,
    /// Earliest first.
    pub segments: Vec<Segment>,
}

impl SiteTimeline {
    /// The worst that any visitor saw from `from` until `to`; `None` if the timeline covers nothing of this period.
    #[must_use]
    pub fn worst(&self, from: Timestamp, to: Timestamp) -> Option<Seen> {
        let overlapping = self.overlapping(from, to).map(|(segment, _)| segment.shares);
        overlapping.flat_map(|shares| Seen::ALL.into_iter().filter(move |seen| shares.of(*seen) > 0)).max()
    }

    /// What most visitors saw from `from` until `to`; `None` if the timeline covers nothing of this period.
    #[must_use]
    pub fn main(&self, from: Timestamp, to: Timestamp) -> Option<Seen> {
        let visits = |seen: &Seen| -> u128 {
            self.overlapping(from, to).map(|(segment, length)| visit_time(segment.shares.of(*seen), length)).sum()
        };
        Seen::ALL.into_iter().filter(|seen| visits(seen) > 0).max_by_key(visits)
    }

    /// The segments between two moments, with the time that they overlap.
    pub(crate) fn overlapping(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = (&Segment, Duration)> {
        let overlap = move |segment: &Segment| between(segment.from.max(from), segment.to.min(to));
        self.segments.iter().map(move |segment| (segment, overlap(segment))).filter(|(_, length)| !length.is_zero())
    }
}

/// Visits to all sites, and what each site's visitors saw over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VisitorReport {
    /// Visits that got the site.
    pub site: u64,
    /// Visits that got the maintenance page.
    pub maintenance: u64,
    /// Visits that got an error that the upgrade has caused.
    pub error: u64,
    /// Visits that got an error because their resolver ignores TTLs.
    pub error_stale_resolver: u64,
    /// What the visitors of each site saw, in the order of the file.
    pub timelines: Vec<SiteTimeline>,
}

/// What the visitors of a site have seen since the world was created.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Visitors {
    /// The shares from each moment on.
    pub(crate) changes: Vec<(Timestamp, Shares)>,
}

impl Visitors {
    /// The shares now.
    pub(crate) fn shares(&self) -> Shares {
        self.changes.last().map(|(_, shares)| *shares).unwrap_or_default()
    }

    pub(crate) fn note(&mut self, now: Timestamp, shares: Shares) {
        match self.changes.last_mut() {
            Some((_, last)) if *last == shares => {}
            Some((since, last)) if *since == now => *last = shares,
            _ => self.changes.push((now, shares)),
        }
    }

    pub(crate) fn segments(&self, from: Timestamp, to: Timestamp) -> Vec<Segment> {
        let ends = self.changes.iter().skip(1).map(|(moment, _)| *moment).chain([to]);
        self.changes
            .iter()
            .zip(ends)
            .map(|((since, shares), end)| Segment {
                from: from.max(*since),
                to: to.min(end),
                seen: Seen::ALL.into_iter().max_by_key(|seen| shares.of(*seen)).unwrap_or(Seen::Error),
                shares: *shares,
            })
            .filter(|segment| segment.from < segment.to)
            .collect()
    }
}

/// The targets to which the visitors of a site go, according to DNS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    /// Two or three at a time.
    pub(crate) targets: Vec<DnsName>,
    pub(crate) list: Vec<Stream>,
}

/// The visitors of one resolver who go to one target.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// The position of the target among the targets.
    pub(crate) target: usize,
    /// Of a million.
    pub(crate) visits: u32,
    /// Whether the resolver honours TTLs.
    pub(crate) honest: bool,
}

impl Streams {
    /// None yet, with room for those of so many resolvers.
    pub(crate) fn of(resolvers: usize) -> Self {
        Self { targets: Vec::with_capacity(2), list: Vec::with_capacity(2 * resolvers) }
    }

    pub(crate) fn add(&mut self, target: &DnsName, visits: u32, honest: bool) {
        let known = self.targets.iter().position(|known| known == target);
        let target = known.unwrap_or_else(|| {
            self.targets.push(target.clone());
            self.targets.len() - 1
        });
        self.list.push(Stream { target, visits, honest });
    }

    /// Whether any of them leads to another target than `own`.
    pub(crate) fn are_astray(&self, own: &[&DnsName]) -> bool {
        self.targets.iter().any(|target| !own.contains(&target))
    }
}

impl Cache {
    /// The targets of this resolver's visitors, in parts of a million: some are still connected to the previous target.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (&DnsName, u32)> {
        let open = if self.left.is_some() { OVER_OPEN_CONNECTIONS } else { 0 };
        let left = self.left.as_ref().map(|left| (&left.target, open));
        std::iter::once((&self.record.target, WHOLE - open)).chain(left)
    }
}

/// Divides `whole` into a number of parts that are as equal as possible.
pub(crate) fn split(whole: u32, parts: usize) -> impl Iterator<Item = u32> {
    let parts = u32::try_from(parts).unwrap_or(u32::MAX).max(1);
    (0..parts).map(move |part| whole / parts + u32::from(part < whole % parts))
}

/// `numerator` of `denominator` parts of `whole`, rounded down.
pub(crate) fn part(whole: u32, numerator: u32, denominator: u32) -> u32 {
    let exact = u64::from(whole) * u64::from(numerator) / u64::from(denominator.max(1));
    u32::try_from(exact).unwrap_or(whole)
}

/// Parts of a million times milliseconds.
pub(crate) fn visit_time(share: u32, length: Duration) -> u128 {
    u128::from(share) * u128::from(milliseconds(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    fn timeline() -> SiteTimeline {
        let mut visitors = Visitors::default();
        visitors.note(moment(0), Shares { site: WHOLE, ..Shares::default() });
        visitors.note(moment(100), Shares { maintenance: WHOLE, ..Shares::default() });
        visitors.note(moment(110), Shares { maintenance: 999_999, error: 1, ..Shares::default() });
        visitors.note(moment(200), Shares { site: WHOLE, ..Shares::default() });
        SiteTimeline { site: "lms".into(), segments: visitors.segments(moment(0), moment(300)) }
    }

    #[test]
    fn the_worst_of_an_interval_is_one_visitors_error_and_the_main_thing_what_most_saw() {
        let timeline = timeline();
        assert_eq!(timeline.worst(moment(0), moment(100)), Some(Seen::Site));
        assert_eq!(timeline.worst(moment(50), moment(110)), Some(Seen::Maintenance));
        assert_eq!(timeline.worst(moment(50), moment(111)), Some(Seen::Error));
        assert_eq!(timeline.main(moment(50), moment(120)), Some(Seen::Site));
        assert_eq!(timeline.main(moment(90), moment(120)), Some(Seen::Maintenance));
        assert_eq!(timeline.main(moment(300), moment(400)), None);
    }

    #[test]
    fn shares_that_do_not_change_make_one_segment() {
        let mut visitors = Visitors::default();
        let all = Shares { site: WHOLE, ..Shares::default() };
        visitors.note(moment(0), all);
        visitors.note(moment(5), all);
        visitors.note(moment(9), Shares::default());
        visitors.note(moment(9), all);
        assert_eq!(visitors.segments(moment(2), moment(8)).len(), 1);
    }

    #[test]
    fn one_failing_host_of_many_is_never_lost_to_rounding() {
        let mut shares = Shares::default();
        shares.add(1, Reach::Hosts { serving: 999, receiving: 1000 }, true);
        assert_eq!(shares.error, 1);
        let mut shares = Shares::default();
        shares.add(WHOLE, Reach::Hosts { serving: 17, receiving: 18 }, false);
        assert_eq!((shares.site, shares.error, shares.error_stale_resolver), (944_444, 0, 55_556));
    }

    #[test]
    fn visits_are_split_without_losing_one() {
        assert_eq!(split(980_000, 6).sum::<u32>(), 980_000);
        assert_eq!(split(1, 0).sum::<u32>(), 1);
    }
}
