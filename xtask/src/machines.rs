//! The Debian system for the tests that boot machines (crates/rig). It is made once, in the target folder. Where machines
//! cannot be booted at all, those tests are left out, and the run says so.

use std::fs;
use std::path::{Path, PathBuf};

use crate::components;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::python::{self, digest};
use crate::workspace::Workspace;

/// The release of Debian, and the packages in addition to its smallest system.
const RELEASE: &str = "bookworm";
const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,supervisor,python3,iproute2,sudo,procps,cron";

/// The package with the tests that boot machines.
const TESTS: &str = "cutover-rig";

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
    Possible {
        /// The folder of their system.
        root: PathBuf,
        /// The folder with the Python packages of celery, which some of them run.
        celery: PathBuf,
    },
    /// They cannot, for this reason.
    Impossible(String),
}

/// Finds out whether machines can be booted, and makes their system if it does not exist yet.
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
        Some(reason) if reason.is_empty() => {
            Ok(Machines::Possible { root: system(workspace)?, celery: python::require_celery(workspace)? })
        }
        Some(reason) => Ok(Machines::Impossible(reason)),
        None => {
            Err(Failure::Failed { what: "trying to boot machines".to_owned(), command: probe.to_line(), hint: None })
        }
    }
}

impl Machines {
    /// The command of all tests with what those need that boot machines, or without those tests.
    pub(crate) fn tell(&self, tests: Invocation) -> Invocation {
        match self {
            Self::Possible { root, celery } => {
                let tests = tests.environment("CUTOVER_DEBIAN", root.to_string_lossy());
                tests.environment("CUTOVER_CELERY", celery.to_string_lossy())
            }
            Self::Impossible(_) => tests.arguments(["--exclude", TESTS]),
        }
    }

    /// Why no machines can be booted, if they cannot.
    pub(crate) fn impossible(&self) -> Option<&str> {
        match self {
            Self::Possible { .. } => None,
            Self::Impossible(reason) => Some(reason),
        }
    }

    /// What a person who runs the tests must know; nothing if all tests run.
    pub(crate) fn warning(&self) -> Option<String> {
        self.impossible().map(|reason| {
            format!("WARNING: the tests of {TESTS} are LEFT OUT, because no machines can be booted here: {reason}")
        })
    }
}

/// The folder of the system, which is made if it is not complete.
fn system(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.components_folder().join(format!("debian-{RELEASE}-{:016x}", digest(PACKAGES)));
    let (root, mark) = (folder.join("root"), folder.join("complete"));
    if mark.is_file() {
        return Ok(root);
    }
    eprintln!("xtask: installing a Debian system for tests into {} (once, 330 MB, about a minute)", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|source| Failure::NotWritten { file: folder.clone(), source })?;
    }
    fs::create_dir_all(&folder).map_err(|source| Failure::NotWritten { file: folder, source })?;
    let install = workspace.program(Path::new("debootstrap"), ["--variant=minbase"]);
    let install = install.arguments([format!("--include={PACKAGES}"), RELEASE.to_owned()]);
    install.arguments([root.to_string_lossy()]).run("installing a Debian system")?;
    fs::write(&mark, "").map_err(|source| Failure::NotWritten { file: mark, source })?;
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(machines: &Machines) -> String {
        machines.tell(Invocation::new("cargo", "cargo", Path::new(".")).arguments(["test", "--workspace"])).to_line()
    }

    #[test]
    fn tests_get_the_folder_of_the_system() {
        let machines = Machines::Possible { root: PathBuf::from("/root"), celery: PathBuf::from("/celery") };
        assert_eq!(line(&machines), "CUTOVER_DEBIAN=/root CUTOVER_CELERY=/celery cargo test --workspace");
        assert_eq!(machines.warning(), None);
    }

    #[test]
    fn tests_that_cannot_run_are_left_out_with_the_reason() {
        let machines = Machines::Impossible("you are not root".to_owned());
        assert_eq!(line(&machines), "cargo test --workspace --exclude cutover-rig");
        assert!(machines.warning().expect("a warning").contains("you are not root"));
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
