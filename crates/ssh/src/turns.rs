//! Turns for connections that are being made, so that not too many are made at the same time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many direct connections are made at the same time. Each takes processor time for its cryptography, and more of them
/// at the same time are no faster.
const DIRECT: usize = 32;
/// How many connections are made at the same time through the same jump hosts: sshd refuses some connections beyond ten
/// that are not signed in yet (`MaxStartups 10:30:100`).
const THROUGH_JUMP_HOSTS: usize = 10;

/// The turns of all hosts. They are given out in the order in which they were asked for.
pub(crate) struct Turns {
    direct: Arc<Semaphore>,
    by_way: RefCell<BTreeMap<String, Arc<Semaphore>>>,
}

/// A turn, which ends when this value is dropped.
pub(crate) struct Turn(#[expect(dead_code, reason = "it is only held")] Option<OwnedSemaphorePermit>);

impl Turns {
    pub(crate) fn new() -> Self {
        Self { direct: Arc::new(Semaphore::new(DIRECT)), by_way: RefCell::default() }
    }

    /// Waits for a turn to connect, through `jump_hosts` if there are any. Hosts with the same text there share turns.
    pub(crate) async fn take(&self, jump_hosts: Option<&str>) -> Turn {
        let turns = match jump_hosts {
            None => Arc::clone(&self.direct),
            Some(way) => Arc::clone(
                self.by_way
                    .borrow_mut()
                    .entry(way.to_owned())
                    .or_insert_with(|| Arc::new(Semaphore::new(THROUGH_JUMP_HOSTS))),
            ),
        };
        // It is never closed.
        Turn(turns.acquire_owned().await.ok())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn all(turns: &Turns, way: Option<&str>) -> Vec<Turn> {
        std::iter::from_fn(|| turns.take(way).now_or_never()).collect()
    }

    #[test]
    fn each_way_through_jump_hosts_has_as_many_turns_as_sshd_takes_unconditionally() {
        let turns = Turns::new();
        let through_one = all(&turns, Some("one"));
        assert_eq!(through_one.len(), 10);
        assert_eq!(all(&turns, Some("two")).len(), 10, "another jump host has turns of its own");
        assert_eq!(all(&turns, None).len(), 32, "direct connections do not wait for jump hosts");
        drop(through_one);
        assert!(turns.take(Some("one")).now_or_never().is_some());
    }
}
