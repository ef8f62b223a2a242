//! The checks of the sites, tried days before the window on what is served now: one that fails because it is wrong would fail for
//! the first time in the window, with the maintenance page up.

use super::CheckItem;
use super::item::or_flaws;
use crate::deployment::SiteCheck;
use crate::journal::page_was_posted;
use crate::names::DnsName;
use crate::plan::{Phase, is_heartbeat, what_is_wrong};
use crate::planner::Inputs;

/// What a site answers visitors now to one of its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteAnswer {
    /// The site's host name.
    pub host: DnsName,
    /// The check, without what differs between releases.
    pub check: SiteCheck,
    /// The HTTP status; 0 if no answer came.
    pub status: u16,
    /// The page; without an answer, why none came.
    pub body: String,
}

/// Whether visitors get the sites now, so that their checks can be tried. In the window they get the maintenance page.
#[must_use]
pub fn sites_are_served(inputs: Inputs<'_>) -> bool {
    let is_posted = || inputs.upgrade.run_of(Phase::Window).is_some_and(page_was_posted);
    inputs.upgrade.finished(Phase::Window) || !is_posted()
}

/// What the checks of the sites would say now, an item for each site.
#[must_use]
pub fn sites(answers: &[SiteAnswer]) -> Vec<CheckItem> {
    answers.chunk_by(|one, next| one.host == next.host).flat_map(of_site).collect()
}

/// The items of one site, whose answers these are.
fn of_site(answers: &[SiteAnswer]) -> Vec<CheckItem> {
    let Some(first) = answers.first() else { return Vec::new() };
    let paths: Vec<&str> = answers.iter().map(|answer| answer.check.path.as_str()).collect();
    let fine = CheckItem::ok(subject(&first.host), format!("pass on the current site: {}", paths.join(", ")));
    // A site that does not answer is one fault, however many checks it has.
    let unanswered = answers.iter().filter(|answer| answer.status == 0).take(1);
    let told = unanswered.chain(answers.iter().filter(|answer| answer.status != 0));
    or_flaws(fine, told.filter_map(flaw).collect())
}

fn subject(host: &DnsName) -> String {
    format!("checks of {host}")
}

fn flaw(answer: &SiteAnswer) -> Option<CheckItem> {
    const WITH_THE_PAGE_UP: &str = "the window would stop at this check, with the maintenance page up";
    let SiteAnswer { host, check, status, body } = answer;
    let wrong = what_is_wrong(check, *status, body)?;
    let item = CheckItem::ok(subject(host), format!("on the current site, {wrong}"));
    if *status == 0 {
        let remedy = "run this where the window will run, and make sure that the site can be requested from there";
        return Some(item.warning("nobody knows whether its checks would pass", remedy));
    }
    let is_answered = *status == check.status;
    if is_answered && check.is_heartbeat() && !is_heartbeat(body) {
        return Some(
            item.problem(WITH_THE_PAGE_UP, "put `heartbeat = false` into this check, or let the site print one"),
        );
    }
    let remedy = match (is_answered, check.is_heartbeat()) {
        (_, true) => "find out why the service does not work, or correct this check",
        (false, _) => {
            "if only the next release has this page, nothing; otherwise correct `path` or `status` of this check"
        }
        (true, _) => "if only the next release shows this text, nothing; otherwise correct `contains` of this check",
    };
    Some(item.warning(WITH_THE_PAGE_UP, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::CheckState;

    fn answer(path: &str, status: u16, body: &str) -> SiteAnswer {
        let contains = (path == "/").then(|| "Open edX".to_owned());
        let check = SiteCheck { path: path.to_owned(), status: 200, contains, heartbeat: None };
        SiteAnswer { host: "lms.example.org".into(), check, status, body: body.to_owned() }
    }

    fn only(answer: SiteAnswer) -> CheckItem {
        let items = sites(&[answer]);
        assert_eq!(items.len(), 1, "{items:?}");
        items[0].clone()
    }

    #[test]
    fn a_plain_text_heartbeat_is_found_days_before_the_window_with_what_to_change() {
        let item = only(answer("/heartbeat", 200, "OK"));
        assert_eq!(item.state, CheckState::Problem);
        assert!(item.remedy.contains("`heartbeat = false`") && item.consequence.contains("page up"), "{item:?}");
    }

    #[test]
    fn what_the_next_release_may_have_is_a_warning_and_a_site_that_passes_is_one_item() {
        let missing = only(answer("/", 200, "Welcome"));
        assert_eq!(missing.state, CheckState::Warning);
        assert!(
            missing.seen.contains("lacks the text `Open edX`") && missing.remedy.contains("`contains`"),
            "{missing:?}"
        );
        assert_eq!(only(answer("/new", 404, "")).state, CheckState::Warning);
        let unseen = only(answer("/", 0, "connection refused"));
        assert!(unseen.seen.contains("connection refused") && unseen.state == CheckState::Warning, "{unseen:?}");
        assert_eq!(sites(&[answer("/", 0, "refused"), answer("/heartbeat", 0, "refused")]).len(), 1, "it is one fault");
        let works = r#"{"sql": {"status": true, "message": "OK"}}"#;
        let fine = sites(&[answer("/", 200, "Open edX"), answer("/heartbeat", 200, works)]);
        assert_eq!(fine.len(), 1);
        assert_eq!((fine[0].state, fine[0].seen.as_str()), (CheckState::Ok, "pass on the current site: /, /heartbeat"));
    }

    #[test]
    fn a_text_that_names_a_release_is_left_out() {
        let check = |text: &str| SiteCheck { contains: Some(text.to_owned()), ..answer("/", 200, "").check };
        assert_eq!(check("release {codename}-{version}").of_any_release().contains, None);
        assert_eq!(check("Open edX").of_any_release().contains.as_deref(), Some("Open edX"));
    }
}
