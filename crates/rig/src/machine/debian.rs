//! A Debian, and what may befall it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::far_away::FarAway;
use super::furniture;
use super::image::Image;
use super::keeper::{INSTALL, Keeper};
use super::kind::Kind;
use super::network::Network;
use super::outfit::Outfit;
use crate::host::Host;
use crate::operator::{Endpoint, Operator};
use crate::program::{Ran, run, succeed, until};

const NFTABLES: &str = "install it with: apt-get install nftables";
/// How long a machine may take to boot on a busy computer.
const BOOT: Duration = Duration::from_secs(60);
/// What many machines need of the kernel: each systemd has several instances.
const INOTIFY_INSTANCES: (&str, u32) = ("/proc/sys/fs/inotify/max_user_instances", 8192);

/// The machines of one operator, on a network of their own.
pub struct Machines {
    network: Arc<Network>,
    operator: Arc<Operator>,
    root: PathBuf,
}

impl Machines {
    /// None yet. They will be systems that boot.
    ///
    /// # Panics
    /// When this process may not make machines, or there is no system for them.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Kind::Booted)
    }

    /// None yet, of the kind that the variable `CUTOVER_HOSTS` names, `machines` or `plain`: if it names none, systems that boot.
    ///
    /// # Panics
    /// When it names something else, this process may not make machines, or there is no system for them.
    #[must_use]
    pub fn chosen() -> Self {
        Self::of(Kind::chosen())
    }

    /// None yet, of that kind.
    ///
    /// # Panics
    /// When this process may not make machines, or there is no system for them.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        let root = std::env::var_os("CUTOVER_DEBIAN").map(PathBuf::from);
        let advice = "run the tests with `cargo xtask test`, or set CUTOVER_DEBIAN to the folder of a Debian system";
        let root = root.filter(|root| root.join("etc/ssh").exists());
        let root = root.unwrap_or_else(|| panic!("there is no system for machines; {advice}"));
        if kind == Kind::Booted {
            allow_many();
        }
        Self { network: Arc::new(Network::take(kind)), operator: Arc::new(Operator::new()), root }
    }

    /// Boots a machine.
    ///
    /// # Panics
    /// When it does not boot.
    #[must_use]
    pub fn boot(&self) -> Debian {
        self.boot_several(1).remove(0)
    }

    /// Boots some machines at the same time.
    ///
    /// # Panics
    /// When one does not boot.
    #[must_use]
    pub fn boot_several(&self, count: usize) -> Vec<Debian> {
        let launch = || self.launch(self.network.next(), &Image::default(), &Outfit::default());
        let machines: Vec<Debian> = (0..count).map(|_| launch()).collect();
        machines.iter().for_each(Debian::wait_until_up);
        machines
    }

    /// Launches a machine at an address that somebody else has chosen, and does not wait until it is up. A machine that has
    /// ended may have had this address.
    ///
    /// # Panics
    /// When the address is not one of this network, or nothing can be launched.
    #[must_use]
    pub fn launch_at(&self, address: &str, outfit: &Outfit) -> Debian {
        self.launch_from(&Image::default(), address, outfit)
    }

    /// The same with the files of an image. Those of the outfit take their place where both have one, and only they may differ from
    /// one machine of the image to the other.
    ///
    /// # Panics
    /// As above.
    #[must_use]
    pub fn launch_from(&self, image: &Image, address: &str, outfit: &Outfit) -> Debian {
        self.launch(self.network.number_of(address), image, outfit)
    }

    /// The address on the network that ends with this number. The machines that are booted without an address have
    /// the lowest ones, from 2 on.
    #[must_use]
    pub fn address(&self, number: u8) -> String {
        self.network.address(number)
    }

    /// Gives this computer another address, at which its servers can listen for the machines.
    ///
    /// # Panics
    /// When it has it already.
    #[must_use]
    pub fn add_address(&self, number: u8) -> String {
        self.network.add(number)
    }

    /// What they are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.network.kind()
    }

    /// The operator of the machines.
    #[must_use]
    pub fn operator(&self) -> &Arc<Operator> {
        &self.operator
    }

    fn launch(&self, number: u8, image: &Image, outfit: &Outfit) -> Debian {
        let (kind, address) = (self.kind(), self.network.address(number));
        let folder = tempfile::tempdir().expect("a folder");
        let furniture = folder.path().join("furniture");
        let hosts = kind.hosts(&self.network.machine(number), &address);
        let names = [self.network.machine(number), hosts];
        let key = furniture::write(&furniture, &names, &address, &self.operator.authorized());
        outfit.write(&furniture);
        let debian = Debian {
            endpoint: Endpoint { address, port: kind.port(), user: "root".to_owned(), key },
            keeper: Keeper::start(&self.network, number, &image.over(&self.root), &furniture, outfit),
            image: image.clone(),
            _folder: folder,
            operator: Arc::clone(&self.operator),
            _network: Arc::clone(&self.network),
        };
        self.operator.knows(&debian.endpoint);
        debian
    }
}

impl Default for Machines {
    fn default() -> Self {
        Self::new()
    }
}

/// Raises the kernel's limit for this boot of the computer.
fn allow_many() {
    let (file, wanted) = INOTIFY_INSTANCES;
    let now = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse::<u32>().ok());
    if now.is_some_and(|now| now < wanted) {
        std::fs::write(file, wanted.to_string()).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

/// A Debian with sshd, supervisor and Python, which ends with this. Its operator signs in as root. One that boots has systemd, and
/// only such a one can be rebooted, reset, unplugged or far away.
pub struct Debian {
    endpoint: Endpoint,
    keeper: Keeper,
    /// What it has booted from. Its files are there as long as it is.
    image: Image,
    // It ends after the keeper, which reads its files.
    _folder: TempDir,
    operator: Arc<Operator>,
    _network: Arc<Network>,
}

impl Debian {
    /// Waits until its sshd listens.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub fn wait_until_up(&self) {
        let address = format!("{}:{}", self.endpoint.address, self.endpoint.port).parse().expect("an address");
        let listens = || std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok();
        let is_up = until(BOOT, listens).is_some();
        assert!(is_up, "{} does not boot:\n{}", self.keeper.machine(), self.keeper.console());
    }

    /// Its boot id, which is another one after each boot.
    #[must_use]
    pub fn boot_id(&self) -> String {
        self.furnish("cat /proc/sys/kernel/random/boot_id")
    }

    /// Makes it go down and boot again. Returns once it is down.
    ///
    /// # Panics
    /// When it does not go down.
    pub fn reboot(&self) {
        self.must_boot();
        let before = self.first_process();
        // The answer does not come if the machine is quick.
        self.run("systemctl reboot");
        self.wait_until_not(before);
    }

    /// Takes its power away for a moment. Returns once it is down; it boots again.
    ///
    /// # Panics
    /// When it does not go down.
    pub fn reset(&self) {
        self.must_boot();
        let before = self.first_process();
        self.keeper.restarts();
        succeed("kill", &["-s", "KILL", &before.to_string()], INSTALL);
        self.wait_until_not(before);
    }

    /// Makes it go down for good. Returns once it is down; its files stay as they are.
    ///
    /// # Panics
    /// When it does not go down.
    pub fn power_off(&self) {
        self.must_boot();
        self.run("systemctl poweroff");
        let is_off = until(BOOT, || self.keeper.is_off().then_some(()));
        assert!(is_off.is_some(), "{} does not go down:\n{}", self.keeper.machine(), self.keeper.console());
    }

    /// Whether it was powered off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.keeper.is_off()
    }

    /// An image of what it has on its disk, from which other machines boot. It must be powered off.
    ///
    /// # Panics
    /// When it is not, or its files cannot be copied.
    #[must_use]
    pub fn image(&self) -> Image {
        assert!(self.is_off(), "{} is not powered off", self.keeper.machine());
        self.image.with(&self.keeper.layer())
    }

    /// Waits until its first process is another one.
    fn wait_until_not(&self, before: u32) {
        let down = until(BOOT, || (self.keeper.first_process() != Some(before)).then_some(()));
        assert!(down.is_some(), "{} does not go down:\n{}", self.keeper.machine(), self.keeper.console());
    }

    /// Pulls its network cable.
    pub fn unplug(&self) {
        self.ip(&["link", "set", &self.interface(), "down"]);
    }

    /// Plugs its network cable in again.
    pub fn plug_in(&self) {
        self.ip(&["link", "set", &self.interface(), "up"]);
    }

    /// Moves it far away: what is sent to its sshd and what it sends arrives after `delay`, and of the packets in each
    /// direction a part is lost.
    ///
    /// # Panics
    /// When there is no nft.
    #[must_use]
    pub fn far_away(&self, delay: Duration, loss_percent: u8) -> FarAway {
        self.must_boot();
        let chain = |hook: &str| {
            format!(
                "chain {hook} {{ type filter hook {hook} priority 0\nnumgen random mod 100 < {loss_percent} drop\n}}\n"
            )
        };
        let rules = format!("table inet far {{\n{}{}}}\n", chain("input"), chain("output"));
        let target = self.first_process().to_string();
        // Those are the rules of its own network.
        let mut command = Command::new("nsenter");
        let set = run(command.args(["--target", &target, "--net", "nft", "-f", "-"]), &rules, NFTABLES);
        assert_eq!(set.exit, 0, "{}", set.stderr);
        FarAway::new(&self.endpoint.address, delay)
    }

    /// Copies a folder of this computer to it, under another path.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn receives(&self, folder: &Path, path: &str) {
        let there = format!("/proc/{}/root{path}", self.first_process());
        succeed("cp", &["-r", &folder.to_string_lossy(), &there], INSTALL);
    }

    /// Fills its disk to the last byte.
    pub fn fill_disk(&self) {
        // The second fills what is smaller than a block of the first.
        self.furnish("dd if=/dev/zero of=/filler bs=1M 2>/dev/null; cat /dev/zero >>/filler 2>/dev/null; true");
    }

    /// Makes room on its disk again.
    pub fn empty_disk(&self) {
        self.furnish("rm /filler");
    }

    fn ip(&self, arguments: &[&str]) {
        succeed("ip", arguments, INSTALL);
    }

    /// The end of its cable on this computer.
    fn interface(&self) -> String {
        self.must_boot();
        format!("vb-{}", self.keeper.machine())
    }

    fn must_boot(&self) {
        assert_eq!(self.keeper.kind(), Kind::Booted, "a plain machine has no boot and no cable");
    }

    fn first_process(&self) -> u32 {
        let found = until(BOOT, || self.keeper.first_process());
        found.unwrap_or_else(|| panic!("{} has no first process:\n{}", self.keeper.machine(), self.keeper.console()))
    }
}

impl Host for Debian {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn operator(&self) -> &Operator {
        &self.operator
    }

    fn supervisorctl(&self) -> &'static str {
        "/usr/bin/supervisorctl"
    }

    fn run(&self, script: &str) -> Ran {
        let target = self.first_process().to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &target, "--all", "--root", "--wdns=/", "/usr/bin/env", "-i", "HOME=/root"]);
        command.args(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "/bin/sh"]);
        // Not on its command line, where a script that looks for processes would find itself.
        run(&mut command, script, INSTALL)
    }

    fn programs_folder(&self) -> &'static str {
        "/etc/supervisor/conf.d"
    }
}
