//! The lease: who conducts an upgrade, where, and until when, so that a second conductor keeps out and a dead one
//! does not look alive. It fences nothing; the order of the journal does.
//!
//! An epoch is claimed by creating its object. Only its holder writes that object again, to renew it. Leases use
//! wall time whatever the upgrade's clock shows.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use cutover_core::time::later;

use crate::store::{Created, Store, StoreError};

/// How long a lease lasts without being renewed.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often it is renewed.
pub const RENEWAL: Duration = Duration::from_secs(10);
/// How soon a renewal that failed is tried again: often enough before the lease lapses.
const RENEWAL_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// The wall clock and the machine, for what must not follow an upgrade's own clock.
#[async_trait(?Send)]
pub trait Machine {
    /// What time it is.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, length: Duration);
    /// Whether a process of this machine lives.
    fn lives(&self, process: u32) -> bool;
    /// Text that no other process has.
    fn nonce(&self) -> String;
    /// Who runs this process, on which machine, and which process it is.
    fn identity(&self) -> Identity;
}

/// A conductor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub machine: String,
    /// The process on that machine.
    pub process: u32,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} (process {})", self.user, self.machine, self.process)
    }
}

/// Who holds an epoch, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The conductor.
    #[serde(flatten)]
    pub identity: Identity,
    /// Until when the lease lasts unless it is renewed.
    pub until: Timestamp,
}

impl Holder {
    fn nobody() -> Self {
        let identity = Identity { user: "nobody".to_owned(), machine: String::new(), process: 0 };
        Self { identity, until: Timestamp::UNIX_EPOCH }
    }
}

/// A lease that this process holds.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The epoch: higher than that of every conductor before.
    pub epoch: u64,
    identity: Identity,
}

/// Why the lease could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else conducts the upgrade.
    #[error(
        "{} conducts this upgrade; if that process is gone, its lease ends by itself within {} seconds",
        .0.identity, LEASE.as_secs()
    )]
    Held(Holder),
}

/// Claims the next epoch, unless a living conductor holds the last.
///
/// # Errors
/// When the store fails or somebody else conducts the upgrade.
pub async fn claim(store: &Store, machine: &dyn Machine) -> Result<Lease, LeaseError> {
    let identity = machine.identity();
    loop {
        let last = last(store).await?;
        if let Some((_, holder)) = &last
            && is_alive(holder, &identity, machine)
        {
            return Err(LeaseError::Held(holder.clone()));
        }
        let lease = Lease { epoch: last.map_or(1, |(epoch, _)| epoch + 1), identity: identity.clone() };
        let bytes = lease.holder(later(machine.now(), LEASE));
        if store.create(&name(lease.epoch), bytes).await? == Created::New {
            return Ok(lease);
        }
    }
}

/// Who holds the last epoch, or held it.
///
/// # Errors
/// When the store fails, or the lease's name is none of this program's.
pub async fn last(store: &Store) -> Result<Option<(u64, Holder)>, StoreError> {
    let Some(name) = store.list("lease").await?.pop() else { return Ok(None) };
    let bytes = store.read(&name).await?.ok_or_else(|| store.damaged(&name, "it has gone"))?;
    // A lease only tells who is alive; one that cannot be read tells of nobody, and must not keep anybody out.
    let holder = serde_json::from_slice(&bytes).unwrap_or_else(|_| Holder::nobody());
    let epoch = name.trim_start_matches("lease/").trim_end_matches(".json").parse();
    Ok(Some((epoch.map_err(|source| store.damaged(&name, source))?, holder)))
}

/// A lease that has not lapsed is alive, unless its process is known to be dead.
#[must_use]
pub fn is_alive(holder: &Holder, here: &Identity, machine: &dyn Machine) -> bool {
    let same_machine = holder.identity.machine == here.machine;
    let dead = same_machine && (holder.identity.process == here.process || !machine.lives(holder.identity.process));
    holder.until > machine.now() && !dead
}

impl Lease {
    /// Renews the lease for ever. A renewal that fails is tried again soon: it ends nothing, because the journal is
    /// the fence. `complain` hears of the first failure of each run of them.
    pub async fn keep(
        &self,
        store: &Store,
        machine: &dyn Machine,
        complain: &dyn Fn(&StoreError),
    ) -> std::convert::Infallible {
        let mut failing = false;
        loop {
            machine.sleep(if failing { RENEWAL_AFTER_FAILURE } else { RENEWAL }).await;
            let renewed = store.replace(&name(self.epoch), self.holder(later(machine.now(), LEASE))).await;
            if let Err(error) = &renewed
                && !failing
            {
                complain(error);
            }
            failing = renewed.is_err();
        }
    }

    /// Gives the lease up, so that the next conductor need not wait.
    ///
    /// # Errors
    /// When the store fails; the lease then lapses by itself.
    pub async fn release(&self, store: &Store, machine: &dyn Machine) -> Result<(), StoreError> {
        store.replace(&name(self.epoch), self.holder(machine.now())).await
    }

    fn holder(&self, until: Timestamp) -> Vec<u8> {
        let holder = Holder { identity: self.identity.clone(), until };
        serde_json::to_vec(&holder).unwrap_or_default()
    }
}

fn name(epoch: u64) -> String {
    format!("lease/{epoch:08}.json")
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::task::{Context, Poll};

    use futures_util::FutureExt;
    use tempfile::TempDir;

    use super::*;
    use crate::testing::{at, memory, now, upgrade};

    /// A process of a machine, which sees the time that a test sets.
    struct Process {
        identity: Identity,
        time: Cell<Timestamp>,
        /// The processes that live on its machine.
        living: RefCell<Vec<u32>>,
        /// How many more sleeps end.
        sleeps: Cell<u32>,
    }

    impl Process {
        fn of(user: &str, machine: &str, process: u32) -> Self {
            let identity = Identity { user: user.to_owned(), machine: machine.to_owned(), process };
            Self { identity, time: Cell::new(at(0)), living: RefCell::new(vec![10, 11]), sleeps: Cell::new(0) }
        }

        fn at(self, seconds: u64) -> Self {
            self.time.set(at(seconds));
            self
        }
    }

    #[async_trait(?Send)]
    impl Machine for Process {
        fn now(&self) -> Timestamp {
            self.time.get()
        }

        async fn sleep(&self, length: Duration) {
            // Asked at every poll, so that a test can let a sleeper go on.
            let may_end = |_: &mut Context<'_>| {
                let Some(left) = self.sleeps.get().checked_sub(1) else { return Poll::Pending };
                self.sleeps.set(left);
                Poll::Ready(())
            };
            std::future::poll_fn(may_end).await;
            self.time.set(later(self.time.get(), length));
        }

        fn lives(&self, process: u32) -> bool {
            self.living.borrow().contains(&process)
        }

        fn nonce(&self) -> String {
            format!("{}", self.identity)
        }

        fn identity(&self) -> Identity {
            self.identity.clone()
        }
    }

    fn ada() -> Process {
        Process::of("ada", "left", 10)
    }

    fn claimed(store: &Store, machine: &Process) -> Lease {
        now(claim(store, machine)).expect("it is free")
    }

    fn never(error: &StoreError) {
        panic!("{error}");
    }

    fn assert_held(store: &Store, machine: &Process) {
        let error = now(claim(store, machine)).expect_err("it is held");
        let LeaseError::Held(holder) = &error else { panic!("{error}") };
        assert_eq!((&holder.identity, holder.until), (&ada().identity, at(30)));
        assert_eq!(
            error.to_string(),
            "ada@left (process 10) conducts this upgrade; if that process is gone, its lease ends by itself within \
             30 seconds"
        );
    }

    #[test]
    fn a_lease_that_nobody_holds_is_epoch_one() {
        let store = memory();
        assert_eq!(claimed(&store, &ada()).epoch, 1);
        let (epoch, holder) = now(last(&store)).expect("it can be read").expect("there is one");
        assert_eq!((epoch, holder.identity, holder.until), (1, ada().identity, at(30)));
    }

    #[test]
    fn a_living_conductor_on_this_machine_keeps_others_out() {
        let store = memory();
        claimed(&store, &ada());
        assert_held(&store, &Process::of("bob", "left", 11).at(29));
    }

    #[test]
    fn a_conductor_on_another_machine_is_taken_for_alive_until_its_lease_has_lapsed() {
        let store = memory();
        claimed(&store, &ada());
        let elsewhere = Process::of("bob", "right", 11).at(29);
        elsewhere.living.borrow_mut().clear();
        assert_held(&store, &elsewhere);
        assert_eq!(claimed(&store, &elsewhere.at(30)).epoch, 2);
    }

    #[test]
    fn a_conductor_of_this_machine_that_is_dead_is_succeeded_at_once() {
        let store = memory();
        claimed(&store, &ada());
        let bob = Process::of("bob", "left", 11).at(1);
        bob.living.borrow_mut().retain(|process| *process != 10);
        assert_eq!(claimed(&store, &bob).epoch, 2);
    }

    #[test]
    fn a_process_does_not_keep_itself_out() {
        let store = memory();
        assert_eq!(claimed(&store, &ada()).epoch, 1);
        assert_eq!(claimed(&store, &ada()).epoch, 2);
    }

    #[test]
    fn a_lease_that_was_given_up_can_be_claimed_at_once() {
        let store = memory();
        let first = ada().at(1);
        now(claimed(&store, &first).release(&store, &first)).expect("it can be written");
        assert_eq!(claimed(&store, &Process::of("bob", "right", 11).at(1)).epoch, 2);
    }

    #[test]
    fn epochs_count_up_and_the_last_is_the_one_that_counts() {
        let store = memory();
        for epoch in 1..=12 {
            assert_eq!(claimed(&store, &ada().at(epoch * 60)).epoch, epoch);
        }
        let (epoch, holder) = now(last(&store)).expect("it can be read").expect("there is one");
        assert_eq!((epoch, holder.until), (12, at(12 * 60 + 30)));
    }

    #[test]
    fn a_lease_that_is_kept_does_not_lapse() {
        let (store, first) = (memory(), ada());
        let lease = claimed(&store, &first);
        first.sleeps.set(6);
        assert!(lease.keep(&store, &first, &never).now_or_never().is_none(), "it is kept for ever");
        let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
        assert_eq!((first.now(), holder.until), (at(60), at(90)));
        assert!(is_alive(&holder, &Process::of("bob", "right", 11).identity, &first));
    }

    #[test]
    fn a_lease_is_kept_through_an_outage_of_the_store_with_one_complaint_for_each() {
        let (folder, first) = (TempDir::new().expect("a folder"), ada());
        let store = Store::folder(folder.path(), &upgrade()).expect("a store");
        let lease = claimed(&store, &first);
        let (leases, aside) = (folder.path().join(upgrade().as_str()).join("lease"), folder.path().join("aside"));
        let complaints = Cell::new(0);
        let complain = |_: &StoreError| complaints.set(complaints.get() + 1);
        let mut keep = Box::pin(lease.keep(&store, &first, &complain));
        for outage in 1..=2 {
            // A file where the folder should be: nothing can be written there.
            std::fs::rename(&leases, &aside).expect("it can be moved");
            std::fs::write(&leases, "").expect("it can be written");
            first.sleeps.set(3);
            assert!((&mut keep).now_or_never().is_none(), "it goes on");
            assert_eq!(complaints.get(), outage);
            std::fs::remove_file(&leases).expect("it can be removed");
            std::fs::rename(&aside, &leases).expect("it can be moved back");
            first.sleeps.set(1);
            assert!((&mut keep).now_or_never().is_none(), "it goes on");
            let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
            assert_eq!(holder.until, later(first.now(), LEASE), "it is renewed again");
        }
        // Ten seconds to the first renewal of each outage, two to each try after it.
        assert_eq!(first.now(), at(2 * (10 + 2 + 2 + 2)));
    }

    #[test]
    fn a_superseded_conductor_that_renews_does_not_touch_its_successors_lease() {
        let (store, first, second) = (memory(), ada(), Process::of("bob", "right", 11).at(30));
        let old = claimed(&store, &first);
        claimed(&store, &second);
        first.sleeps.set(5);
        assert!(old.keep(&store, &first, &never).now_or_never().is_none(), "it is kept for ever");
        let (epoch, holder) = now(last(&store)).expect("it can be read").expect("there is one");
        assert_eq!((epoch, holder.identity), (2, second.identity));
    }

    #[test]
    fn a_damaged_lease_keeps_nobody_out_and_its_epoch_is_not_used_again() {
        let store = memory();
        now(store.create("lease/00000001.json", b"{}".to_vec())).expect("it can be written");
        let lease = now(claim(&store, &ada())).expect("it tells of nobody who lives");
        assert_eq!(lease.epoch, 2);
    }
}
