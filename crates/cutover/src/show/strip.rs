//! What visitors saw, as a strip of characters for each site: one character for each part of the time.

use cutover_core::time::{between, later};
use cutover_core::words::grouped;
use cutover_rehearsal::{Seen, SiteTimeline, VisitorReport};
use jiff::Timestamp;
use serde::Serialize;

use super::text::{WIDTH, axis, fit, fraction, hang};

/// How many visits saw the site, the page or an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VisitorCounts {
    /// Visits that saw the site.
    pub site: u64,
    /// Visits that saw the maintenance page.
    pub maintenance: u64,
    /// Visits that saw an error although their resolver honours TTLs.
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

/// How wide the strips are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// For the names of sites.
    pub(super) label: usize,
    /// For the strips beside them.
    pub(super) time: usize,
}

/// A strip for each site of `visitors` from `from` to `to`, with a time axis below. Times without visits are blank.
pub(super) fn strips(visitors: &VisitorReport, from: Timestamp, to: Timestamp, columns: Columns) -> String {
    let Columns { label, time: width } = columns;
    let nobody = VisitorCounts::from(visitors) == VisitorCounts::default();
    let timelines = &visitors.timelines;
    let lines = timelines.iter().map(|timeline| {
        let mark = |column| if nobody { ' ' } else { glyph(timeline, part(from, to, column, width)) };
        let strip: String = (0..width).map(mark).collect();
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

/// The part of the time from `from` to `to` that the column `column` stands for.
fn part(from: Timestamp, to: Timestamp, column: usize, width: usize) -> (Timestamp, Timestamp) {
    let whole = between(from, to);
    let at = |column| later(from, whole.mul_f64(fraction(column, width)));
    (at(column), at(column + 1))
}

/// An error if there was any, however rare; otherwise what most visitors saw.
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
        (0..10).map(|column| glyph(&timeline("lms", parts), part(at(0), at(100), column, 10))).collect()
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
    fn errors_behind_stale_resolvers_have_a_character_of_their_own() {
        let page = Shares { maintenance: 990_000, error_stale_resolver: 10_000, ..PAGE };
        let site = Shares { site: 990_000, error_stale_resolver: 10_000, ..SITE };
        assert_eq!(strip(&[(0, 50, page), (50, 100, site)]), "mmmmmsssss");
    }

    #[test]
    fn strips_line_up_with_their_axis() {
        let parts = [(0, 600, SITE), (600, 3600, PAGE)];
        let timelines = [timeline("lms", &parts), timeline("studio-staging-with-a-long-name", &parts)];
        let report = report(60, timelines.to_vec());
        insta::assert_snapshot!(strips(&report, at(0), at(3600), Columns { label: 16, time: 60 }));
    }

    #[test]
    fn without_visits_the_strip_is_blank() {
        let text = strips(
            &report(0, vec![timeline("lms", &[(0, 600, PAGE)])]),
            at(0),
            at(600),
            Columns { label: 16, time: 60 },
        );
        assert_eq!(text.lines().next(), Some("lms"));
    }

    fn report(site: u64, timelines: Vec<SiteTimeline>) -> VisitorReport {
        VisitorReport { site, maintenance: 0, error: 0, error_stale_resolver: 0, timelines }
    }
}
