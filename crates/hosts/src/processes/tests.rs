use cutover_core::journal::TracedProcess;
use cutover_core::names::ProgramName;

use super::*;

pub(super) fn programs(names: &[&str]) -> Vec<ProgramName> {
    names.iter().map(|name| (*name).into()).collect()
}

fn found(stdout: &str, signs: &Signs<'_>) -> Vec<(u32, Option<String>)> {
    let said = Said { stdout: stdout.to_owned(), ..Said::default() };
    let left = read(signs, &said).expect("a complete list");
    left.into_iter().map(|left| (left.pid, left.program.map(|name| name.to_string()))).collect()
}

/// A list as the script prints it, with these parts: supervisor, environ, stat, namespace, cgroup and cmdline.
pub(super) fn list(parts: [&str; 6]) -> String {
    let names = ["supervisor", "environ", "stat", "namespace", "cgroup", "cmdline"];
    let text: String =
        names.iter().zip(parts).map(|(name, text)| format!("\n@{name}\n{text} \nstatus 0\0\n")).collect();
    text + "\n@end\n"
}

pub(super) const READ: &str = "/proc/self/environ:LISTED=yes\n";
pub(super) const NAMESPACE: &str = "/proc/self/ns/pid pid:[4026531836]\n";

/// As it is on a host without systemd; shortened.
fn listed() -> String {
    let environ = "\
/proc/70/environ:SUPERVISOR_GROUP_NAME=lms
/proc/70/environ:SUPERVISOR_PROCESS_NAME=lms
/proc/71/environ:SUPERVISOR_GROUP_NAME=edxapp_worker
/proc/71/environ:SUPERVISOR_PROCESS_NAME=lms_high_3
";
    let stat = "\
1 (init) S 0 1 1
70 (gunicorn: (wor) S 1 70 6157
71 (celery) R 1 71 6157
73 (title) S 1 71 6159
80 (sshd) S 1 80 12
";
    let cmdline = "\
==> /proc/1/cmdline <==
init
==> /proc/70/cmdline <==
gunicorn --bind 
==> /proc/73/cmdline <==
celeryd: worker
==> /proc/80/cmdline <==
sshd
";
    list(["pid \n", &(READ.to_owned() + environ), stat, NAMESPACE, "", cmdline])
}

#[test]
fn processes_are_found_by_environment_and_group() {
    let names = programs(&["lms", "edxapp_worker:lms_high_3"]);
    let signs = Signs::of(&names);
    let (lms, worker) = (Some("lms".to_owned()), Some("edxapp_worker:lms_high_3".to_owned()));
    assert_eq!(found(&listed(), &signs), [(70, lms), (71, worker.clone())]);

    let traces = seen("+1", &[(71, 6157)], &names[1]);
    assert_eq!(found(&listed(), &Signs { traces: Some(&traces), ..signs }).last(), Some(&(73, worker)));
}

/// What was put on record of a program, in this boot.
fn seen(boot: &str, processes: &[(u32, u64)], program: &ProgramName) -> Traces {
    let traced = |(pid, begun): &(u32, u64)| TracedProcess { pid: *pid, begun: *begun, program: Some(program.clone()) };
    Traces { boot: boot.to_owned(), processes: processes.iter().map(traced).collect(), ..Traces::default() }
}

#[test]
fn a_process_id_says_nothing_once_the_host_has_been_started_again_or_another_process_has_it() {
    let names = programs(&["lms"]);
    // Nothing is left of lms, and 80 leads a group of its own.
    let list = listed().replace("70 (gunicorn: (wor) S 1 70 6157\n", "");
    let left = |boot, begun| {
        let traces = seen(boot, &[(80, begun)], &names[0]);
        let signs = Signs { traces: Some(&traces), ..Signs::of(&names) };
        found(&list, &signs).into_iter().map(|(pid, _)| pid).collect::<Vec<_>>()
    };
    assert_eq!((left("+1", 12), left("+1", 11), left("+2", 12)), (vec![80], vec![], vec![]));
}

/// 72 and 73 are in the group of 71, which has ended. 73 is in no service, as a stranger's in another group of that number.
#[test]
fn what_is_in_a_group_without_its_leader_is_known_only_in_supervisors_unit() {
    let names = programs(&["lms"]);
    let traces = seen("+1", &[(71, 6157)], &names[0]);
    let signs = Signs { traces: Some(&traces), ..Signs::of(&names) };
    let list = in_unit()
        .replace("66 (notes)", "72 (title) S 1 71 7001\n73 (title) S 1 71 7002\n66 (notes)")
        .replace("/proc/66/cgroup", "/proc/72/cgroup:0::/system.slice/supervisor.service\n/proc/66/cgroup");
    let of_lms = |list: &str| {
        let all = found(list, &signs).into_iter();
        all.filter(|(_, program)| program.is_some()).map(|(pid, _)| pid).collect::<Vec<_>>()
    };
    assert_eq!(of_lms(&list), [72]);
    let with_leader = list.replace("72 (title)", "71 (lms) S 1 71 6157\n72 (title)");
    assert_eq!(of_lms(&with_leader), [71, 72, 73]);
    let of_another = with_leader.replace("S 1 71 6157", "S 1 71 7000");
    assert_eq!(of_lms(&of_another), [0; 0]);
    let without_systemd = list.replace("systemd\npid", "pid");
    assert_eq!(of_lms(&without_systemd), [72, 73], "nothing tells them from each other");
}

#[test]
fn the_process_of_a_program_is_put_on_record_if_supervisor_has_started_it() {
    let names = programs(&["lms", "forum"]);
    let pids = [(&names[0], 66), (&names[1], 60)];
    let said = Said { stdout: in_unit(), ..Said::default() };
    let traces = traces(&Signs { pids: &pids, ..Signs::of(&names) }, &said).expect("a complete list");
    assert_eq!(traces, seen("+1", &[(60, 1)], &names[1]), "66 has lost its parent");
}

/// A host on which supervisor runs `forum` by way of a shell, and on which two processes are left that show no program.
fn in_unit() -> String {
    let environ = "\
/proc/60/environ:SUPERVISOR_GROUP_NAME=forum
/proc/60/environ:SUPERVISOR_PROCESS_NAME=forum
/proc/66/environ:SUPERVISOR_GROUP_NAME=notes
/proc/66/environ:SUPERVISOR_PROCESS_NAME=notes
";
    let stat = "\
1 (systemd) S 0 1 1
40 (sh) S 1 40 1
50 (python3) S 40 40 1
60 (ruby) S 50 60 1
61 (title) S 60 61 1
62 (title) S 1 55 1
63 (title) S 62 63 1
64 (cron) S 1 64 1
65 (title) S 64 65 1
66 (notes) S 1 66 1
";
    let cgroup = "\
/proc/40/cgroup:1:name=systemd:/system.slice/supervisor.service
/proc/50/cgroup:0::/system.slice/supervisor.service
/proc/60/cgroup:0::/system.slice/supervisor.service
/proc/61/cgroup:0::/system.slice/supervisor.service/of-its-own
/proc/62/cgroup:0::/system.slice/supervisor.service
/proc/63/cgroup:0::/system.slice/supervisor.service
/proc/66/cgroup:0::/system.slice/supervisor.service
";
    let cmdline = "\
==> /proc/1/cmdline <==
/sbin/init 
==> /proc/40/cmdline <==
/bin/sh 
==> /proc/50/cmdline <==
/edx/app/supervisor/venvs/supervisor/bin/python /edx/app/supervisor/venvs/supervisor/bin/supervisord -n 
";
    list(["systemd\npid 50\nMainPID=40\n", &(READ.to_owned() + environ), stat, NAMESPACE, cgroup, cmdline])
}

/// What is left of `lms` and of nobody known.
fn left_of_lms(list: &str) -> Result<Vec<(u32, Option<String>)>, NotListed> {
    let names = programs(&["lms"]);
    let said = Said { stdout: list.to_owned(), ..Said::default() };
    let left = read(&Signs::of(&names), &said)?;
    Ok(left.into_iter().map(|left| (left.pid, left.program.map(|name| name.to_string()))).collect())
}

#[test]
fn what_is_left_in_supervisors_unit_is_found_although_nothing_says_of_which_program_it_was() {
    let left = Ok(vec![(62, None), (63, None)]);
    assert_eq!(left_of_lms(&in_unit()), left, "others run, or belong to another program or unit");
    // Whatever the unit and the processes are called, supervisor says where it is.
    let renamed = in_unit().replace("supervisor.service", "edx.service").replace("bin/supervisord", "bin/python");
    assert_eq!(left_of_lms(&renamed), left);
    // A supervisor that hangs is known by its name, and by its unit if that has it as its main process.
    assert_eq!(left_of_lms(&in_unit().replace("pid 50\nMainPID=40\n", "pid \n")), left);
    let renamed = in_unit().replace("supervisor.service", "edx.service");
    assert_eq!(left_of_lms(&renamed.replace("pid 50\n", "pid \nMainPID=7\n\n")), left);
    let without_systemd = in_unit().replace("systemd\npid", "pid");
    assert_eq!(left_of_lms(&without_systemd), Ok(Vec::new()));
}

#[test]
fn what_systemd_stops_supervisor_with_is_not_left_of_a_program() {
    let unit = "/system.slice/supervisor.service";
    let stops = |command: &str| {
        let list = in_unit()
            .replace("@stat\n", "@stat\n91 (python3) S 1 91\n92 (sh) S 91 91\n")
            .replace("@cgroup\n", &format!("@cgroup\n/proc/91/cgroup:0::{unit}\n/proc/92/cgroup:0::{unit}\n"))
            .replace("@cmdline\n", &format!("@cmdline\n==> /proc/91/cmdline <==\n{command}\n"));
        left_of_lms(&list).expect("a list").iter().filter(|(pid, _)| [91, 92].contains(pid)).count()
    };
    assert_eq!(stops("/usr/bin/python3 /usr/bin/supervisorctl shutdown"), 0);
    assert_eq!(stops("/usr/bin/python3 /edx/bin/writer"), 2);
}

#[test]
fn what_is_left_in_a_control_group_within_supervisors_unit_is_found_too() {
    let nested = in_unit().replace(
        "62/cgroup:0::/system.slice/supervisor.service\n",
        "62/cgroup:0::/system.slice/supervisor.service/of-its-own\n",
    );
    assert_ne!(nested, in_unit());
    assert_eq!(left_of_lms(&nested), Ok(vec![(62, None), (63, None)]));
    let of_another = nested.replace("supervisor.service/of-its-own", "supervisor.service-of-its-own");
    assert_eq!(left_of_lms(&of_another), Ok(vec![(63, None)]));
}

#[test]
fn where_supervisor_is_not_found_it_is_not_said_that_nothing_is_left() {
    let silent = in_unit().replace("pid 50\nMainPID=40\n", "pid \n").replace("bin/supervisord", "bin/circusd");
    assert_eq!(left_of_lms(&silent), Err(NotListed::Unknown));
    // Only what supervisor itself has said is known for good.
    let renamed = in_unit().replace("pid 50\nMainPID=40\n", "pid \n").replace("supervisor.service", "edx.service");
    assert_eq!(left_of_lms(&renamed), Err(NotListed::Unknown));
    assert_eq!(left_of_lms(&in_unit().replace("pid 50", "pid 51")), Err(NotListed::NoSupervisor), "it has just ended");
    // Somebody has started it by hand: in the session of a user, or in a shell of sshd's.
    let session = in_unit().replace("/system.slice/supervisor.service", "/user.slice/user-0.slice/session-1.scope");
    assert_eq!(left_of_lms(&session), Err(NotListed::NoUnit));
    let of_sshd = in_unit().replace("supervisor.service", "ssh.service").replace("MainPID=40", "MainPID=39");
    assert_eq!(left_of_lms(&of_sshd), Err(NotListed::NoUnit));
}

#[test]
fn a_supervisor_of_a_user_leaves_nothing_to_the_users_systemd_that_is_not_found() {
    let list = in_unit().replace("/system.slice/", "/user.slice/user@7.service/app.slice/").replace(" S 1 ", " S 39 ");
    let list = list.replace("40 (sh)", "39 (systemd) S 1 39 1\n40 (sh)");
    assert_eq!(left_of_lms(&list), Ok(vec![(62, None), (63, None)]));
}

#[test]
fn a_list_of_which_a_part_is_empty_missing_or_cut_off_is_an_error() {
    assert!(left_of_lms(&in_unit()).is_ok());
    for line in [READ, NAMESPACE, "1 (systemd) S 0 1 1\n", "==> /proc/1/cmdline <==\n/sbin/init \n", "@end\n"] {
        let incomplete = left_of_lms(&in_unit().replace(line, ""));
        assert!(matches!(incomplete, Err(NotListed::Incomplete(_))), "{line}: {incomplete:?}");
    }
    for part in ["supervisor", "environ", "stat", "namespace", "cgroup", "cmdline"] {
        let (before, after) = in_unit()
            .split_once(&format!("@{part}\n"))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("it is there");
        let killed = format!("{before}@{part}\n{}", after.replacen("status 0", "status 137", 1));
        let cut_off = format!("{before}@{part}\n{}", after.replacen("status 0", "", 1));
        for incomplete in [killed, cut_off, before + &after] {
            assert!(matches!(left_of_lms(&incomplete), Err(NotListed::Incomplete(_))), "{part}: {incomplete}");
        }
    }
}

#[test]
fn a_process_is_known_by_its_id_and_its_beginning() {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("its status");
    let begun: u64 =
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(19)?.parse().ok()).expect("a number");
    let Some(list) = real_list() else { return };
    let said = Said { stdout: list, ..Said::default() };
    let listed = Listed::read(&said).expect("it is complete");
    assert_eq!(listed.processes[&std::process::id()].begun, Some(begun));
}

#[test]
fn the_processes_of_containers_are_left_out() {
    let with = format!("{NAMESPACE}/proc/1/ns/pid \n/proc/70/ns/pid pid:[4026532199]\n");
    let names = programs(&["lms", "edxapp_worker:*"]);
    let signs = Signs::of(&names);
    let left = found(&listed().replace(NAMESPACE, &with), &signs);
    assert_eq!(left.into_iter().map(|(pid, _)| pid).collect::<Vec<_>>(), [71]);
}

#[test]
fn what_a_program_runs_in_a_namespace_of_its_own_is_left_if_it_is_in_supervisors_unit() {
    // 62 and 63 show no program, 66 is one of `notes`; 64 is in another unit.
    let apart: String =
        [60, 62, 63, 64, 66].iter().map(|pid| format!("/proc/{pid}/ns/pid pid:[4026532199]\n")).collect();
    let list = in_unit().replace(NAMESPACE, &format!("{NAMESPACE}{apart}"));
    assert_eq!(left_of_lms(&list), Ok(vec![(62, None), (63, None)]));
    let marked =
        list.replace("SUPERVISOR_GROUP_NAME=notes", "SUPERVISOR_GROUP_NAME=lms").replace("NAME=notes", "NAME=lms");
    assert_eq!(left_of_lms(&marked).map(|left| left.len()), Ok(3));
    let outside =
        marked.replace("/proc/66/cgroup:0::/system.slice/supervisor", "/proc/66/cgroup:0::/system.slice/docker");
    assert_eq!(left_of_lms(&outside).map(|left| left.len()), Ok(2));
}

/// What the script prints about this machine; nothing if this user may not see everything.
#[expect(clippy::disallowed_methods, reason = "a real shell lists the processes of this machine")]
fn real_list() -> Option<String> {
    let arguments = ask("/bin/false").command.arguments;
    let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
    // Only root may read the environment of the first process.
    if output.status.code() == Some(77) {
        assert!(String::from_utf8_lossy(&output.stderr).contains("only by root"));
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_real_list_is_complete_and_leaves_no_process_of_this_host_out() {
    let Some(list) = real_list() else { return };
    let said = Said { stdout: list, ..Said::default() };
    assert!(ids(&said).expect("it is complete").contains_key(&std::process::id()));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "real processes are listed")]
fn a_process_that_has_ended_is_not_listed_and_one_whose_threads_go_on_is() {
    let main_thread_ends = "import ctypes, threading, time\n\
                            threading.Thread(target=time.sleep, args=(60,)).start()\n\
                            ctypes.CDLL(None).pthread_exit(None)";
    let start = |arguments: &[&str]| {
        let mut command = std::process::Command::new(arguments[0]);
        command.args(&arguments[1..]).env("SUPERVISOR_GROUP_NAME", "lms").env("SUPERVISOR_PROCESS_NAME", "lms");
        command.spawn().expect("a process")
    };
    let [mut goes_on, mut ended] = [start(&["python3", "-c", main_thread_ends]), start(&["true"])];
    let has_ended = |process: &std::process::Child| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).expect("its status");
        stat.contains(") Z ")
    };
    while !has_ended(&goes_on) || !has_ended(&ended) {
        std::thread::yield_now();
    }
    let list = real_list();
    goes_on.kill().expect("its threads end");
    let [goes_on, ended] =
        [&mut goes_on, &mut ended].map(|process| process.wait().map(|_| process.id()).expect("it ends"));
    let Some(list) = list else { return };
    let said = Said { stdout: list, ..Said::default() };
    let (ids, listed) = (ids(&said).expect("it is complete"), Listed::read(&said).expect("it is complete"));
    assert_eq!((ids.contains_key(&goes_on), ids.contains_key(&ended)), (true, false));
    assert_eq!(listed.program_of(goes_on, &programs(&["lms"])), Some("lms".into()), "its threads show it");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real process is listed")]
fn little_is_listed_of_each_process_however_long_its_command_line_is() {
    let long = "x".repeat(100_000);
    let mut process = std::process::Command::new("sh")
        .args(["-c", "read line", "sh", &long])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("a process");
    let list = real_list();
    process.kill().and_then(|()| process.wait()).expect("it ends");
    let Some(list) = list else { return };
    // Those of containers are listed as well, and so are those that have ended.
    let each = list.len() / list.matches("==> /proc/").count();
    assert!(list.contains("xxx") && each < 300, "{each} bytes for each process");
}

#[test]
fn of_a_command_line_neither_passwords_nor_control_characters_are_shown() {
    for (line, words) in [
        ("mysql -u root -phunter2 \u{1b}[2Jx", "mysql"),
        ("/edx/bin/python /edx/app/manage.py lms shell --password=hunter2", "/edx/bin/python /edx/app/manage.py"),
        ("\u{1b}[2Jcurl https://user:hunter2@host/path", "?[2Jcurl"),
        ("celeryd: worker", "celeryd"),
    ] {
        let list = in_unit().replace("/sbin/init \n", &format!("/sbin/init \n==> /proc/62/cmdline <==\n{line}\n"));
        let names = programs(&["lms"]);
        let said = Said { stdout: list, ..Said::default() };
        let left = read(&Signs::of(&names), &said).expect("a complete list");
        assert_eq!((left[0].pid, left[0].command.as_str()), (62, words));
    }
}

#[test]
fn other_programs_are_not_meant_and_groups_are() {
    let of = |name: &str| {
        let names = programs(&[name]);
        found(&listed(), &Signs::of(&names)).len()
    };
    assert_eq!([of("cms"), of("lm"), of("edxapp_worker:*"), of("edxapp_worker:lms_low_5")], [0, 0, 1, 0]);
}

#[test]
fn a_list_that_failed_tells_whether_the_next_one_may_be_complete() {
    let failed = |exit| {
        let said = Said { exit, stdout: listed(), stderr: "why".to_owned() };
        ids(&said).expect_err("it has failed")
    };
    assert_eq!(failed(77), NotListed::NoRights("why".to_owned()));
    for exit in [1, 124, 137] {
        assert!(matches!(failed(exit), NotListed::Incomplete(_)), "{exit}");
    }
}

#[test]
fn what_a_simulation_answers_is_read_as_it_was_meant() {
    let names = programs(&["lms", "edxapp_worker:lms_high_3"]);
    let text = answer(&[(101, &names[0]), (102, &names[1])]);
    let signs = Signs::of(&names[..1]);
    assert_eq!(found(&text, &signs), [(101, Some("lms".to_owned()))]);
}
