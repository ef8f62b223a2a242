use super::*;

fn programs(names: &[&str]) -> Vec<ProgramName> {
    names.iter().map(|name| (*name).into()).collect()
}

fn found(stdout: &str, signs: &Signs<'_>) -> Vec<(u32, Option<String>)> {
    let said = Said { stdout: stdout.to_owned(), ..Said::default() };
    let left = read(signs, &said).expect("a complete list");
    left.into_iter().map(|left| (left.pid, left.program.map(|name| name.to_string()))).collect()
}

/// As the script prints it on a Debian host; shortened.
const LISTED: &str = "\
@environ
/proc/70/environ:SUPERVISOR_GROUP_NAME=lms
/proc/70/environ:SUPERVISOR_PROCESS_NAME=lms
/proc/71/environ:SUPERVISOR_GROUP_NAME=edxapp_worker
/proc/71/environ:SUPERVISOR_PROCESS_NAME=lms_high_3
/proc/72/environ:SUPERVISOR_GROUP_NAME=lms
/proc/72/environ:SUPERVISOR_PROCESS_NAME=lms
@stat
1 (systemd) S 0 1 1 0
70 (gunicorn: (wor) S 1 70 70 0
71 (celery) R 1 71 71 0
72 (gone) Z 1 72 72 0
73 (title) S 1 71 71 0
80 (sshd) S 1 80 80 0
@cmdline
/proc/70/cmdline:gunicorn
/proc/70/cmdline:--bind
/proc/73/cmdline:celeryd: worker
/proc/80/cmdline:sshd
@end
";

#[test]
fn processes_are_found_by_environment_and_group() {
    let (names, pids) = (programs(&["lms", "edxapp_worker:lms_high_3"]), BTreeMap::new());
    let signs = Signs { programs: &names, pids: &pids };
    let (lms, worker) = (Some("lms".to_owned()), Some("edxapp_worker:lms_high_3".to_owned()));
    assert_eq!(
        found(LISTED, &signs),
        [(70, lms.clone()), (71, worker.clone())],
        "a process that has ended is not left"
    );

    let pids = BTreeMap::from([("edxapp_worker:lms_high_3".into(), 71)]);
    assert_eq!(found(LISTED, &Signs { pids: &pids, ..signs }).last(), Some(&(73, worker)));
}

/// A host on which supervisor runs `forum` by way of a shell, and on which two processes are left that show no program.
const IN_UNIT: &str = "\
@environ
/proc/60/environ:SUPERVISOR_GROUP_NAME=forum
/proc/60/environ:SUPERVISOR_PROCESS_NAME=forum
/proc/66/environ:SUPERVISOR_GROUP_NAME=notes
/proc/66/environ:SUPERVISOR_PROCESS_NAME=notes
@stat
1 (systemd) S 0 1 1 0
40 (sh) S 1 40 40 0
50 (python3) S 40 40 40 0
60 (ruby) S 50 60 40 0
61 (title) S 60 61 61 0
62 (title) S 1 55 40 0
63 (title) S 62 63 63 0
64 (cron) S 1 64 64 0
65 (title) S 64 65 65 0
66 (notes) S 1 66 66 0
@cgroup
/proc/1/cgroup:0::/init.scope
/proc/40/cgroup:1:name=systemd:/system.slice/supervisor.service
/proc/40/cgroup:0::/
/proc/50/cgroup:0::/system.slice/supervisor.service
/proc/60/cgroup:0::/system.slice/supervisor.service
/proc/61/cgroup:0::/system.slice/supervisor.service
/proc/62/cgroup:0::/system.slice/supervisor.service
/proc/63/cgroup:0::/system.slice/supervisor.service
/proc/64/cgroup:0::/system.slice/cron.service
/proc/65/cgroup:0::/system.slice/cron.service
/proc/66/cgroup:0::/system.slice/supervisor.service
@cmdline
/proc/40/cmdline:/bin/sh
/proc/50/cmdline:/edx/app/supervisor/venvs/supervisor/bin/python
/proc/50/cmdline:/edx/app/supervisor/venvs/supervisor/bin/supervisord
/proc/50/cmdline:-n
@end
";

#[test]
fn what_is_left_in_supervisors_unit_is_found_although_nothing_says_of_which_program_it_was() {
    let (names, pids) = (programs(&["lms"]), BTreeMap::new());
    let left = |listed: &str| found(listed, &Signs { programs: &names, pids: &pids });
    assert_eq!(left(IN_UNIT), [(62, None), (63, None)], "others run, or belong to another program or unit");
    let without_systemd = IN_UNIT.replace("/system.slice/supervisor.service", "/");
    assert_eq!(left(&without_systemd), []);
    let unknown = IN_UNIT.replace("bin/supervisord", "bin/circusd");
    assert_eq!(left(&unknown), [], "what runs there is not known");
}

#[test]
fn a_process_is_known_by_its_id_and_its_beginning() {
    // As /proc shows a real process.
    let stat =
        "71 (a) b) S 1 71 71 0 -1 4194560 2026 2186 4 1 3 2 1 0 20 0 1 0 6157 12550144 2816 18446744073709551615";
    let text = LISTED.replace("71 (celery) R 1 71 71 0", stat);
    let said = Said { stdout: text, ..Said::default() };
    assert_eq!(ids(&said).expect("a complete list"), [1, 70, 71, 73, 80].into());
    let (names, pids) = (programs(&["edxapp_worker:*"]), BTreeMap::new());
    let left = read(&Signs { programs: &names, pids: &pids }, &said).expect("a complete list");
    assert_eq!((left[0].pid, left[0].begun), (71, Some(6157)));
}

#[test]
fn the_processes_of_containers_are_left_out() {
    let namespaces = "@namespace\nown pid:[4026531836]\n/proc/1/ns/pid \n/proc/70/ns/pid pid:[4026532199]\n\
                          /proc/71/ns/pid pid:[4026531836]\n@cmdline\n";
    let (names, pids) = (programs(&["lms", "edxapp_worker:*"]), BTreeMap::new());
    let signs = Signs { programs: &names, pids: &pids };
    let left = found(&LISTED.replace("@cmdline\n", namespaces), &signs);
    assert_eq!(left.into_iter().map(|(pid, _)| pid).collect::<Vec<_>>(), [71]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real shell lists the processes of this machine")]
fn the_real_list_is_complete_and_says_which_processes_are_of_the_host_itself() {
    let arguments = ask().command.arguments;
    let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    // Only root may read the environment of the first process.
    if output.status.success() {
        let own = format!("/proc/{}/ns/pid pid:[", std::process::id());
        assert!(stdout.contains(&own), "{stdout}");
        let said = Said { exit: 0, stdout, stderr: String::new() };
        assert!(ids(&said).expect("it is complete").contains(&std::process::id()));
    } else {
        assert!(String::from_utf8_lossy(&output.stderr).contains("only by root"));
    }
}

#[test]
fn other_programs_are_not_meant_and_groups_are() {
    let pids = BTreeMap::new();
    let of = |name: &str| {
        let names = programs(&[name]);
        found(LISTED, &Signs { programs: &names, pids: &pids }).len()
    };
    assert_eq!([of("cms"), of("lm"), of("edxapp_worker:*"), of("edxapp_worker:lms_low_5")], [0, 0, 1, 0]);
}

#[test]
fn a_list_that_ends_early_or_lacks_the_first_process_is_an_error() {
    let pids = BTreeMap::new();
    let signs = Signs { programs: &[], pids: &pids };
    let (cut, blind) = (LISTED.replace("@end\n", ""), LISTED.replace("1 (systemd)", "2 (other)"));
    for stdout in [cut, blind, String::new()] {
        assert!(read(&signs, &Said { stdout, ..Said::default() }).is_err());
    }
    let failed = Said { exit: 1, stdout: LISTED.to_owned(), stderr: "only by root".to_owned() };
    assert!(read(&signs, &failed).is_err());
}

#[test]
fn what_a_simulation_answers_is_read_as_it_was_meant() {
    let names = programs(&["lms", "edxapp_worker:lms_high_3"]);
    let text = answer(&[(101, &names[0]), (102, &names[1])]);
    let pids = BTreeMap::new();
    let signs = Signs { programs: &names[..1], pids: &pids };
    assert_eq!(found(&text, &signs), [(101, Some("lms".to_owned()))]);
}
