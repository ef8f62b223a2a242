//! What is on a host: both releases of the site, its migrations, its workers, and its first boot.

use cutover_e2e::servers::{Broker, Database, Room};
use cutover_e2e::site::{Fleet, Release, Role, Site};
use cutover_rig::{Debian, Host, Kind, Machines};

use crate::support::wait;

/// The servers of a fleet.
struct Stage {
    machines: Machines,
    database: Database,
    broker: Broker,
    site: Site,
    fleet: Fleet,
}

impl Stage {
    fn new() -> Self {
        let (machines, room) = (Machines::chosen(), Room::new());
        let database = Database::start(&room, &machines.add_address(201));
        let broker = Broker::start(&room, &machines.add_address(202));
        let fleet = Fleet {
            name: "live".to_owned(),
            database: database.address().to_owned(),
            schema: "edxapp_live".to_owned(),
            history_schema: "edxapp_csmh_live".to_owned(),
            user: "live".to_owned(),
            password: "secret".to_owned(),
            broker: broker.address().to_owned(),
            queues: 0,
            runs_all_programs: true,
        };
        for schema in [&fleet.schema, &fleet.history_schema] {
            database.add_schema(schema, &fleet.user, &fleet.password);
        }
        Self { machines, database, broker, site: Site::new(), fleet }
    }

    fn launch(&self, number: u8, role: Role, release: Release, user_data: &str) -> Debian {
        let address = self.machines.address(number);
        let outfit = self.site.outfit(&self.fleet, role, release, &address, user_data);
        self.machines.launch_at(&address, &outfit)
    }
}

/// Runs a command of `manage.py` on a host.
fn manage(host: &Debian, words: &str) -> String {
    let command = format!("/edx/bin/python.edxapp manage.py {words} --settings=production 2>&1");
    host.furnish(&format!("cd /edx/app/edxapp/edx-platform; sudo -u edxapp {command}"))
}

/// Runs the migrations of a service, for both databases.
fn migrate(host: &Debian, service: &str) {
    for database in ["default", "student_module_history"] {
        manage(host, &format!("{service} migrate --noinput --database {database}"));
    }
}

/// What a host answers at port 80.
fn get(host: &Debian, site: &str, path: &str) -> String {
    let script = format!(
        "import http.client; c = http.client.HTTPConnection('{}', 80); \
         c.request('GET', '{path}', headers={{'Host': '{site}'}}); \
         a = c.getresponse(); print(a.status, a.headers['X-Release'], a.read().decode())",
        host.address()
    );
    host.furnish(&format!("python3 -c \"{script}\""))
}

#[test]
fn a_host_serves_its_release_once_its_schemas_are_migrated() {
    let stage = Stage::new();
    let old = stage.launch(4, Role::Edxapp, Release::One, "");
    let next = stage.launch(5, Role::Edxapp, Release::Two, "");
    [&old, &next].into_iter().for_each(Debian::wait_until_up);
    wait("nginx and lms run", || get(&old, "lms.invalid", "/heartbeat").starts_with("200 1 {"));
    wait("cms runs", || get(&old, "studio.invalid", "/heartbeat").starts_with("200 1 {"));
    assert!(get(&old, "lms.invalid", "/").starts_with("500 1"), "there are no tables yet");
    migrate(&old, "lms");
    let home = get(&old, "lms.invalid", "/");
    assert!(home.starts_with("200 1 <html>") && home.contains("0 students. Powered by Open edX"), "{home}");
    assert_eq!(manage(&old, "lms write_check"), "enrol: 201\nsubmit: 201\ndelete: 200");

    wait("the next one runs", || get(&next, "lms.invalid", "/heartbeat").starts_with("200 2 {"));
    let pending = "courses\n [X] 0001_initial\n [ ] 0002_modes_and_certificates\n [ ] 0003_fill_modes";
    assert!(manage(&next, "lms showmigrations --database default").starts_with(pending));
    assert!(next.run("cd /edx/app/edxapp/edx-platform; /edx/bin/python.edxapp manage.py lms write_check").exit != 0);
    migrate(&next, "lms");
    migrate(&next, "cms");
    assert!(!manage(&next, "cms showmigrations --database default").contains("[ ]"));
    assert_eq!(manage(&next, "lms write_check"), "enrol: 201\nsubmit: 201\ndelete: 200");
    let sql = manage(&next, "lms sqlmigrate courses 0002 --database default");
    assert!(sql.contains("CREATE TABLE `courses_certificate`"), "{sql}");

    stage.database.die();
    let dead = get(&next, "lms.invalid", "/heartbeat");
    assert!(dead.starts_with("503 2 {\"default\": {\"status\": false"), "{dead}");
    stage.database.start_again();
    assert!(get(&next, "lms.invalid", "/heartbeat").starts_with("200 2 {"));
}

#[test]
fn a_worker_ends_its_task_before_it_stops() {
    let stage = Stage::new();
    let web = stage.launch(4, Role::Edxapp, Release::One, "");
    web.wait_until_up();
    migrate(&web, "lms");
    wait("lms runs", || get(&web, "lms.invalid", "/heartbeat").starts_with("200"));
    let form = "import urllib.request as r; r.urlopen('http://localhost:8000/submit', b'student=a&text=b&seconds=0.1')";
    web.furnish(&format!("python3 -c \"{form}\""));
    // The task cannot end while somebody else has the answer.
    let session = stage.database.session("begin; select * from edxapp_csmh_live.history_answer for update");

    let worker = stage.launch(5, Role::Worker, Release::One, "");
    worker.wait_until_up();
    let active = "cd /edx/app/edxapp/edx-platform; sudo -u www-data env SERVICE_VARIANT=lms \
                  /edx/app/edxapp/venvs/edxapp/bin/celery -A worker:APP inspect active --json --timeout 1";
    wait("the task runs", || worker.run(active).stdout.contains("\"name\": \"grade\""));
    let graded = || stage.database.query("select graded from edxapp_csmh_live.history_answer");
    let is = |state: &str| worker.run("supervisorctl status edxapp_worker:lms_default").stdout.contains(state);
    std::thread::scope(|scope| {
        scope.spawn(|| worker.furnish("supervisorctl stop edxapp_worker:lms_default"));
        wait("it is being stopped", || is("STOPPING"));
        assert_eq!(graded(), "0");
        drop(session);
    });
    assert!(is("STOPPED"));
    assert_eq!((graded().as_str(), stage.broker.ask(&["LLEN", "edx.lms.core.default"]).as_str()), ("1", "0"));
}

#[test]
fn user_data_is_done_before_anything_starts_and_once_for_each_instance() {
    let stage = Stage::new();
    let hold = r#"["cloud-init-per","instance","hold","sh","-c","echo held >>/root/held; sed -i '/^\\[program:/a autostart=false' /etc/supervisor/conf.d/edx.conf"]"#;
    let host = stage.launch(4, Role::Edxapp, Release::One, &format!("#cloud-config\nbootcmd:\n- {hold}\n"));
    host.wait_until_up();
    let stopped = || host.run("supervisorctl status").stdout.matches("STOPPED   Not started").count() == 3;
    wait("supervisor has started nothing", stopped);
    if stage.machines.kind() == Kind::Booted {
        host.reboot();
        host.wait_until_up();
        wait("nor has it after a reboot", stopped);
    }
    assert_eq!(host.furnish("cat /root/held"), "held");
}
