//! The state at the end, compared with what the runbook asks for.

use std::collections::BTreeSet;

use cutover_rig::Host;
use serde_json::Value;

use super::outcome::Line;
use crate::account::{Living, Made};
use crate::effects::{Effects, Health};
use crate::fork::{COMMIT_HEADER, Fork};
use crate::site::{RELEASE_HEADER, Release};
use crate::stage::Stage;

/// The release tags of hosts.
const CURRENT: &str = "3";
const NEXT: &str = "4";

/// What has to hold once the release branch is published.
#[must_use]
pub fn after_publish(stage: &Stage) -> Line {
    let (published, patches) = (stage.published(), stage.patches());
    Line {
        line: "Release branch: the edX code plus some patches of our own, created by rebasing".to_owned(),
        holds: published.is_some() && patches == Fork::subjects(),
        seen: format!("{}: {}", published.unwrap_or_default(), patches.join(", ")),
    }
}

/// What has to hold once the next hosts are there, if their images were built: the images are of the published commit, no instance
/// is left that they were built on, the hosts have the code of that commit, and those of one image have nothing that belongs to one
/// host only in common.
#[must_use]
pub fn after_prepare(stage: &Stage) -> Vec<Line> {
    let commit = stage.published().unwrap_or_default();
    vec![built(stage, &commit), code(stage, &commit), identities(stage)]
}

fn built(stage: &Stage, commit: &str) -> Line {
    let made: Vec<_> = stage.moto().made().into_iter().filter(|image| image.version == NEXT).collect();
    let left = stage.moto().builders();
    let is_of_commit = |image: &Made| image.commit == commit && image.snapshots == [commit];
    let roles: BTreeSet<&str> = made.iter().filter_map(|image| image.name.split('_').next()).collect();
    let wanted = stage.deployment().roles();
    Line {
        line: "Build edxapp and worker AMIs".to_owned(),
        holds: made.len() == wanted.len() && roles == wanted && made.iter().all(is_of_commit) && left.is_empty(),
        seen: format!(
            "{}; builders: {left:?}",
            made.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The commit of the code on each next host.
fn code(stage: &Stage, commit: &str) -> Line {
    let revisions = on_each(stage, &living(stage, NEXT), "cat /edx/app/edxapp/edx-platform/REVISION");
    let holds = !revisions.is_empty() && revisions.iter().all(|(_, revision)| revision == commit);
    let seen = revisions.into_iter().map(|(name, revision)| format!("{name}: {revision}")).collect::<Vec<_>>();
    Line { line: "AMIs are built from the latest Git release branch".to_owned(), holds, seen: seen.join(", ") }
}

/// What belongs to one host only: its machine id, its host keys, the id of its agent.
fn identities(stage: &Stage) -> Line {
    let hosts = living(stage, NEXT);
    let questions = ["cat /etc/machine-id", "cat /etc/ssh/ssh_host_*_key.pub", "cat /etc/agent/id"];
    let differs = |question: &&str| {
        let answers: BTreeSet<String> = on_each(stage, &hosts, question).into_iter().map(|(_, said)| said).collect();
        answers.len() == hosts.len() && !answers.contains("")
    };
    let shared: Vec<&str> = questions.into_iter().filter(|question| !differs(question)).collect();
    let line = "Each host of an AMI is a host of its own".to_owned();
    Line { line, holds: shared.is_empty(), seen: format!("{} hosts; the same or not there: {shared:?}", hosts.len()) }
}

/// What each host answers, after its name.
fn on_each(stage: &Stage, hosts: &[Living], question: &str) -> Vec<(String, String)> {
    let ask = |host: &Living| stage.world().with_host(&host.id, |one| one.run(question).stdout);
    hosts.iter().map(|host| (host.name.clone(), ask(host))).collect()
}

/// What has to hold once the window has ended, while the old hosts are still there.
#[must_use]
pub fn after_window(stage: &Stage) -> Vec<Line> {
    let (current, next) = (living(stage, CURRENT), living(stage, NEXT));
    vec![
        page(stage),
        hosts("Deploy EC2 instances from AMIs", stage, NEXT),
        programs("Stop all edX processes on the current instances", stage, &current, &["STOPPED", "EXITED"]),
        migrations(stage, &next),
        programs("Start all edX processes on the new instances", stage, &next, &["RUNNING"]),
        members(stage, &next),
        records(stage),
    ]
}

/// What has to hold while the gate of the manual tests is open: testers get to the new site by what `cutover look` prints.
#[must_use]
pub fn at_manual_tests(stage: &Stage) -> Line {
    let looked = stage.program().run(&["look", "--json"]);
    let ways: Value = serde_json::from_str(&looked.out).unwrap_or_default();
    let sites = ways["sites"].as_array().cloned().unwrap_or_default();
    let release = |site: &Value| {
        let (host, address) = (site["host"].as_str()?, site["addresses"][0].as_str()?);
        let shown = |header: &str| stage.header_at(host, address, header).unwrap_or_else(|why| why);
        let is_new = shown(RELEASE_HEADER) == Release::Two.number();
        let is_built = stage.published().is_none_or(|commit| shown(COMMIT_HEADER) == commit);
        let headers = [RELEASE_HEADER, COMMIT_HEADER].map(shown).join(", ");
        Some((is_new && is_built, format!("{host} at {address}: {headers}")))
    };
    let seen: Vec<(bool, String)> = sites.iter().filter_map(release).collect();
    let holds = seen.len() == stage.deployment().sites().len() && seen.iter().all(|(is_new, _)| *is_new);
    let line = "Verify that site is up and functional by running some manual tests".to_owned();
    Line { line, holds, seen: seen.into_iter().map(|(_, words)| words).collect::<Vec<_>>().join(", ") + &looked.err }
}

/// What has to hold once the old hosts were terminated.
#[must_use]
pub fn after_retire(stage: &Stage) -> Vec<Line> {
    let left = living(stage, CURRENT);
    let names: Vec<&str> = left.iter().map(|one| one.name.as_str()).collect();
    let line = "Terminate the old instances".to_owned();
    vec![Line { line, holds: left.is_empty(), seen: format!("instances of release {CURRENT}: {names:?}") }]
}

fn living(stage: &Stage, version: &str) -> Vec<Living> {
    stage.moto().living().into_iter().filter(|one| one.version == version).collect()
}

/// The page in S3 names the sites.
fn page(stage: &Stage) -> Line {
    let page = stage.moto().object(crate::stage::BUCKET, "index.html").unwrap_or_default();
    let holds = stage.deployment().sites().iter().all(|site| page.contains(site));
    Line { line: "Update S3 maintenance html page to reflect maintenance time".to_owned(), holds, seen: page }
}

fn hosts(line: &str, stage: &Stage, version: &str) -> Line {
    let mut names: Vec<String> = living(stage, version).into_iter().map(|one| one.name).collect();
    let mut wanted = stage.deployment().host_names(version);
    names.sort();
    wanted.sort();
    Line { line: line.to_owned(), holds: names == wanted, seen: names.join(", ") }
}

/// All programs of supervisor on these hosts are in one of these states.
fn programs(line: &str, stage: &Stage, hosts: &[Living], states: &[&str]) -> Line {
    let status = |host: &Living| {
        let ran = stage.world().with_host(&host.id, |one| one.run("/edx/bin/supervisorctl status"));
        ran.stdout.lines().map(|program| format!("{}: {program}", host.name)).collect::<Vec<_>>()
    };
    let all: Vec<String> = hosts.iter().flat_map(status).collect();
    let others: Vec<String> =
        all.iter().filter(|line| !states.iter().any(|state| line.contains(state))).cloned().collect();
    let holds = !all.is_empty() && others.is_empty();
    Line { line: line.to_owned(), holds, seen: format!("{} programs; otherwise: {others:?}", all.len()) }
}

/// Nothing is pending, as the site's own code says.
fn migrations(stage: &Stage, hosts: &[Living]) -> Line {
    let list = "cd /edx/app/edxapp/edx-platform && for database in default student_module_history; do sudo -u edxapp \
                /edx/bin/python.edxapp manage.py lms showmigrations --database $database --settings=production; done";
    let web = hosts.iter().filter(|host| !host.name.contains("worker"));
    let listed: Vec<String> = web.map(|host| stage.world().with_host(&host.id, |one| one.run(list).stdout)).collect();
    let holds = !listed.is_empty() && listed.iter().all(|text| text.contains("[X]") && !text.contains("[ ]"));
    let applied: usize = listed.iter().map(|text| text.matches("[X]").count()).sum();
    let seen =
        format!("{applied} applied, {} pending", listed.iter().map(|text| text.matches("[ ]").count()).sum::<usize>());
    Line { line: "Run migrations on new instances".to_owned(), holds, seen }
}

/// Balancers have the new hosts in service, and no others.
fn members(stage: &Stage, next: &[Living]) -> Line {
    let balancers: Vec<&String> = stage.moto().facts().domains.keys().collect();
    let name = |id: &str| {
        let found = next.iter().find(|one| one.id == id);
        found.map_or_else(|| id.to_owned(), |one| one.name.clone())
    };
    let mut seen = Vec::new();
    let mut holds = true;
    for balancer in balancers {
        let members = stage.world().members(balancer);
        let is_next = |id: &String| next.iter().any(|one| one.id == *id && !one.name.contains("worker"));
        holds &= !members.is_empty();
        holds &= members.iter().all(|(id, health)| is_next(id) && *health == Health::InService);
        seen.extend(members.iter().map(|(id, health)| format!("{balancer}: {} {health:?}", name(id))));
    }
    Line { line: "Add new instances to ELB, remove old instances from ELB".to_owned(), holds, seen: seen.join(", ") }
}

/// The zone points at the balancers, and the name servers say what Route 53 says.
fn records(stage: &Stage) -> Line {
    let sites = stage.deployment().sites();
    let of_sites = |name: &str| sites.iter().any(|site| name == format!("{site}."));
    let records: Vec<_> = stage.moto().records().into_iter().filter(|one| of_sites(&one.name)).collect();
    let domains: Vec<String> = stage.moto().facts().domains.values().map(|domain| format!("{domain}.")).collect();
    let to_balancers = records.iter().all(|one| one.values.iter().all(|value| domains.contains(value)));
    let holds = records.len() == sites.len() && to_balancers && stage.world().names().is_served(&records);
    let seen: Vec<String> = records.iter().map(|one| format!("{} {} {:?}", one.name, one.ttl, one.values)).collect();
    Line { line: "Change DNS back to point to ELB".to_owned(), holds, seen: seen.join(", ") }
}
