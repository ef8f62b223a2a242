//! What the sites of a soak have answered so far.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::journal::Answered;
use cutover_core::names::SiteName;

/// The answer to one request.
pub(super) struct Answer {
    /// How long it took.
    pub(super) took: Duration,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
}

/// The requests to one site.
#[derive(Debug, Default)]
pub(super) struct Requests {
    errors: u32,
    /// The times of right answers, in milliseconds.
    times: Vec<u64>,
    last_error: Option<String>,
}

/// The requests to all sites.
#[derive(Debug, Default)]
pub(crate) struct SoakTally(BTreeMap<SiteName, Requests>);

impl SoakTally {
    pub(super) fn of(&mut self, site: &SiteName) -> &mut Requests {
        self.0.entry(site.clone()).or_default()
    }

    pub(super) fn requests_of(&self, site: &SiteName) -> u32 {
        self.0.get(site).map_or(0, Requests::made)
    }

    pub(super) fn last_error_of(&self, site: &SiteName) -> Option<String> {
        self.0.get(site)?.last_error.clone()
    }
}

impl Requests {
    pub(super) fn add(&mut self, answer: Answer) {
        match answer.wrong {
            None => self.times.push(u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX)),
            Some(wrong) => {
                self.errors += 1;
                self.last_error = Some(wrong);
            }
        }
    }

    fn made(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX).saturating_add(self.errors)
    }

    /// The sum of them, with the number of tasks that wait in the queues of the site's fleet.
    pub(super) fn answered(&self, site: &SiteName, queued: Option<u64>) -> Answered {
        let mut times = self.times.clone();
        times.sort_unstable();
        let median_ms = times.get(times.len() / 2).copied();
        Answered { site: site.clone(), requests: self.made(), errors: self.errors, median_ms, queued }
    }
}
