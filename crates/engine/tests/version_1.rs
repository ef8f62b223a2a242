//! Journals in the first format, kept byte for byte as they were written in the folder `version_1`: they are read
//! correctly and can be continued. Each line is a record as it was on disk.
//!
//! `whole` is an upgrade without trouble. In `migration` a migration fails, is started again by running the phase
//! again, as that program did, and then by approval. In `replanned` phases are interrupted, planned again, refused and
//! approved. In `faults` calls are refused, lost and in doubt. `superseded` ends in a migration that failed under a
//! second plan.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::journal::{Event, Fact, Run, StepStatus};
use cutover_core::names::UpgradeId;
use cutover_core::plan::Phase;
use cutover_core::time::later;
use cutover_engine::journal::{Journal, Reading, read, records_from};
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;

/// A fixture's name, its records, and how many steps of how many each phase had done at its end.
type Fixture = (&'static str, &'static str, &'static [(usize, usize)]);

const JOURNALS: [Fixture; 5] = [
    ("whole", include_str!("version_1/whole.jsonl"), &[(2, 2), (9, 9), (25, 25), (8, 8)]),
    ("migration", include_str!("version_1/migration.jsonl"), &[(2, 2), (9, 9), (25, 25)]),
    ("replanned", include_str!("version_1/replanned.jsonl"), &[(2, 2), (15, 15), (23, 23)]),
    ("faults", include_str!("version_1/faults.jsonl"), &[(2, 2), (9, 9), (35, 35), (8, 8)]),
    ("superseded", include_str!("version_1/superseded.jsonl"), &[(2, 2), (9, 9), (12, 23)]),
];

fn now<F: Future>(work: F) -> F::Output {
    work.now_or_never().expect("memory answers at once")
}

/// A store that holds the first `records` of a journal.
fn store(journal: &str, records: usize) -> Store {
    let store = Store::memory(&UpgradeId::from("mitx-old-koa-v4"));
    for (number, record) in (1..).zip(journal.lines().take(records)) {
        now(store.create(&format!("journal/{number:08}.json"), record.into())).expect("it can be written");
    }
    store
}

fn reading(journal: &str) -> Reading {
    now(read(&store(journal, usize::MAX))).expect("the journal is consistent")
}

fn events(reading: &Reading) -> impl Iterator<Item = &Event> {
    reading.records.iter().flat_map(|record| &record.events)
}

#[test]
fn an_old_journal_can_be_read_up_to_any_record() {
    for (name, journal, _) in JOURNALS {
        for records in 0..=journal.lines().count() {
            let read = now(read(&store(journal, records))).unwrap_or_else(|error| panic!("{name} {records}: {error}"));
            assert_eq!(read.records.len(), records);
        }
    }
}

#[test]
fn old_journals_say_what_they_said_to_the_program_that_wrote_them() {
    for (name, journal, phases) in JOURNALS {
        let upgrade = reading(journal).upgrade;
        let done = |run: &Run| run.runs().filter(|(_, step)| step.status.is_done()).count();
        let found: Vec<_> = upgrade.last_runs().map(|run| (done(run), run.plan.steps.len())).collect();
        assert_eq!(found, phases, "{name}");
        for (phase, (done, steps)) in Phase::ALL.iter().zip(phases) {
            assert_eq!(upgrade.finished(*phase), done == steps, "{name} {phase}");
        }
        assert!(upgrade.launched.len() == 2 && !upgrade.snapshots.is_empty(), "{name}");
    }
}

#[test]
fn a_phase_that_was_planned_again_has_a_run_for_each_plan() {
    let runs: Vec<String> = reading(JOURNALS[2].1).upgrade.runs.iter().map(|run| run.kind.to_string()).collect();
    let times = |kind: &str| runs.iter().filter(|run| *run == kind).count();
    assert_eq!((times("announce"), times("prepare"), times("window")), (1, 3, 3), "{runs:?}");
}

#[test]
fn every_outcome_in_an_old_journal_has_a_start_before_it() {
    // These record the failure of a step that was only observed, and the end of a step that had failed before.
    let faults = reading(JOURNALS[3].1);
    assert!(events(&faults).any(|event| matches!(event, Event::StepHeld { .. })));
    assert!(events(&faults).any(|event| matches!(event, Event::StepInDoubt { .. })));
    let killed = events(&faults).any(|event| event.facts().iter().any(|fact| matches!(fact, Fact::Killed { .. })));
    assert!(killed, "a kill that is on record stays so");
}

#[test]
fn a_migration_that_failed_in_an_old_journal_is_not_started_again_without_approval() {
    let upgrade = reading(JOURNALS[4].1).upgrade;
    let run = upgrade.run_of(Phase::Window).expect("the window");
    let (step, failed) =
        run.runs().find(|(_, run)| matches!(run.status, StepStatus::Failed { .. })).expect("one failed");
    assert!(step.id.as_str().starts_with("window.migrate."), "{}", step.id);
    let job = |fact: &Fact| matches!(fact, Fact::Job { started: true, .. });
    assert!(failed.facts.iter().any(job) && !failed.retry_approved, "{failed:?}");
}

#[test]
fn an_approval_in_an_old_journal_counts_for_its_own_plan() {
    let upgrade = reading(JOURNALS[0].1).upgrade;
    for run in upgrade.last_runs() {
        let asked = run.plan.steps.iter().filter_map(|step| match &step.action {
            cutover_core::plan::Action::Decide(question) => Some(&question.gate),
            _ => None,
        });
        for gate in asked {
            assert_eq!(upgrade.decisions[gate].plan, Some(run.plan.hash()), "{gate}");
        }
    }
}

/// A clock whose time never changes.
struct Still(Cell<Timestamp>);

#[async_trait(?Send)]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0.get()
    }

    fn up(&self) -> std::time::Duration {
        cutover_core::time::between(Timestamp::UNIX_EPOCH, self.now())
    }

    fn sleep(&self, length: std::time::Duration) -> LocalBoxFuture<'_, ()> {
        let end = cutover_core::time::later(self.now(), length);
        Box::pin(async move { self.0.set(end) })
    }
}

#[test]
fn an_old_journal_is_continued_in_the_current_format() {
    for (name, journal, _) in JOURNALS {
        let store = store(journal, usize::MAX);
        let before = now(read(&store)).expect("the journal is consistent");
        let (records, last) = (before.records.len(), before.upgrade.updated_at.expect("it was written"));
        let clock = Rc::new(Still(Cell::new(later(last, Duration::from_secs(60)))));
        let journal = Journal::open(store.clone(), before, clock, 99, "today".to_owned(), Rc::new(|_| {}));
        let took_over =
            Event::ConductorTookOver { upgrade: "mitx-old-koa-v4".into(), conductor: "ada@left".to_owned() };
        now(journal.append(took_over)).expect("it can be written");
        let after = now(read(&store)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((after.records.len(), after.records[records].version), (records + 1, 2), "{name}");
        assert_eq!(after.upgrade, *journal.upgrade(), "{name}");
        for number in [1, 2, records as u64, records as u64 + 1] {
            let rest = now(records_from(&store, number)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(rest, after.records[number as usize - 1..], "{name} from record {number}");
        }
    }
}

#[test]
fn a_start_that_an_old_program_counted_without_a_failure_before_it_is_read() {
    // A failure without a start, and then a start, which that program counted as the first: at record 126 and at 129.
    let (_, journal, _) = JOURNALS[3];
    for records in [126, 129] {
        let lines: Vec<&str> = journal.lines().take(records).collect();
        let last: serde_json::Value = serde_json::from_str(lines[records - 1]).expect("JSON");
        let mut next = last.clone();
        next["number"] = (records + 1).into();
        next["previous"] = cutover_core::digest::Digest::of(lines[records - 1].as_bytes()).to_string().into();
        let step = last["events"][0]["step"].clone();
        next["events"] = serde_json::json!([{ "event": "step-started", "step": step, "attempt": 1 }]);
        let store = store(journal, records);
        now(store.create(&format!("journal/{:08}.json", records + 1), next.to_string().into())).expect("written");
        let reading = now(read(&store)).unwrap_or_else(|error| panic!("{records}: {error}"));
        assert_eq!(reading.records.len(), records + 1);
    }
}
