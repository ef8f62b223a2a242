//! The programs of the system that the tests start: git, git-lfs, OpenSSH, Python, Chromium, and what boots machines. This module checks whether they are
//! installed and, for root on a Debian-like system (usually a CI machine), installs them.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::workspace::Workspace;

/// The oldest git that cutover works with (crates/patchstack/src/git/version.rs).
const OLDEST_GIT: (u32, u32) = (2, 40);

/// A program that tests start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Component {
    program: &'static str,
    /// The Debian package that contains it.
    package: &'static str,
    /// How to install it by hand.
    advice: &'static str,
}

const GIT: Component = Component {
    program: "git",
    package: "git",
    advice: "git 2.40 or later: your system's package `git`; where that is older (Debian 12), https://git-scm.com",
};

/// Large files in release branches (crates/patchstack/tests/lfs.rs).
const GIT_LFS: Component = Component {
    program: "git-lfs",
    package: "git-lfs",
    advice: "git-lfs: `apt-get install git-lfs`, or https://git-lfs.com",
};

const SSH: [Component; 3] = [
    Component {
        program: "sshd",
        package: "openssh-server",
        advice: "sshd: `apt-get install openssh-server`, or your system's OpenSSH",
    },
    Component {
        program: "ssh",
        package: "openssh-client",
        advice: "ssh: `apt-get install openssh-client`, or your system's OpenSSH",
    },
    Component {
        program: "ssh-keygen",
        package: "openssh-client",
        advice: "ssh-keygen: `apt-get install openssh-client`, or your system's OpenSSH",
    },
];

const PYTHON: Component = Component {
    program: "python3",
    package: "python3-venv",
    advice: "Python 3.11 or later with venv: `apt-get install python3-venv`; where that is older, https://www.python.org",
};

/// The browser that `cutover look` opens.
const CHROMIUM: Component = Component {
    program: "chromium",
    package: "chromium",
    advice: "chromium: `apt-get install chromium`, or a link of that name to another Chromium or Chrome",
};

/// What boots machines (crates/rig).
const MACHINES: [Component; 5] = [
    Component {
        program: "systemd-nspawn",
        package: "systemd-container",
        advice: "systemd-nspawn: `apt-get install systemd-container`, or your system's systemd",
    },
    Component {
        program: "debootstrap",
        package: "debootstrap",
        advice: "debootstrap: `apt-get install debootstrap`, or your system's package of that name",
    },
    Component {
        program: "ip",
        package: "iproute2",
        advice: "ip: `apt-get install iproute2`, or your system's package of that name",
    },
    Component {
        program: "nft",
        package: "nftables",
        advice: "nft: `apt-get install nftables`, or your system's package of that name",
    },
    Component {
        program: "nsenter",
        package: "util-linux",
        advice: "nsenter: `apt-get install util-linux`, or your system's package of that name",
    },
];

/// Succeeds in a Python that can create the environment of the tests (xtask/requirements.txt). On Debian, `ensurepip`
/// is in a separate package.
const PYTHON_PROBE: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

/// Checks that everything is installed that all tests need, and installs what is missing if possible.
pub(crate) fn require(workspace: &Workspace) -> Result<(), Failure> {
    provide(workspace, || missing(workspace))
}

/// The same for the quick run, which needs git alone.
pub(crate) fn require_git(workspace: &Workspace) -> Result<(), Failure> {
    provide(workspace, || missing_git(workspace).into_iter().collect())
}

/// The same for the tests that boot machines.
pub(crate) fn require_for_machines(workspace: &Workspace) -> Result<(), Failure> {
    provide(workspace, || MACHINES.into_iter().filter(|component| !is_here(component.program)).collect())
}

fn provide(workspace: &Workspace, missing: impl Fn() -> Vec<Component>) -> Result<(), Failure> {
    let wanted = missing();
    if wanted.is_empty() {
        return Ok(());
    }
    if may_install(workspace) {
        install(workspace, &packages(&wanted))?;
    }
    let advice: Vec<String> = missing().iter().map(|component| component.advice.to_owned()).collect();
    if advice.is_empty() { Ok(()) } else { Err(Failure::MissingTools(advice)) }
}

fn missing_git(workspace: &Workspace) -> Option<Component> {
    let git = workspace.program(Path::new("git"), ["--version"]).output();
    (!git.as_deref().is_some_and(is_new_enough)).then_some(GIT)
}

fn missing(workspace: &Workspace) -> Vec<Component> {
    let git = missing_git(workspace);
    let python = workspace.program(Path::new(PYTHON.program), ["-c", PYTHON_PROBE]).succeeds();
    let python = (!python).then_some(PYTHON);
    let others = SSH.into_iter().chain([GIT_LFS, CHROMIUM]).filter(|component| !is_here(component.program));
    git.into_iter().chain(python).chain(others).collect()
}

/// Whether `answer`, the output of `git --version`, is a version that cutover works with.
fn is_new_enough(answer: &str) -> bool {
    let mut numbers = answer.trim_start_matches("git version ").split(['.', '-', ' ']).map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST_GIT)
}

/// Whether a program is on `PATH`, or in a folder where systems keep sshd.
fn is_here(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.any(|folder| folder.join(program).is_file())
}

/// Packages are installed only for root on a system with apt-get.
fn may_install(workspace: &Workspace) -> bool {
    is_here("apt-get") && is_root(workspace)
}

pub(crate) fn is_root(workspace: &Workspace) -> bool {
    workspace.program(Path::new("id"), ["-u"]).output().as_deref() == Some("0")
}

/// Each package once, in order.
fn packages(missing: &[Component]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = missing.iter().map(|component| component.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn install(workspace: &Workspace, packages: &[&str]) -> Result<(), Failure> {
    eprintln!("xtask: the tests need {}; installing with apt-get, since you are root", packages.join(" and "));
    let apt_get = |arguments: [&str; 2]| {
        workspace.program(Path::new("apt-get"), arguments).environment("DEBIAN_FRONTEND", "noninteractive")
    };
    apt_get(["update", "--quiet"]).prepare("reading the lists of packages")?;
    let install = apt_get(["install", "--quiet"]).arguments(["--yes", "--no-install-recommends"]);
    install.arguments(packages.iter().copied()).prepare("installing what the tests need")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_git_counts_as_missing() {
        for answer in ["git version 2.40.0", "git version 2.47.3", "git version 3.0.0", "git version 2.45-rc1"] {
            assert!(is_new_enough(answer), "{answer}");
        }
        for answer in ["git version 2.39.5", "git version 1.99.0", "hub", ""] {
            assert!(!is_new_enough(answer), "{answer}");
        }
    }

    #[test]
    fn a_package_is_installed_once_even_if_several_programs_need_it() {
        assert_eq!(packages(&SSH), ["openssh-client", "openssh-server"]);
        assert_eq!(packages(&[GIT]), ["git"]);
        assert_eq!(packages(&MACHINES), ["debootstrap", "iproute2", "nftables", "systemd-container", "util-linux"]);
    }

    #[test]
    fn a_missing_program_is_reported_as_missing() {
        assert!(is_here("sh"));
        assert!(!is_here("no-such-program-anywhere"));
    }
}
