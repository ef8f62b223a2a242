//! Whole upgrades with injected faults: each call fails once in each way, calls take effect late, and writes become
//! visible late. The upgrade must still finish, with as many runs of its phases as necessary, and nothing may be done
//! twice.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Event, Run, Upgrade};
use cutover_core::progress::Progress;
use cutover_engine::journal::Listener;
use cutover_rehearsal::{Fault, FaultKind, Made, RehearsalEnding, RehearsalError, run};

use super::stage::{Stage, qa};

/// How often an operator runs a phase again before giving up.
const PATIENCE: u32 = 200;

/// The result of an upgrade.
struct Outcome {
    calls: BTreeMap<String, u32>,
    /// The calls into which a fault was injected.
    failed_calls: BTreeMap<String, BTreeSet<u32>>,
    made: Made,
    /// How many runs of phases it took beyond the first.
    reruns: u32,
    /// How often the operator had to approve another attempt.
    consents: u32,
}

/// A deployment whose writes become visible up to `seconds` late.
fn late_qa(seconds: u64) -> Deployment {
    let mut deployment = qa();
    deployment.embedded.shown_late = format!("{seconds}s").parse().expect("a span");
    deployment
}

/// A program that must be killed, so that an upgrade makes every call that it can make.
fn hangs(deployment: &Deployment) -> Fault {
    let fleet = &deployment.fleets[0];
    let version = &deployment.release.current_version;
    let host = fleet.edxapp.host_name(deployment.name.as_str(), &fleet.name, 0, version);
    Fault::ProgramNeverStops { host, program: "lms".into() }
}

/// A fresh world with these faults.
fn stage(deployment: Deployment, seed: u64, faults: Vec<Fault>) -> Stage {
    let hangs = hangs(&deployment);
    Stage::before_window(Duration::from_secs(5 * 86_400), deployment, seed, |world| {
        world.faults = faults;
        world.faults.push(hangs);
    })
}

/// Upgrades in a world with these faults.
fn upgraded(deployment: &Deployment, seed: u64, faults: Vec<Fault>) -> Result<Outcome, String> {
    let are_ordered = !faults.is_empty();
    let outcome = ended(&stage(deployment.clone(), seed, faults))?;
    if are_ordered && outcome.failed_calls.is_empty() { Err("no call met a fault".to_owned()) } else { Ok(outcome) }
}

/// Upgrades to the end. Whatever fails is run again immediately by another conductor; if approval is needed, it is
/// given.
fn ended(stage: &Stage) -> Result<Outcome, String> {
    let Stage { clock, cloud, .. } = stage;
    let mut consents = 0;
    for reruns in 0..PATIENCE {
        let ended = match run(clock, stage.conduct(Rc::new(|_| {}))) {
            Ok(ended) => ended,
            // A plan could not be made, since the world could not be observed.
            Err(RehearsalError::Observation(_)) => continue,
            Err(error) => return Err(format!("it halted: {error}")),
        };
        if !ended.violations.is_empty() {
            return Err(format!("{:?} after {:?}", ended.violations, ended.ending));
        }
        match ended.ending {
            RehearsalEnding::Completed if ended.visitors.error > 0 => return Err("visitors saw errors".to_owned()),
            RehearsalEnding::Completed => {
                return Ok(Outcome {
                    calls: cloud.calls(),
                    failed_calls: cloud.failed_calls(),
                    made: cloud.made(),
                    reruns,
                    consents,
                });
            }
            RehearsalEnding::Failed(..) => consents += consent(stage, &ended.upgrade),
            other => return Err(format!("{other:?}")),
        }
    }
    let upgrade = stage.reading().upgrade;
    let failed: Vec<_> = upgrade.runs.iter().flat_map(Run::failed).map(|(step, error)| (&step.id, error)).collect();
    Err(format!("it did not end: {failed:?}"))
}

/// Approves everything that needs approval, as an operator would after checking. Returns how often that was.
fn consent(stage: &Stage, upgrade: &Upgrade) -> u32 {
    let asks = |error: &str| error.contains("--retry");
    let failed = upgrade.current_run().into_iter().flat_map(Run::failed);
    let steps: Vec<_> = failed.filter(|(_, error)| asks(error)).map(|(step, _)| step.id.clone()).collect();
    let count = u32::try_from(steps.len()).expect("few");
    stage.record(steps.into_iter().map(|step| Event::StepRetryApproved { step, by: "ada".to_owned() }));
    count
}

/// Collects what went wrong, so that one run of a test reports everything.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn check(&mut self, what: &str, outcome: Result<Outcome, String>, wanted: Made) {
        match outcome {
            Ok(outcome) => {
                let (made, consents) = (outcome.made, outcome.consents as usize);
                // Each approval may have started one more job.
                let jobs = wanted.jobs..=wanted.jobs + consents;
                if !jobs.contains(&made.jobs) || (Made { jobs: wanted.jobs, ..made }) != wanted {
                    self.0.push(format!("{what}: made {made:?} instead of {wanted:?}"));
                }
            }
            Err(why) => self.0.push(format!("{what}: {why}")),
        }
    }

    fn none(self) {
        assert!(self.0.is_empty(), "{} wrong:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// What a run without injected faults makes and calls.
fn fair() -> Outcome {
    // Calls are counted while there is a fault that could meet one; no call has the number 0.
    let none = Fault::Call { call: String::new(), nth: 0, kind: FaultKind::Throttled };
    ended(&stage(late_qa(0), 1, vec![none])).expect("a fair day")
}

/// The calls of an upgrade that change the world, by the names of their ports' methods. The fence's own change of
/// records is `raise_fence`.
const WRITES: [&str; 17] = [
    "announce",
    "begin_snapshot",
    "build",
    "change_records",
    "collect_job",
    "deregister",
    "invalidate",
    "kill",
    "launch",
    "put_page",
    "raise_fence",
    "register",
    "remove",
    "start",
    "start_job",
    "stop",
    "terminate",
];

/// The calls of an upgrade that only read.
const READS: [&str; 29] = [
    "announced",
    "answers",
    "ask_resolver",
    "ask_servers",
    "autostart",
    "balancers",
    "branch",
    "certificate",
    "credentials_until",
    "databases",
    "disks",
    "distribution",
    "fence",
    "fetch",
    "health",
    "images",
    "in_sync",
    "instances",
    "invalidated",
    "job",
    "page",
    "pending_migrations",
    "processes",
    "programs",
    "records",
    "requests",
    "running_tasks",
    "smoke_test",
    "snapshot",
];

/// Makes calls of one name fail, one after the other from the `nth` on.
fn calls(call: &str, nth: u32, kinds: &[FaultKind]) -> Vec<Fault> {
    (nth..).zip(kinds).map(|(nth, kind)| Fault::Call { call: call.to_owned(), nth, kind: *kind }).collect()
}

/// The writes of an upgrade, each with its number.
fn writes(fair: &Outcome) -> impl Iterator<Item = (&str, u32)> {
    WRITES.into_iter().flat_map(|call| (1..=fair.calls[call]).map(move |nth| (call, nth)))
}

/// No phase had to be run again.
fn in_one_run(outcome: Outcome) -> Result<Outcome, String> {
    match (outcome.reruns, outcome.consents) {
        (0, 0) => Ok(outcome),
        (reruns, consents) => Err(format!("it took {reruns} more runs and {consents} consents")),
    }
}

/// Something failed.
fn in_several_runs(outcome: Outcome) -> Result<Outcome, String> {
    if outcome.reruns > 0 { Ok(outcome) } else { Err("nothing failed".to_owned()) }
}

#[test]
fn an_upgrade_makes_the_calls_that_are_made_to_fail_here() {
    let fair = fair();
    let mut named: Vec<&str> = WRITES.into_iter().chain(READS).collect();
    named.sort_unstable();
    assert_eq!(fair.calls.keys().map(String::as_str).collect::<Vec<_>>(), named);
    assert_eq!(fair.reruns, 0);
}

#[test]
fn what_was_written_shows_late_and_nothing_is_made_twice() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for seed in 1..=10 {
        let outcome = upgraded(&late_qa(30), seed, Vec::new()).and_then(in_one_run);
        if seed == 1 {
            let calls = outcome.as_ref().map(|outcome| outcome.calls.clone());
            assert_ne!(calls.as_ref(), Ok(&fair.calls), "what shows late is looked at more often");
        }
        wrong.check(&format!("seed {seed}"), outcome, fair.made);
    }
    wrong.none();
}

#[test]
fn each_write_whose_answer_is_lost_is_made_once() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for (name, nth) in writes(&fair) {
        let lost = calls(name, nth, &[FaultKind::LostAnswer]);
        wrong.check(&format!("{name} {nth}"), upgraded(&late_qa(30), 1, lost).and_then(in_one_run), fair.made);
    }
    wrong.none();
}

#[test]
fn each_write_that_takes_effect_after_a_first_look_is_made_once() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for (name, nth) in writes(&fair) {
        let delayed = calls(name, nth, &[FaultKind::DelayedEffect(25)]);
        wrong.check(&format!("{name} {nth}"), upgraded(&late_qa(0), 1, delayed).and_then(in_one_run), fair.made);
    }
    wrong.none();
}

#[test]
fn a_migration_that_starts_late_is_not_considered_lost_by_a_conductor_that_takes_over_before() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for nth in 1..=fair.calls["start_job"] {
        let stage = stage(late_qa(0), 1, calls("start_job", nth, &[FaultKind::DelayedEffect(25)]));
        let doubt = "not known whether the call worked";
        stage.die_at(move |progress| matches!(progress, Progress::Waiting { detail, .. } if detail.contains(doubt)));
        wrong.check(&format!("start_job {nth}"), ended(&stage).and_then(in_one_run), fair.made);
    }
    wrong.none();
}

#[test]
fn each_write_that_is_refused_for_good_is_made_by_the_next_run() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for (name, nth) in writes(&fair) {
        let refused = calls(name, nth, &[FaultKind::Permanent]);
        let outcome = upgraded(&late_qa(30), 1, refused);
        // Nothing depends on whether a host forgets an order.
        let outcome = outcome.and_then(if name == "collect_job" { in_one_run } else { in_several_runs });
        wrong.check(&format!("{name} {nth}"), outcome, fair.made);
    }
    wrong.none();
}

#[test]
fn a_repeat_that_fails_too_makes_nothing_twice() {
    use FaultKind::{DelayedEffect, LostAnswer, NotApplied, Permanent, Throttled};
    // An effect that comes only after the call was made again: what was made must be found, or be the same.
    let late = DelayedEffect(60);
    let in_a_row: [&[FaultKind]; 5] = [
        &[Throttled, NotApplied, LostAnswer],
        &[NotApplied, LostAnswer, LostAnswer],
        &[late, LostAnswer],
        &[late, NotApplied, Throttled],
        &[late, late, Permanent],
    ];
    let (fair, mut wrong) = (fair(), Wrong::default());
    for name in WRITES {
        for kinds in in_a_row {
            // A migration in doubt is not started again automatically, and approving it without checking would be
            // wrong.
            if name != "start_job" || kinds[0] != late {
                let outcome = upgraded(&late_qa(30), 1, calls(name, 1, kinds));
                let outcome = if kinds.contains(&Permanent) { outcome } else { outcome.and_then(in_one_run) };
                wrong.check(&format!("{name} {kinds:?}"), outcome, fair.made);
            }
        }
    }
    wrong.none();
}

#[test]
fn a_read_that_fails_for_good_is_made_by_the_next_run_and_nothing_is_made_twice() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for name in READS {
        let last = fair.calls[name];
        for nth in BTreeSet::from([1, last.div_ceil(2), last]) {
            let refused = calls(name, nth, &[FaultKind::Permanent]);
            wrong.check(&format!("{name} {nth}"), upgraded(&late_qa(30), 1, refused), fair.made);
        }
    }
    wrong.none();
}

#[test]
fn a_shared_reading_that_fails_is_made_again_by_each_attempt() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for name in ["instances", "images", "health"] {
        let refused = calls(name, fair.calls[name] / 2, &[FaultKind::NotApplied; 4]);
        wrong.check(name, upgraded(&late_qa(0), 1, refused).and_then(in_one_run), fair.made);
    }
    wrong.none();
}

#[test]
fn a_listing_that_fails_right_after_a_launch_launches_nothing_twice() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for nth in 1..=fair.calls["instances"] {
        let refused = calls("instances", nth, &[FaultKind::Permanent]);
        wrong.check(
            &format!("instances {nth}"),
            upgraded(&late_qa(30), 1, refused).and_then(in_several_runs),
            fair.made,
        );
    }
    wrong.none();
}

#[test]
fn the_instance_of_a_launch_with_a_lost_answer_is_named_by_its_step_while_it_cannot_be_observed() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    let all = fair.calls["instances"];
    for nth in [all / 10, all / 3, all / 2] {
        let mut faults = calls("launch", 1, &[FaultKind::LostAnswer; 5]);
        faults.extend(calls("instances", nth, &[FaultKind::Permanent; 24]));
        wrong.check(&format!("instances {nth}"), upgraded(&late_qa(0), 1, faults).and_then(in_several_runs), fair.made);
    }
    wrong.none();
}

/// Upgrades in which one of `one_in` calls of whatever name fails, so often that each call has failed once.
fn each_call_fails(kind: FaultKind, one_in: u64) {
    let (fair, mut wrong) = (fair(), Wrong::default());
    let (mut failed_calls, mut made) = (BTreeSet::new(), fair.calls.clone());
    for share in 0..one_in {
        let outcome = upgraded(&late_qa(30), 1, vec![Fault::Scattered { one_in, share, kind }]);
        if let Ok(outcome) = &outcome {
            failed_calls
                .extend(outcome.failed_calls.iter().flat_map(|(call, nth)| nth.iter().map(|nth| (call.clone(), *nth))));
            made.iter_mut()
                .for_each(|(call, least)| *least = (*least).min(outcome.calls.get(call).copied().unwrap_or(0)));
        }
        wrong.check(&format!("{kind:?}, share {share} of {one_in}"), outcome, fair.made);
    }
    wrong.none();
    let each = made.iter().flat_map(|(call, least)| (1..=*least).map(|nth| (call.clone(), nth)));
    let spared: Vec<(String, u32)> = each.filter(|call| !failed_calls.contains(call)).collect();
    assert_eq!(spared, [], "these calls have not failed in any share");
}

#[test]
fn each_call_loses_its_answer_once() {
    each_call_fails(FaultKind::LostAnswer, 8);
}

#[test]
fn each_call_takes_effect_late_once() {
    each_call_fails(FaultKind::DelayedEffect(25), 8);
}

#[test]
fn each_call_is_refused_once() {
    each_call_fails(FaultKind::NotApplied, 8);
    each_call_fails(FaultKind::Throttled, 4);
}

#[test]
fn a_call_that_is_refused_for_good_every_minute_or_so_does_no_harm() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for share in 0..2 {
        let refused = Fault::Scattered { one_in: 64, share, kind: FaultKind::Permanent };
        wrong.check(&format!("share {share}"), upgraded(&late_qa(30), 1, vec![refused]), fair.made);
    }
    wrong.none();
}

#[test]
fn failures_of_every_kind_at_once_do_no_harm() {
    let (fair, mut wrong) = (fair(), Wrong::default());
    for seed in 1..=12 {
        let kinds = [FaultKind::LostAnswer, FaultKind::DelayedEffect(29), FaultKind::NotApplied, FaultKind::Permanent];
        // One in so many by chance, which has nothing to do with the others.
        let rare = [17, 19, 23, 307].into_iter().zip(kinds);
        let faults = rare.map(|(one_in, kind)| Fault::Scattered { one_in, share: seed, kind }).collect();
        wrong.check(&format!("seed {seed}"), upgraded(&late_qa(30), seed, faults), fair.made);
    }
    wrong.none();
}

#[test]
fn a_conductor_that_takes_over_says_why_nothing_happens_while_a_call_may_still_arrive() {
    let stage = stage(qa(), 1, Vec::new());
    // The call has not been made when its conductor dies, which the next one cannot know.
    stage.die_at(|progress| {
        matches!(progress, Progress::Recorded { event: Event::StepStarted { step, .. }, .. } if step.as_str().starts_with("prepare.launch."))
    });
    let told = Rc::new(std::cell::Cell::new(false));
    let tell = Rc::clone(&told);
    let listener: Listener = Rc::new(move |progress| {
        let is_why = |detail: &str| detail.starts_with("a call made before may still arrive: its effect is looked for");
        if matches!(progress, Progress::Waiting { detail, .. } if is_why(detail)) {
            tell.set(true);
        }
    });
    let _ = run(&stage.clock, stage.conduct(listener)).expect("the rehearsal itself works");
    assert!(told.get());
}
