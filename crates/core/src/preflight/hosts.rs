//! Current and next hosts, and the images that next ones are launched from.

use super::item::{CheckItem, CheckState, of_part};
use super::under_way::UnderWay;
use crate::deployment::{Cloud, Fleet, HostGroup, Role};
use crate::journal::stopped_early;
use crate::names::HostName;
use crate::observation::{Instance, InstanceState, Part};
use crate::plan::{CapturedHost, Phase};
use crate::planner::{Inputs, cannot_serve, current_hosts, is_down, next_hosts};
use crate::words::some_of;

pub(super) fn check(inputs: Inputs<'_>, under_way: UnderWay<'_>) -> Vec<CheckItem> {
    let has_hosts = |role: &Role| inputs.deployment.role.services(*role).is_some();
    let images = || Role::ALL.into_iter().filter(has_hosts).map(|role| image(inputs, role)).collect();
    let mut items = of_part(inputs, &Part::Instances, || current_and_next(inputs, under_way));
    items.extend(of_part(inputs, &Part::Images, images));
    items.extend(Role::ALL.into_iter().flat_map(|role| {
        let of_role = || base(inputs, role).into_iter().collect();
        of_part(inputs, &Part::BaseImage(role), of_role)
    }));
    items.extend(stopped_services(inputs).filter(|_| !under_way.is_conducted()));
    items.extend(stopped(inputs));
    items.extend(of_other_versions(inputs));
    items
}

fn current_and_next(inputs: Inputs<'_>, under_way: UnderWay<'_>) -> Vec<CheckItem> {
    let fleets = inputs.deployment.fleets.iter();
    let groups = fleets.flat_map(|fleet| fleet.groups().map(move |(role, group)| (fleet, role, group)));
    groups
        .flat_map(|(fleet, role, group)| [current(inputs, fleet, role), next(inputs, under_way, fleet, role, group)])
        .collect()
}

fn current(inputs: Inputs<'_>, fleet: &Fleet, role: Role) -> CheckItem {
    let hosts = current_hosts(inputs);
    let of_group: Vec<_> = hosts.iter().filter(|host| host.fleet == fleet.name && host.role == role).collect();
    let subject = format!("current {role} hosts of {}", fleet.name);
    let gone = of_group.iter().filter(|host| inputs.observation.instance(&host.instance).is_none()).count();
    let item = CheckItem::ok(subject, format!("{} of {} live", of_group.len() - gone, of_group.len()));
    if of_group.is_empty() {
        return item.problem(
            "nothing would be stopped, and nothing retired",
            "compare `release.current_version` in the file with the hosts' release-version tags",
        );
    }
    let is_stopped = |host: &&&CapturedHost| {
        let seen = inputs.observation.instance(&host.instance);
        seen.is_some_and(Instance::is_stopped)
    };
    let stopped = of_group.iter().filter(is_stopped).count();
    if stopped > 0 && gone == 0 && inputs.upgrade.finished(Phase::Prepare) && !inputs.upgrade.finished(Phase::Window) {
        let seen = format!("{}, and {stopped} of them stopped in EC2", item.seen);
        let then = if is_down(inputs) { "the window fails at them" } else { "the window does not open" };
        return CheckItem { seen, ..item }.problem(then, start_or_terminate(inputs));
    }
    if gone > 0 && !inputs.upgrade.finished(Phase::Window) {
        return match inputs.upgrade.finished(Phase::Prepare) && !is_down(inputs) {
            true => item.problem(
                "the window does not open: hosts in the journal are gone",
                "find out who removed them, then run `cutover prepare --replan`, which records the rest",
            ),
            // They count as stopped.
            false => item.warning("some hosts in the journal no longer exist", "find out who removed them"),
        };
    }
    item
}

fn next(inputs: Inputs<'_>, under_way: UnderWay<'_>, fleet: &Fleet, role: Role, group: &HostGroup) -> CheckItem {
    let subject = format!("next {role} hosts of {}", fleet.name);
    let hosts: Vec<HostName> = next_hosts(inputs, fleet, role);
    let launched = |name: &HostName| inputs.upgrade.launched.get(name);
    let seen = |name: &HostName| launched(name).and_then(|id| inputs.observation.instance(id));
    let runs = |name: &HostName| seen(name).is_some_and(|host| host.state == InstanceState::Running);
    let is_gone = |name: &HostName| launched(name).is_some() && !seen(name).is_some_and(Instance::lives);
    let missing: Vec<&HostName> = hosts.iter().filter(|name| !runs(name)).collect();
    let item = CheckItem::ok(subject, format!("{} of {} running", hosts.len() - missing.len(), group.count));
    if missing.is_empty() {
        return item;
    }
    if missing.iter().all(|name| under_way.is_launching(name)) {
        let seen = format!("{}; `prepare` is launching the rest", item.seen);
        return CheckItem { state: CheckState::Unknown, seen, ..item };
    }
    if !hosts.iter().any(|name| launched(name).is_some()) {
        return item.warning("there is nothing to move to yet", "`cutover prepare` launches them");
    }
    if !inputs.upgrade.finished(Phase::Prepare) && !missing.iter().any(|name| is_gone(name)) {
        return item.warning("the rest does not run yet, and nobody launches it", "`cutover prepare` goes on with it");
    }
    item.problem("the fleet would come back smaller", smaller(inputs, &hosts))
}

/// What to do about hosts that are stopped in EC2.
fn start_or_terminate(inputs: Inputs<'_>) -> &'static str {
    match is_down(inputs) {
        true => "start them in EC2, or terminate them, and run `cutover window`",
        false => "start them in EC2; or terminate them and run `cutover prepare --replan`",
    }
}

/// What to do about next hosts that do not run.
fn smaller(inputs: Inputs<'_>, hosts: &[HostName]) -> &'static str {
    let launched = |host: &&HostName| inputs.upgrade.launched.get(*host);
    let never_launched = || hosts.iter().any(|host| launched(&host).is_none());
    let seen = |host: &&HostName| inputs.observation.instance(launched(host)?);
    let is_stopped = || hosts.iter().any(|host| seen(&host).is_some_and(Instance::is_stopped));
    if inputs.upgrade.finished(Phase::Window) {
        "launch others by hand: the upgrade launches no more"
    } else if is_stopped() {
        start_or_terminate(inputs)
    } else if !is_down(inputs) {
        "run `cutover prepare --replan`"
    } else if cannot_serve(inputs) {
        "no host is left that could serve: go back by hand, as `cutover status` says under Back"
    } else if never_launched() {
        "no host is launched during the window: put `count` back"
    } else {
        "if they are gone, go on without them: `cutover window --replan`"
    }
}

fn image(inputs: Inputs<'_>, role: Role) -> CheckItem {
    let release = &inputs.deployment.release;
    let subject = format!("{role} image for {} {}", release.codename, release.version);
    let built = inputs.observation.images.iter().rev().find(|image| {
        image.role == role
            && image.available
            && *image.codename == *release.codename
            && *image.version == *release.version
    });
    match built {
        None => {
            let remedy = match inputs.deployment.cloud {
                Cloud::Embedded => "`cutover prepare` builds it",
                Cloud::Aws => "build it and tag it: `cutover prepare --dry-run` shows the tags",
            };
            let item = CheckItem::ok(subject, "not built");
            match builds(inputs, role) {
                true => CheckItem { seen: "not built yet: `cutover prepare` builds it".to_owned(), ..item },
                false => item.warning("there is nothing to launch", remedy),
            }
        }
        Some(image) => {
            let commit = image.commit.as_deref().map(|commit| &commit[..commit.len().min(12)]);
            let item = CheckItem::ok(subject, format!("{} at {}", image.name, commit.unwrap_or("no commit")));
            match commit {
                Some(_) => item,
                None => item.warning("nobody can tell which code it contains", "build it, with its commit in a tag"),
            }
        }
    }
}

/// Whether cutover builds the images of a role itself.
fn builds(inputs: Inputs<'_>, role: Role) -> bool {
    inputs.deployment.role.services(role).is_some_and(|services| services.image.is_built_here())
}

/// The image that images of a role are made from, where cutover builds them.
fn base(inputs: Inputs<'_>, role: Role) -> Option<CheckItem> {
    let image = &inputs.deployment.role.services(role).filter(|_| builds(inputs, role))?.image;
    let subject = format!("base image of {role}");
    Some(match inputs.observation.bases.get(&role) {
        Some(found) => CheckItem::ok(subject, format!("{} {}", found.id, found.name)),
        None => CheckItem::ok(subject, format!("there is no `{}`", image.base))
            .problem("the image cannot be built", "look at `base` and `base_owner` in the file, and at the region"),
    })
}

/// Services that a window has stopped without having sent visitors to the maintenance page.
fn stopped_services(inputs: Inputs<'_>) -> Option<CheckItem> {
    let stopped: Vec<&str> = stopped_early(inputs.upgrade).iter().map(|stop| stop.host.name.as_str()).collect();
    let item =
        CheckItem::ok("services of current hosts", format!("the window has stopped them on {}", stopped.join(", ")));
    (!stopped.is_empty()).then(|| {
        item.problem(
            "visitors still get the site, and these hosts do nothing for it",
            "go on with `cutover window`, or start them by hand, unless somebody has: `cutover status` says how",
        )
    })
}

/// If a stopped host is started again after the window, its old code runs on the new schema.
fn stopped(inputs: Inputs<'_>) -> Option<CheckItem> {
    let hosts = of_the_fleets(inputs).filter(|host| host.is_stopped());
    let words = named(hosts)?;
    Some(CheckItem::ok("stopped hosts", words).warning(
        "if somebody starts them again, their services start with the old code",
        "terminate those that nobody needs; start those that are current, or the upgrade leaves them out",
    ))
}

/// Hosts that are neither current nor next are never changed, whatever they do.
fn of_other_versions(inputs: Inputs<'_>) -> Option<CheckItem> {
    let release = &inputs.deployment.release;
    let known = [&release.version, &release.current_version];
    let words = named(of_the_fleets(inputs).filter(|host| !known.contains(&&host.version)))?;
    Some(CheckItem::ok("hosts of another release-version", words).warning(
        "the upgrade neither stops nor retires them, and they would keep running during the migrations",
        "correct their release-version tag, or terminate them before the window",
    ))
}

fn of_the_fleets<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = &'a Instance> {
    let instances = inputs.observation.instances.iter();
    instances.filter(move |host| host.lives() && inputs.deployment.fleet(&host.fleet).is_some())
}

/// Hosts as listed on one line: the names of the first few, and how many more there are; nothing if there are none.
fn named<'a>(hosts: impl Iterator<Item = &'a Instance>) -> Option<String> {
    const SHOWN: usize = 3;
    let names: Vec<String> = hosts.map(|host| format!("{} ({})", host.name, host.id)).collect();
    if names.is_empty() { None } else { Some(some_of(&names, SHOWN)) }
}
