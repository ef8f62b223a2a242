//! What sites answer visitors before the window and after it, and whether the difference is too large.

use serde::{Deserialize, Serialize};

use crate::deployment::Soak;
use crate::names::SiteName;
use crate::words::count;

/// What a site has answered to requests as visitors make them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The site.
    pub site: SiteName,
    /// How many requests were made.
    pub requests: u32,
    /// How many of them were not answered as they must be.
    pub errors: u32,
    /// The median time of the others, in milliseconds; `None` if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ms: Option<u64>,
    /// How many tasks waited in the queues of the site's fleet, if they could be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<u64>,
}

impl Answered {
    /// In words, with the time before the window: `48 requests, no error, median 210 ms (baseline 190 ms)`.
    #[must_use]
    pub fn words(&self, before: Option<&Self>) -> String {
        let errors = match self.errors {
            0 => "no error".to_owned(),
            errors => counted(errors, "error"),
        };
        let mut words = format!("{}, {errors}", counted(self.requests, "request"));
        if let Some(median) = self.median_ms {
            let baseline = before.and_then(|before| before.median_ms);
            let baseline = baseline.map_or_else(String::new, |median| format!(" (baseline {median} ms)"));
            words += &format!(", median {median} ms{baseline}");
        }
        if let Some(queued) = self.queued {
            let baseline = before.and_then(|before| before.queued);
            let baseline = baseline.map_or_else(String::new, |queued| format!(" (baseline {queued})"));
            words += &format!(", {queued} queued{baseline}");
        }
        words
    }

    /// Whether most requests fail, and there were enough of them to tell.
    #[must_use]
    pub const fn mostly_fails(&self) -> bool {
        self.requests >= ENOUGH && self.errors.saturating_mul(2) > self.requests
    }

    /// By what it differs too much from `before`, each in words.
    #[must_use]
    pub fn beyond(&self, terms: &Soak, before: Option<&Self>) -> Vec<String> {
        let errors = self.too_many_errors(terms, before);
        let before = before.filter(|before| before.requests > 0);
        errors.into_iter().chain(self.too_slow(terms, before)).chain(self.too_many_queued(terms, before)).collect()
    }

    fn too_many_errors(&self, terms: &Soak, before: Option<&Self>) -> Option<String> {
        let share = |answered: &Self| (1000 * u64::from(answered.errors)).checked_div(answered.requests.into());
        let was = before.and_then(share).unwrap_or_default();
        let too_many = share(self)? > was + u64::from(terms.max_errors_per_mille);
        too_many.then(|| {
            let baseline = match before.map_or(0, |before| before.errors) {
                0 => String::new(),
                errors => format!(", before the window {errors} of {}", before.map_or(0, |before| before.requests)),
            };
            format!("{}: {} of {} requests failed{baseline}", self.site, self.errors, self.requests)
        })
    }

    fn too_slow(&self, terms: &Soak, before: Option<&Self>) -> Option<String> {
        let (median, was) = (self.median_ms?, before?.median_ms?);
        let too_slow = median > was.max(1).saturating_mul(terms.max_slower.into()).max(was.saturating_add(NOTICED_MS));
        too_slow.then(|| {
            format!("{}: the median time of an answer is {median} ms, before the window it was {was} ms", self.site)
        })
    }

    fn too_many_queued(&self, terms: &Soak, before: Option<&Self>) -> Option<String> {
        let (queued, was, more) = (self.queued?, before?.queued?, terms.max_queued_more?);
        let too_many = queued > was.saturating_add(more.into());
        too_many.then(|| format!("{}: {queued} tasks wait in the queues, before the window {was} did", self.site))
    }
}

/// By how much an answer must take longer, in milliseconds, before anybody notices. Between 2 ms and 15 ms there is no difference.
const NOTICED_MS: u64 = 100;

/// How many requests tell that most of them fail.
const ENOUGH: u32 = 10;

fn counted(number: u32, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn answered(requests: u32, errors: u32, median_ms: Option<u64>, queued: Option<u64>) -> Answered {
        Answered { site: "lms".into(), requests, errors, median_ms, queued }
    }

    fn terms() -> Soak {
        let (length, requests_every) = (Span::seconds(600), Span::seconds(5));
        Soak { length, requests_every, max_errors_per_mille: 10, max_slower: 3, max_queued_more: Some(5) }
    }

    fn beyond(after: &Answered, before: &Answered) -> Vec<String> {
        after.beyond(&terms(), Some(before))
    }

    #[test]
    fn what_is_within_the_limits_is_no_difference() {
        let before = answered(20, 1, Some(200), Some(3));
        assert_eq!(beyond(&answered(100, 6, Some(600), Some(8)), &before), [""; 0]);
        assert_eq!(beyond(&answered(100, 0, None, None), &before), [""; 0]);
        let nothing_before = answered(20, 20, None, None);
        assert_eq!(beyond(&answered(100, 100, Some(9000), Some(900)), &nothing_before), [""; 0]);
        assert_eq!(answered(100, 1, Some(9000), Some(900)).beyond(&terms(), None), [""; 0]);
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_not_too_slow_however_fast_it_was_before() {
        let before = answered(20, 0, Some(2), None);
        assert_eq!(beyond(&answered(100, 0, Some(102), None), &before), [""; 0]);
        assert_eq!(beyond(&answered(100, 0, Some(103), None), &before).len(), 1);
    }

    #[test]
    fn each_difference_is_told_with_both_numbers() {
        let before = answered(20, 1, Some(200), Some(3));
        assert_eq!(
            beyond(&answered(100, 7, Some(601), Some(9)), &before),
            [
                "lms: 7 of 100 requests failed, before the window 1 of 20",
                "lms: the median time of an answer is 601 ms, before the window it was 200 ms",
                "lms: 9 tasks wait in the queues, before the window 3 did",
            ]
        );
        assert_eq!(answered(50, 1, None, None).beyond(&terms(), None), ["lms: 1 of 50 requests failed"]);
    }

    #[test]
    fn a_few_requests_do_not_tell_that_most_of_them_fail() {
        assert!(!answered(9, 9, None, None).mostly_fails());
        assert!(!answered(10, 5, None, None).mostly_fails());
        assert!(answered(10, 6, None, None).mostly_fails());
    }

    #[test]
    fn the_words_have_the_time_before_beside_the_time_after() {
        let before = answered(20, 0, Some(190), Some(3));
        assert_eq!(before.words(None), "20 requests, no error, median 190 ms, 3 queued");
        let after = answered(1, 1, None, Some(4));
        assert_eq!(after.words(Some(&before)), "1 request, 1 error, 4 queued (baseline 3)");
        let after = answered(48, 2, Some(210), None);
        assert_eq!(after.words(Some(&before)), "48 requests, 2 errors, median 210 ms (baseline 190 ms)");
    }
}
