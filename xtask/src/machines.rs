//! What the tests need that make hosts (crates/rig, crates/e2e). Where machines cannot be booted, the end-to-end run has plain
//! hosts; where there can be no hosts at all, those tests are left out. The run says so.

use std::path::{Path, PathBuf};

use crate::components;
use crate::debian;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::python;
use crate::workspace::Workspace;

/// The packages with the tests that make hosts. Those of the first one are all about machines that boot.
const TESTS: [&str; 2] = ["cutover-rig", "cutover-e2e"];

/// The package with the tests that start Packer, which is in the system that machines boot.
const PACKER_TESTS: &str = "cutover-packer";

/// The tests of those packages that reboot a host, pull its cable or ask its systemd are in modules of this name.
const BOOTED_TESTS: &str = "booted::";

/// Prints why plain hosts cannot be started; nothing if they can. It tries what the rig does, in a small way.
const PLAIN_PROBE: &str = "\
cannot() { echo \"$1\"; exit 0; }
[ \"$(id -u)\" = 0 ] || cannot 'you are not root'
unshare --mount mount -t tmpfs probe /mnt 2>/dev/null || cannot 'this root may not mount file systems, as in a container without privileges'
unshare --uts --ipc --pid --fork true 2>/dev/null || cannot 'this root may not make namespaces, as in a container without privileges'
";

/// Prints why machines cannot be booted where plain hosts can be started; nothing if they can.
const BOOTED_PROBE: &str = "\
cannot() { echo \"$1\"; exit 0; }
ip link add \"probe$$\" type bridge 2>/dev/null || cannot 'this root may not make networks, as in a container without privileges'
ip link delete \"probe$$\"
for folder in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ -e \"$folder/cgroup.procs\" ] || continue
    mkdir \"$folder/probe$$\" 2>/dev/null && rmdir \"$folder/probe$$\" || cannot \"$folder cannot be written to\"
    found=yes
done
[ \"$found\" ] || cannot 'there are no control groups in /sys/fs/cgroup'
";

/// The kinds of hosts of the end-to-end run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Debian systems that boot.
    Machines,
    /// Processes on loopback.
    Plain,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Machines, Self::Plain];

    /// As `--kind` and `CUTOVER_HOSTS` have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Machines => "machines",
            Self::Plain => "plain",
        }
    }
}

/// Which hosts tests can have here.
#[derive(Debug)]
pub(crate) enum Machines {
    /// Those that boot.
    Possible(Box<Parts>),
    /// Plain ones, and why no others.
    Plain(Box<Parts>, String),
    /// None, for this reason.
    Impossible(String),
}

/// The folders that tests are told of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The system that machines boot.
    root: PathBuf,
    /// The Python packages of celery, which some machines run.
    celery: PathBuf,
    /// The system with the servers of a site.
    servers: PathBuf,
    /// The Python packages of a site.
    site: PathBuf,
}

/// Finds out which hosts tests can have, and installs what they need besides if it is not there yet.
pub(crate) fn require(workspace: &Workspace) -> Result<Machines, Failure> {
    if !cfg!(target_os = "linux") {
        return Ok(Machines::Impossible("this is not Linux".to_owned()));
    }
    // Only root can make hosts, so others are not asked to install what that takes.
    if components::is_root(workspace) {
        components::require_for_machines(workspace)?;
    }
    if let Some(reason) = probe(workspace, PLAIN_PROBE)? {
        return Ok(Machines::Impossible(reason));
    }
    let parts = Box::new(parts(workspace)?);
    Ok(match probe(workspace, BOOTED_PROBE)? {
        Some(reason) => Machines::Plain(parts, reason),
        None => Machines::Possible(parts),
    })
}

/// Why it cannot be done, if it cannot.
fn probe(workspace: &Workspace, script: &str) -> Result<Option<String>, Failure> {
    let probe = workspace.program(Path::new("sh"), ["-c", script]);
    let failed = || Failure::Failed { what: "trying to make hosts".to_owned(), command: probe.to_line(), hint: None };
    Ok(Some(probe.output().ok_or_else(failed)?).filter(|reason| !reason.is_empty()))
}

fn parts(workspace: &Workspace) -> Result<Parts, Failure> {
    Ok(Parts {
        root: debian::MACHINES.require(workspace)?,
        celery: python::require_celery(workspace)?,
        servers: debian::SERVERS.require(workspace)?,
        site: python::require_site(workspace)?,
    })
}

impl Machines {
    /// The command with what hosts need.
    pub(crate) fn tell(&self, command: Invocation) -> Invocation {
        let (parts, kind) = match self {
            Self::Possible(parts) => (parts, Kind::Machines),
            Self::Plain(parts, _) => (parts, Kind::Plain),
            Self::Impossible(_) => return command,
        };
        let command = command.environment("CUTOVER_DEBIAN", parts.root.to_string_lossy());
        let command = command.environment("CUTOVER_CELERY", parts.celery.to_string_lossy());
        let command = command.environment("CUTOVER_SERVERS", parts.servers.to_string_lossy());
        let command = command.environment("CUTOVER_SITE", parts.site.to_string_lossy());
        command.environment("CUTOVER_HOSTS", kind.name())
    }

    /// The command of all tests, without those that these hosts are not enough for.
    pub(crate) fn tell_tests(&self, tests: Invocation) -> Invocation {
        let tests = self.tell(tests);
        match self {
            Self::Possible(_) => tests,
            Self::Plain(..) => tests.arguments(["--exclude", TESTS[0], "--", "--skip", BOOTED_TESTS]),
            Self::Impossible(_) => {
                tests.arguments(TESTS.iter().chain([&PACKER_TESTS]).flat_map(|package| ["--exclude", package]))
            }
        }
    }

    /// The same hosts as that kind.
    ///
    /// # Errors
    /// When there is no such kind here.
    pub(crate) fn of(self, kind: Option<Kind>) -> Result<Self, Failure> {
        match (self, kind) {
            (Self::Impossible(reason), _) => Err(Failure::NoHosts(reason)),
            (Self::Plain(_, reason), Some(Kind::Machines)) => Err(Failure::NoMachines(reason)),
            (Self::Possible(parts), Some(Kind::Plain)) => Ok(Self::Plain(parts, "they were asked for".to_owned())),
            (hosts, _) => Ok(hosts),
        }
    }

    /// Ones that exist only in a test of this crate.
    #[cfg(test)]
    pub(crate) fn imagined() -> Self {
        let [root, celery, servers, site] = ["/root", "/celery", "/servers", "/site"].map(PathBuf::from);
        Self::Possible(Box::new(Parts { root, celery, servers, site }))
    }

    /// On which hosts an upgrade runs.
    pub(crate) fn chosen(&self) -> String {
        match self {
            Self::Possible(_) => "the hosts are Debian systems that boot here, in systemd-nspawn".to_owned(),
            Self::Plain(_, reason) => format!("the hosts are plain processes on loopback: {reason}"),
            Self::Impossible(reason) => format!("there are no hosts: {reason}"),
        }
    }

    /// What a person who runs the tests must know: whether all of them run, and on which hosts.
    pub(crate) fn told(&self) -> String {
        let tests = TESTS.join(" and ");
        match self {
            Self::Possible(_) => {
                format!("the hosts of the tests of {tests} are Debian systems that boot here, in systemd-nspawn")
            }
            Self::Plain(_, reason) => format!(
                "WARNING: the hosts of the tests of {} are plain processes on loopback, and the tests of {} and all that \
                 reboot a host are LEFT OUT, because no machines can be booted here: {reason}",
                TESTS[1], TESTS[0]
            ),
            Self::Impossible(reason) => {
                format!(
                    "WARNING: the tests of {tests} and {PACKER_TESTS} are LEFT OUT, because no hosts can be made here: {reason}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(machines: &Machines) -> String {
        machines
            .tell_tests(Invocation::new("cargo", "cargo", Path::new(".")).arguments(["test", "--workspace"]))
            .to_line()
    }

    #[test]
    fn tests_get_the_folder_of_the_system() {
        let machines = Machines::imagined();
        let variables = "CUTOVER_DEBIAN=/root CUTOVER_CELERY=/celery CUTOVER_SERVERS=/servers CUTOVER_SITE=/site CUTOVER_HOSTS=machines";
        assert_eq!(line(&machines), format!("{variables} cargo test --workspace"));
        assert!(machines.told().contains("Debian systems that boot here"), "{}", machines.told());
    }

    #[test]
    fn tests_that_cannot_run_are_left_out_with_the_reason() {
        let machines = Machines::Impossible("you are not root".to_owned());
        assert_eq!(
            line(&machines),
            "cargo test --workspace --exclude cutover-rig --exclude cutover-e2e --exclude cutover-packer"
        );
        assert!(machines.told().contains("LEFT OUT") && machines.told().contains("you are not root"));
    }

    #[test]
    fn plain_hosts_run_the_tests_that_boot_none_and_say_why() {
        let machines = Machines::imagined().of(Some(Kind::Plain)).expect("they are possible");
        let line = line(&machines);
        assert!(line.contains(" CUTOVER_HOSTS=plain cargo test"), "{line}");
        assert!(line.ends_with("--exclude cutover-rig -- --skip booted::"), "{line}");
        let told = machines.told();
        assert!(told.contains("cutover-e2e are plain processes") && told.contains("they were asked for"), "{told}");
    }

    #[test]
    fn a_kind_that_is_not_possible_is_refused_with_the_reason() {
        let impossible = Machines::Impossible("you are not root".to_owned());
        let refused = impossible.of(Some(Kind::Plain)).expect_err("it is refused").to_string();
        assert_eq!(refused, "no hosts can be made here: you are not root");
        let Machines::Possible(parts) = Machines::imagined() else { unreachable!() };
        let plain = Machines::Plain(parts, "there is no bridge".to_owned());
        let refused = plain.of(Some(Kind::Machines)).expect_err("it is refused").to_string();
        assert!(refused.starts_with("no machines can be booted here: there is no bridge"), "{refused}");
        assert!(refused.contains("--kind plain"), "{refused}");
    }

    #[test]
    fn the_probes_say_why_or_nothing() {
        let workspace = Workspace::at("cargo", Path::new("."));
        for script in [PLAIN_PROBE, BOOTED_PROBE] {
            let reason = probe(&workspace, script).expect("it does not fail").unwrap_or_default();
            assert!(reason.lines().count() <= 1, "{reason}");
        }
        let unprivileged = probe(&workspace, &format!("id() {{ echo 1000; }}\n{PLAIN_PROBE}"));
        assert_eq!(unprivileged.expect("it does not fail").as_deref(), Some("you are not root"));
    }
}
