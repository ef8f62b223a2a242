//! Hosts as they answer over their connections: what would fail on them in the window.

use std::collections::BTreeMap;

use super::basics::{clock, disks, tools};
use super::flaw::{Flaw, Kind};
use super::{CheckItem, CheckState, databases};
use crate::names::ProgramName;
use crate::readiness::{AfterWindow, AskedHost, NotAsked, Readiness, Supervised, Supervisor};
use crate::unknown_sessions::ways_on;
use crate::words::{count, some_of, without_addresses};

/// How many hosts, and how many of their different words, are in an item.
const NAMED: usize = 3;

/// The subjects of what a window would leave running.
const UNNAMED: &str = "other programs of hosts";
const OUTSIDE: &str = "processes of programs";
const UNKNOWN: &str = "sessions of su on hosts";

/// Checks what hosts have said about themselves. Nothing where no host was asked.
#[must_use]
pub fn readiness(hosts: &[AskedHost]) -> Vec<CheckItem> {
    let mut flawed: BTreeMap<Kind, BTreeMap<String, Flawed>> = BTreeMap::new();
    let mut ready = 0;
    for host in hosts {
        let flaws = flaws(host);
        ready += usize::from(flaws.is_empty());
        for Flaw { kind, seen } in flaws {
            let named = format!("{} ({})", host.name, host.instance);
            let same = without_addresses(&seen, host.name.as_str());
            let alike = flawed.entry(kind).or_default().entry(same).or_default();
            alike.names.push(named);
            alike.seen = seen;
        }
    }
    let mut items: Vec<CheckItem> = flawed.into_iter().map(|(kind, seen)| item(&kind, &seen)).collect();
    items.extend(databases::large_tables(hosts.iter().flat_map(|host| &host.databases)));
    if ready > 0 {
        items.push(CheckItem::ok("connections to hosts", format!("{ready} of {} hosts are ready", hosts.len())));
    }
    items
}

/// What a window would leave running on hosts, or might not find: the warnings that are told once more before it opens.
#[must_use]
pub fn left_running(hosts: &[AskedHost]) -> Vec<CheckItem> {
    readiness(hosts).into_iter().filter(|item| [UNNAMED, OUTSIDE].contains(&item.subject.as_str())).collect()
}

/// Hosts on which the same was seen, apart from their addresses.
#[derive(Default)]
struct Flawed {
    names: Vec<String>,
    /// What was seen on the last of them.
    seen: String,
}

/// `seen` are the hosts by what was seen on them. The address of a single host is shown.
fn item(kind: &Kind, seen: &BTreeMap<String, Flawed>) -> CheckItem {
    let shown = |(same, hosts): (&String, &Flawed)| {
        let seen = if hosts.names.len() == 1 { &hosts.seen } else { same };
        format!("{}: {seen}", some_of(&hosts.names, NAMED))
    };
    let mut words: Vec<String> = seen.iter().take(NAMED).map(shown).collect();
    let others: usize = seen.values().skip(NAMED).map(|hosts| hosts.names.len()).sum();
    if others > 0 {
        words.push(format!("and {}", count(others, "other host")));
    }
    let item = CheckItem::ok(kind.subject, words.join("; "));
    match kind.state {
        CheckState::Warning => item.warning(kind.consequence, &kind.remedy),
        _ => item.problem(kind.consequence, &kind.remedy),
    }
}

fn flaws(host: &AskedHost) -> Vec<Flaw> {
    let asked = match &host.answer {
        Ok(asked) => asked,
        Err(NotAsked { why, remedy }) => {
            let consequence = "its services could be neither stopped nor started";
            return vec![Flaw::problem("unreachable hosts", why, consequence, remedy)];
        }
    };
    let mut flaws =
        [tools(asked), conductors(host, asked), supervisor(asked), disks(asked), clock(host, asked)].concat();
    // What supervisor knows is another question only if it answers at all.
    if let (Supervisor::Version(_), None) = (&asked.supervisor, &asked.no_sudo) {
        flaws.extend(programs(&host.programs));
        flaws.extend(files(host, asked));
    }
    if let (None, Some(NotAsked { why, remedy })) = (&asked.no_sudo, &host.held_back) {
        flaws.push(Flaw::problem("hold_back on hosts", why, "the window would fail before services stop", remedy));
    }
    if let Some(NotAsked { why, remedy }) = &host.no_requests {
        flaws.push(Flaw::warning(
            "requests at current hosts",
            format!("visitors' requests cannot be counted: {why}"),
            "nobody will see whether some still arrive there when its services stop",
            remedy,
        ));
    }
    flaws.extend(databases::flaws(&host.databases));
    if !asked.agents.is_empty() {
        flaws.push(Flaw::warning(
            "agents on hosts",
            asked.agents.join(", "),
            "they may start services again, or change packages, in the middle of the window",
            "stop them for the window",
        ));
    }
    flaws
}

/// What does not run as a window has left it.
fn after_window(found: &AfterWindow) -> Vec<Flaw> {
    let joined = |programs: &[ProgramName]| programs.iter().map(ProgramName::as_str).collect::<Vec<_>>().join(", ");
    let mut flaws = Vec::new();
    if !found.old.is_empty() {
        flaws.push(Flaw::problem(
            "old code on hosts",
            format!("supervisor runs {}", joined(&found.old)),
            "old code runs on the migrated schema: it may write what new code cannot read",
            "stop them there, or stop the host in EC2, and find out what has started them and what they have written",
        ));
    }
    if !found.old_at_boot.is_empty() {
        flaws.push(Flaw::warning(
            "old code on hosts",
            format!("supervisor starts {} when the host boots", joined(&found.old_at_boot)),
            "old code would run on the migrated schema then",
            "set `autostart=false` for them in supervisor's files there, and run `supervisorctl reread`; or stop the host in EC2",
        ));
    }
    if !found.not_running.is_empty() {
        flaws.push(Flaw::problem(
            "programs of next hosts",
            found.not_running.join(", "),
            "visitors are back, and what these programs do is not done",
            "read their logs there, and start them with `supervisorctl start`",
        ));
    }
    if !found.not_at_boot.is_empty() {
        flaws.push(Flaw::warning(
            "programs of next hosts",
            format!("supervisor does not start {} when the host boots", joined(&found.not_at_boot)),
            "the host will be without them after its next restart",
            "take the lines `; held by cutover` and `autostart=false` out of supervisor's files there, and run `supervisorctl reread`",
        ));
    }
    flaws
}

fn programs(programs: &Result<Supervised, NotAsked>) -> Vec<Flaw> {
    let supervised = match programs {
        Ok(supervised) => supervised,
        Err(NotAsked { why, remedy }) => {
            return vec![Flaw::problem("programs of hosts", why, "these programs would not be stopped", remedy)];
        }
    };
    let mut flaws = after_window(&supervised.after_window);
    if !supervised.unnamed.is_empty() {
        let names: Vec<&str> = supervised.unnamed.iter().map(ProgramName::as_str).collect();
        flaws.push(Flaw::warning(
            UNNAMED,
            format!("supervisor also runs {}", names.join(", ")),
            "they would go on running during the window",
            "add them to the role's `programs` in the deployment file, or stop them before the window if they write anything",
        ));
    }
    if !supervised.outside.is_empty() {
        let processes: Vec<&str> = supervised.outside.iter().map(String::as_str).collect();
        flaws.push(Flaw::warning(
            OUTSIDE,
            format!("outside of supervisor's unit of systemd, or starting something there: {}", processes.join(", ")),
            "what they leave behind may not be found once services have stopped",
            "start the program without a session or a unit of its own: with `user` in supervisor's file instead of `su -`, and \
             without `systemd-run` or a container",
        ));
    }
    if !supervised.unknown_sessions.is_empty() {
        let sessions: Vec<String> = supervised.unknown_sessions.iter().map(ToString::to_string).collect();
        flaws.push(Flaw::problem(
            UNKNOWN,
            format!("nothing shows whose they are: {}", sessions.join(", ")),
            "a program of the site may have started them, and what they write during a migration would be lost or wrong",
            &ways_on(&supervised.unknown_sessions, &supervised.unrelated),
        ));
    }
    flaws
}

/// What would keep programs from being kept down: a current host could start old code again while migrations run. Those of a
/// next host would run, and not start again with it, which visitors do not wait for.
fn files(host: &AskedHost, asked: &Readiness) -> Vec<Flaw> {
    const REMEDY: &str = "make the file and its folder writable";
    let mut flaws = Vec::new();
    if !asked.read_only.is_empty() {
        let seen = format!("cannot be changed, although by root: {}", asked.read_only.join(", "));
        flaws.push(match host.is_current {
            true => Flaw::problem(
                "supervisor's files",
                seen,
                "programs could not be kept from starting again with supervisor, so the window would fail with the page up",
                REMEDY,
            ),
            false => Flaw::warning(
                "supervisor's files on next hosts",
                seen,
                "the window would start programs that do not start again with their host, and leave it to you to mend that",
                REMEDY,
            ),
        });
    }
    if !asked.in_no_file.is_empty() {
        let names: Vec<&str> = asked.in_no_file.iter().map(ProgramName::as_str).collect();
        flaws.push(Flaw::warning(
            "files of programs",
            format!("supervisor has {}, and no file was found that has {}", names.join(", "), if names.len() == 1 { "it" } else { "them" }),
            "such a program could not be kept from starting again with supervisor, and if the file lists it, the window would fail \
             with the page up",
            "name its file in [include] of the configuration that supervisor reads, by a path without variables",
        ));
    }
    flaws
}

fn supervisor(asked: &Readiness) -> Vec<Flaw> {
    const SUBJECT: &str = "supervisor on hosts";
    const CONSEQUENCE: &str = "its services could be neither stopped nor started";
    match &asked.supervisor {
        Supervisor::Version(_) => Vec::new(),
        // Without sudo it cannot answer, which is a flaw of its own.
        Supervisor::Silent(_) if asked.no_sudo.is_some() => Vec::new(),
        Supervisor::Missing(path) => {
            let remedy = "correct the role's `supervisorctl` in the deployment file";
            vec![Flaw::problem(SUBJECT, format!("there is no {path}"), CONSEQUENCE, remedy)]
        }
        Supervisor::Silent(said) => {
            let said = if said.is_empty() { "supervisorctl does not answer within 10 s" } else { said };
            vec![Flaw::problem(SUBJECT, said, CONSEQUENCE, "find out why supervisor does not answer on that host")]
        }
    }
}

/// A host refuses conductors with a lower number than one that it has seen.
fn conductors(host: &AskedHost, asked: &Readiness) -> Vec<Flaw> {
    let Some(seen) = asked.epoch.filter(|seen| *seen > host.known_epoch && asked.no_sudo.is_none()) else {
        return Vec::new();
    };
    let seen = match seen {
        u64::MAX => "the number of the last conductor cannot be read".to_owned(),
        seen => format!(
            "they have seen conductor {seen} of this upgrade, and the last one on record here is {}",
            host.known_epoch
        ),
    };
    let remedy = "use the state with that conductor's records; if they were removed on purpose, remove the upgrade's folder in \
                  `job_folder` there, once you are sure that no migration of it runs";
    vec![Flaw::problem("conductors of hosts", seen, "they would refuse everything", remedy)]
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use jiff::Timestamp;

    use super::*;
    use crate::unknown_sessions::UnknownSession;

    fn ready() -> Readiness {
        Readiness {
            clock: Timestamp::UNIX_EPOCH,
            no_sudo: None,
            refused: Vec::new(),
            missing: Vec::new(),
            absent: Vec::new(),
            epoch: None,
            no_job_folder: None,
            no_namespaces: None,
            read_only: Vec::new(),
            in_no_file: Vec::new(),
            supervisor: Supervisor::Version("4.2.5".to_owned()),
            free: vec![(5 << 20, "/".to_owned())],
            agents: Vec::new(),
        }
    }

    fn host(number: u32, answer: Result<Readiness, NotAsked>) -> AskedHost {
        AskedHost {
            name: format!("edx-{number}").into(),
            instance: format!("i-{number}").into(),
            is_current: true,
            known_epoch: 3,
            between: (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH),
            answer,
            programs: Ok(Supervised::default()),
            held_back: None,
            no_requests: None,
            databases: Vec::new(),
        }
    }

    fn items(hosts: &[AskedHost]) -> String {
        let line = |item: &CheckItem| {
            let CheckItem { subject, state, seen, consequence, remedy } = item;
            format!("{state:?} {subject}: {seen}\n  {consequence}\n  {remedy}").trim_end().to_owned()
        };
        readiness(hosts).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn hosts_that_are_ready_are_one_item() {
        assert_snapshot!(items(&[host(1, Ok(ready())), host(2, Ok(ready()))]), @"Ok connections to hosts: 2 of 2 hosts are ready");
        assert_eq!(items(&[]), "");
    }

    #[test]
    fn what_a_window_would_leave_running_is_a_warning() {
        let outside = ["`su /bin/sh` of lms".to_owned()].into();
        let unnamed = vec!["forum".into(), "xqueue".into()];
        let programs = Ok(Supervised { unnamed, outside, ..Supervised::default() });
        let hosts = [AskedHost { programs, ..host(1, Ok(ready())) }, host(2, Ok(ready()))];
        assert_snapshot!(items(&hosts));
        assert_eq!(left_running(&hosts).len(), 2);
        assert_eq!(left_running(&hosts[1..]), []);
    }

    #[test]
    fn requests_that_cannot_be_counted_are_a_warning() {
        let (why, remedy) = ("exit status 127: not found".to_owned(), "correct it".to_owned());
        let hosts = [AskedHost { no_requests: Some(NotAsked { why, remedy }), ..host(1, Ok(ready())) }];
        assert_snapshot!(items(&hosts), @"
        Warning requests at current hosts: edx-1 (i-1): visitors' requests cannot be counted: exit status 127: not found
          nobody will see whether some still arrive there when its services stop
          correct it
        ");
    }

    #[test]
    fn sessions_that_may_be_of_programs_are_a_problem_with_both_ways_on() {
        let session = UnknownSession {
            id: "c1".to_owned(),
            words: "process 62 (`/edx/bin/writer`) of user www-data, since Mon 2026-11-30 10:13:35 UTC".to_owned(),
            programs: ["/edx/bin/writer".to_owned()].into(),
            may_be_anything: false,
        };
        let (unknown_sessions, unrelated) = (vec![session], vec!["backup-agent".to_owned()]);
        let programs = Ok(Supervised { unknown_sessions, unrelated, ..Supervised::default() });
        assert_snapshot!(items(&[AskedHost { programs, ..host(1, Ok(ready())) }]), @r#"
        Problem sessions of su on hosts: edx-1 (i-1): nothing shows whose they are: session c1: process 62 (`/edx/bin/writer`) of user www-data, since Mon 2026-11-30 10:13:35 UTC
          a program of the site may have started them, and what they write during a migration would be lost or wrong
          end each on its host if it may belong to the site: `systemctl stop session-ID.scope`; if it does not, write this to the role in the deployment file: unrelated_processes = ["backup-agent", "/edx/bin/writer"]
        "#);
    }

    #[test]
    fn hosts_with_the_same_flaw_are_one_item_that_names_some_of_them() {
        let silent = || Err(NotAsked { why: "it cannot be reached".to_owned(), remedy: "check the VPN".to_owned() });
        let hosts: Vec<AskedHost> = (1..=5).map(|number| host(number, silent())).collect();
        assert_snapshot!(items(&hosts));
    }

    #[test]
    fn the_same_reason_with_the_addresses_of_several_hosts_is_told_once() {
        let silent = |number: u32| {
            let why = format!("connect to host 10.0.0.{number} port 22: timed out");
            Err(NotAsked { why, remedy: "check the VPN".to_owned() })
        };
        let hosts: Vec<AskedHost> = (1..=5).map(|number| host(number, silent(number))).collect();
        assert_snapshot!(items(&hosts), @"
        Problem unreachable hosts: edx-1 (i-1), edx-2 (i-2), edx-3 (i-3) and 2 more: connect to host ... port 22: timed out
          its services could be neither stopped nor started
          check the VPN
        ");
        assert!(
            items(&hosts[..1]).contains("edx-1 (i-1): connect to host 10.0.0.1 port 22"),
            "a single one is told in full"
        );
    }

    #[test]
    fn hosts_that_fail_in_the_same_way_with_other_words_are_one_item() {
        let silent = |number: u32| {
            let why = format!("no answer within {number} s");
            Err(NotAsked { why, remedy: "check the VPN".to_owned() })
        };
        let hosts: Vec<AskedHost> = (1..=5).map(|number| host(number, silent(number))).collect();
        assert_snapshot!(items(&hosts));
    }

    #[test]
    fn a_next_host_whose_files_cannot_be_changed_refuses_no_window() {
        let read_only = Readiness { read_only: vec!["/etc/supervisor/conf.d/lms.conf".to_owned()], ..ready() };
        let of = |is_current| flaws(&AskedHost { is_current, ..host(1, Ok(read_only.clone())) });
        assert_eq!(of(true).iter().map(Flaw::state).collect::<Vec<_>>(), [CheckState::Problem]);
        assert_eq!(of(false).iter().map(Flaw::state).collect::<Vec<_>>(), [CheckState::Warning]);
    }

    #[test]
    fn everything_that_would_fail_in_the_window_is_an_item_of_its_own() {
        let flawed = Readiness {
            clock: Timestamp::from_second(9).expect("a moment"),
            no_sudo: Some("sudo: a password is required".to_owned()),
            refused: vec!["www-data: sudo: a password is required".to_owned()],
            missing: vec!["flock".to_owned()],
            absent: vec!["./manage.py (for edxapp in /edx/app/edxapp/edx-platform)".to_owned()],
            epoch: Some(6),
            read_only: Vec::new(),
            in_no_file: Vec::new(),
            no_job_folder: Some("/var cannot be written to".to_owned()),
            no_namespaces: Some("unshare: unshare failed: Operation not permitted".to_owned()),
            supervisor: Supervisor::Missing("/edx/bin/supervisorctl".to_owned()),
            free: vec![(90 << 10, "/".to_owned()), (900 << 10, "/var".to_owned())],
            agents: vec!["puppet.service".to_owned()],
        };
        let hung = Readiness {
            supervisor: Supervisor::Silent(String::new()),
            clock: Timestamp::from_second(900).expect("a moment"),
            free: vec![(900 << 10, "/var".to_owned())],
            ..ready()
        };
        let unknown = NotAsked { why: "supervisor knows no program lms".to_owned(), remedy: "correct it".to_owned() };
        let without_root = Readiness { no_sudo: Some("sudo: a password is required".to_owned()), ..flawed.clone() };
        let flawed = Readiness { no_sudo: None, ..flawed };
        let not_held = NotAsked { why: "there is no edx-nightly.timer".to_owned(), remedy: "correct it".to_owned() };
        let not_known = AskedHost { programs: Err(unknown), held_back: Some(not_held), ..host(3, Ok(ready())) };
        let not_kept_down = Readiness {
            read_only: vec!["/etc/supervisor/conf.d/lms.conf".to_owned()],
            in_no_file: vec!["forum".into(), "cron".into()],
            ..ready()
        };
        let hosts =
            [host(1, Ok(flawed)), host(2, Ok(hung)), not_known, host(4, Ok(without_root)), host(5, Ok(not_kept_down))];
        assert_snapshot!(items(&hosts));
    }
}
