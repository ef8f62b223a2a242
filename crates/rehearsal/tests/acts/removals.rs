//! Removing images outside of any phase: whenever a process ends, the next one knows which snapshots are left.

use std::cell::Cell;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_engine::failure::FailureClass;
use cutover_engine::gate::{FaultSource, Gate, InjectedFault};
use cutover_engine::ports::Clock;
use cutover_engine::removals::{Remover, unfinished};
use cutover_engine::store::Store;
use cutover_rehearsal::run;

use super::images::Shelf;
use super::stage::{Stage, upgrade};

/// Lets calls fail from the one with this number on, as if the process had ended right before it; or once, if it passes.
struct Fails {
    from: usize,
    class: FailureClass,
    made: Cell<usize>,
}

#[async_trait(?Send)]
impl FaultSource for Fails {
    async fn before(&self, _: &'static str) -> Option<InjectedFault> {
        let number = self.made.replace(self.made.get() + 1);
        let fails = if self.class == FailureClass::Permanent { number >= self.from } else { number == self.from };
        fails.then_some(InjectedFault::Fails(self.class))
    }
}

const CALLS: [&str; 3] = ["remove ami-1", "remove snap-1", "remove snap-2"];

/// A process that finishes what is on record and removes `ami-1` if it is there, whose calls fail in that way.
fn process(stage: &Stage, store: &Store, from: usize, class: FailureClass) -> bool {
    let clock: Rc<dyn Clock> = Rc::clone(&stage.clock) as _;
    let gate = Gate::alone(&clock).with_faults(Rc::new(Fails { from, class, made: Cell::new(0) }));
    let remover = Remover { images: &*stage.world.images, clock: &*clock, gate: &gate, store };
    let work = async {
        for removal in unfinished(store).await.map_err(drop)? {
            remover.finish(&removal).await.map_err(drop)?;
        }
        let listed = stage.world.images.images().await.map_err(drop)?;
        for image in listed.iter().filter(|image| image.id.as_str() == "ami-1") {
            remover.remove(&image.id, &image.name).await.map_err(drop)?;
        }
        Ok::<(), ()>(())
    };
    run(&stage.clock, work).is_ok()
}

#[test]
fn a_process_that_ends_between_two_calls_leaves_no_snapshot_behind_once_another_one_has_run() {
    for ended in 0..CALLS.len() {
        let mut stage = Stage::new();
        let shelf = Shelf::of(&mut stage, &[("ami-1", &["snap-1", "snap-2"]), ("ami-2", &["snap-3"])]);
        let store = Store::memory(&upgrade());
        assert!(!process(&stage, &store, ended, FailureClass::Permanent));
        assert_eq!(*shelf.calls.borrow(), CALLS[..ended]);
        let left = run(&stage.clock, unfinished(&store)).expect("they can be read");
        assert_eq!(left.len(), 1, "the image and its snapshots are on record");
        assert!(process(&stage, &store, usize::MAX, FailureClass::Permanent));
        let calls = shelf.calls.borrow();
        assert!(CALLS.iter().all(|call| calls.iter().any(|made| made == call)), "{ended}: {calls:?}");
        assert!(!calls.iter().any(|call| call.ends_with("ami-2") || call.ends_with("snap-3")), "{calls:?}");
        assert_eq!(run(&stage.clock, unfinished(&store)).expect("they can be read"), []);
    }
}

#[test]
fn a_call_whose_answer_is_lost_or_that_is_refused_for_now_is_made_again() {
    for class in [FailureClass::InDoubt, FailureClass::Throttled, FailureClass::NotApplied] {
        for failing in 0..CALLS.len() {
            let mut stage = Stage::new();
            let shelf = Shelf::of(&mut stage, &[("ami-1", &["snap-1", "snap-2"])]);
            let store = Store::memory(&upgrade());
            assert!(process(&stage, &store, failing, class), "{class:?}");
            assert_eq!(*shelf.calls.borrow(), CALLS);
        }
    }
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_because_its_snapshots_would_be_forgotten() {
    let (stage, store) = (Stage::new(), Store::memory(&upgrade()));
    run(&stage.clock, store.create("removals/ami-1.json", b"{".to_vec())).expect("written");
    let error = run(&stage.clock, unfinished(&store)).expect_err("it is damaged").to_string();
    assert!(error.contains("removals/ami-1.json"), "{error}");
}
