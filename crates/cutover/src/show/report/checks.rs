//! The checks of the new site that have passed, and what they have seen.

use cutover_core::journal::PageSeen;
use cutover_core::status::Passed;
use cutover_core::time::OffsetTime;

use super::parts::section;
use crate::show::text::prose;

/// The section of the report; nothing before the first check.
pub(super) fn checks(passed: &[Passed], clock: OffsetTime) -> Option<String> {
    let line = |check: &Passed| {
        let pages: Vec<String> = check.pages.iter().map(PageSeen::words).collect();
        let certificate = check.certificate_until.map(|until| format!("certificate until {}", clock.show(until)));
        let seen: Vec<String> = pages.into_iter().chain(certificate).collect();
        let seen = if seen.is_empty() { "passed".to_owned() } else { seen.join(", ") };
        prose(&format!("{} {} ({}): {seen}", clock.show(check.at), check.title, check.lane))
    };
    let lines: Vec<String> = passed.iter().map(line).collect();
    (!lines.is_empty()).then(|| section("Checks that have passed", &lines, ""))
}
