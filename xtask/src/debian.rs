//! Debian systems for tests: the one that machines boot (crates/rig), and the one with the servers of the end-to-end run
//! (crates/e2e). Each is made once, in the target folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::python::digest;
use crate::workspace::Workspace;

const RELEASE: &str = "bookworm";

/// A system.
pub(crate) struct System {
    name: &'static str,
    /// What it is for, with its size.
    about: &'static str,
    /// The packages in addition to Debian's smallest system.
    packages: &'static str,
    /// Services that do not start when it boots, unless a test wants them.
    disabled: &'static [&'static str],
}

/// What machines boot. Packer is started from there, and not on machines.
pub(crate) const MACHINES: System = System {
    name: "debian",
    about: "the Debian system that machines of tests boot, with Packer (450 MB)",
    packages: "systemd,systemd-sysv,dbus,openssh-server,supervisor,python3,iproute2,sudo,procps,cron,nginx-light,packer",
    disabled: &["nginx"],
};

/// The servers of a site. They are started from there, and not installed on this computer, where they would start at every boot.
pub(crate) const SERVERS: System = System {
    name: "servers",
    about: "MariaDB, Redis, HAProxy, knot and unbound for tests (670 MB)",
    packages: "mariadb-server,redis-server,haproxy,knot,unbound",
    disabled: &[],
};

impl System {
    /// The folder of the system, which is made if it is not complete.
    pub(crate) fn require(&self, workspace: &Workspace) -> Result<PathBuf, Failure> {
        let folder = format!("{}-{RELEASE}-{:016x}", self.name, digest(self.packages));
        let folder = workspace.components_folder().join(folder);
        let (root, mark) = (folder.join("root"), folder.join("complete"));
        if mark.is_file() {
            return Ok(root);
        }
        eprintln!("xtask: installing {} into {} (once, about a minute)", self.about, folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|source| Failure::NotWritten { file: folder.clone(), source })?;
        }
        fs::create_dir_all(&folder).map_err(|source| Failure::NotWritten { file: folder, source })?;
        let install = workspace.program(Path::new("debootstrap"), ["--variant=minbase"]);
        let install = install.arguments([format!("--include={}", self.packages), RELEASE.to_owned()]);
        install.arguments([root.to_string_lossy()]).prepare("installing a Debian system")?;
        for service in self.disabled {
            let link = root.join(format!("etc/systemd/system/multi-user.target.wants/{service}.service"));
            fs::remove_file(&link).map_err(|source| Failure::NotWritten { file: link, source })?;
        }
        fs::write(&mark, "").map_err(|source| Failure::NotWritten { file: mark, source })?;
        Ok(root)
    }
}
