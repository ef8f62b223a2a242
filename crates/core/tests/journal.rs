//! Properties of every journal, whatever happens in whatever order, tested with random events.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use cutover_core::digest::Digest;
use cutover_core::journal::{
    Decision, Event, Fact, RECORD_VERSION, Record, RunKind, RunNumber, StepRun, StepStatus, Upgrade, next_status,
};
use cutover_core::names::StepId;
use cutover_core::plan::{Action, Basis, Lane, Line, Order, PageMayLift, Phase, Plan, Step, Undo};

/// The steps of every plan here, and one step that is in no plan.
const STEPS: [&str; 3] = ["a", "b", "stray"];

fn step_event(step: &'static str) -> impl Strategy<Value = Event> {
    let error = || "no".to_owned();
    prop_oneof![
        4 => (1..4_u32).prop_map(move |attempt| Event::StepStarted { step: step.into(), attempt }),
        1 => Just(Event::StepDone { step: step.into(), facts: facts() }),
        1 => Just(Event::StepHeld { step: step.into(), facts: facts() }),
        1 => Just(Event::StepLearned { step: step.into(), facts: facts() }),
        1 => Just(Event::StepUndone { step: step.into() }),
        1 => Just(Event::StepOutdated { step: step.into() }),
        1 => Just(Event::StepAccepted { step: step.into(), by: "ada".to_owned(), because: error() }),
        1 => Just(Event::StepInDoubt { step: step.into(), error: error() }),
        1 => Just(Event::StepRetried { step: step.into(), error: error() }),
        1 => Just(Event::StepFailed { step: step.into(), error: error(), in_doubt: false, changed_nothing: false }),
    ]
}

fn facts() -> Vec<Fact> {
    vec![Fact::Launched { host: "h".into(), instance: "i-1".into() }]
}

fn event() -> impl Strategy<Value = Event> {
    let gate = "go".into();
    let decision = |approved| {
        let by = "ada".to_owned();
        Decision { gate: "go".into(), approved, by, at: Timestamp::UNIX_EPOCH, note: None, plan: None }
    };
    let upgrade = "u".into();
    prop_oneof![
        24 => (0..STEPS.len()).prop_flat_map(|index| step_event(STEPS[index])),
        2 => (1..6_u32, kind(), phase()).prop_map(|(run, kind, phase)| Event::RunStarted {
            run: RunNumber(run),
            kind,
            plan: Arc::new(plan(kind.phase().unwrap_or(phase))),
            deployment: Digest::of(b""),
        }),
        1 => (1..6_u32).prop_map(|run| Event::RunFinished { run: RunNumber(run) }),
        1 => Just(Event::ConductorTookOver { upgrade, conductor: "ada@left".to_owned() }),
        1 => Just(Event::Interrupted { because: "stopped".to_owned() }),
        1 => Just(Event::GateOpened { gate }),
        1 => any::<bool>().prop_map(move |approved| Event::GateDecided { decision: decision(approved), object: None }),
    ]
}

fn kind() -> impl Strategy<Value = RunKind> {
    prop_oneof![4 => phase().prop_map(RunKind::from), 1 => Just(RunKind::Rollback)]
}

fn phase() -> impl Strategy<Value = Phase> {
    (0..Phase::ALL.len()).prop_map(|index| Phase::ALL[index])
}

fn plan(phase: Phase) -> Plan {
    let step = |id: &str| Step {
        id: id.into(),
        lane: Lane::Deployment,
        line: Line::Notify,
        title: id.to_owned(),
        action: Action::Milestone,
        waits_for: Vec::new(),
        undo: Undo::Nothing,
        page_may_lift: PageMayLift::Yes,
        expected: std::time::Duration::ZERO,
        limit: std::time::Duration::ZERO,
    };
    Plan {
        upgrade: "u".into(),
        phase,
        order: Order::Overlapped,
        made_at: Timestamp::UNIX_EPOCH,
        basis: Basis::default(),
        pending: Vec::new(),
        steps: ["a", "b"].map(step).to_vec(),
    }
}

fn at(second: usize) -> Timestamp {
    Timestamp::from_second(i64::try_from(second).expect("small")).expect("in range")
}

/// Those of `events` that can follow the ones before them, and the state after them.
fn legal(events: Vec<Event>) -> (Vec<Event>, Upgrade) {
    let mut upgrade = Upgrade::default();
    let mut kept = Vec::new();
    for event in events {
        if upgrade.apply(at(kept.len()), &event).is_ok() {
            kept.push(event);
        }
    }
    (kept, upgrade)
}

fn record(number: usize, event: &Event) -> Record {
    let (version, nonce, events) = (RECORD_VERSION, "n".to_owned(), vec![event.clone()]);
    Record { version, number: number as u64 + 1, epoch: 1, nonce, previous: None, at: at(number), events }
}

proptest! {
    #[test]
    fn a_step_that_is_done_stays_done_until_it_is_undone(events in vec(step_event("a"), 0..24)) {
        let step = StepId::from("a");
        let mut status = StepStatus::Waiting;
        for event in &events {
            match next_status(&step, &status, event) {
                Ok(next) => {
                    prop_assert!(!status.is_done() || next == StepStatus::Undone, "{event:?} followed {status:?}");
                    status = next;
                }
                // Whatever is under way can still succeed.
                Err(refused) => {
                    let ends = matches!(event, Event::StepDone { .. });
                    prop_assert!(!status.is_open() || !ends, "{refused}");
                }
            }
        }
    }

    #[test]
    fn only_a_step_that_was_started_can_end(events in vec(step_event("a"), 0..24)) {
        let step = StepId::from("a");
        let mut status = StepStatus::Waiting;
        for event in &events {
            let Ok(next) = next_status(&step, &status, event) else { continue };
            let outcome = matches!(
                event,
                Event::StepDone { .. } | Event::StepFailed { .. } | Event::StepInDoubt { .. } | Event::StepLearned { .. }
            );
            prop_assert!(!outcome || status.is_open(), "{event:?} followed {status:?}");
            status = next;
        }
    }

    #[test]
    fn attempts_are_counted_without_a_gap(events in vec(step_event("a"), 0..24)) {
        let step = StepId::from("a");
        let (mut status, mut starts) = (StepStatus::Waiting, 0);
        for event in &events {
            let Ok(next) = next_status(&step, &status, event) else { continue };
            starts += u32::from(matches!(event, Event::StepStarted { .. }));
            starts = if next.is_done() || next == StepStatus::Undone { 0 } else { starts };
            prop_assert_eq!(next.attempts(), starts);
            status = next;
        }
    }

    #[test]
    fn a_refused_event_changes_nothing(events in vec(event(), 0..40)) {
        let mut upgrade = Upgrade::default();
        for (second, event) in events.iter().enumerate() {
            let before = upgrade.clone();
            if upgrade.apply(at(second), event).is_err() {
                prop_assert_eq!(&upgrade, &before);
            }
        }
    }

    #[test]
    fn events_are_refused_together_exactly_if_one_of_them_cannot_follow(
        before in vec(event(), 0..40),
        together in vec(event(), 0..4),
    ) {
        let (_, mut upgrade) = legal(before);
        let checked = upgrade.check(at(50), &together);
        let applied = together.iter().try_for_each(|event| upgrade.apply(at(50), event));
        prop_assert_eq!(checked, applied);
    }

    #[test]
    fn folding_records_is_the_same_as_applying_their_events_in_turn(events in vec(event(), 0..40)) {
        let (events, end) = legal(events);
        let records: Vec<Record> = events.iter().enumerate().map(|(number, event)| record(number, event)).collect();
        let text = serde_json::to_string(&records).expect("JSON");
        let kept: Vec<Record> = serde_json::from_str(&text).expect("records");
        let mut upgrade = Upgrade::default();
        for (number, event) in events.iter().enumerate() {
            prop_assert_eq!(Upgrade::fold(&kept[..number]), Ok(upgrade.clone()));
            upgrade.epoch = kept[number].epoch;
            upgrade.apply(at(number), event).expect("it was legal before");
        }
        prop_assert_eq!(Upgrade::fold(&kept), Ok(Upgrade { epoch: upgrade.epoch, ..end }));
    }

    #[test]
    fn times_and_failures_of_a_step_agree_with_its_status(events in vec(event(), 0..60)) {
        let (_, upgrade) = legal(events);
        for run in upgrade.runs.iter().flat_map(|run| run.steps.values()) {
            let StepRun { status, started_at, ended_at, failures, .. } = run;
            let ended = matches!(status, StepStatus::Failed { .. } | StepStatus::Undone) || status.is_done();
            prop_assert_eq!(ended_at.is_some(), ended, "{:?}", run);
            prop_assert!(started_at.is_some() || !status.is_open() && !status.is_done(), "{run:?}");
            prop_assert!(*failures > 0 || !matches!(status, StepStatus::Failed { .. }), "{run:?}");
            prop_assert!(started_at <= ended_at || ended_at.is_none(), "{run:?}");
        }
    }
}

fn run_started(run: u32, kind: RunKind, phase: Phase) -> Event {
    Event::RunStarted { run: RunNumber(run), kind, plan: Arc::new(plan(phase)), deployment: Digest::of(b"") }
}

fn run_finished(run: u32) -> Event {
    Event::RunFinished { run: RunNumber(run) }
}

/// What the events lead to.
fn after(events: &[Event]) -> Upgrade {
    let (kept, upgrade) = legal(events.to_vec());
    assert_eq!(kept, events, "each can follow on those before");
    upgrade
}

#[test]
fn a_run_has_the_next_number_and_a_plan_of_its_phase() {
    let first = run_started(1, RunKind::Announce, Phase::Announce);
    let upgrade = after(std::slice::from_ref(&first));
    for refused in [
        first.clone(),
        run_started(3, RunKind::Announce, Phase::Announce),
        run_started(2, RunKind::Window, Phase::Prepare),
    ] {
        assert!(upgrade.check(at(1), std::slice::from_ref(&refused)).is_err(), "{refused:?}");
    }
    for next in [run_started(2, RunKind::Window, Phase::Window), run_started(2, RunKind::Rollback, Phase::Window)] {
        assert_eq!(upgrade.check(at(1), &[next]), Ok(()));
    }
}

#[test]
fn only_the_run_under_way_ends_and_only_once_all_its_steps_have_ended_well() {
    let held = |step: &str| Event::StepHeld { step: step.into(), facts: Vec::new() };
    let started = run_started(1, RunKind::Announce, Phase::Announce);
    let ends = |events: &[Event], run| after(events).check(at(9), &[run_finished(run)]).is_ok();
    assert!(!ends(&[], 1), "no run was begun");
    assert!(!ends(&[started.clone(), held("a")], 1), "a step is left");
    let all = [started, held("a"), held("b")];
    assert!(ends(&all, 1));
    assert!(!ends(&all, 2), "another run");
    assert!(!ends(&[all.as_slice(), &[run_finished(1)]].concat(), 1), "it has ended already");
}

#[test]
fn what_migrations_have_applied_is_kept_once_each() {
    let fact = |applied| Fact::Migrated {
        fleet: "live".into(),
        service: "lms".to_owned(),
        database: "default".to_owned(),
        applied,
        ran: Vec::new(),
        moved: Vec::new(),
        peak_memory: None,
    };
    let upgrade = after(&[
        run_started(1, RunKind::Announce, Phase::Announce),
        Event::StepHeld { step: "a".into(), facts: vec![fact(2), fact(3), fact(2)] },
        Event::StepHeld { step: "b".into(), facts: vec![fact(3)] },
    ]);
    assert_eq!(upgrade.migrated, [fact(2), fact(3)]);
}

#[test]
fn what_has_failed_is_told_with_its_error_and_of_each_phase_the_last_run() {
    let step = || StepId::from("a");
    let failed = [
        run_started(1, RunKind::Announce, Phase::Announce),
        run_started(2, RunKind::Announce, Phase::Announce),
        run_started(3, RunKind::Window, Phase::Window),
        Event::StepStarted { step: step(), attempt: 1 },
        Event::StepFailed { step: step(), error: "no".to_owned(), in_doubt: false, changed_nothing: false },
    ];
    let upgrade = after(&failed);
    let run = upgrade.current_run().expect("a run");
    let told: Vec<(&StepId, &str)> = run.failed().map(|(step, error)| (&step.id, error)).collect();
    assert_eq!(told, [(&step(), "no")]);
    assert_eq!(upgrade.last_runs().map(|run| run.number).collect::<Vec<_>>(), [RunNumber(2), RunNumber(3)]);
}
