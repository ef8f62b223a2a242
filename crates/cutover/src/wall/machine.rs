//! This machine, as leases see it: its clocks, its processes, and who runs this one.
#![expect(clippy::disallowed_methods, reason = "clock, timer and environment of this machine, for leases")]

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_engine::lease::{Identity, Machine, plain};

use super::origin;

/// This machine and its clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

#[async_trait(?Send)]
impl Machine for ThisMachine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }

    fn up(&self) -> Duration {
        // On kernels that have it, this clock also counts while the machine is suspended.
        #[cfg(target_os = "linux")]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = rustix::time::ClockId::Monotonic;
        Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
    }

    fn lives(&self, process: u32, started: u64) -> bool {
        match origin::start_of(process) {
            Some(start) => start == started,
            // If other users' processes are hidden, a missing permission to signal it still means that it exists.
            None => {
                let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
                id.is_some_and(|id| rustix::process::test_kill_process(id) == Err(rustix::io::Errno::PERM))
            }
        }
    }

    fn is_suspended(&self, process: u32, started: u64) -> bool {
        origin::is_suspended(process, started)
    }

    fn nonce(&self) -> String {
        use std::hash::{BuildHasher, Hasher};
        // The hasher's keys are random for each process, and the time differs between calls.
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        format!("{random:016x}{:x}", Timestamp::now().as_nanosecond() & 0xffff_ffff)
    }

    fn identity(&self) -> Identity {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        Identity {
            user: plain(&user.unwrap_or_else(|_| format!("uid-{}", rustix::process::getuid().as_raw()))),
            machine: plain(&rustix::system::uname().nodename().to_string_lossy()),
            process: std::process::id(),
            origin: origin::of_this_process(),
        }
    }
}
