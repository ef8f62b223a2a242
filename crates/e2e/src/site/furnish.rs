//! What is put on a host, so that it is one of the site.

use std::path::PathBuf;

use cutover_rig::Outfit;

use super::fleet::{Fleet, Release, Role};
use super::project::files;
use crate::servers;

const INSTALL: &str = "run the tests with `cargo xtask test`, or set CUTOVER_SITE to a folder with the Python packages of \
                       xtask/celery.txt and xtask/site.txt";

const PLATFORM: &str = "/edx/app/edxapp/edx-platform";
const VENV: &str = "/edx/app/edxapp/venvs/edxapp";
/// Debian's Python in the system that machines boot.
const PACKAGES: &str = "lib/python3.11/site-packages";

/// The client of MariaDB is that of the system with the servers, which hosts have there.
const CLIENT: &str = include_str!("../../host/mariadb.sh");
const SERVERS: &str = "/opt/servers/usr";

const SESSIONS: &str = include_str!("../../../../examples/database-sessions.sh");
const COUNT_ROWS: &str = include_str!("../../../../examples/count-rows.sh");
const COUNT_REQUESTS: &str = include_str!("../../../../examples/count-requests.py");
const MIGRATION_LOCK: &str = include_str!("../../../../examples/migration-lock.py");
const VENV_PROGRAM: &str = include_str!("../../host/venv-program.sh");
const USER_DATA: &str = include_str!("../../host/user-data.py");
const CLOUD_INIT_PER: &str = include_str!("../../host/cloud-init-per.sh");
const USER_DATA_UNIT: &str = include_str!("../../host/user-data.service");
const USER_SCRIPT_UNIT: &str = include_str!("../../host/user-script.service");
const USER_DATA_FILE: &str = "/var/lib/cloud/user-data";
const AGENT_UNIT: &str = include_str!("../../host/agent.service");
const PLAYBOOKS: &str = "/opt/playbooks";
const PLAYBOOK: &str = include_str!("../../host/playbook.sh");
const FETCH_CODE: &str = include_str!("../../host/fetch-code.py");
const NGINX: &str = include_str!("../../host/nginx.conf");
const EDXAPP: &str = include_str!("../../host/edxapp.conf");
const WORKERS: &str = include_str!("../../host/workers.conf");
const RC_PLAIN: &str = include_str!("../../host/rc.plain");

/// The site, from which hosts are made.
pub struct Site {
    packages: PathBuf,
    servers: PathBuf,
}

impl Site {
    /// The site, with the Python packages in `CUTOVER_SITE` and the client of MariaDB in `CUTOVER_SERVERS`.
    ///
    /// # Panics
    /// When one of them is not there.
    #[must_use]
    pub fn new() -> Self {
        let packages = std::env::var_os("CUTOVER_SITE").map(PathBuf::from).filter(|it| it.join("django").exists());
        let packages = packages.unwrap_or_else(|| panic!("there are no packages for a site; {INSTALL}"));
        Self { packages, servers: servers::system().join("usr") }
    }

    /// What a host of a fleet has, and does with its user data at its first boot, before anything of the site starts. At port 80 of
    /// `address`, nginx passes requests for host names that begin with `studio` to `cms`, and all others to `lms`.
    /// Everything starts at boot, unless the user data prevents it.
    #[must_use]
    pub fn outfit(&self, fleet: &Fleet, role: Role, release: Release, address: &str, user_data: &str) -> Outfit {
        let outfit = self.own(fleet, user_data).and(system()).and(installed(role, fleet.runs_all_programs, address));
        files(release).fold(outfit, |outfit, (path, text)| outfit.file(&format!("{PLATFORM}/{path}"), text))
    }

    /// What a builder has: Debian's system, with what installs a host of each role there, and no code.
    #[must_use]
    pub fn builder(&self, runs_all_programs: bool, user_data: &str) -> Outfit {
        let outfit = self.mounts().and(system()).file(USER_DATA_FILE, user_data);
        let outfit = outfit.program(&format!("{PLAYBOOKS}/playbook"), PLAYBOOK);
        let outfit = outfit.program(&format!("{PLAYBOOKS}/fetch-code"), FETCH_CODE);
        [(Role::Edxapp, "edxapp"), (Role::Worker, "worker")].into_iter().fold(outfit, |outfit, (role, name)| {
            outfit.and(installed(role, runs_all_programs, "*").beneath(&format!("{PLAYBOOKS}/{name}")))
        })
    }

    /// What a host of a fleet has of its own, whichever image it boots from: what it is told at its first boot, and the folders that it
    /// shares with all others.
    #[must_use]
    pub fn own(&self, fleet: &Fleet, user_data: &str) -> Outfit {
        let Fleet { database, user, password, .. } = fleet;
        let client = format!("[client]\nhost={database}\nuser={user}\npassword={password}\n");
        let settings = settings(fleet);
        self.mounts()
            .file(USER_DATA_FILE, user_data)
            .file("/edx/etc/mariadb.cnf", &client)
            .file("/edx/etc/lms.yml", &settings)
            .file("/edx/etc/cms.yml", &settings)
    }

    /// Python packages and the client of MariaDB, which would take long to copy to each host.
    fn mounts(&self) -> Outfit {
        // `check` wants 100 MiB to be free.
        let outfit = Outfit::default().disk(256).mount(&self.servers, SERVERS);
        outfit.mount(&self.packages, &format!("{VENV}/{PACKAGES}"))
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// The first section of settings.
fn only_first(settings: &str) -> &str {
    settings.split_once("\n\n").map_or(settings, |(first, _)| first)
}

/// What every system has before anything of the site is installed: an agent, and what stands in for cloud-init, which would take nearly
/// 3 s of processor time at every boot. It runs as early as on Ubuntu.
fn system() -> Outfit {
    let unit = |outfit: Outfit, name: &str, text: &str, target: &str| {
        let file = format!("/etc/systemd/system/{name}");
        outfit.file(&file, text).link(&format!("/etc/systemd/system/{target}.wants/{name}"), &file)
    };
    let outfit = unit(Outfit::default(), "user-data.service", USER_DATA_UNIT, "sysinit.target");
    let outfit = unit(outfit, "user-script.service", USER_SCRIPT_UNIT, "multi-user.target");
    unit(outfit, "agent.service", AGENT_UNIT, "sysinit.target")
        .file("/edx/bin/user-data", USER_DATA)
        .program("/usr/bin/cloud-init-per", CLOUD_INIT_PER)
        .program("/etc/rc.plain", RC_PLAIN)
}

/// What is installed on a host of a role besides the code: Open edX's Python environment, its programs and the user `edxapp`, where
/// Open edX has them, nginx at `address`, and what operators are given as examples to ask about the database and about visitors.
fn installed(role: Role, all_programs: bool, address: &str) -> Outfit {
    let program = |name: &str| VENV_PROGRAM.replace("PROGRAM", name);
    let outfit = Outfit::default()
        .file(&format!("{VENV}/pyvenv.cfg"), "home = /usr/bin\n")
        .link(&format!("{VENV}/bin/python"), "/usr/bin/python3")
        .program(&format!("{VENV}/bin/gunicorn"), &program("gunicorn"))
        .program(&format!("{VENV}/bin/celery"), &program("celery"))
        .program("/edx/bin/python.edxapp", &format!("#!/bin/sh\nexec {VENV}/bin/python \"$@\"\n"))
        .program("/edx/bin/migration-lock", MIGRATION_LOCK)
        .link("/edx/bin/supervisorctl", "/usr/bin/supervisorctl")
        .file("/etc/sysusers.d/edxapp.conf", &format!("u edxapp - - {VENV}\n"))
        // Debian makes users at boot only after an update.
        .file("/etc/systemd/system/systemd-sysusers.service.d/always.conf", "[Unit]\nConditionNeedsUpdate=\n")
        .program("/usr/bin/mariadb", CLIENT)
        .program("/edx/bin/database-sessions", SESSIONS)
        .program("/edx/bin/count-rows", COUNT_ROWS)
        .program("/edx/bin/count-requests", COUNT_REQUESTS);
    let programs = |outfit: Outfit, text| outfit.file("/etc/supervisor/conf.d/edx.conf", text);
    match role {
        Role::Worker => programs(outfit, WORKERS),
        Role::Edxapp => programs(outfit, if all_programs { EDXAPP } else { only_first(EDXAPP) })
            .file("/etc/nginx/sites-available/default", &NGINX.replace("ADDRESS", address))
            .link("/etc/systemd/system/multi-user.target.wants/nginx.service", "/lib/systemd/system/nginx.service"),
    }
}

/// The settings of lms and cms. Open edX has them in YAML, of which JSON is a part.
fn settings(fleet: &Fleet) -> String {
    let Fleet { name, database, schema, history_schema, user, password, broker, queues, runs_all_programs: _ } = fleet;
    format!(
        "{{\n  \"FLEET\": \"{name}\",\n  \"database\": \"{database}\",\n  \"schema\": \"{schema}\",\n  \
         \"history_schema\": \"{history_schema}\",\n  \"user\": \"{user}\",\n  \"password\": \"{password}\",\n  \
         \"broker\": \"redis://{broker}:6379/{queues}\"\n}}\n"
    )
}
