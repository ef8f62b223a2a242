//! What programs have started outside of supervisor's unit. A session of PAM's, as `su -` opens one, moves whatever opens it into a
//! scope of its own, and so does `systemd-run --scope`. What is left there of a program shows nothing of it: it is known by its
//! parents as long as they live, and later only by what was put on record of it then.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::journal::{TracedProcess, Traces};
use cutover_core::names::ProgramName;

use super::listed::INIT;
use super::look::Look;

/// Programs that let another service run what they are told to.
const HAND_OVER: [&str; 5] = ["ctr", "docker", "nerdctl", "podman", "systemd-run"];

/// What the programs have started that would not be recognised once they have ended, and the processes that supervisor itself has
/// started for them: what is left in their groups shows nothing else either.
pub(super) fn traces(look: &Look<'_>) -> Traces {
    let Look { listed, in_unit, signs, running, .. } = look;
    let of_supervisor = listed.processes.keys().filter_map(|pid| Some((*pid, started_for(look, *pid)?)));
    let (mut processes, mut scopes, mut inodes) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    for (pid, program) in of_supervisor {
        let is_outside = !in_unit.all.contains(&pid);
        if let Some(scope) = listed.scope_of(pid).filter(|_| is_outside) {
            scopes.insert(scope.to_owned(), program.clone());
            inodes.extend(listed.scopes.inode(scope).map(|inode| (scope.to_owned(), inode)));
        }
        let is_meant = running.contains_key(&pid) || is_outside && listed.program_of(pid, signs.programs).is_none();
        let begun = listed.processes.get(&pid).and_then(|process| process.begun);
        if let Some(begun) = begun.filter(|_| is_meant) {
            processes.insert(TracedProcess { pid, begun, program });
        }
    }
    Traces { boot: listed.boot(), processes, scopes, inodes }
}

/// The programs of the processes that are not in supervisor's unit although it has one, or that let others do their work. One that
/// has ended before its control group was listed is in none.
pub(super) fn not_in_unit(look: &Look<'_>) -> BTreeMap<u32, ProgramName> {
    let Look { listed, in_unit, .. } = look;
    let hands_over = |pid: u32| {
        let word = listed.commands.get(&pid).and_then(|line| line.split(' ').next());
        word.and_then(|word| word.rsplit('/').next()).is_some_and(|name| HAND_OVER.contains(&name))
    };
    let is_meant = |pid: &&u32| listed.has_systemd && (!in_unit.all.contains(*pid) || hands_over(**pid));
    let meant = listed.processes.keys().filter(is_meant).filter(|pid| listed.last.contains(pid));
    meant.filter_map(|pid| Some((*pid, started_for(look, *pid)??))).collect()
}

/// The program of a process by what was put on record; `Some(None)` if supervisor had started it, and nobody knows for which
/// program. Such a process may be right as long as it has its parents.
pub(super) fn traced(look: &Look<'_>, traces: &Traces, pid: u32) -> Option<Option<ProgramName>> {
    let listed = &look.listed;
    if traces.is_empty() || traces.boot != listed.boot() {
        return None;
    }
    let begun = listed.processes.get(&pid)?.begun?;
    // Of the same process, those entries come last that name the program.
    let process = traces.processes.iter().rfind(|traced| (traced.pid, traced.begun) == (pid, begun));
    let of_scope = || {
        let scope = listed.scope_of(pid)?;
        let is_another =
            traces.inodes.get(scope).zip(listed.scopes.inode(scope)).is_some_and(|(seen, now)| *seen != now);
        traces.scopes.get(scope).filter(|_| !is_another)
    };
    let program = process.map(|traced| &traced.program).or_else(of_scope)?;
    (program.is_some() || started_for(look, pid).is_none()).then(|| program.clone())
}

/// The program that has started a process, by the parents that it still has; `Some(None)` if supervisor has started it, and
/// neither it nor its parents show for which program. Other programs than those that are looked for do show it.
fn started_for(look: &Look<'_>, pid: u32) -> Option<Option<ProgramName>> {
    let Look { listed, supervisors, .. } = look;
    let above = |pid: &u32| listed.parent(*pid).filter(|parent| *parent != INIT && !supervisors.contains(parent));
    // Processes may end while they are listed, so that a number is that of another one by now.
    let mut line = std::iter::successors(Some(pid), above).take(listed.processes.len());
    if let Some(program) = line.clone().find_map(|pid| look.program(pid)) {
        return Some(Some(program));
    }
    let shows_another = line.clone().any(|pid| listed.marks.contains_key(&pid));
    let top = line.by_ref().last()?;
    let is_of_supervisor = listed.parent(top).is_some_and(|parent| supervisors.contains(&parent));
    (is_of_supervisor && !shows_another).then_some(None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cutover_core::journal::Traces;

    use crate::command::Said;
    use crate::processes::tests::{NAMESPACE, READ, list, programs};
    use crate::processes::{NotListed, Signs, outside, read, traces};

    const SESSION: &str = "/user.slice/user-33.slice/session-c1.scope";

    /// A host on which `lms` runs by way of `su -`, as a session of its own. It has started 61, and that 62 and 63, of which 62
    /// has lost its parent, and 63 was moved elsewhere; and 81 is the shell of somebody else.
    fn in_session(without: &[u32]) -> Said {
        let environ = "\
/proc/60/environ:SUPERVISOR_GROUP_NAME=lms
/proc/60/environ:SUPERVISOR_PROCESS_NAME=lms
/proc/70/environ:SUPERVISOR_GROUP_NAME=forum
/proc/70/environ:SUPERVISOR_PROCESS_NAME=forum
";
        let stat = "\
1 (systemd) S 0 1 1
50 (supervisord) S 1 50 90
60 (su) S 50 60 100
61 (sh) S 60 61 101
62 (writer) S 1 62 102
63 (moved) S 61 63 103
70 (docker) S 50 70 104
81 (bash) S 1 81 105
";
        let cgroup = "\
/proc/1/cgroup:0::/init.scope
/proc/50/cgroup:0::/system.slice/supervisor.service
/proc/60/cgroup:0::SESSION
/proc/61/cgroup:0::SESSION
/proc/62/cgroup:0::SESSION/of-its-own
/proc/70/cgroup:0::/system.slice/supervisor.service
/proc/81/cgroup:0::/user.slice/user-0.slice/session-5.scope
"
        .replace("SESSION", SESSION);
        let cmdline = "\
==> /proc/1/cmdline <==
/sbin/init 
==> /proc/60/cmdline <==
su - www-data -s /bin/sh
==> /proc/61/cmdline <==
==> /proc/62/cmdline <==
==> /proc/63/cmdline <==
==> /proc/70/cmdline <==
/usr/bin/docker run forum
";
        let supervisor = "systemd\npid 50\nboot 5e9f\nMainPID=50\n";
        let text = list([supervisor, &(READ.to_owned() + environ), stat, NAMESPACE, &cgroup, cmdline]);
        let is_gone = |line: &&str| {
            let gone = |pid: &u32| line.starts_with(&format!("{pid} ")) || line.starts_with(&format!("/proc/{pid}/"));
            !without.iter().any(gone)
        };
        Said { stdout: text.lines().filter(is_gone).map(|line| format!("{line}\n")).collect(), ..Said::default() }
    }

    fn left(signs: &Signs<'_>, said: &Said) -> Result<Vec<u32>, NotListed> {
        Ok(read(signs, said)?.into_iter().map(|left| left.pid).collect())
    }

    #[test]
    fn what_a_program_has_started_in_a_session_is_found_after_its_end_by_what_was_seen_before() {
        let names = programs(&["lms"]);
        let signs = Signs::of(&names);
        let seen = traces(&signs, &in_session(&[])).expect("a complete list");
        let processes: Vec<(u32, u64)> = seen.processes.iter().map(|traced| (traced.pid, traced.begun)).collect();
        assert_eq!(
            (processes, seen.scopes.keys().map(String::as_str).collect::<Vec<_>>()),
            (vec![(61, 101), (63, 103)], vec![SESSION])
        );

        // 63 has lost its parents as well, and 62 was seen by its scope alone.
        let ended = in_session(&[60, 61]);
        let ended = Said { stdout: ended.stdout.replace("S 61 63", "S 1 63"), ..ended };
        assert_eq!(left(&signs, &ended), Ok(vec![]), "nothing shows it");
        let signs = Signs { traces: Some(&seen), ..signs };
        assert_eq!(left(&signs, &ended), Ok(vec![62, 63]));
        assert!(read(&signs, &ended).expect("a list").iter().all(|left| left.program == Some("lms".into())));

        let unknown =
            Traces { processes: BTreeSet::new(), scopes: [(SESSION.to_owned(), None)].into(), ..seen.clone() };
        let signs_of_unknown = Signs { traces: Some(&unknown), ..signs };
        assert!(read(&signs_of_unknown, &ended).expect("a list").iter().all(|left| left.program.is_none()));
        assert_eq!(left(&signs_of_unknown, &ended), Ok(vec![62]));

        let replaced = |from, to| Said { stdout: ended.stdout.replace(from, to), ..Said::default() };
        assert_eq!(left(&signs, &replaced("S 1 63 103", "S 1 63 203")), Ok(vec![62]), "another process has its id");
        for (from, to) in [("boot 5e9f", "boot 6a01"), ("S 0 1 1\n", "S 0 1 2\n")] {
            assert_eq!(left(&signs, &replaced(from, to)), Ok(vec![]), "the host was started again");
        }
    }

    #[test]
    fn what_supervisor_has_started_is_remembered_although_it_does_not_show_its_program() {
        let names = programs(&["lms"]);
        let signs = Signs::of(&names);
        let hidden = |pid| {
            let said = in_session(&[]);
            let text = said.stdout.lines().filter(|line| !line.starts_with(&format!("/proc/{pid}/environ")));
            Said { stdout: text.map(|line| format!("{line}\n")).collect(), ..said }
        };
        let seen = traces(&signs, &hidden(60)).expect("a complete list");
        assert_eq!(seen.processes.iter().map(|traced| traced.pid).collect::<Vec<_>>(), [60, 61, 63]);
        assert!(seen.processes.iter().all(|traced| traced.program.is_none()));
        let signs = Signs { traces: Some(&seen), ..signs };
        // 62 has lost its parents, and the others are of a program that runs.
        assert_eq!(left(&signs, &hidden(60)), Ok(vec![62]));
    }

    #[test]
    fn of_programs_in_supervisors_unit_nothing_has_to_be_remembered() {
        let names = programs(&["forum"]);
        assert!(traces(&Signs::of(&names), &in_session(&[])).expect("a list").is_empty());
    }

    #[test]
    fn without_systemd_everything_is_remembered_that_does_not_show_its_program() {
        let names = programs(&["lms"]);
        let said = in_session(&[]);
        let said = Said { stdout: said.stdout.replace("systemd\npid", "pid"), ..said };
        let seen = traces(&Signs::of(&names), &said).expect("a list");
        assert_eq!(seen.processes.iter().map(|traced| traced.pid).collect::<Vec<_>>(), [61, 63]);
    }

    #[test]
    fn programs_that_leave_supervisors_unit_or_let_others_work_are_told() {
        let names = programs(&["lms", "forum"]);
        let told = |said: &Said| {
            let told = outside(&Signs::of(&names), said).expect("a complete list");
            told.into_iter().map(|process| (process.pid, process.command)).collect::<Vec<_>>()
        };
        let told_of = |pid: u32, command: &str| (pid, command.to_owned());
        let all =
            [told_of(60, "su /bin/sh"), told_of(61, "[sh]"), told_of(63, "[moved]"), told_of(70, "/usr/bin/docker")];
        assert_eq!(told(&in_session(&[])), all);
        // Between two parts of the list, 63 has ended.
        let said = in_session(&[]);
        let said = Said { stdout: said.stdout.replace("==> /proc/63/cmdline <==\n", ""), ..said };
        assert_eq!(told(&said), [&all[..2], &all[3..]].concat());
    }
}
