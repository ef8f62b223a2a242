//! What sites answer before the window and in the soak after it, for plans and reports.

use cutover_core::journal::Upgrade;
use cutover_core::plan::Plan;
use cutover_core::time::human;

use super::text::{WIDTH, hang, prose};

/// How long the soak of a window takes, below its length; nothing if it has none.
pub(super) fn after_the_window(plan: &Plan) -> Option<String> {
    let length = plan.soak_length()?;
    let words = format!("{} of watching the new site follow, with visitors on it", human(length));
    Some(hang("Soak       ", &words, WIDTH))
}

/// The section of the report; nothing for an upgrade without a soak.
pub(super) fn report(upgrade: &Upgrade) -> Option<String> {
    let sites = upgrade.baselines.keys().chain(upgrade.soaked.keys());
    let mut sites: Vec<_> = sites.collect();
    sites.sort();
    sites.dedup();
    let lines = sites.into_iter().map(|site| {
        let before = upgrade.baselines.get(site);
        let words = match (before, upgrade.soaked.get(site)) {
            (before, Some(after)) => after.words(before),
            (Some(before), None) => format!("before the window {}", before.words(None)),
            (None, None) => String::new(),
        };
        hang("- ", &format!("{site}: {}", prose(&words)), WIDTH)
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| format!("## The soak\n\n{}", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use cutover_core::journal::Answered;
    use cutover_core::names::SiteName;

    use super::*;

    fn answered(site: &str, requests: u32, errors: u32, median_ms: u64) -> (SiteName, Answered) {
        (site.into(), Answered { site: site.into(), requests, errors, median_ms: Some(median_ms), queued: Some(3) })
    }

    #[test]
    fn the_report_compares_the_new_site_with_the_old_one() {
        let baselines = [answered("lms", 20, 0, 190), answered("studio", 20, 1, 240)].into();
        let soaked = [answered("lms", 119, 2, 210)].into();
        let upgrade = Upgrade { baselines, soaked, ..Upgrade::default() };
        insta::assert_snapshot!(report(&upgrade).expect("a section"), @"
        ## The soak

        - lms: 119 requests, 2 errors, median 210 ms (baseline 190 ms), 3 queued
          (baseline 3)
        - studio: before the window 20 requests, 1 error, median 240 ms, 3 queued
        ");
        assert_eq!(report(&Upgrade::default()), None);
    }
}
