//! What the preflight reports about a world that is as it should be, and about one that has a single fault.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::account::{AccountState, MetBy, Quota, Subnet};
use cutover_core::deployment::{Deployment, Role};
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, RunNumber, Upgrade};
use cutover_core::names::{HostName, SnapshotId};
use cutover_core::observation::{
    Certificate, Instance, InstanceState, Observation, Part, PendingNames, Snapshot, Unseen,
};
use cutover_core::plan::{Action, Order, Phase};
use cutover_core::planner::{Inputs, forecast, maintenance_page, next_hosts};
use cutover_core::preflight::{
    CheckItem, CheckState, NameAnswers, StillToMake, account, check, name_servers, still_to_make, unready,
};

use support::{PRODUCTION, QA, deployment, observe};

/// A deployment, its world as it should be before the upgrade, and an empty journal.
struct Site {
    deployment: Deployment,
    observation: Observation,
    upgrade: Upgrade,
}

impl Site {
    fn of(text: &str) -> Self {
        let deployment = deployment(text);
        let mut observation = observe(&deployment);
        let at = observation.at;
        let hours = |hours: i64| at.checked_add(jiff::SignedDuration::from_hours(hours)).expect("in range");
        let certificate = Certificate { expires: hours(24 * 90), objection: None };
        observation.certificates =
            deployment.sites.iter().map(|site| (site.host.clone(), certificate.clone())).collect();
        let snapshot = Snapshot { id: SnapshotId::from("nightly"), started: hours(-24), available: true };
        observation.databases.values_mut().for_each(|database| database.snapshots = vec![snapshot.clone()]);
        observation.page = Some(maintenance_page(&deployment));
        Self { deployment, observation, upgrade: Upgrade::default() }
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs { deployment: &self.deployment, observation: &self.observation, upgrade: &self.upgrade }
    }

    /// An account with more than enough of everything.
    fn account(&self) -> AccountState {
        let groups = || self.deployment.fleets.iter().flat_map(cutover_core::deployment::Fleet::groups);
        let subnet = Subnet { available: true, free_addresses: 200 };
        let subnets = groups().flat_map(|(_, group)| group.subnets.clone());
        AccountState {
            identity: "arn:aws:iam::123456789012:user/operator".to_owned(),
            subnets: subnets.map(|id| (id, subnet.clone())).collect(),
            security_groups: groups().flat_map(|(_, group)| group.security_groups.clone()).collect(),
            quotas: Vec::new(),
        }
    }

    /// As if every next host had been launched.
    fn launched(mut self) -> Self {
        let (deployment, at) = (self.deployment.clone(), self.observation.at);
        for fleet in &deployment.fleets {
            for (role, _) in fleet.groups() {
                for name in next_hosts(self.inputs(), fleet, role) {
                    let host = host(&name, &fleet.name, role, &deployment.release.version, at);
                    self.upgrade.launched.insert(name, host.id.clone());
                    self.observation.instances.push(host);
                }
            }
        }
        self
    }
}

fn host(
    name: &HostName,
    fleet: &cutover_core::names::FleetName,
    role: Role,
    version: &str,
    launched: Timestamp,
) -> Instance {
    Instance {
        id: format!("i-{name}").into(),
        name: name.clone(),
        fleet: fleet.clone(),
        role,
        version: version.to_owned(),
        launched,
        upgrade: None,
        state: InstanceState::Running,
        image: "ami-1".into(),
    }
}

/// What is wrong with `subject`, one line each.
fn wrong(items: &[CheckItem], subject: &str) -> Vec<String> {
    let of_subject = items.iter().filter(|item| item.subject.starts_with(subject) && item.state != CheckState::Ok);
    let lines = of_subject.map(|item| {
        assert!(!item.consequence.is_empty() && !item.remedy.is_empty(), "{item:?}");
        format!("{:?}: {}: {}", item.state, item.seen, item.consequence)
    });
    lines.collect()
}

/// What the preflight finds wrong with `subject` after `change`.
fn after(text: &str, subject: &str, change: impl FnOnce(&mut Observation)) -> Vec<String> {
    let mut site = Site::of(text);
    assert_eq!(wrong(&check(site.inputs(), true), subject), [""; 0], "it is fine before");
    change(&mut site.observation);
    wrong(&check(site.inputs(), true), subject)
}

/// What it finds wrong with `subject`, a part of the account, after `change`.
fn after_in_account(site: &Site, subject: &str, change: impl FnOnce(&mut AccountState)) -> Vec<String> {
    let mut state = site.account();
    assert_eq!(wrong(&account(site.inputs(), &state), subject), [""; 0], "it is fine before");
    change(&mut state);
    wrong(&account(site.inputs(), &state), subject)
}

#[test]
fn a_world_as_it_should_be_has_no_problem_and_an_account_with_room_no_warning() {
    for text in [PRODUCTION, QA] {
        let site = Site::of(text);
        let items = check(site.inputs(), true);
        assert!(items.iter().all(|item| item.state != CheckState::Problem), "{items:?}");
        let items = account(site.inputs(), &site.account());
        assert!(items.iter().all(|item| item.state == CheckState::Ok), "{items:?}");
        assert!(items[0].seen.contains("user/operator"), "the identity comes first");
    }
}

#[test]
fn a_distribution_that_is_disabled_is_a_problem() {
    let found = after(QA, "distribution", |seen| seen.distribution.as_mut().expect("there").enabled = false);
    assert_eq!(found, ["Problem: is disabled: visitors would see an error instead of the page"]);
}

#[test]
fn a_distribution_whose_pages_come_from_elsewhere_is_a_problem() {
    let elsewhere = |origins: &[&str]| {
        let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        after(QA, "distribution", |seen| seen.distribution.as_mut().expect("there").origins = origins)
    };
    assert_eq!(
        elsewhere(&["old.s3.amazonaws.com"]),
        ["Problem: its pages come from old.s3.amazonaws.com: \
          visitors would see a different page from the one that is published"]
    );
    assert_eq!(elsewhere(&[]).len(), 1);
    let bucket = deployment(QA).maintenance_page.bucket;
    assert_eq!(elsewhere(&["old.example.org", &format!("{bucket}.s3.eu-central-1.amazonaws.com")]), [""; 0]);
}

#[test]
fn every_flaw_of_a_distribution_is_reported_at_once() {
    let found = after(QA, "distribution", |seen| {
        let distribution = seen.distribution.as_mut().expect("there");
        distribution.aliases.pop();
        distribution.domain = "d0.cloudfront.net".into();
        distribution.deployed = false;
        distribution.errors_show_page = false;
    });
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[3].starts_with("Warning: is being changed"), "problems come first: {found:?}");
}

#[test]
fn a_browsers_objection_to_a_certificate_is_quoted_as_a_problem() {
    let found = after(QA, "certificate", |seen| {
        let certificate = seen.certificates.values_mut().next().expect("there is one");
        certificate.objection = Some("it does not cover the name".to_owned());
    });
    assert_eq!(found, ["Problem: it does not cover the name: browsers already warn visitors not to go on"]);
}

fn unseen(part: Part) -> Unseen {
    Unseen { part, why: "AccessDenied".to_owned() }
}

#[test]
fn a_part_that_could_not_be_observed_is_one_problem_and_nothing_in_it_counts_as_missing() {
    let parts = [
        (Part::Records, "record"),
        (Part::Distribution, "distribution"),
        (Part::Page, "maintenance page"),
        (Part::Balancers, "balancer"),
        (Part::Databases, "database"),
        (Part::Images, "images"),
        (Part::BaseImage(Role::Edxapp), "base image of edxapp"),
        (Part::Instances, "hosts"),
        (Part::Credentials, "credentials"),
    ];
    for (part, subject) in parts {
        let mut site = Site::of(QA).launched();
        let before = check(site.inputs(), true);
        let seen = &mut site.observation;
        // As in a real observation, the fields of that part are empty.
        match &part {
            Part::Records => seen.records.clear(),
            Part::Distribution => seen.distribution = None,
            Part::Page => seen.page = None,
            Part::Balancers => seen.balancers.clear(),
            Part::Databases => seen.databases.clear(),
            Part::Images => seen.images.clear(),
            Part::Instances => seen.instances.clear(),
            Part::BaseImage(_) => seen.bases.clear(),
            Part::ReleaseBranch(_) | Part::Certificate(_) | Part::Credentials => {}
        }
        seen.unseen.push(unseen(part));
        let after = check(site.inputs(), true);
        let new: Vec<_> = after.iter().filter(|item| !before.contains(item)).collect();
        assert_eq!(new.len(), 1, "{new:?}");
        assert!(new[0].subject.starts_with(subject) && new[0].state == CheckState::Problem, "{new:?}");
        assert_eq!(new[0].seen, "cannot be seen: AccessDenied");
    }
}

#[test]
fn a_certificate_that_could_not_be_observed_does_not_count_as_missing() {
    let found = after(QA, "certificate", |seen| {
        let (host, _) = seen.certificates.pop_first().expect("there is one");
        seen.unseen.push(unseen(Part::Certificate(host)));
    });
    assert_eq!(found, ["Problem: cannot be seen: AccessDenied: nobody knows whether browsers accept it"]);
    let found = after(QA, "distribution", |seen| {
        let distribution = seen.distribution.as_mut().expect("it exists");
        distribution.certified.clear();
        distribution.uncertain = Some("its name does not resolve".to_owned());
    });
    let unknown = "Problem: cannot be seen: its name does not resolve: nobody knows whether browsers accept it";
    assert_eq!(found, [unknown]);
}

#[test]
fn a_balancer_that_does_not_drain_would_cut_requests() {
    for text in [PRODUCTION, QA] {
        let found = after(text, "balancer", |seen| {
            seen.balancers.values_mut().next().expect("there is one").draining = Duration::ZERO;
        });
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("Warning: ") && found[0].contains("would be cut"), "{found:?}");
    }
}

#[test]
fn a_balancer_that_needs_long_to_bring_hosts_into_service_is_reported() {
    let slow = |seen: &mut Observation| {
        let check = &mut seen.balancers.values_mut().next().expect("there is one").health_check;
        (check.healthy_threshold, check.interval) = (11, Duration::from_secs(30));
    };
    let found = after(PRODUCTION, "balancer", slow);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("5m 30s of the window's"), "{found:?}");
    assert_eq!(after(QA, "balancer", slow), [""; 0], "a target group needs one check of a new target");
}

#[test]
fn a_database_without_a_backup_of_the_last_day_is_a_warning() {
    let cold = QA.replace("warm_up_snapshot = true", "warm_up_snapshot = false");
    let aged = |hours: i64| {
        after(&cold, "database", |seen| {
            let started = seen.at.checked_sub(jiff::SignedDuration::from_hours(hours)).expect("in range");
            seen.databases.values_mut().for_each(|database| database.snapshots[0].started = started);
        })
    };
    assert_eq!(aged(25), [""; 0]);
    assert!(aged(26)[0].starts_with("Warning: last snapshot 1d 02h ago"), "{:?}", aged(26));
    let none = after(&cold, "database", |seen| seen.databases.values_mut().for_each(|one| one.snapshots.clear()));
    assert!(none[0].starts_with("Warning: no snapshot: no backups are made"), "{none:?}");
    let unfinished = after(&cold, "database", |seen| {
        seen.databases.values_mut().for_each(|one| one.snapshots[0].available = false);
    });
    assert_eq!(none, unfinished, "a snapshot that cannot be restored does not count");
}

#[test]
fn a_database_whose_snapshot_is_warmed_up_before_the_window_needs_no_backups_for_it() {
    let none = |warm_up: bool, snapshot: bool| {
        let mut site = Site::of(QA);
        let databases = site.deployment.databases.iter_mut();
        databases.for_each(|one| (one.warm_up_snapshot, one.snapshot) = (warm_up, snapshot));
        site.observation.databases.values_mut().for_each(|one| one.snapshots.clear());
        let items = check(site.inputs(), true);
        items.iter().any(|item| item.consequence.contains("no backups are made"))
    };
    assert!(none(false, true));
    assert!(!none(true, true), "the advice is followed already");
    assert!(!none(false, false), "no snapshot is taken in the window");
}

#[test]
fn pending_migrations_that_a_next_host_was_asked_for_are_not_said_to_wait_for_one() {
    let seen = |names: PendingNames| {
        let mut site = Site::of(QA);
        site.observation.pending.iter_mut().for_each(|one| one.names = names.clone());
        let item = check(site.inputs(), true)
            .into_iter()
            .find(|item| item.subject.starts_with("migrations "))
            .expect("an item");
        (item.state, item.seen)
    };
    let unknown = |words: &str| (CheckState::Unknown, words.to_owned());
    assert_eq!(seen(PendingNames::NoNextHost), unknown("not known until a next host runs"));
    let no_command = "not known: the migration has no `list_command` in the file";
    assert_eq!(seen(PendingNames::NoListCommand), unknown(no_command));
    let pending = |count| PendingNames::Known((1..=count).map(|n| format!("courseware.000{n}_x").into()).collect());
    let ok = |words: &str| (CheckState::Ok, words.to_owned());
    assert_eq!(seen(pending(0)), ok("nothing pending"));
    let named = "courseware.0001_x, courseware.0002_x, courseware.0003_x";
    assert_eq!(seen(pending(3)), ok(&format!("3 pending: {named}")));
    assert_eq!(seen(pending(5)), ok(&format!("5 pending: {named} and 2 more")));
}

#[test]
fn a_list_of_migrations_that_a_next_host_cannot_give_is_a_problem_because_the_window_would_fail_at_it() {
    let mut site = Site::of(QA);
    site.observation.pending.truncate(1);
    let (because, remedy) = ("exit status 1".to_owned(), "run it there".to_owned());
    site.observation.pending[0].names = PendingNames::NotKnown { because, remedy };
    let found = wrong(&check(site.inputs(), true), "migrations ");
    assert_eq!(found, wrong(&unready(site.inputs(), &[]), "migrations "), "the window is refused for it");
    let consequence = "the window fails at this migration, with the maintenance page up";
    assert_eq!(found, [format!("Problem: not known: exit status 1: {consequence}")]);
}

/// A site whose `prepare` has launched the first host of its first plan, and has started to launch another.
fn half_prepared() -> Site {
    let mut site = Site::of(PRODUCTION);
    let plan = forecast(site.inputs(), Phase::Prepare, Order::Overlapped);
    let launches = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Launch(launch) => Some((step.id.clone(), launch.name.clone(), launch.fleet.clone(), launch.role)),
        _ => None,
    });
    let launches: Vec<_> = launches.take(2).collect();
    let (run, deployment) = (RunNumber(1), Digest::of(b""));
    let mut events = vec![Event::RunStarted { run, kind: Phase::Prepare.into(), plan: Arc::new(plan), deployment }];
    events.extend(launches.iter().map(|(step, ..)| Event::StepStarted { step: step.clone(), attempt: 1 }));
    let (step, name, fleet, role) = launches[0].clone();
    let launched = host(&name, &fleet, role, &site.deployment.release.version, site.observation.at);
    let facts = vec![Fact::Launched { host: name, instance: launched.id.clone() }];
    events.push(Event::StepDone { step, facts });
    events.iter().for_each(|event| site.upgrade.apply(site.observation.at, event).expect("it can follow"));
    site.observation.instances.push(launched);
    site
}

#[test]
fn a_host_that_is_missing_is_expected_only_while_prepare_is_launching_it() {
    let mut site = half_prepared();
    let launched = site.observation.instances.last().expect("it was launched");
    let subject = format!("next {} hosts of {}", launched.role, launched.fleet);
    let found = |site: &Site, is_conducted| {
        let items = check(site.inputs(), is_conducted);
        let item = items.into_iter().find(|item| item.subject == subject).expect("an item");
        (item.state, item.remedy)
    };
    assert_eq!(found(&site, true), (CheckState::Unknown, String::new()));
    assert_eq!(found(&site, false), (CheckState::Warning, "`cutover prepare` goes on with it".to_owned()));
    site.observation.instances.last_mut().expect("it was launched").state = InstanceState::Terminated;
    let again = (CheckState::Problem, "run `cutover prepare --replan`".to_owned());
    assert_eq!(found(&site, true), again, "the plan under way does not launch it again");
    assert_eq!(found(&site, false), again);
}

#[test]
fn a_record_at_the_balancer_is_a_problem_once_the_page_is_up() {
    let mut site = Site::of(QA);
    let plan = forecast(site.inputs(), Phase::Window, Order::Overlapped);
    let post = plan.steps.iter().find(|step| step.posts_page()).expect("a page").clone();
    let Action::ChangeRecords(change) = &post.action else { panic!("{post:?}") };
    let (run, deployment) = (RunNumber(1), Digest::of(b""));
    let begin = Event::RunStarted { run, kind: Phase::Window.into(), plan: Arc::new(plan), deployment };
    let done = Event::StepDone { step: post.id.clone(), facts: Vec::new() };
    for event in [begin, Event::StepStarted { step: post.id.clone(), attempt: 1 }, done] {
        site.upgrade.apply(site.observation.at, &event).expect("it can follow");
    }
    let (name, page) = (&change.records[0].name, &change.records[0].target);
    for is_conducted in [true, false] {
        let items = check(site.inputs(), is_conducted);
        let item = items.iter().find(|item| item.subject == format!("record {name}")).expect("an item");
        assert_eq!(item.state, CheckState::Problem, "{item:?}");
        assert!(item.remedy.contains(&format!("point it at {page}")), "{item:?}");
        let mut there = site.observation.clone();
        for record in &change.records {
            there.records.get_mut(&record.name).expect("it is there").target = record.target.clone();
        }
        let inputs = Inputs { observation: &there, ..site.inputs() };
        assert_eq!(wrong(&check(inputs, is_conducted), &format!("record {name}")), [""; 0]);
    }
}

#[test]
fn stopped_hosts_are_named_and_gone_ones_are_not() {
    let with = |state| {
        after(PRODUCTION, "stopped hosts", |seen| seen.instances.iter_mut().take(5).for_each(|host| host.state = state))
    };
    let found = with(InstanceState::Stopped);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("(i-00000000)") && found[0].contains("and 2 more"), "{found:?}");
    assert_eq!(with(InstanceState::Terminated), [""; 0]);
}

#[test]
fn hosts_of_an_unknown_release_version_are_reported() {
    let version =
        |version: &str| after(QA, "hosts of another", |seen| version.clone_into(&mut seen.instances[0].version));
    assert_eq!(version("0").len(), 1);
    assert_eq!(version(""), version("0"), "a missing tag counts as an unknown version");
    assert_eq!(version(&deployment(QA).release.version), [""; 0]);
}

#[test]
fn credentials_that_end_before_the_window_does_are_a_problem() {
    let end = deployment(QA).window.ends().timestamp;
    let before =
        |moment: Timestamp, hours: i64| moment.checked_sub(jiff::SignedDuration::from_hours(hours)).expect("in range");
    let until = |until: Timestamp, hours: i64| {
        after(QA, "credentials", |seen| {
            seen.at = before(end, hours);
            seen.credentials_until = Some(until);
        })
    };
    assert_eq!(until(end, 6), [""; 0]);
    let early = until(before(end, 1), 6);
    assert!(early[0].starts_with("Problem: can be used or renewed until "), "{early:?}");
    let days_ahead = until(before(end, 47), 48);
    assert!(days_ahead[0].starts_with("Warning: can be used or renewed until "), "{days_ahead:?}");
}

#[test]
fn hosts_that_were_launched_do_not_count_again() {
    let site = Site::of(PRODUCTION);
    let made = still_to_make(site.inputs());
    assert_eq!(
        made.launches,
        BTreeMap::from([("r5.large".to_owned(), 24), ("t3.large".to_owned(), 4), ("t3.xlarge".to_owned(), 6)])
    );
    assert_eq!(made.addresses.values().sum::<u64>(), 34);
    assert!(made.snapshots > 0);
    let mut site = site.launched();
    let made = still_to_make(site.inputs());
    assert_eq!((made.launches.len(), made.addresses.len()), (0, 0), "{made:?}");
    site.observation.instances.last_mut().expect("there is one").state = InstanceState::Terminated;
    let made = still_to_make(site.inputs());
    assert_eq!(made.launches, BTreeMap::from([("t3.large".to_owned(), 1)]), "a host that is gone is launched again");
}

#[test]
fn hosts_go_to_subnets_by_their_number_in_the_group() {
    let mut site = Site::of(QA);
    site.deployment.fleets.truncate(1);
    let group = &mut site.deployment.fleets[0].edxapp;
    (group.count, group.subnets) = (3, vec!["subnet-a".to_owned(), "subnet-b".to_owned()]);
    site.deployment.fleets[0].worker = None;
    let StillToMake { addresses, .. } = still_to_make(site.inputs());
    assert_eq!(addresses, BTreeMap::from([("subnet-a".to_owned(), 2), ("subnet-b".to_owned(), 1)]));
}

#[test]
fn subnets_that_take_no_host_are_problems() {
    let site = Site::of(PRODUCTION);
    let found = after_in_account(&site, "subnet-", |state| {
        state.subnets.pop_first();
        state.subnets.values_mut().next().expect("there are more").available = false;
    });
    let lines = ["Problem: does not exist: ", "Problem: is not available: "]
        .map(|one| format!("{one}no host can be launched into it"));
    assert_eq!(found, lines);
}

#[test]
fn a_subnet_has_an_address_for_every_host_and_room_to_launch_it_again() {
    let site = Site::of(PRODUCTION);
    let subnet = site.deployment.fleets[0].edxapp.subnets[0].clone();
    let needed = still_to_make(site.inputs()).addresses[&subnet];
    let with = |site: &Site, free| {
        let mut state = site.account();
        state.subnets.get_mut(&subnet).expect("there").free_addresses = free;
        wrong(&account(site.inputs(), &state), "subnet-")
    };
    assert_eq!(with(&site, needed * 2), [""; 0]);
    assert!(with(&site, needed * 2 - 1)[0].starts_with("Warning: "));
    assert!(with(&site, needed)[0].starts_with("Warning: "));
    assert!(with(&site, needed - 1)[0].starts_with("Problem: "));
    assert_eq!(with(&site.launched(), 0), [""; 0], "launched hosts have their addresses");
}

#[test]
fn security_groups_that_are_missing_are_named_together() {
    let found = after_in_account(&Site::of(PRODUCTION), "security groups", |state| {
        state.security_groups.pop_first();
        state.security_groups.pop_first();
    });
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("Problem: 2 missing: sg-"), "{found:?}");
}

#[test]
fn quotas_that_would_be_passed_are_problems_and_tight_ones_warnings() {
    let site = Site::of(QA);
    let with = |met_by, name: &str, used, needed| {
        let quota = Quota { met_by, name: name.to_owned(), used, limit: 100, needed };
        after_in_account(&site, "quota of", |state| state.quotas = vec![quota])
    };
    let hosts = |used, needed| with(MetBy::Launches, "vCPUs of standard instances", used, needed);
    assert_eq!(hosts(80, 10), [""; 0], "a tenth is left");
    assert_eq!(
        hosts(80, 11),
        [
            "Warning: 80 of 100 used, 11 more needed: less than a tenth of it would be left for everybody else in the account"
        ]
    );
    assert!(hosts(80, 20)[0].starts_with("Warning: "));
    assert_eq!(hosts(80, 21), ["Problem: 80 of 100 used, 21 more needed: launches would be refused half-way"]);
    assert!(
        with(MetBy::Snapshots, "manual snapshots of databases", 100, 1)[0].ends_with("nothing is migrated without it")
    );
    assert_eq!(hosts(120, 0), [""; 0], "a demand of nothing is not refused");
}

/// What the preflight reports if the zone's servers and one resolver answer like this: states with what was observed.
fn asked(servers: Result<Vec<Option<&str>>, &str>, resolver: Result<Option<&str>, &str>) -> Vec<(CheckState, String)> {
    let site = Site::of(PRODUCTION);
    let named = |name: Option<&str>| name.map(cutover_core::names::DnsName::from);
    let answers = NameAnswers {
        name: site.deployment.sites[0].host.clone(),
        servers: servers.map(|servers| servers.into_iter().map(named).collect()).map_err(str::to_owned),
        resolvers: [("192.0.2.53".parse().expect("an address"), resolver.map(named).map_err(str::to_owned))].into(),
    };
    let items = name_servers(site.inputs(), &answers);
    items.into_iter().map(|item| (item.state, format!("{}: {}", item.subject, item.seen))).collect()
}

#[test]
fn name_servers_that_cannot_be_asked_are_reported() {
    let site = Site::of(PRODUCTION);
    let zone = site.observation.records[&site.deployment.sites[0].host].target.clone();
    let loud = zone.as_str().to_uppercase();
    let right = asked(Ok(vec![Some(zone.as_str()), Some(&loud)]), Ok(Some(zone.as_str())));
    assert_eq!(
        right,
        [
            (CheckState::Ok, "name servers of mitx.mit.edu: 2 of 2 answer what the zone says".to_owned()),
            (CheckState::Ok, "resolver 192.0.2.53: answers what the zone says".to_owned()),
        ]
    );
    let silent = asked(Err("no answer within 10 s"), Err("no answer within 10 s"));
    assert!(silent.iter().all(|(state, seen)| {
        *state == CheckState::Problem && seen.ends_with("cannot be asked: no answer within 10 s")
    }));
    let old = asked(Ok(vec![Some(zone.as_str()), Some("old.example")]), Ok(None));
    assert!(old.iter().all(|(state, _)| *state == CheckState::Warning), "{old:?}");
}
