//! Whether supervisor starts programs by itself when its host boots. Next workers must not: they would take tasks of the
//! live site. Their user data turns `autostart` off in supervisor's files, and the order that starts them turns it on again.

use cutover_core::names::{InstanceId, ProgramName};

use super::status::{NoStatus, meant, not_said};
use crate::command::{Ask, Command, RunAs, Said};

/// Turns `autostart` off for every program, before supervisor runs.
const HOLD: &str =
    concat!(include_str!("files.sh"), include_str!("autostart.sh"), "usual_files | turn_autostart_off\n");

/// Says of each file whether that was done.
const STATE: &str = concat!(
    include_str!("files.sh"),
    "usual_files | while read -r file; do
    if grep -q '^; held by cutover$' \"$file\"; then echo \"held $file\"; else echo \"free $file\"; fi
done
echo end
"
);

/// Where cloud-init keeps the exit status of the command that user data runs. An image of a host that has run it has a record
/// of that host as well, and `/var/lib/cloud/instance` leads there until cloud-init runs.
#[must_use]
pub fn record(instance: &InstanceId) -> String {
    format!("/var/lib/cloud/instances/{instance}/sem/bootper.cutover_hold_services.instance")
}

/// Prints how a host's own command has ended: its exit status and a date. Nothing if cloud-init has not run it.
const OWN: &str = "cat \"$1\" 2>/dev/null; echo end";

/// The question how the deployment's own command has ended, which holds services on a host instead of this module's.
#[must_use]
pub fn ask_own(instance: &InstanceId) -> Ask {
    Ask::new(Command { run_as: RunAs::root(), ..Command::script(OWN, [record(instance)]) })
}

/// Whether a question is that one, for a simulation.
#[must_use]
pub fn is_own_asked(ask: &Ask) -> bool {
    matches!(ask.command.arguments.as_slice(), [_, _, script, ..] if script == OWN)
}

/// What a host answers, for a simulation.
#[must_use]
pub fn own_answer(end: OwnEnd) -> String {
    match end {
        OwnEnd::Exit(exit) => format!("{exit}\t1732900000\nend\n"),
        OwnEnd::NoRecord => "end\n".to_owned(),
    }
}

/// How the deployment's own command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnEnd {
    /// With this exit status.
    Exit(i32),
    /// cloud-init keeps no record of its end, so it was not run, or not to its end.
    NoRecord,
}

/// How that command has ended; `None` if the answer does not tell.
#[must_use]
pub fn own_end(said: &Said) -> Option<OwnEnd> {
    let record = said.stdout.strip_suffix("end\n").filter(|_| said.exit == 0)?;
    match record.split_whitespace().next() {
        None => Some(OwnEnd::NoRecord),
        Some(status) => status.parse().ok().map(OwnEnd::Exit),
    }
}

/// The command that turns `autostart` off for every program of Open edX. User data runs it before supervisor starts.
#[must_use]
pub fn hold() -> Vec<String> {
    ["/bin/sh", "-c", HOLD].map(str::to_owned).to_vec()
}

/// The question whether `autostart` is turned off in the files.
#[must_use]
pub fn ask_files() -> Ask {
    Ask::new(Command { run_as: RunAs::root(), ..Command::script(STATE, Vec::<String>::new()) })
}

/// Whether a question is that one, for a simulation.
#[must_use]
pub fn is_asked(ask: &Ask) -> bool {
    matches!(ask.command.arguments.as_slice(), [_, _, script, ..] if script == STATE)
}

/// The file of supervisor's that simulated hosts have.
pub const SIMULATED_FILE: &str = "/edx/app/supervisor/conf.d/edxapp.conf";

/// What a host answers, for a simulation.
#[must_use]
pub fn answer(is_held: bool) -> String {
    format!("{} {SIMULATED_FILE}\nend\n", if is_held { "held" } else { "free" })
}

/// Whether `autostart` was turned off in any file by [`hold()`]; `None` if the answer does not tell. Where there is no
/// file, it was not.
#[must_use]
pub fn is_held(said: &Said) -> Option<bool> {
    let files = said.stdout.strip_suffix("end\n").filter(|_| said.exit == 0)?;
    let of_file = |line: &str| match line.split_once(' ') {
        Some(("held", _)) => Some(true),
        Some(("free", _)) => Some(false),
        _ => None,
    };
    files.lines().map(of_file).collect::<Option<Vec<bool>>>().map(|held| held.contains(&true))
}

/// What an order prints before the path of a file in which `autostart` is off once it was carried out.
const HELD: &str = "held by cutover: ";

/// The files in which `autostart` is off, in what an order has printed.
#[must_use]
pub fn held_files(printed: &str) -> Vec<String> {
    printed.lines().filter_map(|line| line.strip_prefix(HELD)).map(str::to_owned).collect()
}

/// The line that an order prints for such a file, for a simulation.
#[must_use]
pub fn held_file(path: &str) -> String {
    format!("{HELD}{path}\n")
}

/// The question for what supervisor has read from its files.
#[must_use]
pub fn ask_loaded(supervisorctl: &str) -> Ask {
    Ask::new(Command::as_root([supervisorctl, "avail"]))
}

/// Adds the line of `supervisorctl avail` for a program, for a simulation.
pub fn print_loaded(text: &mut String, program: &str, is_held: bool) {
    let starts = if is_held { "manual" } else { "auto" };
    text.push_str(&format!("{program:<32} in use    {starts:<9} 999:999\n"));
}

/// The programs, of those asked for, that supervisor starts by itself.
///
/// # Errors
/// When the answer does not tell it of every one of them.
pub fn started_at_boot(asked: &[ProgramName], said: &Said) -> Result<Vec<ProgramName>, NoStatus> {
    let Loaded { known, automatic, others } = Loaded::read(asked, said);
    let is_known = |program: &&ProgramName| {
        let group = program.as_str().strip_suffix('*');
        known.iter().any(|known| known == *program || group.is_some_and(|group| known.as_str().starts_with(group)))
    };
    let missing: Vec<String> = asked.iter().filter(|program| !is_known(program)).map(ToString::to_string).collect();
    if missing.is_empty() { Ok(automatic) } else { Err(not_said(said, &others, missing)) }
}

/// The same of programs that supervisor may have lost from its files since it started them: those do not start again.
///
/// # Errors
/// When the answer is not a list of programs.
pub fn started_again(asked: &[ProgramName], said: &Said) -> Result<Vec<ProgramName>, NoStatus> {
    let Loaded { automatic, others, .. } = Loaded::read(asked, said);
    let is_list = said.exit == 0 && others.iter().all(|line| line.trim().is_empty());
    let names = || asked.iter().map(ToString::to_string).collect();
    if is_list { Ok(automatic) } else { Err(not_said(said, &others, names())) }
}

/// The programs, of those asked for, that supervisor knows and does not start by itself.
///
/// # Errors
/// When the answer does not tell it of every one of them.
pub fn not_started_at_boot(asked: &[ProgramName], said: &Said) -> Result<Vec<ProgramName>, NoStatus> {
    let automatic = started_at_boot(asked, said)?;
    Ok(Loaded::read(asked, said).known.into_iter().filter(|program| !automatic.contains(program)).collect())
}

/// What a list of `supervisorctl avail` says of the programs asked for.
struct Loaded<'a> {
    /// Those that are in the list.
    known: Vec<ProgramName>,
    /// Those of them that start by themselves.
    automatic: Vec<ProgramName>,
    /// The lines that say something else.
    others: Vec<&'a str>,
}

impl<'a> Loaded<'a> {
    fn read(asked: &[ProgramName], said: &'a Said) -> Self {
        let mut loaded = Self { known: Vec::new(), automatic: Vec::new(), others: Vec::new() };
        for line in said.stdout.lines().chain(said.stderr.lines()) {
            // `edxapp_worker:lms_high_3   in use    auto      999:999`
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [name, .., starts @ ("auto" | "manual"), _] => {
                    let Some(program) = meant(asked, name) else { continue };
                    loaded.known.push(program.clone());
                    loaded.automatic.extend((*starts == "auto").then_some(program));
                }
                _ => loaded.others.push(line),
            }
        }
        loaded
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cutover_core::status::put_back_command;

    use super::*;
    use crate::supervisor::{Order, Verb};

    fn said(stdout: &str) -> Said {
        Said { stdout: stdout.to_owned(), ..Said::default() }
    }

    fn programs(names: &[&str]) -> Vec<ProgramName> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn how_a_command_of_the_deployment_has_ended_is_known_by_what_cloud_init_keeps_and_by_nothing_else() {
        let end = |stdout: &str| own_end(&said(stdout));
        for known in [OwnEnd::Exit(7), OwnEnd::Exit(0), OwnEnd::NoRecord] {
            assert_eq!(end(&own_answer(known)), Some(known));
        }
        assert_eq!([end(""), end("what\nend\n"), end("0\t1732900000\n")], [None; 3]);
        let question = ask_own(&"i-2".into());
        assert!(is_own_asked(&question) && !is_own_asked(&ask_files()));
        let of_this_instance = |argument: &String| argument.starts_with("/var/lib/cloud/instances/i-2/");
        assert!(question.command.arguments.iter().any(of_this_instance), "its image may have the record of another");
    }

    /// As supervisors print it: `cms` and the workers start by themselves, and `manual` does not.
    const AVAIL: [&str; 2] = [include_str!("recorded/avail-3.4.0.txt"), include_str!("recorded/avail-4.3.0.txt")];

    #[test]
    fn programs_that_start_by_themselves_are_found_in_what_supervisors_print() {
        for printed in AVAIL {
            let of = |names: &[&str]| started_at_boot(&programs(names), &said(printed));
            assert_eq!(of(&["manual", "edxapp_worker:lms_high_3"]), Ok(programs(&["edxapp_worker:lms_high_3"])));
            assert_eq!(of(&["edxapp_worker:*"]).map(|all| all.len()), Ok(2));
            assert!(matches!(of(&["manual", "lms"]), Err(NoStatus::NotSaid { programs, .. }) if programs == ["lms"]));
            assert_eq!(
                not_started_at_boot(&programs(&["manual", "edxapp_worker:lms_high_3"]), &said(printed)),
                Ok(programs(&["manual"]))
            );
        }
        let refused = said("http://localhost:9001 refused connection\n");
        assert!(matches!(started_at_boot(&programs(&["cms"]), &refused), Err(NoStatus::NoServer(_))));
    }

    #[test]
    fn a_program_whose_name_begins_like_another_one_does_not_stand_for_it() {
        let mut text = String::new();
        print_loaded(&mut text, "lms2", false);
        let answer = started_at_boot(&programs(&["lms", "lms2"]), &said(&text));
        assert!(matches!(&answer, Err(NoStatus::NotSaid { programs, .. }) if *programs == ["lms"]), "{answer:?}");
    }

    #[test]
    fn what_is_not_in_supervisors_files_any_more_does_not_start_again_and_what_is_no_list_tells_nothing() {
        let printed = AVAIL[1];
        let of = |names: &[&str], said: &Said| started_again(&programs(names), said);
        assert_eq!(of(&["cms", "manual", "lost"], &said(printed)), Ok(programs(&["cms"])));
        assert_eq!(of(&["lost"], &said("")), Ok(Vec::new()), "supervisor has no program at all");
        assert!(of(&["cms"], &said("http://localhost:9001 refused connection\n")).is_err());
        assert!(of(&["cms"], &Said { exit: 1, ..said("") }).is_err());
    }

    #[test]
    fn one_file_in_which_it_is_off_is_enough_to_tell_that_it_was_turned_off() {
        let files = "free /etc/supervisor/conf.d/notes.conf\nheld /etc/supervisor/conf.d/edxapp.conf\nend\n";
        assert_eq!(is_held(&said(files)), Some(true));
    }

    #[test]
    fn a_question_that_has_failed_tells_nothing_whatever_it_has_printed() {
        let failed = |stdout: String| Said { exit: 1, ..said(&stdout) };
        assert_eq!(is_held(&failed(answer(true))), None);
        assert_eq!(own_end(&failed(own_answer(OwnEnd::Exit(0)))), None);
    }

    #[test]
    fn what_a_simulation_prints_is_read_as_it_was_meant() {
        let mut text = String::new();
        print_loaded(&mut text, "edxapp_worker:a_name_that_is_longer_than_its_column", false);
        print_loaded(&mut text, "cms", true);
        let asked = programs(&["cms", "edxapp_worker:a_name_that_is_longer_than_its_column"]);
        assert_eq!(started_at_boot(&asked, &said(&text)), Ok(asked[1..].to_vec()));
        assert_eq!((is_held(&said(&answer(true))), is_held(&said(&answer(false)))), (Some(true), Some(false)));
        assert_eq!(is_held(&said("end\n")), Some(false), "a host without files");
        for cut in ["", "held /a.conf\n", "? /a.conf\nend\n"] {
            assert_eq!(is_held(&said(cut)), None, "{cut}");
        }
    }

    /// The folders in which supervisor's files are looked for.
    const FOLDERS: [&str; 2] = ["/edx/app/supervisor/conf.d", "/etc/supervisor/conf.d"];

    const FILE: &str = "[program:lms_low_5]\ncommand=sleep 1000\n\n[program:lms_high_3]\n autostart = true\n\
                        command=sleep 1000\n[fcgi-program:cms]\nautostart=false\n[group:edxapp_worker]\n\
                        programs=lms_low_5,lms_high_3\n";

    /// Runs a command whose first folder of files is another one. The second one does not exist.
    fn run(arguments: &[String], folder: &std::path::Path) -> String {
        run_with(arguments, [folder, std::path::Path::new("/nonexistent")])
    }

    /// Runs a command whose folders of files are others.
    #[expect(clippy::disallowed_methods, reason = "a real shell runs the script")]
    fn run_with(arguments: &[String], folders: [&std::path::Path; 2]) -> String {
        let elsewhere = |argument: &String| {
            let folders = FOLDERS.iter().zip(folders);
            folders.fold(argument.clone(), |text, (usual, other)| text.replace(usual, &other.display().to_string()))
        };
        let arguments: Vec<String> = arguments.iter().map(elsewhere).collect();
        let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn what_was_held_is_let_go_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let (there, file) = (folder.path().join("edxapp.conf"), folder.path().join("edxapp.available"));
        std::fs::write(&file, FILE).expect("a file");
        std::os::unix::fs::symlink(&file, &there).expect("a link");
        let held = || is_held(&said(&run(&ask_files().command.arguments, folder.path())));
        assert_eq!(held(), Some(false));
        for _ in 0..2 {
            run(&hold(), folder.path());
            assert_eq!(held(), Some(true));
        }
        let text = std::fs::read_to_string(&file).expect("a file");
        let active = text.lines().filter(|line| !line.starts_with(';') && line.contains("autostart"));
        assert_eq!(active.collect::<Vec<_>>(), ["autostart=false"; 3], "{text}");
        let supervisorctl = "/bin/true".to_owned();
        let start = Order { verb: Verb::StartAlways, supervisorctl, programs: programs(&["cms"]), left: Vec::new() };
        for _ in 0..2 {
            run(&start.command().arguments, folder.path());
            assert_eq!(held(), Some(false));
        }
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), FILE);
        assert!(there.is_symlink(), "the link is left alone");
    }

    #[test]
    fn a_stop_for_good_turns_it_off_and_any_other_order_leaves_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("edxapp.conf"), FILE).expect("a file");
        let held_after = |verb| {
            let supervisorctl = "/bin/true".to_owned();
            let order = Order { verb, supervisorctl, programs: programs(&["cms"]), left: Vec::new() };
            run(&order.command().arguments, folder.path());
            is_held(&said(&run(&ask_files().command.arguments, folder.path())))
        };
        let orders = [Verb::Stop, Verb::StopForGood, Verb::Stop, Verb::Start, Verb::StartAlways, Verb::Start];
        assert_eq!(orders.map(held_after), [false, true, true, true, false, false].map(Some));
    }

    /// A supervisorctl that says which process supervisor is, beside a process that was started as supervisor is.
    #[expect(clippy::disallowed_methods, reason = "a process stands for supervisor")]
    fn running_with(config: &std::path::Path, arguments: &[&str]) -> (std::process::Child, String) {
        // As in a virtual environment, if the file is not beside it.
        let folder = config.parent().expect("a folder");
        let folder = if folder.ends_with("etc") { folder.with_file_name("bin") } else { folder.to_owned() };
        std::fs::create_dir_all(&folder).expect("a folder");
        let program = folder.join("supervisord");
        std::fs::write(&program, "while :; do sleep 1; done").expect("a file");
        let supervisor = std::process::Command::new("sh")
            .arg(program)
            .args(arguments)
            .env("SITE", "e|x&")
            .current_dir(&folder)
            .spawn();
        let supervisor = supervisor.expect("a process");
        let supervisorctl = config.with_file_name("supervisorctl");
        let script = format!("#!/bin/sh\n[ \"$1\" != pid ] || echo {}\n", supervisor.id());
        std::fs::write(&supervisorctl, script).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&supervisorctl, mode).expect("it can be run");
        (supervisor, supervisorctl.display().to_string())
    }

    #[test]
    fn the_files_that_supervisor_really_reads_are_changed_whatever_they_are_called_and_nothing_else_in_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let node = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
        let (extra, config) = (folder.path().join("e|x&").join(node.trim()), folder.path().join("supervisord.conf"));
        std::fs::create_dir_all(&extra).expect("a folder");
        let main = "[program:cms]\nAutoStart: true\ncommand=x\n[eventlistener:memory]\nautostart=false\ncommand=y\n\
                    [include]\nfiles = none/*.conf\n  %(here)s/%(ENV_SITE)s/%(host_node_name)s/*.ini  ; more\n";
        std::fs::write(&config, main).expect("a file");
        std::fs::write(extra.join("lms.ini"), "[program:lms]\ncommand=x\n").expect("a file");
        let (mut supervisor, supervisorctl) = running_with(&config, &["-c", &config.display().to_string()]);
        let order = |verb| Order {
            verb,
            supervisorctl: supervisorctl.clone(),
            programs: programs(&["cms", "lms"]),
            left: Vec::new(),
        };
        let texts = || [&config, &extra.join("lms.ini")].map(|file| std::fs::read_to_string(file).expect("a file"));
        let before = texts();
        let printed = run(&order(Verb::StopForGood).command().arguments, folder.path());
        let told: BTreeSet<String> = held_files(&printed).into_iter().collect();
        assert_eq!(told, [&config, &extra.join("lms.ini")].map(|file| file.display().to_string()).into());
        // A program that was added after that is held by the next order.
        let (held, late) = (texts(), "[program:late]\ncommand=z\n");
        std::fs::write(extra.join("lms.ini"), format!("{}{late}", held[1])).expect("a file");
        run(&order(Verb::StopForGood).command().arguments, folder.path());
        let all = texts();
        run(&order(Verb::StartAlways).command().arguments, folder.path());
        supervisor.kill().and_then(|()| supervisor.wait()).expect("it ends");
        let off = "; held by cutover\nautostart=false\n";
        let memory = "[eventlistener:memory]\nautostart=false\ncommand=y\n";
        assert!(held[0].starts_with(&format!(
            "[program:cms]\n{off};held by cutover: AutoStart: true\ncommand=x\n{memory}[include]\n"
        )));
        assert_eq!(held[1], format!("[program:lms]\n{off}command=x\n"));
        assert_eq!(all, [held[0].clone(), format!("{}[program:late]\n{off}command=z\n", held[1])]);
        assert_eq!(texts(), [before[0].clone(), format!("{}{late}", before[1])]);
    }

    /// Types a command into a shell.
    #[expect(clippy::disallowed_methods, reason = "a real shell runs what people are told to type")]
    fn typed(command: &str) {
        let output = std::process::Command::new("sh").args(["-c", command]).output().expect("a shell");
        assert_eq!((output.status.success(), output.stdout, output.stderr), (true, Vec::new(), Vec::new()));
    }

    #[test]
    fn what_people_are_told_to_type_puts_back_the_files_that_a_stop_has_changed_wherever_they_are_and_whatever_their_name()
     {
        let (folder, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let (config, link) = (folder.path().join("supervisord.conf"), folder.path().join("edx.conf"));
        let no_text = std::os::unix::ffi::OsStrExt::from_bytes(b"cms \xff\xfe'.cfg");
        let (linked, included) =
            (elsewhere.path().join("it's lms"), elsewhere.path().join::<&std::ffi::OsStr>(no_text));
        let main = format!("[include]\nfiles = edx.conf {}/*.cfg\n", elsewhere.path().display());
        for (path, text) in [(&config, main.as_str()), (&linked, FILE), (&included, "[program:cms]\ncommand=x\n")] {
            std::fs::write(path, text).expect("a file");
        }
        std::os::unix::fs::symlink(&linked, &link).expect("a link");
        let texts = || [&config, &linked, &included].map(|file| std::fs::read_to_string(file).expect("a file"));
        let before = texts();
        // As supervisor is started by its own defaults: its file is found in its folder.
        let (mut supervisor, supervisorctl) = running_with(&config, &["-n"]);
        let order = Order { verb: Verb::StopForGood, supervisorctl, programs: programs(&["cms"]), left: Vec::new() };
        let printed = run(&order.command().arguments, folder.path());
        supervisor.kill().and_then(|()| supervisor.wait()).expect("it ends");
        assert_ne!(texts(), before);
        let files: BTreeSet<String> = held_files(&printed).into_iter().collect();
        assert_eq!(files, [&linked, &included].map(|file| file.display().to_string()).into());
        typed(&put_back_command(Some(&files)));
        assert_eq!(texts(), before);
        assert!(link.is_symlink(), "the link is left alone");
    }

    #[test]
    fn the_file_that_supervisor_reads_is_found_however_it_was_told() {
        for (place, arguments) in [
            ("supervisord.conf", &["-c", "supervisord.conf"][..]),
            ("supervisord.conf", &["-nc", "supervisord.conf"]),
            ("supervisord.conf", &["-n", "-csupervisord.conf"]),
            ("supervisord.conf", &["--config", "supervisord.conf"]),
            ("supervisord.conf", &["-n", "--configuration=supervisord.conf"]),
            ("supervisord.conf", &["-n"]),
            ("etc/supervisord.conf", &["-n"]),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let config = folder.path().join(place);
            std::fs::create_dir_all(config.parent().expect("a folder")).expect("a folder");
            std::fs::write(&config, FILE).expect("a file");
            let (mut supervisor, supervisorctl) = running_with(&config, arguments);
            let order =
                Order { verb: Verb::StopForGood, supervisorctl, programs: programs(&["cms"]), left: Vec::new() };
            run(&order.command().arguments, &folder.path().join("none"));
            supervisor.kill().and_then(|()| supervisor.wait()).expect("it ends");
            let text = std::fs::read_to_string(&config).expect("a file");
            assert!(text.contains("; held by cutover\nautostart=false\n"), "{arguments:?}: {text}");
        }
    }

    #[test]
    fn a_host_without_the_folder_of_open_edx_is_held_in_the_one_of_debian_and_let_go_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let (absent, debian) = (folder.path().join("absent"), folder.path());
        let file = debian.join("edxapp.conf");
        let run = |arguments: &[String]| run_with(arguments, [&absent, debian]);
        let held = || is_held(&said(&run(&ask_files().command.arguments)));
        assert_eq!(held(), Some(false), "there is no file at all");
        std::fs::write(&file, FILE).expect("a file");
        run(&hold());
        assert_eq!(held(), Some(true));
        let supervisorctl = "/bin/true".to_owned();
        let start = Order { verb: Verb::StartAlways, supervisorctl, programs: programs(&["cms"]), left: Vec::new() };
        run(&start.command().arguments);
        assert_eq!(held(), Some(false));
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), FILE);
    }
}
