//! Sessions of logind's that nobody has signed in for. A program that goes through `su -` opens one. Once that `su` has returned, what
//! it has started shows neither its program nor a parent. It can belong to any other service that goes through `su` as well, so
//! it is never taken for a program's, and somebody has to decide.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::deployment::Runs;
use cutover_core::unknown_sessions::UnknownSession;

use super::listed::INIT;
use super::look::{Look, escaped};
use super::outside;
use super::scopes::{scope, session_of};

/// The sessions that `su` or `runuser` has opened, and whose processes nothing explains.
pub(super) fn unknown_sessions(look: &Look<'_>) -> Vec<UnknownSession> {
    let listed = &look.listed;
    let mut sessions: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (pid, path) in &listed.control_groups {
        let Some(scope) = scope(path) else { continue };
        let Some(id) = session_of(scope).filter(|id| listed.scopes.is_nobodys(id, *pid)) else { continue };
        if !is_explained(look, *pid, scope) {
            sessions.entry(id).or_default().insert(*pid);
        }
    }
    sessions.into_iter().filter_map(|(id, processes)| session(look, id, &processes)).collect()
}

/// What is known of a session with these processes; nothing if it has none.
fn session(look: &Look<'_>, id: &str, processes: &BTreeSet<u32>) -> Option<UnknownSession> {
    let listed = &look.listed;
    let begun = |pid: &u32| listed.processes.get(pid).and_then(|process| process.begun);
    let oldest = look.shown(*processes.iter().min_by_key(|pid| (begun(pid), **pid))?, None);
    let mut words = format!("process {} (`{}`)", oldest.pid, oldest.command);
    for (before, property) in [(" of user ", "Name"), (", since ", "Timestamp")] {
        let value = listed.scopes.of_session(id, property);
        if !value.is_empty() {
            words += &[before, &escaped(value)].concat();
        }
    }
    let (mut programs, mut may_be_anything) = (BTreeSet::new(), false);
    for pid in processes.iter().filter(|pid| !is_started_inside(look, **pid, processes)) {
        match runs(look, *pid, processes) {
            Runs::Program(program) => drop(programs.insert(escaped(program))),
            Runs::Children => {}
            Runs::Anything => may_be_anything = true,
        }
    }
    Some(UnknownSession { id: escaped(id), words, programs, may_be_anything })
}

/// Whether another process of the session has started this one, and is more than the `su` before it.
fn is_started_inside(look: &Look<'_>, pid: u32, processes: &BTreeSet<u32>) -> bool {
    let above = |pid: &u32| look.listed.parent(*pid).filter(|parent| processes.contains(parent));
    let mut line = std::iter::successors(above(&pid), above).take(processes.len());
    line.any(|above| runs(look, above, processes) != Runs::Children)
}

/// What a process runs. A `su` that has no child any more, or none yet, may run anything.
fn runs<'a>(look: &'a Look<'_>, pid: u32, processes: &BTreeSet<u32>) -> Runs<'a> {
    let line = look.listed.commands.get(&pid).map_or("", String::as_str);
    match Runs::of(line) {
        Runs::Children if !processes.iter().any(|child| look.listed.parent(*child) == Some(pid)) => Runs::Anything,
        runs => runs,
    }
}

/// Whether something shows to whom a process belongs: it is recognised as a program's, it is a container's, or a parent outside
/// of its scope still lives.
fn is_explained(look: &Look<'_>, pid: u32, scope: &str) -> bool {
    let Look { listed, signs, .. } = look;
    let parent = |pid: &u32| listed.parent(*pid).filter(|parent| *parent != INIT);
    // Processes may end while they are listed, so that a number is that of another one by now.
    let mut line = std::iter::successors(Some(pid), parent).take(listed.processes.len());
    !listed.processes.contains_key(&pid)
        || listed.is_apart(pid)
        || listed.marks.contains_key(&pid)
        || look.program(pid).is_some()
        || signs.traces.is_some_and(|traces| outside::traced(look, traces, pid).is_some())
        || line.any(|pid| listed.scope_of(pid) != Some(scope))
}

#[cfg(test)]
mod tests {
    use crate::command::Said;
    use crate::processes::tests::{NAMESPACE, READ, list, programs};
    use crate::processes::{Signs, read, traces, unknown_sessions};

    /// A host on which 62 and its child 63 are left in a session that a `su -` has opened and that has returned.
    fn left_by_su(replaced: (&str, &str)) -> Said {
        let stat = "\
1 (systemd) S 0 1 1
50 (supervisord) S 1 50 90
60 (lms) S 50 60 100
62 (writer) S 1 62 102
63 (child) S 62 62 103
";
        let cgroup = "\
/proc/50/cgroup:0::/system.slice/supervisor.service
/proc/60/cgroup:0::/system.slice/supervisor.service
/proc/62/cgroup:0::/user.slice/user-33.slice/session-c1.scope
/proc/63/cgroup:0::/user.slice/user-33.slice/session-c1.scope
scope 71 /user.slice/user-33.slice/session-c1.scope
no-audit 62
no-audit 63
session c1 Name=www-data
session c1 Timestamp=Mon 2026-11-30 10:13:35 UTC
session c1 Remote=no
session c1 Audit=4294967295
session c1 Service=su-l
";
        let environ = "/proc/60/environ:SUPERVISOR_GROUP_NAME=lms\n/proc/60/environ:SUPERVISOR_PROCESS_NAME=lms\n";
        let cmdline = "==> /proc/1/cmdline <==\n/sbin/init\n==> /proc/62/cmdline <==\n/edx-x/bin/writer secret\n";
        let supervisor = "systemd\npid 50\nboot 5e9f\nMainPID=50\n";
        let text = list([supervisor, &(READ.to_owned() + environ), stat, NAMESPACE, cgroup, cmdline]);
        Said { stdout: text.replace(replaced.0, replaced.1), ..Said::default() }
    }

    fn named(replaced: (&str, &str)) -> Vec<String> {
        named_with(&[replaced])
    }

    fn named_with(replaced: &[(&str, &str)]) -> Vec<String> {
        let names = programs(&["lms"]);
        let text = replaced.iter().fold(left_by_su(("", "")).stdout, |text, (from, to)| text.replace(from, to));
        let said = Said { stdout: text, ..Said::default() };
        let found = unknown_sessions(&Signs::of(&names), &said).expect("a complete list");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_left_by_a_su_that_has_returned_is_named_once_with_its_user_and_begin() {
        let writer = "process 62 (`/edx-x/bin/writer`) of user www-data, since Mon 2026-11-30 10:13:35 UTC";
        let writer = format!("session c1: {writer}");
        assert_eq!(named(("", "")), [writer.as_str()]);
        for service in ["runuser", "sudo-i", "doas", "of-our-own"] {
            assert_eq!(named(("Service=su-l", &format!("Service={service}"))), [writer.as_str()], "{service}");
        }
        for audit in ["Audit=4294967295", "Audit=13469"] {
            // `pam_loginuid` for `su`, after `pam_systemd` and before it.
            let replaced = [("no-audit", "audited"), ("Audit=4294967295", audit)];
            assert_eq!(named_with(&replaced), [writer.as_str()], "{audit}");
        }
        assert_eq!(
            named(("session c1 ", "other ")),
            ["session c1: process 62 (`/edx-x/bin/writer`)"],
            "logind does not know it any more"
        );
        let names = programs(&["cms"]);
        assert_eq!(read(&Signs::of(&names), &left_by_su(("", ""))), Ok(vec![]), "nothing shows whose it is");
    }

    #[test]
    fn a_session_tells_which_programs_run_in_it_without_what_these_have_started() {
        let names = programs(&["lms"]);
        let runs = |said: &Said| {
            let found = unknown_sessions(&Signs::of(&names), said).expect("a complete list");
            let [session] = found.as_slice() else { panic!("{found:?}") };
            (session.programs.iter().cloned().collect::<Vec<_>>().join(" "), session.may_be_anything)
        };
        let as_command = |command: &str| runs(&left_by_su(("/edx-x/bin/writer secret", command)));
        assert_eq!(runs(&left_by_su(("", ""))), ("/edx-x/bin/writer".to_owned(), false));
        assert_eq!(as_command("/bin/sh /edx-x/bin/writer"), ("/edx-x/bin/writer".to_owned(), false));
        assert_eq!(as_command("sh -c write; sleep 1"), (String::new(), true));
        let child = "su - www-data -c /opt/agent\n==> /proc/63/cmdline <==\n/opt/agent --all";
        assert_eq!(as_command(child), ("/opt/agent".to_owned(), false), "the `su` waits for it");
        let alone = left_by_su(("/edx-x/bin/writer secret", child)).stdout.replace("(child) S 62", "(child) S 1");
        let alone = Said { stdout: alone, ..Said::default() };
        assert_eq!(runs(&alone), ("/opt/agent".to_owned(), true), "what this `su` runs is not known");
    }

    #[test]
    fn sessions_of_people_and_of_cron_and_what_living_parents_explain_are_not_named() {
        assert_eq!(named(("Service=su-l", "Service=sshd")), [""; 0]);
        assert_eq!(named(("Remote=no", "Remote=yes")), [""; 0]);
        let by_its_own_audit = ("Audit=4294967295", "Audit=13469");
        assert_eq!(
            named_with(&[by_its_own_audit, ("no-audit", "audited"), ("Service=su-l", "Service=fcron")]),
            [""; 0]
        );
        assert_eq!(
            named_with(&[("session c1 ", "other "), ("no-audit", "audited")]),
            [""; 0],
            "logind does not answer"
        );
        assert_eq!(named(("writer) S 1 ", "writer) S 60 ")), [""; 0]);
        assert_eq!(named(("session-c1.scope\n", "run-1.scope\n")), [""; 0]);
        let of_forum = "/proc/62/environ:SUPERVISOR_GROUP_NAME=forum\n/proc/60/environ:SUPERVISOR_G";
        assert_eq!(named(("/proc/60/environ:SUPERVISOR_G", of_forum)).len(), 1, "its child shows nothing");
    }

    #[test]
    fn a_scope_that_has_the_name_of_a_programs_earlier_one_is_not_the_programs() {
        let names = programs(&["lms"]);
        let signs = Signs::of(&names);
        let seen = traces(&signs, &left_by_su(("writer) S 1 ", "writer) S 60 "))).expect("a complete list");
        let signs = Signs { traces: Some(&seen), ..signs };
        // Both processes have begun anew.
        let left = |from, to| {
            let mut said = left_by_su((from, to));
            said.stdout = said.stdout.replace("62 102\n", "62 202\n").replace("62 103\n", "62 203\n");
            read(&signs, &said).expect("a list").iter().map(|left| left.pid).collect::<Vec<_>>()
        };
        let unless_lms = |pids: Vec<u32>| pids.into_iter().filter(|pid| *pid != 60).collect::<Vec<_>>();
        assert_eq!(unless_lms(left("scope 71", "scope 71")), [62, 63]);
        assert_eq!(unless_lms(left("scope 71", "scope 72")), [0; 0], "another scope has the name");
        assert_eq!(unless_lms(left("scope 71", "scopes 71")), [62, 63], "nothing tells them from each other");
    }
}
