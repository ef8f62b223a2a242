//! Where the processes of a machine are: in a control group of its name, in each hierarchy that systemd uses. Without one
//! of its own, machines would share their groups, and killing a unit of one would kill the same unit of the others.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::program::until;

/// The places where systemd's hierarchy of control groups may be: version 1, both versions, version 2.
const HIERARCHIES: [&str; 3] = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

/// The process id of a machine's first process, once it has booted far enough.
pub(super) fn first_process(machine: &str) -> Option<u32> {
    HIERARCHIES.iter().find_map(|hierarchy| {
        let file = PathBuf::from(hierarchy).join(machine).join("payload/init.scope/cgroup.procs");
        std::fs::read_to_string(file).ok()?.lines().next()?.parse().ok()
    })
}

/// Ends the machines whose names begin like this, which nobody keeps any more.
pub(super) fn end(prefix: &str) {
    for hierarchy in HIERARCHIES {
        for group in folders(Path::new(hierarchy)).iter().filter(|group| is_named(group, prefix)) {
            until(Duration::from_secs(10), || {
                let processes = processes(group);
                let _ = Command::new("kill").args(["-s", "KILL"]).args(&processes).status();
                remove(group);
                (!group.exists()).then_some(())
            });
        }
    }
}

fn is_named(group: &Path, prefix: &str) -> bool {
    group.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// The processes of a group and of those beneath it.
fn processes(group: &Path) -> Vec<String> {
    let own = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let beneath = folders(group).into_iter().flat_map(|folder| processes(&folder));
    own.lines().map(str::to_owned).chain(beneath).collect()
}

/// Removes a group and those beneath it, if they have no processes.
fn remove(group: &Path) {
    folders(group).iter().for_each(|folder| remove(folder));
    let _ = std::fs::remove_dir(group);
}
