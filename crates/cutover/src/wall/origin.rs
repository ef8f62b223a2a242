//! The boot and the namespace in which a process number identifies a process. Only Linux provides them.

use cutover_engine::lease::Origin;

/// The boot and namespace of this process.
pub(super) fn of_this_process() -> Option<Origin> {
    Some(Origin {
        boot: std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned(),
        pid_namespace: std::fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned(),
        started: itself()?,
    })
}

/// When this process was started. Nothing if `/proc` shows the processes of another namespace, in which this number
/// belongs to another process.
fn itself() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (number, _) = stat.split_once(' ')?;
    (number.parse() == Ok(std::process::id())).then(|| start_in(&stat))?
}

/// When a process was started, in ticks since the boot. Nothing if it is gone, or is a zombie.
pub(super) fn start_of(process: u32) -> Option<u64> {
    start_in(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// Whether a process with that number and start is suspended: stopped by a signal, or because it used its terminal from
/// the background.
pub(super) fn is_suspended(process: u32, started: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    start_in(&stat) == Some(started)
        && stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

fn start_in(stat: &str) -> Option<u64> {
    // The name before it may contain anything, even spaces and parentheses.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let has_ended = matches!(fields.first(), Some(&("Z" | "X")) | None);
    fields.get(19).filter(|_| !has_ended)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_another_by_its_start() {
        let start = start_of(std::process::id()).expect("this one runs");
        assert!(start > 0);
        assert_eq!(start_of(u32::MAX), None);
        let origin = of_this_process().expect("Linux tells");
        assert!(origin.pid_namespace.starts_with("pid:["), "{origin:?}");
        assert_eq!(origin.started, start);
    }
}
