//! What a request passes through outside the window: records, balancers and their certificates.

use std::time::Duration;

use super::item::{CheckItem, of_part, or_flaws};
use super::under_way::UnderWay;
use crate::deployment::{Balancer, BalancerKind, Site};
use crate::names::DnsName;
use crate::observation::{BalancerState, Health, Part};
use crate::plan::Phase;
use crate::planner::Inputs;
use crate::time::{between, human};

/// A certificate that expires within this time is reported.
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 86_400);

/// A balancer that takes longer than this to bring a host into service costs a large part of most windows.
const LONG_WAY_IN: Duration = Duration::from_secs(300);

pub(super) fn check(inputs: Inputs<'_>, under_way: UnderWay<'_>) -> Vec<CheckItem> {
    let deployment = inputs.deployment;
    let records = || deployment.sites.iter().map(|site| record(inputs, under_way, site)).collect();
    let balancers = || deployment.balancers.iter().flat_map(|one| balancer(inputs, under_way, one)).collect();
    let mut items = of_part(inputs, &Part::Records, records);
    items.extend(of_part(inputs, &Part::Balancers, balancers));
    items.extend(
        deployment
            .sites
            .iter()
            .flat_map(|site| of_part(inputs, &Part::Certificate(site.host.clone()), || certificate(inputs, site))),
    );
    items
}

fn record(inputs: Inputs<'_>, under_way: UnderWay<'_>, site: &Site) -> CheckItem {
    let subject = format!("record {}", site.host);
    let Some(record) = inputs.observation.records.get(&site.host) else {
        return CheckItem::ok(subject, "no CNAME record").problem(
            "the maintenance page cannot be put up for this site",
            "create the record, or take the site out of the file",
        );
    };
    let words = format!("{} for {}", record.target, human(record.ttl));
    let item = CheckItem::ok(subject, &words);
    let Some(balancer) = inputs.deployment.balancer(&site.balancer).map(|balancer| &balancer.domain) else {
        return item;
    };
    let expected = under_way.expected(&site.host, balancer);
    if !expected.includes(&record.target) {
        return pointed_elsewhere(item, expected.belongs, balancer);
    }
    if !balancer.is_same(&record.target) || !balancer.is_same(expected.belongs) {
        return CheckItem { seen: format!("{words}, as the window has changed it"), ..item };
    }
    // After the window, `retire` gives records their usual TTL again.
    let is_to_come = !inputs.upgrade.finished(Phase::Window);
    if is_to_come && record.ttl > inputs.deployment.dns.window_ttl.duration() {
        let remedy = match inputs.upgrade.finished(Phase::Prepare) {
            false => "`cutover prepare` lowers it",
            true => "it was raised since `prepare`: lower it to the file's `window_ttl`",
        };
        return item.warning("resolvers would keep the old answer too long", remedy);
    }
    item
}

/// A record that somebody else has changed. During the window it belongs at the maintenance page.
fn pointed_elsewhere(item: CheckItem, belongs: &DnsName, balancer: &DnsName) -> CheckItem {
    if belongs.is_same(balancer) {
        return item.warning(
            "visitors are not sent to the balancer that the file names",
            "find out who changed it, and point it at the balancer",
        );
    }
    let remedy = format!("find out who changed it, and point it at {belongs} until the window takes the page down");
    item.problem("visitors do not see the maintenance page while their site is upgraded", &remedy)
}

fn balancer(inputs: Inputs<'_>, under_way: UnderWay<'_>, balancer: &Balancer) -> Vec<CheckItem> {
    let subject = format!("balancer {}", balancer.name);
    let Some(seen) = inputs.observation.balancers.get(&balancer.name) else {
        return vec![
            CheckItem::ok(subject, "does not exist").problem("its sites cannot be served", "correct its name"),
        ];
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
    let is_disturbed = under_way.is_disturbing(&balancer.name, seen);
    let words = if is_disturbed { format!("{words}; the window is replacing its hosts") } else { words };
    let item = CheckItem::ok(subject, words);
    let mut flaws = Vec::new();
    if seen.kind != balancer.kind {
        flaws.push(
            item.clone().problem("hosts would be registered in the wrong order", "correct its `kind` in the file"),
        );
    }
    if is_disturbed {
        return or_flaws(item, flaws);
    }
    if serving == 0 {
        let consequence = "its sites are not served even now";
        flaws.push(item.clone().problem(consequence, "find out why its hosts fail their checks"));
    } else if serving < seen.members.len() {
        flaws.push(item.clone().warning("some hosts fail their checks", "find out why before the window"));
    }
    flaws.extend(settings(inputs, balancer, seen, &item));
    or_flaws(item, flaws)
}

/// Which settings of a balancer would disturb visitors or cost time in the window.
fn settings(inputs: Inputs<'_>, balancer: &Balancer, seen: &BalancerState, item: &CheckItem) -> Vec<CheckItem> {
    if inputs.upgrade.finished(Phase::Window) {
        return Vec::new();
    }
    let mut flaws = Vec::new();
    if seen.draining.is_zero() {
        let remedy = match seen.kind {
            BalancerKind::Classic => format!("turn on connection draining for {}, for example 60 s", balancer.name),
            BalancerKind::TargetGroup => {
                format!("set deregistration_delay.timeout_seconds of {}, for example to 60", balancer.name)
            }
        };
        let consequence = "requests would be cut off when current hosts are taken out";
        flaws.push(item.clone().warning(consequence, &remedy));
    }
    let until = until_in_service(seen);
    if until > LONG_WAY_IN {
        let window = human(inputs.deployment.window.whole_length());
        let consequence =
            format!("{} of the window's {window} pass before a next host receives requests", human(until));
        let remedy = "lower its healthy threshold or its interval, days before the window";
        flaws.push(item.clone().warning(&consequence, remedy));
    }
    flaws
}

/// A classic ELB brings a new host into service after its whole threshold, a target group after one passed check.
fn until_in_service(seen: &BalancerState) -> Duration {
    match seen.kind {
        BalancerKind::Classic => seen.health_check.interval * seen.health_check.healthy_threshold,
        BalancerKind::TargetGroup => seen.health_check.interval,
    }
}

fn certificate(inputs: Inputs<'_>, site: &Site) -> Vec<CheckItem> {
    let subject = format!("certificate {}", site.host);
    let mend = "give the balancer's HTTPS listener a certificate for this name";
    let Some(seen) = inputs.observation.certificates.get(&site.host) else {
        return vec![
            CheckItem::ok(subject, "none is presented").problem("browsers would warn visitors not to go on", mend),
        ];
    };
    let mut flaws = Vec::new();
    if let Some(objection) = &seen.objection {
        flaws.push(CheckItem::ok(&subject, objection).problem("browsers already warn visitors not to go on", mend));
    }
    let left = between(inputs.observation.at, seen.expires);
    let item = CheckItem::ok(subject, format!("expires in {}", human(left)));
    if seen.expires <= inputs.deployment.window.ends().timestamp {
        flaws.push(item.clone().problem("it expires before the window ends", "renew it now"));
    } else if left < EXPIRY_WARNING {
        flaws.push(item.clone().warning("it expires within 30 days", "renew it"));
    }
    or_flaws(item, flaws)
}
