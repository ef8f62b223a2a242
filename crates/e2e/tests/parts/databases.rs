//! MariaDB and Redis, and that nothing is left of any server.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use cutover_e2e::servers::{Broker, Database, Room};
use cutover_rig::Machines;

use crate::support::wait;

#[test]
fn a_database_keeps_its_schemas_when_it_dies_and_is_started_again() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let database = Database::start(&room, &machines.add_address(201));
    database.add_schema("edxapp_live", "live", "secret");
    database.query("create table edxapp_live.courses (id int primary key)");
    let listens = || TcpStream::connect((database.address(), 3306)).is_ok();
    assert!(listens());
    database.die();
    assert!(!listens());
    database.start_again();
    assert_eq!(
        database.query("show tables from edxapp_live; select user from mysql.user where user = 'live'"),
        "courses\nlive"
    );
}

#[test]
fn a_session_holds_its_locks_until_it_ends() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let database = Database::start(&room, &machines.add_address(201));
    database.query("create database a; create table a.t (id int primary key)");
    let idle = database.session("begin; select * from a.t");
    // What a migration would wait for.
    let is_blocked = || database.try_query("set lock_wait_timeout = 0; alter table a.t add column x int").err();
    assert!(is_blocked().is_some_and(|why| why.contains("Lock wait timeout")));
    drop(idle);
    wait("the table is free", || is_blocked().is_none());
}

#[test]
fn the_script_of_the_examples_names_the_sessions_that_a_migration_may_wait_for() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let database = Database::start(&room, &machines.add_address(201));
    database.query("create database a; create table a.t (id int primary key); install soname 'metadata_lock_info'");
    let sessions =
        |harmless: &[&str]| database.script(include_str!("../../../../examples/database-sessions.sh"), harmless);
    assert_eq!(sessions(&[]), "", "its own is none of them");

    let idle = database.session("begin; select * from a.t");
    wait("its transaction is named", || sessions(&["root"]).contains("s, transaction open for "));
    assert!(sessions(&["root"]).contains("root@localhost holds a lock on a.t\n"), "{}", sessions(&["root"]));
    drop(idle);
    wait("it has ended", || sessions(&[]).is_empty());

    let harmless = database.session("select 1");
    assert!(sessions(&[]).contains("root@localhost Sleep"), "{}", sessions(&[]));
    assert_eq!(sessions(&["root"]), "");
    drop(harmless);

    database.query("xa start 'x'; insert into a.t values (1); xa end 'x'; xa prepare 'x'");
    wait("it holds its locks without a session", || sessions(&[]).contains(" of no session, open for "));
    database.query("xa rollback 'x'");
}

#[test]
fn the_script_of_the_examples_counts_small_tables_estimates_large_ones_and_says_which_are_not_there() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let database = Database::start(&room, &machines.add_address(201));
    database.query("create database a; create table a.t (id int primary key); create table a.large like a.t");
    database.query(
        "insert into a.t values (1), (2); insert into a.large select seq from a.seq_1_to_1000; analyze table a.large",
    );
    let count = |largest: &str| {
        let script = include_str!("../../../../examples/count-rows.sh");
        database.script(script, &[largest, "a.t", "a.large", "a.gone"])
    };
    assert_eq!(count("5000"), "a.t\t2\na.large\t1000\na.gone\t-\n");
    assert!(count("100").starts_with("a.t\t2\na.large\t~"), "{}", count("100"));
}

#[test]
fn a_database_whose_disk_is_full_says_so_and_goes_on_once_there_is_room() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let database = Database::start(&room, &machines.add_address(201));
    database.query("create database a; create table a.before (id int primary key)");
    database.fill_disk();
    let full = database.try_query("create table a.after (id int primary key)").expect_err("there is no room");
    assert!(full.contains("No space left on device") || full.contains("is full"), "{full}");
    assert_eq!(database.query("show tables from a"), "before", "it still answers");
    database.empty_disk();
    database.query("create table a.after (id int primary key)");
}

#[test]
fn a_broker_keeps_queues() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let broker = Broker::start(&room, &machines.add_address(202));
    assert_eq!(broker.ask(&["RPUSH", "queue", "one", "two"]), "2");
    assert_eq!(broker.ask(&["LLEN", "queue"]), "2");
}

/// Set in a process that starts servers and is then killed.
const IS_KILLED: &str = "E2E_TEST_IS_KILLED";

#[test]
fn nothing_is_left_of_servers_whose_process_was_killed() {
    if std::env::var_os(IS_KILLED).is_some() {
        let (machines, room) = (Machines::chosen(), Room::new());
        let database = Database::start(&room, &machines.add_address(201));
        println!("\nstarted {} {}", database.address(), room.folder().display());
        std::thread::park();
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "--nocapture", "databases::nothing_is_left_of_servers_whose_process_was_killed"]);
    let mut process = command.env(IS_KILLED, "yes").stdout(Stdio::piped()).spawn().expect("this program");
    let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let started = lines.find_map(|line| line.strip_prefix("started ").map(str::to_owned)).expect("it starts");
    let (address, folder) = started.split_once(' ').expect("two words");
    assert!(Path::new(folder).exists());
    process.kill().expect("it runs");
    process.wait().expect("it ends");
    wait("the server is gone", || TcpStream::connect((address, 3306)).is_err());
    wait("its files are gone", || !Path::new(folder).exists());
}
