//! What visitors saw, as a strip of characters for each site: one character for each part of the time.

use cutover_core::time::{between, later};
use cutover_rehearsal::{Seen, SiteTimeline, VisitorReport};
use jiff::Timestamp;
use serde::Serialize;

use super::text::{WIDTH, axis, fit, fraction, grouped, hang};

/// How many visits saw what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VisitorCounts {
    /// Visits that saw the site.
    pub site: u64,
    /// Visits that saw the maintenance page.
    pub maintenance: u64,
    /// Visits that saw an error though their resolver honours TTLs.
    pub error: u64,
    /// Visits that saw an error behind a resolver that ignores TTLs.
    pub error_stale_resolver: u64,
}

impl From<&VisitorReport> for VisitorCounts {
    fn from(report: &VisitorReport) -> Self {
        Self {
            site: report.site,
            maintenance: report.maintenance,
            error: report.error,
            error_stale_resolver: report.error_stale_resolver,
        }
    }
}

/// The legend of the strips, in at most 80 columns.
pub(super) const LEGEND: &str = "\
.  the site            M  maintenance page             (blank: nobody came)
s  the site, m  the page, with errors behind resolvers that ignore TTLs
E  errors for visitors whose resolvers honour TTLs";

/// A strip for each site from `from` to `to`, `width` characters after a label, with a time axis below.
pub(super) fn strips(timelines: &[SiteTimeline], from: Timestamp, to: Timestamp, label: usize, width: usize) -> String {
    let lines = timelines.iter().map(|timeline| {
        let strip: String = (0..width).map(|place| glyph(timeline, part(from, to, place, width))).collect();
        format!("{:<label$} {strip}", fit(timeline.site.as_str(), label)).trim_end().to_owned()
    });
    let axis = format!("{:label$} {}", "", axis(between(from, to), width));
    lines.chain(std::iter::once(axis)).collect::<Vec<String>>().join("\n")
}

/// The counts in words, in at most 80 columns.
pub(super) fn counts(counts: VisitorCounts) -> String {
    let words = format!(
        "{} visits saw the site, {} the maintenance page, {} an error; {} more an error behind resolvers that ignore TTLs",
        grouped(counts.site),
        grouped(counts.maintenance),
        grouped(counts.error),
        grouped(counts.error_stale_resolver)
    );
    hang("Visitors   ", &words, WIDTH)
}

/// The part of the time from `from` to `to` that the column `place` stands for.
fn part(from: Timestamp, to: Timestamp, place: usize, width: usize) -> (Timestamp, Timestamp) {
    let whole = between(from, to);
    let at = |place| later(from, whole.mul_f64(fraction(place, width)));
    (at(place), at(place + 1))
}

/// Errors are never hidden, however few; beside them what most visitors saw.
fn glyph(timeline: &SiteTimeline, (from, to): (Timestamp, Timestamp)) -> char {
    match (timeline.main(from, to), timeline.worst(from, to)) {
        (None, _) | (_, None) => ' ',
        (_, Some(Seen::Error)) => 'E',
        (Some(Seen::Maintenance), Some(Seen::StaleError)) => 'm',
        (_, Some(Seen::StaleError)) => 's',
        (Some(Seen::Maintenance), _) => 'M',
        (Some(_), _) => '.',
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutover_rehearsal::Shares;

    use super::*;
    use crate::show::testing::segment;

    const SITE: Shares = Shares { site: 1_000_000, maintenance: 0, error_stale_resolver: 0, error: 0 };
    const PAGE: Shares = Shares { site: 0, maintenance: 1_000_000, ..SITE };

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn timeline(site: &str, parts: &[(u64, u64, Shares)]) -> SiteTimeline {
        let segments = parts.iter().map(|(from, to, shares)| segment(at(*from), at(*to), *shares));
        SiteTimeline { site: site.into(), segments: segments.collect() }
    }

    fn strip(parts: &[(u64, u64, Shares)]) -> String {
        (0..10).map(|place| glyph(&timeline("lms", parts), part(at(0), at(100), place, 10))).collect()
    }

    #[test]
    fn a_strip_shows_what_most_visitors_saw() {
        assert_eq!(strip(&[(0, 20, SITE), (20, 70, PAGE), (70, 90, SITE)]), "..MMMMM.. ");
    }

    #[test]
    fn an_error_is_never_hidden_however_short_and_rare() {
        let error = Shares { site: 999_999, error: 1, ..SITE };
        assert_eq!(strip(&[(0, 55, SITE), (55, 56, error), (56, 100, SITE)]), ".....E....");
    }

    #[test]
    fn errors_behind_stale_resolvers_are_told_apart() {
        let page = Shares { maintenance: 990_000, error_stale_resolver: 10_000, ..PAGE };
        let site = Shares { site: 990_000, error_stale_resolver: 10_000, ..SITE };
        assert_eq!(strip(&[(0, 50, page), (50, 100, site)]), "mmmmmsssss");
    }

    #[test]
    fn strips_line_up_with_their_axis() {
        let parts = [(0, 600, SITE), (600, 3600, PAGE)];
        let timelines = [timeline("lms", &parts), timeline("studio-staging-with-a-long-name", &parts)];
        insta::assert_snapshot!(strips(&timelines, at(0), at(3600), 16, 60));
    }
}
