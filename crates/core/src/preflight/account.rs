//! The account: the identity that acts, the network that hosts are launched into, and whether there is room for what
//! the upgrade has still to create. That demand is computed here too, so that quotas are queried for the same things.

use std::collections::BTreeMap;

use super::CheckItem;
use crate::account::{AccountState, MetBy, Quota, Subnet};
use crate::deployment::{Builder, Database, Fleet, HostGroup, Role};
use crate::journal::{Run, StepRun};
use crate::names::HostName;
use crate::plan::{Action, Phase, Step};
use crate::planner::{Inputs, next_hosts};

/// What the upgrade has still to create, and the account must have room for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StillToMake {
    /// The hosts to launch, by instance type.
    pub launches: BTreeMap<String, u64>,
    /// The addresses needed, by subnet. Subnets that need no more are left out.
    pub addresses: BTreeMap<String, u64>,
    /// The snapshots of databases to take.
    pub snapshots: u64,
}

/// What the upgrade has still to create. Hosts that it has launched and that still exist do not count again.
#[must_use]
pub fn still_to_make(inputs: Inputs<'_>) -> StillToMake {
    let mut made = StillToMake { snapshots: snapshots(inputs), ..StillToMake::default() };
    let lives = |name: &HostName| {
        let launched = inputs.upgrade.launched.get(name);
        launched.is_some_and(|instance| inputs.observation.instance(instance).is_some())
    };
    for fleet in &inputs.deployment.fleets {
        for (role, group) in fleet.groups() {
            let hosts = next_hosts(inputs, fleet, role);
            // Host n goes to subnet n modulo their number, as in the planner.
            for (_, subnet) in hosts.iter().zip(group.subnets.iter().cycle()).filter(|(name, _)| !lives(name)) {
                *made.launches.entry(group.instance_type.clone()).or_default() += 1;
                *made.addresses.entry(subnet.clone()).or_default() += 1;
            }
        }
    }
    made
}

fn snapshots(inputs: Inputs<'_>) -> u64 {
    if inputs.upgrade.finished(Phase::Window) {
        return 0;
    }
    let wanted = |database: &Database| u64::from(database.snapshot) + u64::from(database.warm_up_snapshot);
    let wanted: u64 = inputs.deployment.databases.iter().map(wanted).sum();
    let runs = inputs.upgrade.last_runs().flat_map(Run::runs);
    let is_taken =
        |(step, run): &(&Step, &StepRun)| matches!(step.action, Action::TakeSnapshot { .. }) && run.status.is_done();
    let taken = runs.filter(is_taken).count();
    wanted.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX))
}

/// Compares the account with what the upgrade needs.
#[must_use]
pub fn account(inputs: Inputs<'_>, account: &AccountState) -> Vec<CheckItem> {
    let needed = still_to_make(inputs).addresses;
    let of_builders = builders(inputs).map(|builder| &builder.subnet);
    let mut named: Vec<&String> = groups(inputs).flat_map(|group| &group.subnets).chain(of_builders).collect();
    named.sort();
    named.dedup();
    let mut items = vec![CheckItem::ok("identity", &account.identity)];
    items.extend(named.into_iter().map(|id| {
        let needed = needed.get(id).copied().unwrap_or_default();
        subnet(id, account.subnets.get(id), needed)
    }));
    items.push(security_groups(inputs, account));
    items.extend(account.quotas.iter().map(quota));
    items
}

fn groups<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = &'a HostGroup> {
    inputs.deployment.fleets.iter().flat_map(Fleet::groups).map(|(_, group)| group)
}

/// What images are built on.
fn builders<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = &'a Builder> {
    let services = Role::ALL.into_iter().filter_map(move |role| inputs.deployment.role.services(role));
    services.filter_map(|services| services.image.builder.as_ref())
}

fn subnet(id: &str, seen: Option<&Subnet>, needed: u64) -> CheckItem {
    const LAUNCHES_FAIL: &str = "no host can be launched into it";
    let Some(seen) = seen else {
        return CheckItem::ok(id, "does not exist")
            .problem(LAUNCHES_FAIL, "correct `subnets` in the file: `aws ec2 describe-subnets` lists what there is");
    };
    if !seen.available {
        return CheckItem::ok(id, "is not available")
            .problem(LAUNCHES_FAIL, "wait until it is available, or name another subnet in `subnets`");
    }
    let item = CheckItem::ok(id, format!("{} addresses free, {needed} needed", seen.free_addresses));
    if seen.free_addresses < needed {
        return item.problem(
            "launches would be refused half-way",
            "ask the network's owner for more addresses, or name larger subnets in `subnets`, days before the window",
        );
    }
    if seen.free_addresses < needed.saturating_mul(2) {
        return item.warning(
            "hosts that have to be launched again may find no address",
            "ask the network's owner for more addresses, or terminate hosts there that nobody needs",
        );
    }
    item
}

fn security_groups(inputs: Inputs<'_>, account: &AccountState) -> CheckItem {
    let of_builders = builders(inputs).flat_map(|builder| &builder.security_groups);
    let named = groups(inputs).flat_map(|group| &group.security_groups).chain(of_builders);
    let mut named: Vec<&str> = named.map(String::as_str).collect();
    named.sort_unstable();
    named.dedup();
    let missing: Vec<&str> = named.iter().copied().filter(|id| !account.security_groups.contains(*id)).collect();
    if missing.is_empty() {
        return CheckItem::ok("security groups", format!("{} of {} exist", named.len(), named.len()));
    }
    CheckItem::ok("security groups", format!("{} missing: {}", missing.len(), missing.join(", "))).problem(
        "hosts that need them cannot be launched",
        "correct `security_groups` in the file: `aws ec2 describe-security-groups` lists what there is",
    )
}

fn quota(seen: &Quota) -> CheckItem {
    let words = format!("{} of {} used, {} more needed", seen.used, seen.limit, seen.needed);
    let item = CheckItem::ok(format!("quota of {}", seen.name), words);
    let after = seen.used.saturating_add(seen.needed);
    if seen.needed == 0 {
        return item;
    }
    if after > seen.limit {
        return match seen.met_by {
            MetBy::Snapshots => item.problem(
                "a snapshot would be refused, and nothing is migrated without it",
                "delete old snapshots, or raise the quota in Service Quotas, days before the window",
            ),
            MetBy::Launches => item.problem(
                "launches would be refused half-way",
                "raise it in Service Quotas days before the window: AWS may take days to approve it",
            ),
        };
    }
    if (seen.limit - after).saturating_mul(10) < seen.limit {
        return item.warning(
            "less than a tenth of it would be left for everybody else in the account",
            "raise it in Service Quotas days before the window, and ask who else is about to use it",
        );
    }
    item
}
