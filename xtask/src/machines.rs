//! What the tests need that boot machines (crates/rig, crates/e2e). Where machines cannot be booted at all, those tests are
//! left out, and the run says so.

use std::path::{Path, PathBuf};

use crate::components;
use crate::debian;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::python;
use crate::workspace::Workspace;

/// The packages with the tests that boot machines.
const TESTS: [&str; 2] = ["cutover-rig", "cutover-e2e"];

/// Prints why machines cannot be booted; nothing if they can. It tries what the rig does, in a small way.
const PROBE: &str = "\
cannot() { echo \"$1\"; exit 0; }
[ \"$(id -u)\" = 0 ] || cannot 'you are not root'
unshare --mount mount -t tmpfs probe /mnt 2>/dev/null || cannot 'this root may not mount file systems, as in a container without privileges'
ip link add \"probe$$\" type bridge 2>/dev/null || cannot 'this root may not make networks, as in a container without privileges'
ip link delete \"probe$$\"
for folder in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ -e \"$folder/cgroup.procs\" ] || continue
    mkdir \"$folder/probe$$\" 2>/dev/null && rmdir \"$folder/probe$$\" || cannot \"$folder cannot be written to\"
    found=yes
done
[ \"$found\" ] || cannot 'there are no control groups in /sys/fs/cgroup'
";

/// Whether tests can boot machines here.
#[derive(Debug)]
pub(crate) enum Machines {
    /// They can.
    Possible(Box<Parts>),
    /// They cannot, for this reason.
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

/// Finds out whether machines can be booted, and installs what the tests need besides if it is not there yet.
pub(crate) fn require(workspace: &Workspace) -> Result<Machines, Failure> {
    if !cfg!(target_os = "linux") {
        return Ok(Machines::Impossible("this is not Linux".to_owned()));
    }
    // Only root can boot machines, so others are not asked to install what that takes.
    if components::is_root(workspace) {
        components::require_for_machines(workspace)?;
    }
    let probe = workspace.program(Path::new("sh"), ["-c", PROBE]);
    match probe.output() {
        Some(reason) if reason.is_empty() => Ok(Machines::Possible(Box::new(parts(workspace)?))),
        Some(reason) => Ok(Machines::Impossible(reason)),
        None => {
            Err(Failure::Failed { what: "trying to boot machines".to_owned(), command: probe.to_line(), hint: None })
        }
    }
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
    /// The command of all tests with what those need that boot machines, or without those tests.
    pub(crate) fn tell(&self, tests: Invocation) -> Invocation {
        match self {
            Self::Possible(parts) => {
                let tests = tests.environment("CUTOVER_DEBIAN", parts.root.to_string_lossy());
                let tests = tests.environment("CUTOVER_CELERY", parts.celery.to_string_lossy());
                let tests = tests.environment("CUTOVER_SERVERS", parts.servers.to_string_lossy());
                tests.environment("CUTOVER_SITE", parts.site.to_string_lossy())
            }
            Self::Impossible(_) => tests.arguments(TESTS.iter().flat_map(|package| ["--exclude", package])),
        }
    }

    /// Ones that exist only in a test of this crate.
    #[cfg(test)]
    pub(crate) fn imagined() -> Self {
        let [root, celery, servers, site] = ["/root", "/celery", "/servers", "/site"].map(PathBuf::from);
        Self::Possible(Box::new(Parts { root, celery, servers, site }))
    }

    /// Why no machines can be booted, if they cannot.
    pub(crate) fn impossible(&self) -> Option<&str> {
        match self {
            Self::Possible(_) => None,
            Self::Impossible(reason) => Some(reason),
        }
    }

    /// What a person who runs the tests must know: whether all of them run, and on which hosts.
    pub(crate) fn told(&self) -> String {
        let tests = TESTS.join(" and ");
        match self.impossible() {
            None => format!("the hosts of the tests of {tests} are Debian systems that boot here, in systemd-nspawn"),
            Some(reason) => {
                format!("WARNING: the tests of {tests} are LEFT OUT, because no machines can be booted here: {reason}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(machines: &Machines) -> String {
        machines.tell(Invocation::new("cargo", "cargo", Path::new(".")).arguments(["test", "--workspace"])).to_line()
    }

    #[test]
    fn tests_get_the_folder_of_the_system() {
        let machines = Machines::imagined();
        let variables = "CUTOVER_DEBIAN=/root CUTOVER_CELERY=/celery CUTOVER_SERVERS=/servers CUTOVER_SITE=/site";
        assert_eq!(line(&machines), format!("{variables} cargo test --workspace"));
        assert!(machines.told().contains("Debian systems that boot here"), "{}", machines.told());
    }

    #[test]
    fn tests_that_cannot_run_are_left_out_with_the_reason() {
        let machines = Machines::Impossible("you are not root".to_owned());
        assert_eq!(line(&machines), "cargo test --workspace --exclude cutover-rig --exclude cutover-e2e");
        assert!(machines.told().contains("LEFT OUT") && machines.told().contains("you are not root"));
    }

    #[test]
    fn the_probe_says_why_or_nothing() {
        let workspace = Workspace::at("cargo", Path::new("."));
        let ran = workspace.program(Path::new("sh"), ["-c", PROBE]).output();
        let reason = ran.expect("it does not fail");
        let unprivileged = workspace.program(Path::new("sh"), ["-c"]);
        let unprivileged = unprivileged.arguments([format!("id() {{ echo 1000; }}\n{PROBE}")]).output();
        assert_eq!(unprivileged.as_deref(), Some("you are not root"));
        assert!(reason.lines().count() <= 1, "{reason}");
    }
}
