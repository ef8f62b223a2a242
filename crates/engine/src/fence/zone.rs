//! The fence as one conductor sees it: it is raised once, and replaced with every change of records.

use std::rc::Rc;

use futures_util::lock::Mutex;

use cutover_core::deployment::Deployment;
use cutover_core::names::{ChangeId, DnsName, UpgradeId};
use cutover_core::plan::RecordTarget;

use super::{FenceChange, FenceRecord, Mark, ZoneTaken};
use crate::failure::{Failure, FailureClass};
use crate::gate::Permit;
use crate::halt::{Halt, WriteError};
use crate::ports::{Answer, Clock, Dns, World};
use crate::retry;

/// What the fence needs of the gate, which checks every write.
pub(crate) trait Passage {
    /// This conductor's mark for the zone, after it has written `count` marks.
    fn mark(&self, upgrade: &UpgradeId, count: u64) -> Mark;

    /// Whether this conductor may replace the mark of the conductor with this nonce: that one is on record before this
    /// one, or this is a dry run.
    fn may_follow(&self, nonce: &str) -> bool;

    /// Makes one attempt, if this conductor may still write.
    async fn pass<T>(
        &self,
        call: &'static str,
        attempt: impl AsyncFnOnce(&Permit) -> Answer<T>,
    ) -> Result<T, WriteError>;
}

/// The fence as one conductor sees it.
pub struct ZoneFence {
    dns: Rc<dyn Dns>,
    clock: Rc<dyn Clock>,
    zone: String,
    name: DnsName,
    upgrade: UpgradeId,
    standing: Mutex<Standing>,
}

/// The possible states of the record, as far as this conductor knows, the most likely one first: what it wrote last,
/// and what it may have written if an answer was lost. Empty before the fence is raised.
#[derive(Default)]
struct Standing {
    raised: bool,
    candidates: Vec<Option<FenceRecord>>,
    written: u64,
}

impl ZoneFence {
    /// The fence of a deployment's zone, for one conductor. This makes no call.
    #[must_use]
    pub fn of(deployment: &Deployment, world: &World, clock: &Rc<dyn Clock>) -> Self {
        Self {
            dns: Rc::clone(&world.dns),
            clock: Rc::clone(clock),
            zone: deployment.dns.zone.clone(),
            name: deployment.fence(),
            upgrade: deployment.upgrade(),
            standing: Mutex::default(),
        }
    }

    /// Writes this conductor's mark into the record, once, before anything else is written.
    pub(crate) async fn raise(&self, passage: &impl Passage) -> Result<(), WriteError> {
        let mut standing = self.standing.lock().await;
        if standing.raised {
            return Ok(());
        }
        if standing.candidates.is_empty() {
            let found = retry::read(&*self.clock, async || self.dns.fence(&self.zone, &self.name).await).await;
            // A reading call whose answer was lost leaves nothing in doubt.
            let found = found.map_err(|failure| match failure.class {
                FailureClass::InDoubt => Failure { class: FailureClass::NotApplied, ..failure },
                _ => failure,
            })?;
            self.check_mark(passage, found.as_ref())?;
            standing.candidates.push(found);
        }
        match self.batch(passage, &mut standing, ("raise_fence", &|| Ok(())), &self.zone, &[]).await {
            Ok(_) => standing.raised = true,
            // The write that was to follow was not started, so it is known not to have been applied.
            Err(WriteError::Failed(failure)) if failure.class == FailureClass::InDoubt => {
                return Err(
                    Failure::not_applied(format!("{failure}; nothing else is written before this works")).into()
                );
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Changes records and the fence in one batch. Each attempt is made only if it still `may` be.
    pub(crate) async fn change(
        &self,
        passage: &impl Passage,
        zone: &str,
        records: &[RecordTarget],
        may: &dyn Fn() -> Answer<()>,
    ) -> Result<ChangeId, WriteError> {
        let mut standing = self.standing.lock().await;
        self.batch(passage, &mut standing, ("change_records", may), zone, records).await
    }

    /// Tries a batch with each possible state of the record in turn. All of them are this conductor's own, so none of
    /// them exists once another conductor has written.
    async fn batch(
        &self,
        passage: &impl Passage,
        standing: &mut Standing,
        (call, may): (&'static str, &dyn Fn() -> Answer<()>),
        zone: &str,
        records: &[RecordTarget],
    ) -> Result<ChangeId, WriteError> {
        let possible = standing.candidates.clone();
        for was in possible {
            standing.written += 1;
            let next = passage.mark(&self.upgrade, standing.written).record();
            let change = FenceChange { name: self.name.clone(), was, next: next.clone() };
            let attempt = passage.pass(call, async |permit| {
                may()?;
                self.dns.change_records(permit, zone, records, &change).await
            });
            match attempt.await {
                Ok(id) => {
                    standing.candidates = vec![Some(next)];
                    return Ok(id);
                }
                Err(WriteError::Failed(failure)) if failure.class == FailureClass::Superseded => {}
                Err(WriteError::Failed(failure)) if failure.class == FailureClass::InDoubt => {
                    standing.candidates.push(Some(next));
                    return Err(failure.into());
                }
                Err(other) => return Err(other),
            }
        }
        let why = "was changed by another conductor, or by hand".to_owned();
        Err(Halt::from(ZoneTaken { name: self.name.clone(), why }).into())
    }

    /// Refuses to replace the mark of a conductor of which this state has no record.
    fn check_mark(&self, passage: &impl Passage, found: Option<&FenceRecord>) -> Result<(), Halt> {
        let Some(mark) = found.and_then(Mark::of) else { return Ok(()) };
        if !mark.is_unknown(&self.upgrade, |writer| passage.may_follow(writer)) {
            return Ok(());
        }
        let why = format!(
            "was written by conductor {} of {}, of which this state has no record: either that conductor is at work, \
             or {} was started with another state",
            mark.epoch, mark.upgrade, self.upgrade
        );
        Err(ZoneTaken { name: self.name.clone(), why }.into())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::{BTreeMap, VecDeque};
    use std::net::IpAddr;

    use async_trait::async_trait;

    use cutover_core::observation::Record;

    use super::*;
    use crate::gate::Gate;
    use crate::testing::{HandClock, now, upgrade};

    /// What becomes of a batch, besides being applied or refused as Route 53 does.
    #[derive(Clone, Copy)]
    enum Fate {
        /// It is applied, and its answer is lost.
        AnswerLost,
        /// It is lost itself, and nobody can tell.
        Lost,
        /// It fails with this class, and changes nothing.
        Fails(FailureClass),
    }

    /// A zone that has nothing but the fence's record.
    #[derive(Default)]
    struct Zone {
        record: RefCell<Option<FenceRecord>>,
        /// What becomes of the next batches.
        fates: RefCell<VecDeque<Fate>>,
        /// Whether the record can be read.
        unreadable: Cell<bool>,
        batches: RefCell<Vec<FenceChange>>,
    }

    impl Zone {
        fn of(record: Option<FenceRecord>, fates: &[Fate]) -> Rc<Self> {
            let (record, fates) = (RefCell::new(record), RefCell::new(fates.iter().copied().collect()));
            Rc::new(Self { record, fates, ..Self::default() })
        }
    }

    #[async_trait(?Send)]
    impl Dns for Zone {
        async fn records(&self, _: &str, _: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
            Ok(BTreeMap::new())
        }

        async fn fence(&self, _: &str, _: &DnsName) -> Answer<Option<FenceRecord>> {
            if self.unreadable.get() {
                return Err(Failure::in_doubt("the connection was lost"));
            }
            Ok(self.record.borrow().clone())
        }

        async fn change_records(
            &self,
            _: &Permit,
            _: &str,
            _: &[RecordTarget],
            fence: &FenceChange,
        ) -> Answer<ChangeId> {
            self.batches.borrow_mut().push(fence.clone());
            let fate = self.fates.borrow_mut().pop_front();
            match fate {
                Some(Fate::Fails(class)) => return Err(Failure::new(class, "no")),
                Some(Fate::Lost) => return Err(Failure::in_doubt("the connection was lost")),
                Some(Fate::AnswerLost) | None => {}
            }
            if *self.record.borrow() != fence.was {
                return Err(Failure::new(FailureClass::Superseded, "the record is another one"));
            }
            self.record.replace(Some(fence.next.clone()));
            match fate {
                None => Ok("C1".into()),
                Some(_) => Err(Failure::in_doubt("the connection was lost")),
            }
        }

        async fn in_sync(&self, _: &ChangeId) -> Answer<bool> {
            Ok(true)
        }

        async fn ask_servers(&self, _: &str, _: &DnsName) -> Answer<Vec<crate::ports::ServerAnswer>> {
            Ok(Vec::new())
        }

        async fn ask_resolver(&self, _: IpAddr, _: &DnsName) -> Answer<Option<DnsName>> {
            Ok(None)
        }
    }

    /// A conductor's fence around a zone, and its gate.
    fn fence(zone: &Rc<Zone>) -> (ZoneFence, Gate) {
        let clock: Rc<dyn Clock> = HandClock::new();
        let fence = ZoneFence {
            dns: Rc::clone(zone) as _,
            clock: Rc::clone(&clock),
            zone: "example.org".to_owned(),
            name: "_cutover.example.org".into(),
            upgrade: upgrade(),
            standing: Mutex::default(),
        };
        (fence, Gate::alone(&clock))
    }

    fn raise((fence, gate): &(ZoneFence, Gate)) -> Result<(), WriteError> {
        now(fence.raise(gate))
    }

    fn change((fence, gate): &(ZoneFence, Gate)) -> Result<ChangeId, WriteError> {
        now(fence.change(gate, "example.org", &[], &|| Ok(())))
    }

    /// A mark of a conductor of another upgrade.
    fn mark(count: u64) -> FenceRecord {
        Mark { upgrade: "qa-juniper-v3".into(), epoch: 7, writer: "eve".to_owned(), count }.record()
    }

    fn failure<T>(answer: Result<T, WriteError>) -> Failure {
        match answer {
            Err(WriteError::Failed(failure)) => failure,
            Err(WriteError::Halt(halt)) => panic!("the conductor stops: {halt}"),
            Ok(_) => panic!("it did not fail"),
        }
    }

    fn is_taken<T>(answer: &Result<T, WriteError>) -> bool {
        matches!(answer, Err(WriteError::Halt(Halt::Zone(_))))
    }

    #[test]
    fn each_batch_replaces_what_the_one_before_wrote_and_no_two_write_the_same() {
        let zone = Zone::of(Some(mark(1)), &[]);
        let conductor = fence(&zone);
        raise(&conductor).expect("the other upgrade is over");
        for _ in 0..3 {
            change(&conductor).expect("nobody else writes");
        }
        let batches = zone.batches.borrow();
        let nexts = batches.iter().map(|batch| Some(batch.next.clone()));
        let wanted: Vec<_> = [Some(mark(1))].into_iter().chain(nexts.clone().take(3)).collect();
        assert_eq!(batches.iter().map(|batch| batch.was.clone()).collect::<Vec<_>>(), wanted);
        let counts: Vec<u64> = nexts.flatten().filter_map(|next| Mark::of(&next)).map(|mark| mark.count).collect();
        assert_eq!(counts, [1, 2, 3, 4]);
    }

    #[test]
    fn a_fence_is_raised_once() {
        let zone = Zone::of(None, &[]);
        let conductor = fence(&zone);
        for _ in 0..2 {
            raise(&conductor).expect("nobody else writes");
        }
        assert_eq!(zone.batches.borrow().len(), 1);
    }

    #[test]
    fn a_batch_whose_answer_was_lost_does_not_lock_its_own_conductor_out() {
        for fate in [Fate::AnswerLost, Fate::Lost] {
            let zone = Zone::of(None, &[]);
            let conductor = fence(&zone);
            raise(&conductor).expect("nobody else writes");
            zone.fates.borrow_mut().push_back(fate);
            assert_eq!(failure(change(&conductor)).class, FailureClass::InDoubt);
            change(&conductor).expect("one of the two possible values is there");
            change(&conductor).expect("and it is known again which one");
        }
    }

    #[test]
    fn a_conductor_whose_mark_was_replaced_changes_nothing_and_stops() {
        for fates in [&[][..], &[Fate::AnswerLost], &[Fate::Lost, Fate::Lost]] {
            let zone = Zone::of(None, &[]);
            let conductor = fence(&zone);
            raise(&conductor).expect("nobody else writes");
            for fate in fates {
                zone.fates.borrow_mut().push_back(*fate);
                assert_eq!(failure(change(&conductor)).class, FailureClass::InDoubt);
            }
            zone.record.replace(Some(mark(9)));
            assert!(is_taken(&change(&conductor)));
            assert_eq!(*zone.record.borrow(), Some(mark(9)));
        }
    }

    #[test]
    fn a_batch_that_was_refused_or_not_applied_leaves_one_possible_value_only() {
        for class in [FailureClass::Permanent, FailureClass::NotApplied, FailureClass::Throttled] {
            let zone = Zone::of(None, &[]);
            let conductor = fence(&zone);
            raise(&conductor).expect("nobody else writes");
            zone.fates.borrow_mut().push_back(Fate::Fails(class));
            assert_eq!(failure(change(&conductor)).class, class);
            zone.record.replace(Some(mark(9)));
            let before = zone.batches.borrow().len();
            assert!(is_taken(&change(&conductor)));
            assert_eq!(zone.batches.borrow().len(), before + 1, "a second guess would be about nothing");
        }
    }

    #[test]
    fn a_write_before_which_the_fence_could_not_be_raised_was_not_applied() {
        let zone = Zone::of(None, &[Fate::AnswerLost]);
        let conductor = fence(&zone);
        let lost = failure(raise(&conductor));
        assert_eq!(lost.class, FailureClass::NotApplied, "what was to follow was not even sent");
        assert!(lost.message.ends_with("nothing else is written before this works"), "{lost}");
        raise(&conductor).expect("its own mark is no obstacle");

        let unreadable = Zone::of(None, &[]);
        unreadable.unreadable.set(true);
        let unread = failure(raise(&fence(&unreadable)));
        assert_eq!((unread.class, unread.message.as_str()), (FailureClass::NotApplied, "the connection was lost"));
        assert!(unreadable.batches.borrow().is_empty());
    }

    #[test]
    fn a_refusal_to_raise_the_fence_is_told_as_it_is() {
        for class in [FailureClass::Permanent, FailureClass::Throttled] {
            let refused = failure(raise(&fence(&Zone::of(None, &[Fate::Fails(class)]))));
            assert_eq!(refused, Failure::new(class, "no"));
        }
    }

    #[test]
    fn a_mark_of_the_same_upgrade_from_another_state_is_not_replaced() {
        let unknown = Mark { upgrade: upgrade(), epoch: 3, writer: "eve".to_owned(), count: 1 }.record();
        let zone = Zone::of(Some(unknown.clone()), &[]);
        let answer = raise(&fence(&zone));
        assert!(is_taken(&answer), "{answer:?}");
        assert_eq!((zone.batches.borrow().len(), zone.record.borrow().clone()), (0, Some(unknown)));
    }
}
