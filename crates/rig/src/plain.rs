//! A plain host: an sshd on loopback, for the user who runs the tests, and a supervisord if it is asked for.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::host::Host;
use crate::operator::{Endpoint, INSTALL, Operator, make_key, public_key};
use crate::program::{Ran, run};
use crate::supervisord::Supervisord;

/// A running sshd, which ends with this.
pub struct Plain {
    process: Child,
    endpoint: Endpoint,
    /// Options of sshd that count before the usual ones.
    options: Vec<String>,
    operator: Arc<Operator>,
    supervisord: Option<Supervisord>,
    supervisorctl: String,
    programs: String,
    folder: PathBuf,
}

impl Plain {
    /// Starts one for an operator of its own.
    ///
    /// # Panics
    /// When there is no sshd.
    #[must_use]
    pub fn start() -> Self {
        Self::at("127.0.0.1", &Arc::new(Operator::new()))
    }

    /// Starts one at an address of loopback, which any of 127.0.0.0/8 is on Linux.
    ///
    /// # Panics
    /// When there is no sshd.
    #[must_use]
    pub fn at(address: &str, operator: &Arc<Operator>) -> Self {
        Self::configured(address, operator, |_| Vec::new())
    }

    /// The same with further options of sshd, which count before the others. They are made for the file with the host's key.
    ///
    /// # Panics
    /// When there is no sshd.
    #[must_use]
    pub fn configured(address: &str, operator: &Arc<Operator>, options: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = operator.path().join(address);
        std::fs::create_dir(&folder).expect("a folder");
        make_key(&folder.join("host"));
        let options = options(&folder.join("host"));
        std::fs::write(folder.join("authorized"), operator.authorized()).expect("written");
        // Debian's sshd refuses to start without it.
        let _ = std::fs::DirBuilder::new().mode(0o755).create("/run/sshd");
        let started = (0..5).find_map(|_| {
            let port = free_port(address);
            listening(&folder, address, port, &options).map(|process| (process, port))
        });
        let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        let (process, port) = started.unwrap_or_else(|| panic!("sshd does not listen; it says:\n{}", log()));
        let plain = Self {
            process,
            endpoint: Endpoint {
                address: address.to_owned(),
                port,
                user: run(Command::new("id").arg("-un"), "", INSTALL).stdout,
                key: public_key(&folder.join("host")),
            },
            options,
            operator: Arc::clone(operator),
            supervisord: None,
            supervisorctl: folder.join("supervisorctl").display().to_string(),
            programs: folder.join("programs").display().to_string(),
            folder,
        };
        operator.knows(&plain.endpoint);
        plain
    }

    /// The same with a supervisord, which has no programs yet.
    ///
    /// # Panics
    /// When there is no supervisor.
    #[must_use]
    pub fn with_supervisor(mut self) -> Self {
        self.supervisord = Some(Supervisord::start(&self.folder));
        self
    }

    /// How often somebody has signed in.
    ///
    /// # Panics
    /// When sshd has no log.
    #[must_use]
    pub fn sign_ins(&self) -> usize {
        std::fs::read_to_string(self.folder.join("log")).expect("a log").matches("Accepted publickey").count()
    }

    /// The processes of the connections, which are the children of sshd.
    fn connected(&self) -> Vec<String> {
        children(&self.process.id().to_string())
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connected().len()
    }

    /// Ends the connections from the host's side, without a word.
    pub fn end_connections(&self) {
        for child in self.connected() {
            children(&child).iter().for_each(|grandchild| signal("KILL", grandchild));
            signal("KILL", &child);
        }
    }

    /// The host dies, and boots again as it was.
    ///
    /// # Panics
    /// When sshd does not listen again.
    pub fn reboot(&mut self) {
        self.die();
        let Endpoint { address, port, .. } = &self.endpoint;
        self.process = listening(&self.folder, address, *port, &self.options).expect("sshd listens again");
    }

    /// The host dies, and another one gets its address, which has a key of its own.
    ///
    /// # Panics
    /// When sshd does not listen again.
    pub fn replace(&mut self) {
        let key = self.folder.join("host");
        for file in [key.clone(), key.with_extension("pub")] {
            std::fs::remove_file(file).expect("it is there");
        }
        make_key(&key);
        self.endpoint.key = public_key(&key);
        self.reboot();
    }

    fn die(&mut self) {
        // Those of the connections are not in sshd's group.
        self.end_connections();
        let group = format!("-{}", self.process.id());
        ["CONT", "KILL"].iter().for_each(|name| signal(name, &group));
        let _ = self.process.wait();
    }

    /// Makes sshd and its connections fall silent.
    pub fn fall_silent(&self) {
        let connected = self.connected();
        let beneath = connected.iter().flat_map(|child| children(child));
        for process in beneath.chain(connected.clone()).chain([self.process.id().to_string()]) {
            signal("STOP", &process);
        }
    }
}

impl Host for Plain {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn operator(&self) -> &Operator {
        &self.operator
    }

    fn supervisorctl(&self) -> &str {
        &self.supervisorctl
    }

    fn run(&self, script: &str) -> Ran {
        run(&mut Command::new("/bin/sh"), script, INSTALL)
    }

    fn programs_folder(&self) -> &str {
        &self.programs
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // Before the operator's folder, which has its files.
        drop(self.supervisord.take());
        self.die();
    }
}

fn children(process: &str) -> Vec<String> {
    let ran = run(Command::new("pgrep").args(["-P", process]), "", "install it with: apt-get install procps");
    ran.stdout.split_whitespace().map(str::to_owned).collect()
}

fn signal(name: &str, process: &str) {
    let _ = Command::new("kill").args(["-s", name, "--", process]).stderr(Stdio::null()).status();
}

fn free_port(address: &str) -> u16 {
    let address: Ipv4Addr = address.parse().expect("an address");
    let listener = TcpListener::bind((address, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// An sshd that listens on `port`, in a process group of its own; nothing if it has ended.
fn listening(folder: &Path, address: &str, port: u16, first: &[String]) -> Option<Child> {
    use std::os::unix::process::CommandExt;
    let usual = [
        format!("HostKey {}", folder.join("host").display()),
        format!("AuthorizedKeysFile {}", folder.join("authorized").display()),
        format!("Port {port}"),
        format!("ListenAddress {address}"),
        // bash reads the start-up file of whoever runs the tests even without a terminal, and each has another one.
        format!("SetEnv HOME={}", folder.display()),
        "PidFile none".to_owned(),
        "StrictModes no".to_owned(),
        "UsePAM no".to_owned(),
        "PasswordAuthentication no".to_owned(),
        "PermitRootLogin prohibit-password".to_owned(),
    ];
    // sshd ends with the process that started it, even if that is killed. Its connections end with their clients.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "/usr/sbin/sshd", "-D", "-f", "/dev/null", "-E"]).arg(folder.join("log"));
    first.iter().chain(&usual).for_each(|option| {
        command.args(["-o", option]);
    });
    let mut child = command.process_group(0).spawn().unwrap_or_else(|error| panic!("no sshd ({error}); {INSTALL}"));
    for _ in 0..100 {
        if std::net::TcpStream::connect((address, port)).is_ok() {
            return Some(child);
        }
        if child.try_wait().expect("its state").is_some() {
            return None;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let _ = child.kill();
    None
}
