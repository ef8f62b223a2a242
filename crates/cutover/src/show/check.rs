//! The preflight as text for people. The checks themselves are in `cutover_core::preflight`.

use cutover_core::preflight::{CheckItem, CheckState};

use super::text::{WIDTH, count, hang};

/// The items in at most 80 columns: problems and warnings first, with consequence and remedy; then those that are fine,
/// each on one line if it fits.
#[must_use]
pub fn check_text(items: &[CheckItem]) -> String {
    let mut lines = Vec::new();
    for state in [CheckState::Problem, CheckState::Warning, CheckState::Unknown, CheckState::Ok] {
        let of_state: Vec<&CheckItem> = items.iter().filter(|item| item.state == state).collect();
        if !of_state.is_empty() && !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(of_state.iter().map(|item| show(item)));
    }
    if !items.is_empty() {
        lines.push(String::new());
    }
    lines.push(verdict(items));
    lines.join("\n") + "\n"
}

fn show(item: &CheckItem) -> String {
    let mut lines = vec![hang(word(item.state), &format!("{}: {}", item.subject, item.seen), WIDTH)];
    if !item.consequence.is_empty() {
        lines.push(hang("         then: ", &item.consequence, WIDTH));
    }
    if !item.remedy.is_empty() {
        lines.push(hang("         do:   ", &item.remedy, WIDTH));
    }
    lines.join("\n")
}

const fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Problem => "PROBLEM  ",
        CheckState::Warning => "warning  ",
        CheckState::Unknown => "unknown  ",
        CheckState::Ok => "ok       ",
    }
}

fn verdict(items: &[CheckItem]) -> String {
    let of = |state| items.iter().filter(|item| item.state == state).count();
    let (problems, warnings) = (of(CheckState::Problem), of(CheckState::Warning));
    let (unknown, fine) = (of(CheckState::Unknown), of(CheckState::Ok));
    let rest = if unknown == 0 { format!("{fine} fine") } else { format!("{unknown} not known yet, {fine} fine") };
    match (problems, warnings) {
        (0, 0) if unknown == 0 => format!("{} checked, all fine.", count(items.len(), "thing")),
        (0, 0) => format!("No problem; {rest}."),
        (0, _) => format!("No problem; {}, {rest}.", count(warnings, "warning")),
        _ => format!("{}, {}, {rest}.", count(problems, "problem"), count(warnings, "warning")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::assert_fits;

    fn item(subject: &str, state: CheckState, seen: &str, consequence: &str, remedy: &str) -> CheckItem {
        let [subject, seen, consequence, remedy] = [subject, seen, consequence, remedy].map(str::to_owned);
        CheckItem { subject, state, seen, consequence, remedy }
    }

    fn items() -> Vec<CheckItem> {
        vec![
            item("records", CheckState::Ok, "3 of 3 point at their balancers", "", ""),
            item(
                "certificate of lms.mitx.mit.edu",
                CheckState::Warning,
                "expires 2021-01-20 00:00:00 -05:00, in 16d",
                "visitors are warned off two weeks after the upgrade",
                "renew it; the upgrade can go on",
            ),
            item(
                "CloudFront distribution E2MITXUPGRADE1",
                CheckState::Problem,
                "does not answer for staging.mitx.mit.edu",
                "during the window, visitors of staging get a TLS error instead of the maintenance page",
                "add staging.mitx.mit.edu to its alternate domain names and to its certificate",
            ),
        ]
    }

    #[test]
    fn problems_come_first_with_consequence_and_remedy() {
        let text = check_text(&items());
        assert_fits(&text, WIDTH);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn long_names_of_aws_are_not_broken() {
        let role = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_SiteOperators_0123456789abcdef/me@mit.edu";
        let text = check_text(&[item("identity", CheckState::Ok, role, "", "")]);
        assert!(text.lines().any(|line| line == role), "it can be copied: {text}");
    }

    #[test]
    fn a_check_without_problems_says_that_there_are_none() {
        assert!(check_text(&items()[..2]).contains("No problem; 1 warning, 1 fine."));
        assert_eq!(check_text(&[]), "0 things checked, all fine.\n");
    }
}
