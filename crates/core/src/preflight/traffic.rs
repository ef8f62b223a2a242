//! Records, the maintenance page and its distribution, balancers, certificates.

use super::CheckItem;
use crate::deployment::{Balancer, Site};
use crate::observation::Health;
use crate::planner::Inputs;
use crate::time::{between, human};

const EXPIRY_WARNING: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

pub(super) fn check(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let deployment = inputs.deployment;
    let mut items: Vec<CheckItem> = deployment.sites.iter().map(|site| record(inputs, site)).collect();
    items.push(distribution(inputs));
    items.push(page(inputs));
    items.extend(deployment.balancers.iter().map(|balancer| balancer_health(inputs, balancer)));
    items.extend(deployment.sites.iter().map(|site| certificate(inputs, site)));
    items
}

fn record(inputs: Inputs<'_>, site: &Site) -> CheckItem {
    let subject = format!("record {}", site.host);
    let Some(record) = inputs.observation.records.get(&site.host) else {
        return CheckItem::ok(subject, "no CNAME record").problem(
            "the maintenance page cannot be put up for this site",
            "create the record, or take the site out of the file",
        );
    };
    let item = CheckItem::ok(subject, format!("{} for {}", record.target, human(record.ttl)));
    let domain = inputs.deployment.balancer(&site.balancer).map(|balancer| &balancer.domain);
    if domain != Some(&record.target) {
        return item.warning(
            "visitors are not sent to the balancer that the file names",
            "before a window this should point at the balancer; in one, it is the maintenance page",
        );
    }
    if record.ttl > inputs.deployment.dns.window_ttl.duration() {
        return item.warning("resolvers would keep the old answer too long", "`cutover prepare` lowers it");
    }
    item
}

fn distribution(inputs: Inputs<'_>) -> CheckItem {
    let wanted = &inputs.deployment.maintenance_page;
    let subject = format!("distribution {}", wanted.distribution);
    let Some(seen) = &inputs.observation.distribution else {
        return CheckItem::ok(subject, "does not exist")
            .problem("there is no maintenance page to send visitors to", "correct `maintenance_page.distribution`");
    };
    let hosts = inputs.deployment.sites.iter().map(|site| &site.host);
    let missing: Vec<&str> = hosts
        .filter(|host| !seen.aliases.contains(host) || !seen.certified.contains(host))
        .map(crate::names::DnsName::as_str)
        .collect();
    let item = CheckItem::ok(subject, format!("answers for {} names", seen.aliases.len()));
    if !missing.is_empty() {
        let item = CheckItem { seen: format!("does not answer for {}", missing.join(", ")), ..item };
        return item.problem(
            "visitors of these sites would see an error instead of the page",
            "add them to its alternate domain names and its certificate, days before",
        );
    }
    if seen.domain != wanted.domain {
        let item = CheckItem { seen: format!("its domain is {}", seen.domain), ..item };
        return item.problem("records would point at nothing", "correct `maintenance_page.domain`");
    }
    if !seen.deployed {
        return item.warning("its last change has not reached all edges", "wait until it is deployed");
    }
    if !seen.errors_show_page {
        return item.problem(
            "visitors who follow a deep link would see an error",
            "let its custom error responses for 403 and 404 send the page",
        );
    }
    item
}

fn page(inputs: Inputs<'_>) -> CheckItem {
    let wanted = &inputs.deployment.maintenance_page;
    let subject = format!("page s3://{}/{}", wanted.bucket, wanted.key);
    match &inputs.observation.page {
        None => CheckItem::ok(subject, "does not exist")
            .warning("visitors would see an error", "`cutover announce` publishes it"),
        Some(text) if *text != crate::planner::maintenance_page(inputs.deployment) => {
            CheckItem::ok(subject, "is not the page of this upgrade")
                .warning("visitors would read old dates", "`cutover announce` publishes it")
        }
        Some(_) => CheckItem::ok(subject, "is the page of this upgrade"),
    }
}

fn balancer_health(inputs: Inputs<'_>, balancer: &Balancer) -> CheckItem {
    let subject = format!("balancer {}", balancer.name);
    let Some(seen) = inputs.observation.balancers.get(&balancer.name) else {
        return CheckItem::ok(subject, "does not exist").problem("its sites cannot be served", "correct its name");
    };
    let serving = seen.members.values().filter(|health| **health == Health::InService).count();
    let check = &seen.health_check;
    let words = format!(
        "{serving} of {} in service; {} x {} to get in, {} to drain",
        seen.members.len(),
        check.healthy_threshold,
        human(check.interval),
        human(seen.draining)
    );
    let item = CheckItem::ok(subject, words);
    if seen.kind != balancer.kind {
        return item.problem("hosts would be registered in the wrong order", "correct its `kind` in the file");
    }
    if serving == 0 {
        return item.problem("its sites are not served even now", "find out why its hosts fail their checks");
    }
    if serving < seen.members.len() {
        return item.warning("some hosts fail their checks", "find out why before the window");
    }
    item
}

fn certificate(inputs: Inputs<'_>, site: &Site) -> CheckItem {
    let subject = format!("certificate {}", site.host);
    let Some(seen) = inputs.observation.certificates.get(&site.host) else {
        return CheckItem::ok(subject, "none is presented").problem(
            "visitors would be warned away",
            "give the balancer's HTTPS listener a certificate for this name",
        );
    };
    let left = between(inputs.observation.at, seen.expires);
    let item = CheckItem::ok(subject, format!("expires in {}", human(left)));
    if seen.expires <= inputs.deployment.window.ends().timestamp {
        return item.problem("it expires before the window ends", "renew it now");
    }
    if left < EXPIRY_WARNING {
        return item.warning("it expires within 30 days", "renew it");
    }
    item
}
