//! The maintenance page and the distribution in front of it.

use super::item::{CheckItem, certificate_unseen, of_part, or_flaws};
use super::under_way::announced_page;
use crate::deployment::is_region;
use crate::names::DnsName;
use crate::observation::{Distribution, Part};
use crate::plan::Phase;
use crate::planner::{Inputs, is_announced_otherwise, is_down};

pub(super) fn check(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let mut items = of_part(inputs, &Part::Distribution, || distribution(inputs));
    items.extend(of_part(inputs, &Part::Page, || vec![page(inputs)]));
    items
}

fn distribution(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let wanted = &inputs.deployment.maintenance_page;
    let subject = format!("distribution {}", wanted.distribution);
    match &inputs.observation.distribution {
        None => vec![
            CheckItem::ok(subject, "does not exist")
                .problem("there is no maintenance page to send visitors to", "correct `maintenance_page.distribution`"),
        ],
        Some(seen) => {
            let flaws = [names(inputs, seen, &subject), origin(inputs, seen, &subject), settings(seen, &subject)];
            or_flaws(CheckItem::ok(&subject, format!("answers for {} names", seen.aliases.len())), flaws.concat())
        }
    }
}

/// What is wrong with the names that the distribution answers for, and with its own name.
fn names(inputs: Inputs<'_>, seen: &Distribution, subject: &str) -> Vec<CheckItem> {
    let hosts = inputs.deployment.sites.iter().map(|site| &site.host);
    // If the certificate could not be observed, names that seem to be missing from it may be covered.
    let is_missing =
        |host: &DnsName| !seen.aliases.contains(host) || (seen.uncertain.is_none() && !seen.certified.contains(host));
    let missing: Vec<&str> = hosts.filter(|host| is_missing(host)).map(DnsName::as_str).collect();
    let unseen = |why: &String| certificate_unseen(CheckItem::ok(subject, format!("cannot be seen: {why}")));
    let mut flaws: Vec<CheckItem> = seen.uncertain.iter().map(unseen).collect();
    if !missing.is_empty() {
        flaws.push(CheckItem::ok(subject, format!("does not answer for {}", missing.join(", "))).problem(
            "visitors of these sites would see an error instead of the page",
            "add them to its alternate domain names and its certificate, days before the window",
        ));
    }
    if !seen.domain.is_same(&inputs.deployment.maintenance_page.domain) {
        flaws.push(
            CheckItem::ok(subject, format!("its domain is {}", seen.domain))
                .problem("records would point at nothing", "correct `maintenance_page.domain`"),
        );
    }
    flaws
}

/// The page is written to the bucket, and served from the origin: they must be the same.
fn origin(inputs: Inputs<'_>, seen: &Distribution, subject: &str) -> Vec<CheckItem> {
    let bucket = &inputs.deployment.maintenance_page.bucket;
    if seen.origins.iter().any(|origin| is_bucket(origin, bucket)) {
        return Vec::new();
    }
    let words = match seen.origins.as_slice() {
        [] => "has no origin".to_owned(),
        origins => format!("its pages come from {}", origins.join(", ")),
    };
    vec![CheckItem::ok(subject, words).problem(
        "visitors would see a different page from the one that is published",
        &format!("make s3://{bucket} its origin, or correct `maintenance_page.bucket`"),
    )]
}

/// Whether `origin` is one of the host names of S3 for `bucket`: its objects, or its website.
fn is_bucket(origin: &str, bucket: &str) -> bool {
    let origin = origin.to_lowercase();
    let service = origin.strip_prefix(bucket).and_then(|rest| rest.strip_prefix('.'));
    let Some(service) = service.and_then(|rest| rest.strip_suffix(".amazonaws.com")) else { return false };
    let regional = ["s3-website.", "s3-website-", "s3.", "s3-"].into_iter().find_map(|form| service.strip_prefix(form));
    service == "s3" || regional.is_some_and(is_region)
}

fn settings(seen: &Distribution, subject: &str) -> Vec<CheckItem> {
    let mut flaws = Vec::new();
    if !seen.enabled {
        flaws.push(CheckItem::ok(subject, "is disabled").problem(
            "visitors would see an error instead of the page",
            "enable it in CloudFront, and wait until it is deployed",
        ));
    }
    if !seen.errors_show_page {
        flaws.push(CheckItem::ok(subject, "answers errors of its origin with errors").problem(
            "visitors who follow a deep link would see an error",
            "set its custom error responses for 403 and 404 to send the page",
        ));
    }
    if !seen.deployed {
        flaws.push(
            CheckItem::ok(subject, "is being changed")
                .warning("its last change has not reached all edges", "wait until it is deployed"),
        );
    }
    flaws
}

fn page(inputs: Inputs<'_>) -> CheckItem {
    let wanted = &inputs.deployment.maintenance_page;
    let subject = format!("page s3://{}/{}", wanted.bucket, wanted.key);
    let is_moved = is_announced_otherwise(inputs.upgrade, inputs.deployment) && !is_down(inputs);
    // A finished phase publishes again only what has changed in the file.
    let remedy = match inputs.upgrade.finished(Phase::Announce) {
        false => "`cutover announce` publishes it",
        true if is_moved => "`cutover announce --replan` publishes it",
        true => "it has changed since `announce`: find out who changed it, and put it back",
    };
    let is_announced = |text: &String| announced_page(inputs.upgrade) == Some(text);
    match &inputs.observation.page {
        // Once visitors may see it, it says what was announced, whatever the file says by now.
        Some(text) if is_announced(text) && !is_moved => CheckItem::ok(subject, "is the page that was announced"),
        None => CheckItem::ok(subject, "does not exist").warning("visitors would see an error", remedy),
        Some(text) if *text != crate::planner::maintenance_page(inputs.deployment) => {
            CheckItem::ok(subject, "is not the page of this upgrade").warning("visitors would read old dates", remedy)
        }
        Some(_) => CheckItem::ok(subject, "is the page of this upgrade"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_known_by_every_host_name_that_s3_gives_it() {
        for service in ["s3", "s3.eu-central-1", "s3-us-west-2", "s3-website-us-east-1", "s3-website.eu-central-1"] {
            let origin = format!("up.mitx.mit.edu.{service}.amazonaws.com");
            assert!(is_bucket(&origin, "up.mitx.mit.edu"), "{origin}");
        }
    }

    #[test]
    fn other_host_names_are_not_mistaken_for_the_bucket() {
        for origin in [
            "other.s3.amazonaws.com",
            "up.s3.amazonaws.com.example.org",
            "down-up.s3.amazonaws.com",
            "upx.s3.amazonaws.com",
            "up.s3.nowhere.amazonaws.com",
            "up.us-east-1.elb.amazonaws.com",
            "up.s3-website.amazonaws.com",
            "up",
            "",
        ] {
            assert!(!is_bucket(origin, "up"), "{origin}");
        }
    }
}
