//! MariaDB, with a folder of its own for its data.

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::process::Process;
use super::room::Room;
use crate::waiting::until;

const PORT: u16 = 3306;
/// Small, since many may run at the same time; quick, since nobody needs the data after a crash of this computer.
const SETTINGS: [&str; 8] = [
    "--no-defaults",
    "--user=root",
    "--port=3306",
    "--skip-name-resolve",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
];

/// A running MariaDB. It listens at its address, and root is let in without the network.
pub struct Database {
    address: String,
    room: Room,
    process: Mutex<Option<Process>>,
}

impl Database {
    /// Starts one without schemas, at port 3306.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(room: &Room, address: &str) -> Self {
        // The package has made the system's tables. Its log is empty for the most part.
        let mut copy = Command::new("cp");
        copy.args(["-rT", "--sparse=always"]).arg(room.system("/var/lib/mysql")).arg(room.path("database"));
        assert!(copy.status().expect("cp").success(), "the data of MariaDB's package cannot be copied");
        let database = Self { address: address.to_owned(), room: room.clone(), process: Mutex::new(None) };
        database.start_again();
        database
    }

    /// Starts it again after it was stopped.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        let program = ["mariadbd"].iter().chain(&SETTINGS).map(|word| (*word).to_owned());
        let own = [
            format!("--bind-address={}", self.address),
            format!("--datadir={}", self.room.inside("database")),
            format!("--socket={}", self.socket()),
            format!("--pid-file={}", self.room.inside("database.pid")),
        ];
        let arguments: Vec<String> = program.chain(own).collect();
        let process = self.room.start("database", &arguments, || self.answers());
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
    }

    /// It dies, with all its connections.
    pub fn die(&self) {
        drop(self.process.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Fills its disk to the last byte. No table can be made then, and a statement that had written much before it noticed
    /// makes MariaDB end, since it has no room to undo that.
    ///
    /// # Panics
    /// When it is full already.
    pub fn fill_disk(&self) {
        // Files with holes in them would need room later where they have none now, and MariaDB would end.
        let mut dense = Command::new("find");
        dense.arg(self.room.path("database")).args(["-type", "f", "-size", "+0", "-exec", "sh", "-c"]);
        dense.args(["for file; do fallocate --length $(stat -c %s \"$file\") \"$file\"; done", "sh", "{}", "+"]);
        assert!(dense.status().expect("find").success(), "the database's files cannot be given their room");
        let mut filler = std::fs::File::create_new(self.filler()).expect("it is not full");
        while filler.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    }

    /// Makes room on its disk again.
    ///
    /// # Panics
    /// When it is not full.
    pub fn empty_disk(&self) {
        std::fs::remove_file(self.filler()).expect("it is full");
    }

    fn filler(&self) -> PathBuf {
        self.room.path("database/filler")
    }

    /// The address at which it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a schema, and a user who may do everything with it. The user may have other schemas already.
    ///
    /// # Panics
    /// When MariaDB refuses.
    pub fn add_schema(&self, schema: &str, user: &str, password: &str) {
        self.query(&format!(
            "create database `{schema}` character set utf8mb4; \
             create user if not exists `{user}`@`%` identified by '{password}'; \
             grant all on `{schema}`.* to `{user}`@`%`; grant process on *.* to `{user}`@`%`"
        ));
    }

    /// Runs statements as root, which must succeed. Returns the rows, one a line, with tabs between the columns.
    ///
    /// # Panics
    /// When one fails.
    pub fn query(&self, statements: &str) -> String {
        self.try_query(statements).unwrap_or_else(|why| panic!("{statements}: {why}"))
    }

    /// The same for statements that may fail.
    ///
    /// # Errors
    /// What MariaDB says of the first one that fails.
    pub fn try_query(&self, statements: &str) -> Result<String, String> {
        let output = self.client().args(["--batch", "--skip-column-names", "-e", statements]).output().expect("chroot");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// A connection of root that runs statements, such as `begin; select ...`, and stays open until the session is dropped.
    ///
    /// # Panics
    /// When a statement fails.
    #[must_use]
    pub fn session(&self, statements: &str) -> Session {
        let ran = self.room.path("session");
        let _ = std::fs::remove_file(&ran);
        let mut client = self.client().stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("chroot");
        let text = format!("{statements};\nsystem touch {}\n", self.room.inside("session"));
        client.stdin.as_mut().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
        let done = until(Duration::from_secs(20), || ran.exists().then_some(()));
        assert!(done.is_some(), "MariaDB does not run: {statements}");
        Session { client }
    }

    /// Runs a shell script beside the server. Its first argument is a file of settings with which clients are root.
    ///
    /// # Panics
    /// When it fails.
    pub fn script(&self, script: &str, arguments: &[&str]) -> String {
        self.room.write("client.cnf", &format!("[client]\nuser=root\nsocket={}\n", self.socket()));
        let mut shell = self.room.command("sh");
        shell.args(["-c", script, "script"]).arg(self.room.inside("client.cnf")).args(arguments);
        let output = shell.output().expect("chroot");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn client(&self) -> Command {
        let mut client = self.room.command("mariadb");
        client.arg("--no-defaults").arg(format!("--socket={}", self.socket()));
        client
    }

    fn socket(&self) -> String {
        self.room.inside("database.sock")
    }

    /// Whether it accepts connections.
    fn answers(&self) -> bool {
        let address = format!("{}:{PORT}", self.address).parse().expect("an address");
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    }
}

/// A connection to the database, which ends with this. What it has not committed is undone then.
pub struct Session {
    client: Child,
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
