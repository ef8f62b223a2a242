//! What hosts say, and the script on this system.

use std::collections::BTreeSet;

use super::*;
use crate::supervisor::{Order, Verb, autostart};
use crate::{celery, commands, envelope, processes};

const READY: &str =
    "clock 1795939200\nsudo yes \nepoch 4\njob-folder yes\nsupervisor 4.2.5\nfree 2000000 /\nfree 90 /var\nend\n";

fn needs(supervisorctl: &str) -> Needs {
    Needs { supervisorctl: supervisorctl.to_owned(), ..Needs::default() }
}

fn said(stdout: &str) -> Said {
    Said { exit: 0, stdout: stdout.to_owned(), stderr: String::new() }
}

#[test]
fn no_script_waits_for_logind_without_a_limit() {
    let calls = |script: &str| script.split("loginctl ").map(str::to_owned).collect::<Vec<_>>();
    let mut all = 0;
    for script in scripts() {
        let parts = calls(&script);
        let before = parts.split_last().map_or(&[][..], |(_, before)| before);
        assert!(before.iter().all(|part| part.ends_with("timeout 5 ")), "{script}");
        all += before.len();
    }
    assert!(all >= 2, "the list of processes and the holds");
}

#[test]
fn a_host_that_is_ready_says_so_in_full() {
    let ready = read(&said(READY)).expect("it is complete");
    assert_eq!(ready.no_sudo, None);
    assert_eq!(ready.supervisor, Supervisor::Version("4.2.5".to_owned()));
    assert_eq!(ready.free, [(2_000_000, "/".to_owned()), (90, "/var".to_owned())]);
    assert!(ready.missing.is_empty() && ready.agents.is_empty());
}

#[test]
fn everything_that_is_in_the_way_is_named() {
    let text = "clock 1795939200\nsudo sudo: a password is required \nmissing flock\nabsent ./manage.py (for edxapp in /edx)\n\
                epoch none\njob-folder /var cannot be written to\nsupervisor-missing /edx/bin/supervisorctl\n\
                free 1 /\nagent ansible-pull in /etc/crontab\nend\n";
    let host = read(&said(text)).expect("it is complete");
    assert_eq!(host.no_sudo.as_deref(), Some("sudo: a password is required"));
    assert_eq!(host.missing, ["flock"]);
    assert_eq!(host.absent, ["./manage.py (for edxapp in /edx)"]);
    assert_eq!(host.no_job_folder.as_deref(), Some("/var cannot be written to"));
    assert_eq!(host.supervisor, Supervisor::Missing("/edx/bin/supervisorctl".to_owned()));
    assert_eq!(host.agents, ["ansible-pull in /etc/crontab"]);
    let silent = READY.replace("supervisor 4.2.5", "supervisor unix:///run/supervisor.sock no such file");
    assert!(matches!(read(&said(&silent)).expect("it is complete").supervisor, Supervisor::Silent(_)));
}

#[test]
fn an_answer_that_lacks_any_part_is_an_error() {
    for line in READY.lines().filter(|line| !line.starts_with("free")) {
        assert!(read(&said(&READY.replace(&format!("{line}\n"), ""))).is_err(), "{line}");
    }
    assert!(
        read(&said("clock 1\nsudo yes\nepoch none\njob-folder yes\nsupervisor 4\nend\n")).is_err(),
        "no file system"
    );
    assert!(read(&Said { exit: 124, ..said(READY) }).is_err());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real shell runs the script")]
fn the_script_answers_in_full_on_a_real_system() {
    let command = ask(&needs("/nonexistent/supervisorctl")).command;
    let output = std::process::Command::new(&command.arguments[0]).args(&command.arguments[1..]).output();
    let output = output.expect("a shell");
    let said = said(&String::from_utf8_lossy(&output.stdout));
    let host = read(&said).unwrap_or_else(|error| panic!("{error}: {}", said.stdout));
    assert_eq!(host.supervisor, Supervisor::Missing("/nonexistent/supervisorctl".to_owned()));
    assert!(!host.free.is_empty());
}

/// Every script of this crate, and what its commands begin with.
fn scripts() -> Vec<String> {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = [source.clone()].into_iter().chain(entries(&source).into_iter().filter(|path| path.is_dir()));
    let files =
        folders.flat_map(|folder| entries(&folder)).filter(|path| path.extension().is_some_and(|it| it == "sh"));
    let mut scripts: Vec<String> = files
        // What runs on a builder runs on no host of a window.
        .filter(|file| !["orders.sh", "readiness/files.sh", "bake/seal.sh"].iter().any(|name| file.ends_with(name)))
        .map(|file| std::fs::read_to_string(file).expect("a script"))
        .collect();
    assert!(scripts.len() >= 4, "the job helper, the holds, autostart and readiness");
    // These call functions that are in another file.
    scripts.push(super::FILES.to_owned());
    let order = Order { verb: Verb::Stop, supervisorctl: String::new(), programs: Vec::new(), left: Vec::new() };
    let asks = [processes::ask(""), celery::ask(&[]), autostart::ask_own(&"i-1".into()), autostart::ask_files()];
    let within = asks.map(|ask| ask.command).into_iter().chain([commands::command(&[]), order.command()]);
    scripts.extend(within.map(|command| command.arguments[2].clone()));
    scripts.extend([envelope::ENVIRONMENT, envelope::SCRIPT].map(str::to_owned));
    scripts
}

fn entries(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn every_program_that_a_script_calls_is_looked_for_and_no_other_one() {
    let called: BTreeSet<String> = scripts().iter().flat_map(|script| programs::called(script)).collect();
    let tried = ["sudo", "/bin/sh"];
    let called: BTreeSet<&str> = called.iter().map(String::as_str).filter(|word| !tried.contains(word)).collect();
    let looked_for: BTreeSet<&str> = [needs::EVERYWHERE, needs::SYSTEMD].concat().into_iter().collect();
    assert_eq!(called, looked_for);
}

/// What the script says to `ubuntu`, whose sudo runs this script.
#[expect(clippy::disallowed_methods, reason = "a real shell runs the script")]
fn said_to_ubuntu(sudo: &str, needs: &Needs) -> Readiness {
    let folder = tempfile::tempdir().expect("a folder");
    let id = "case $1 in -u) echo 1000 ;; -un) echo ubuntu ;; esac";
    let supervisorctl = "echo 4.2.5";
    for (name, script) in [("sudo", sudo), ("id", id), ("supervisorctl", supervisorctl)] {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("it can be run");
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path"));
    let command = ask(needs).command;
    let mut shell = std::process::Command::new(&command.arguments[0]);
    let output = shell.args(&command.arguments[1..]).env("PATH", path).output().expect("a shell");
    read(&said(&String::from_utf8_lossy(&output.stdout))).expect("it is complete")
}

/// A sudo that lets everybody in. It is called as `sudo -n -H -u USER -- COMMAND...`.
const WORKS: &str = "shift 5; exec \"$@\"";

#[test]
fn a_sudo_that_warns_or_allows_only_what_is_needed_works() {
    let warns = format!("echo 'sudo: unable to resolve host ip-10-0-0-7: Name or service not known' >&2; {WORKS}");
    let allows_shells =
        format!("[ \"$6\" = /bin/sh ] || {{ echo 'sudo: a password is required' >&2; exit 1; }}; {WORKS}");
    for sudo in [warns, allows_shells] {
        let host = said_to_ubuntu(&sudo, &needs("supervisorctl"));
        assert_eq!((host.no_sudo, host.supervisor), (None, Supervisor::Version("4.2.5".to_owned())));
    }
}

#[test]
fn a_sudo_that_does_not_lead_to_every_user_is_told() {
    let only_root = format!("[ \"$4\" = root ] || {{ echo 'sudo: a password is required' >&2; exit 1; }}; {WORKS}");
    let needs = Needs { users: vec!["www-data".to_owned()], ..needs("supervisorctl") };
    let host = said_to_ubuntu(&only_root, &needs);
    assert_eq!((host.no_sudo, host.refused), (None, vec!["www-data: sudo: a password is required".to_owned()]));
    let host = said_to_ubuntu("echo sorry; echo 'sudo: a password is required' >&2; exit 1", &needs);
    assert_eq!(host.no_sudo.as_deref(), Some("sudo: a password is required"));
    assert_eq!(host.refused.len(), 1);
    assert!(host.missing.is_empty(), "what is not installed is known without root: {:?}", host.missing);
}

#[test]
fn a_program_that_is_not_installed_is_named() {
    let programs = vec!["nonexistent-redis-cli".to_owned(), "sh".to_owned()];
    let host = said_to_ubuntu(WORKS, &Needs { programs, ..needs("supervisorctl") });
    assert_eq!(host.missing, ["nonexistent-redis-cli"]);
}

#[test]
fn that_root_cannot_make_namespaces_is_told() {
    let refuses =
        "case \"$*\" in *unshare*) echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1 ;; esac";
    let host = said_to_ubuntu(&format!("{refuses}; {WORKS}"), &needs("supervisorctl"));
    assert_eq!(host.no_namespaces.as_deref(), Some("unshare: unshare failed: Operation not permitted"));
    let exists = "case $7 in *'unshare --uts'*) exit 0 ;; esac";
    assert_eq!(said_to_ubuntu(&format!("{exists}; {WORKS}"), &needs("supervisorctl")).no_namespaces, None);
}

#[test]
fn the_last_conductor_that_a_host_has_seen_is_told_and_a_number_that_cannot_be_read_is_the_highest() {
    let folder = tempfile::tempdir().expect("a folder");
    let job_folder = folder.path().display().to_string();
    let told = || said_to_ubuntu(WORKS, &Needs { job_folder: job_folder.clone(), ..needs("supervisorctl") }).epoch;
    assert_eq!(told(), None);
    for (text, epoch) in [("6\n", 6), ("", u64::MAX), ("six\n", u64::MAX)] {
        std::fs::write(folder.path().join("epoch"), text).expect("written");
        assert_eq!(told(), Some(epoch), "{text:?}");
    }
}

#[test]
fn commands_are_looked_for_in_their_folder_and_as_their_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path().display().to_string();
    std::fs::write(folder.path().join("manage.py"), "#!/bin/sh\n").expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path().join("manage.py"), mode).expect("it can be run");
    let needed = |folder: &str, program: &str| Needed {
        user: "edxapp".to_owned(),
        folder: folder.to_owned(),
        program: program.to_owned(),
    };
    let commands =
        [needed(&here, "./manage.py"), needed("/", "./manage.py"), needed("/nonexistent", "true"), needed("", "sh")];
    let host = said_to_ubuntu(WORKS, &Needs { commands: commands.into(), ..needs("supervisorctl") });
    assert_eq!(host.absent, ["./manage.py (for edxapp in /)", "the folder /nonexistent (for edxapp)"]);
    // Why its commands are not found is said already.
    let refuses = format!("[ \"$4\" = root ] || exit 1; {WORKS}");
    let host =
        said_to_ubuntu(&refuses, &Needs { commands: [needed("/", "./manage.py")].into(), ..needs("supervisorctl") });
    assert_eq!(host.absent, Vec::<String>::new());
}

#[test]
fn a_folder_of_jobs_that_cannot_be_made_is_told_and_its_file_system_is_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("written");
    let of = |path: &str| {
        let job_folder = folder.path().join(path).display().to_string();
        said_to_ubuntu(WORKS, &Needs { job_folder, ..needs("supervisorctl") })
    };
    assert_eq!(of("var/lib/cutover").no_job_folder, None);
    let told = of("file/cutover").no_job_folder.expect("it cannot be made");
    assert!(told.ends_with("file is no folder"), "{told}");
    let in_proc = said_to_ubuntu(WORKS, &Needs { job_folder: "/proc/cutover".to_owned(), ..needs("supervisorctl") });
    assert!(in_proc.free.iter().any(|(_, mount)| mount == "/proc"), "{in_proc:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real shell runs the script")]
fn files_of_supervisor_that_cannot_be_changed_and_programs_of_no_file_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let lms =
        "[program:lms]\ncommand=x\n[fcgi-program:cms]\ncommand=y\n[group:site]\nprograms=worker\n[program:worker]\n";
    let (lms, fixed) = (file("lms.conf", lms), file("fixed.conf", ""));
    // No file is read-only for root here, so the shell's own look is replaced.
    let script = super::FILES
        .split_once("\nfiles=$(files_of_running")
        .map(|(_, rest)| format!("files=$(files_of_running{rest}"))
        .expect("the part after the functions");
    let host = format!(
        "files_of_running() {{ printf '%s\\n' {lms} {fixed}; }}
         usual_files() {{ echo none; }}
         [() {{ case \"$*\" in *'-w {fixed} '*) false ;; *) command [ \"$@\" ;; esac; }}
         timeout() {{
             echo 'lms                in use    auto      999:999'
             echo 'site:worker_00     in use    manual    999:999'
             echo 'cms                avail     auto      999:999'
             echo 'forum              in use    auto      999:999'
             echo 'error: refused'
         }}
         {script}"
    );
    let output = std::process::Command::new("bash").args(["-c", &host]).output().expect("a shell");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told, format!("read-only {fixed}\nin-no-file forum\n"), "{output:?}");
}
