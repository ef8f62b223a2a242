//! The window, the TTLs, and limits that are shorter than the expected time.

use std::time::Duration;

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::{Deployment, Migration, Role};
use crate::observation::SHOWN_WITHIN;
use crate::time::{LONGEST_SPAN, Span, between, human};

pub(super) const RULES: &[Rule] = &[
    window_has_one_end,
    window_takes_time,
    ttls_are_sensible,
    ttl_is_lowered,
    limits_exceed_expectations,
    writes_show_in_time,
];

fn window_has_one_end(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let window = file.get("window");
    match (deployment.window.length, deployment.window.end) {
        (Some(_), Some(_)) => {
            vec![Mistake::at(window.get("end"), "the window has both a length and an end", "give only one of the two")]
        }
        (None, None) => {
            let message = "the window has neither a length nor an end";
            vec![Mistake::at(window, message, "write for example length = \"4h\"")]
        }
        _ => Vec::new(),
    }
}

fn window_takes_time(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let window = &deployment.window;
    let node = file.get("window");
    match (window.length, window.end) {
        (_, Some(end)) if end.timestamp <= window.start.timestamp => {
            let label = format!("must be later than {}", window.start);
            vec![Mistake::at(node.get("end"), "the window ends before it starts", label)]
        }
        (_, Some(end)) if between(window.start.timestamp, end.timestamp) > LONGEST_SPAN => {
            let label = format!("at most {} later than {}", human(LONGEST_SPAN), window.start);
            vec![Mistake::at(node.get("end"), "the window is longer than any upgrade", label)]
        }
        (Some(length), _) if length.duration().is_zero() => {
            vec![Mistake::at(node.get("length"), "the window takes no time", "write for example \"4h\"")]
        }
        _ => Vec::new(),
    }
}

fn ttls_are_sensible(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let allowed = Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);
    let dns = file.get("dns");
    [("ttl", deployment.dns.ttl), ("window_ttl", deployment.dns.window_ttl)]
        .into_iter()
        .filter(|(_, ttl)| !allowed.contains(&ttl.duration()))
        .map(|(key, ttl)| Mistake::at(dns.get(key), format!("`dns.{key}` cannot be {ttl}"), "allowed: 1s to 7d"))
        .collect()
}

fn ttl_is_lowered(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    if deployment.dns.window_ttl <= deployment.dns.ttl {
        return Vec::new();
    }
    let message = "the TTL during the upgrade is longer than in ordinary times";
    let label = format!("at most dns.ttl, {}", deployment.dns.ttl);
    let mistake = Mistake::at(file.get("dns").get("window_ttl"), message, label);
    vec![mistake.help("it is lowered so that visitors follow a change soon")]
}

fn writes_show_in_time(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let late = deployment.embedded.shown_late;
    if late.duration() <= SHOWN_WITHIN {
        return Vec::new();
    }
    let label = format!("at most {}: cutover does not wait longer for a write to become visible", human(SHOWN_WITHIN));
    let message = format!("`embedded.shown_late` cannot be {late}");
    vec![Mistake::at(file.get("embedded").get("shown_late"), message, label)]
}

fn limits_exceed_expectations(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let migrations = deployment.migrations.iter().enumerate().filter_map(|(index, migration)| {
        let node = file.get("migration").item(index).get("limit");
        short_limit(node, "limit", migration.limit, "expected", migration.expected)
    });
    let warnings =
        deployment.migrations.iter().enumerate().filter_map(|(index, migration)| {
            late_warning(file.get("migration").item(index).get("warn_after"), migration)
        });
    let roles = Role::ALL.into_iter().flat_map(|role| {
        let node = file.get("role").get(role.as_str());
        deployment.role.services(role).into_iter().flat_map(move |services| {
            let image = &services.image;
            let image_limit = node.get("image").get("limit");
            [
                short_limit(image_limit, "limit", image.limit, "expected", image.expected),
                short_limit(
                    node.get("stop_limit"),
                    "stop_limit",
                    services.stop_limit,
                    "stop_expected",
                    services.stop_expected,
                ),
                short_limit(
                    node.get("start_limit"),
                    "start_limit",
                    services.start_limit,
                    "start_expected",
                    services.start_expected,
                ),
            ]
            .into_iter()
            .flatten()
        })
    });
    let write_checks = deployment.write_checks.iter().enumerate().filter_map(|(index, check)| {
        let node = file.get("write_check").item(index).get("limit");
        short_limit(node, "limit", check.limit, "expected", check.expected)
    });
    migrations.chain(warnings).chain(roles).chain(write_checks).collect()
}

/// A warning that would come only with the end.
fn late_warning(node: &Node, migration: &Migration) -> Option<Mistake> {
    let (warn_after, limit) = (migration.warn_after?, migration.limit);
    let message = || format!("`warn_after` is {warn_after}, but `limit` is {limit}");
    (warn_after >= limit).then(|| Mistake::at(node, message(), format!("less than {limit}")))
}

fn short_limit(node: &Node, limit_key: &str, limit: Span, expected_key: &str, expected: Span) -> Option<Mistake> {
    let message = || format!("`{limit_key}` is {limit}, but `{expected_key}` is {expected}");
    let label = || format!("at least {}", human(expected.duration()));
    (limit < expected).then(|| Mistake::at(node, message(), label()))
}
