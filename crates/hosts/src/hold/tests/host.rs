//! A host: a folder in which the script finds its files, and a systemctl that keeps the state of one timer.

use std::path::PathBuf;
use std::process::Command;

use crate::command::Said;
use crate::hold::{Order, State, Verb, ask, read};

/// Keeps the state of a timer in `$TIMER`, and that of its service in `$TIMER.service`. A condition that is never true keeps
/// the timer from starting. How systemd has loaded the timer is in `$TIMER.load`, the job that waits for the service in
/// `$TIMER.job`, and the service's control group in `$TIMER.group`. A timer with a file `$TIMER.transient` is gone once it is
/// stopped.
const SYSTEMCTL: &str = r#"#!/bin/sh
case "$*" in
"$SILENT") exit 1 ;;
"show -p LoadState gone.timer") echo LoadState=not-found ;;
"show -p LoadState "*) echo "LoadState=$(cat "$TIMER.load")" ;;
"show -p UnitFileState "*) cat "$TIMER.file" ;;
"show -p Unit "*) [ "$(cat "$TIMER.load")" = masked ] || echo Unit=nightly.service ;;
"show -p ActiveState -p SubState -p Job -p ControlGroup nightly.service")
    if [ -e "$TIMER.job" ]; then echo "Job=$(cat "$TIMER.job")"; fi
    read -r active sub <"$TIMER.service"
    printf 'ActiveState=%s\nSubState=%s\n' "$active" "$sub"
    echo "ControlGroup=$(cat "$TIMER.group" 2>/dev/null)" ;;
"show -p Transient "*) if [ -e "$TIMER.transient" ]; then echo Transient=yes; else echo Transient=no; fi ;;
"show -p ActiveState "*) echo "ActiveState=$(cat "$TIMER")" ;;
"stop "*)
    echo inactive >"$TIMER"
    if [ -e "$TIMER.transient" ]; then echo not-found >"$TIMER.load"; fi ;;
"start "*)
    [ "$(cat "$TIMER.load")" = loaded ] || exit 1
    [ -e "$UNITS/nightly.timer.d/cutover-hold.conf" ] || echo active >"$TIMER" ;;
esac
"#;

/// Knows only session 7, by the PAM service `$PAM_SERVICE` if that is not empty.
const LOGINCTL: &str = r#"#!/bin/sh
[ "$*" = "show-session -p Service 7" ] && [ "$PAM_SERVICE" ] && echo "Service=$PAM_SERVICE"
"#;

/// Where every process with a path of the host's folder is. Only systemd and PAM could put it there.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Where it really is.
    Real,
    /// In cron's own service, as no other process.
    CronService,
    /// In a service that systemd-run has made.
    Transient,
    /// In a scope of systemd, and in this audit session. The PAM service is that of audit session 7.
    Scope { audit_session: &'static str, pam_service: &'static str },
}

impl Place {
    /// What the script asks for it, as functions of a shell.
    fn functions(self) -> String {
        let of = |function: &str, own: &str, others: &str| {
            format!(
                "{function}() {{ if grep -qF \"$root\" \"/proc/$1/cmdline\"; then echo {own}; else echo {others}; fi; }}\n"
            )
        };
        match self {
            Self::Real => String::new(),
            Self::CronService => of("service_of", "cron.service", "none.service"),
            Self::Transient => of("service_of", "run-r7.service", "none.service"),
            Self::Scope { audit_session, .. } => {
                of("service_of", "''", "none.service")
                    + &of("scope_of", "session-c1.scope", "''")
                    + &format!("audit_session_of() {{ [ '{audit_session}' ] && echo '{audit_session}'; }}\n")
            }
        }
    }
}

/// A folder with a cron file, and a timer.
pub(super) struct Host {
    pub(super) folder: tempfile::TempDir,
    /// The question to systemctl that is not answered.
    pub(super) silent: std::cell::Cell<&'static str>,
    /// Where its processes are.
    pub(super) place: std::cell::Cell<Place>,
}

impl Host {
    pub(super) fn new(timer: &str) -> Self {
        let silent = std::cell::Cell::new("none");
        let place = std::cell::Cell::new(Place::Real);
        let host = Self { folder: tempfile::tempdir().expect("a folder"), silent, place };
        host.write_script("bin/systemctl", SYSTEMCTL);
        host.write_script("bin/loginctl", LOGINCTL);
        for (name, text) in [
            ("edxapp", "* * * * * root true\n"),
            ("timer", timer),
            ("timer.service", "inactive\n"),
            ("timer.load", "loaded\n"),
        ] {
            std::fs::write(host.path(name), text).expect("a file");
        }
        host
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn items(&self) -> Vec<String> {
        vec![self.path("edxapp").display().to_string(), "nightly.timer".to_owned()]
    }

    /// Runs the script with this folder as the root of the host's files.
    pub(super) fn run(&self, arguments: &[String]) -> Said {
        let mut arguments = arguments.to_vec();
        arguments[5] = self.folder.path().display().to_string();
        let functions = self.place.get().functions();
        arguments[2] = arguments[2].replace("\nstatus=0\n", &format!("\n{functions}status=0\n"));
        let pam_service = match self.place.get() {
            Place::Scope { pam_service, .. } => pam_service,
            Place::Real | Place::CronService | Place::Transient => "",
        };
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").expect("a path"));
        let output = Command::new(&arguments[0])
            .args(&arguments[1..])
            .envs([("PATH", path), ("TIMER", self.path("timer").display().to_string())])
            .envs([
                ("UNITS", self.path("etc/systemd/system").display().to_string()),
                ("SILENT", self.silent.get().to_owned()),
                ("PAM_SERVICE", pam_service.to_owned()),
            ])
            .output()
            .expect("a shell");
        Said {
            exit: output.status.code().expect("an exit status"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    pub(super) fn order(&self, verb: Verb) {
        let said = self.run(&Order { verb, items: self.items() }.command().arguments);
        assert_eq!((said.exit, said.stdout.as_str(), said.stderr.as_str()), (0, "", ""), "{verb:?}");
    }

    pub(super) fn states(&self) -> Vec<State> {
        let items = self.items();
        let states = read(&items, &self.run(&ask(&items).command.arguments)).expect("it is complete");
        items.iter().map(|item| states[item].clone()).collect()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// The same with a file that can be run.
    pub(super) fn write_script(&self, name: &str, text: &str) {
        self.write(name, text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(self.path(name), mode).expect("it can be run");
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}
