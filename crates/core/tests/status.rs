//! Where an upgrade is, as data: its phases, steps, gates and commands, and the window's times.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use cutover_core::deployment::{Deployment, PastStopLimit, Role};
use cutover_core::digest::Digest;
use cutover_core::journal::{Decision, Event, Fact, RunNumber, Upgrade};
use cutover_core::names::{InstanceId, StepId};
use cutover_core::plan::{
    Action, Basis, CapturedHost, ChangeRecords, CountTasks, Decide, Edge, HeldItems, Host, InstanceRef, Lane, Line,
    Order, Phase, Plan, Purpose, Rule, RunCommands, Step, StopServices, Undo,
};
use cutover_core::planner::{Inputs, forecast};
use cutover_core::status::{
    ConductorState, HeldHost, NextSteps, PhaseState, Refusal, StartStatus, Status, StatusInputs, StoppedServices,
    WindowStatus, delayed, safe_start,
};
use cutover_core::time::later;

use support::{PRODUCTION, QA, deployment, observe};

/// The plan of the window, before anything was done.
fn planned(deployment: &Deployment) -> Plan {
    let (observation, upgrade) = (observe(deployment), Upgrade::default());
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    forecast(inputs, Phase::Window, Order::Overlapped)
}

/// What comes next while the next hosts' services are being started, and all is done that does not wait for them.
fn next_while_services_start(text: &str, hosts: u32) -> Vec<NextSteps> {
    let mut deployment = deployment(text);
    for fleet in &mut deployment.fleets {
        fleet.edxapp.count = hosts;
    }
    let observation = observe(&deployment);
    let mut upgrade = Upgrade::default();
    let plan = planned(&deployment);
    let events = events(&plan);
    let (run, kind, deployment_digest) = (RunNumber(1), Phase::Window.into(), Digest::of_json(&deployment));
    let start = Event::RunStarted { run, kind, plan: Arc::new(plan), deployment: deployment_digest };
    for event in std::iter::once(start).chain(events) {
        upgrade.apply(observation.at, &event).expect("it can follow");
    }
    let inputs = StatusInputs {
        upgrade: &upgrade,
        deployment: &deployment,
        file: "mitx.toml",
        now: observation.at,
        conductor: &ConductorState::AtWork,
        damage: None,
    };
    Status::of(inputs).next
}

/// Starts services, after everything that does not wait for them has been done.
fn events(plan: &Plan) -> Vec<Event> {
    let mut done: BTreeSet<&StepId> = BTreeSet::new();
    let mut events = Vec::new();
    for step in &plan.steps {
        if !step.waits_for.iter().all(|edge| done.contains(&edge.step)) {
            continue;
        }
        if matches!(step.action, Action::StartServices(_)) {
            events.push(Event::StepStarted { step: step.id.clone(), attempt: 1 });
        } else {
            done.insert(&step.id);
            events.push(Event::StepHeld { step: step.id.clone(), facts: Vec::new() });
        }
    }
    events
}

#[test]
fn what_follows_a_milestone_is_next_as_soon_as_all_that_it_joins_has_started() {
    for text in [PRODUCTION, QA] {
        // With 4 hosts edges join the steps, with 400 a milestone for each fleet does.
        let [few, many] = [4, 400].map(|hosts| next_while_services_start(text, hosts));
        let lanes = |next: &[NextSteps]| next.iter().map(|next| next.lane.clone()).collect::<Vec<_>>();
        assert!(!few.is_empty());
        assert_eq!(lanes(&many), lanes(&few), "{many:#?} {few:#?}");
    }
}

/// The moment this many seconds after the upgrade began.
fn at(seconds: u64) -> Timestamp {
    later("2021-01-04T09:00:00Z".parse().expect("a moment"), Duration::from_secs(seconds))
}

fn step(id: &str, action: Action, waits_for: &[&str]) -> Step {
    let waits_for = waits_for.iter().map(|step| Edge { step: (*step).into(), rule: Rule::Follows }).collect();
    let (expected, limit) = (Duration::from_secs(60), Duration::from_secs(300));
    Step { waits_for, expected, limit, ..Step::new(id, Line::Notify, format!("title of {id}"), action) }
}

fn drain(id: &str, waits_for: &[&str]) -> Step {
    let host = Host { name: "worker-0".into(), instance: InstanceRef::Known("i-1".into()) };
    let command = vec!["redis-cli".to_owned(), "LLEN".to_owned(), "celery".to_owned()];
    step(id, Action::DrainQueues { fleet: "live".into(), count: Some(CountTasks { host, command }) }, waits_for)
}

fn gate(id: &str, waits_for: &[&str]) -> Step {
    let checklist = vec!["the pager is quiet".to_owned()];
    step(id, Action::Decide(Decide { gate: "go".into(), question: "Go?".to_owned(), checklist }), waits_for)
}

/// What is on record after a phase with `steps` was begun and events have happened, each at some second.
fn recorded(phase: Phase, steps: Vec<Step>, events: Vec<(u64, Event)>) -> Upgrade {
    let (made_at, order, basis) = (at(0), Order::Overlapped, Basis::default());
    let plan =
        Arc::new(Plan { upgrade: "mitx-qa-koa-v4".into(), phase, order, made_at, basis, pending: Vec::new(), steps });
    let begun =
        Event::RunStarted { run: RunNumber(1), kind: phase.into(), plan, deployment: Digest::of_json(&deployment(QA)) };
    let mut upgrade = Upgrade::default();
    for (second, event) in std::iter::once((0, begun)).chain(events) {
        upgrade.apply(at(second), &event).expect("it can follow");
    }
    upgrade
}

fn started(step: &str) -> Event {
    Event::StepStarted { step: step.into(), attempt: 1 }
}

fn done(step: &str) -> Event {
    Event::StepDone { step: step.into(), facts: Vec::new() }
}

fn failed(step: &str, error: &str, in_doubt: bool) -> Event {
    Event::StepFailed { step: step.into(), error: error.to_owned(), in_doubt, changed_nothing: false }
}

fn interrupted() -> Event {
    Event::Interrupted { because: "a step failed".to_owned() }
}

fn refused(by: &str, note: Option<&str>) -> Event {
    let note = note.map(str::to_owned);
    let decision = Decision { gate: "go".into(), approved: false, by: by.to_owned(), at: at(10), note, plan: None };
    Event::GateDecided { decision, object: None }
}

/// The status 100 seconds after the upgrade began.
fn status(upgrade: &Upgrade, lives: Option<bool>, damage: Option<&str>) -> Status {
    let conductor = &match lives {
        None => ConductorState::Unknown,
        Some(false) => ConductorState::Gone,
        Some(true) => ConductorState::AtWork,
    };
    let deployment = deployment(QA);
    let (file, now) = ("mitx.toml", at(100));
    Status::of(StatusInputs { upgrade, deployment: &deployment, file, now, conductor, damage })
}

#[test]
fn a_phase_that_goes_on_needs_no_command_and_one_that_has_ended_early_needs_its_own() {
    let drained =
        || recorded(Phase::Announce, vec![drain("one", &[]), drain("two", &["one"])], vec![(1, started("one"))]);
    let after = |events: Vec<Event>| {
        let mut upgrade = drained();
        for event in events {
            upgrade.apply(at(50), &event).expect("it can follow");
        }
        upgrade
    };
    let end = || vec![done("one"), started("two"), done("two"), Event::RunFinished { run: RunNumber(1) }];
    for (events, lives, state, done, command) in [
        (vec![], Some(true), PhaseState::UnderWay, 0, None),
        (vec![], None, PhaseState::UnderWay, 0, None),
        (vec![done("one")], Some(false), PhaseState::Stopped, 1, Some("cutover announce mitx.toml")),
        (vec![interrupted()], None, PhaseState::Stopped, 0, Some("cutover announce mitx.toml")),
        (vec![failed("one", "no", false)], Some(false), PhaseState::Failed, 0, Some("cutover announce mitx.toml")),
        // Its conductor still waits for the steps that are under way.
        (vec![failed("one", "no", false)], Some(true), PhaseState::Failed, 0, None),
        // Its plan has none of the steps that would announce what the file says.
        (end(), Some(false), PhaseState::Finished, 2, Some("cutover announce mitx.toml --replan")),
    ] {
        let shown = status(&after(events.clone()), lives, None);
        let phase = &shown.phases[0];
        assert_eq!((phase.phase, phase.steps, phase.started_at), (Phase::Announce, 2, Some(at(0))));
        assert_eq!((phase.state, phase.done), (state, done), "{events:?}");
        assert_eq!(phase.finished_at.is_some(), state == PhaseState::Finished);
        assert_eq!(shown.next_command.as_deref(), command, "{events:?}");
        assert_eq!(shown.phases[1].state, PhaseState::NotStarted);
    }
}

#[test]
fn what_was_edited_after_it_was_announced_is_to_be_announced_again() {
    let announced = deployment(QA);
    let (observation, nothing) = (observe(&announced), Upgrade::default());
    let inputs = Inputs { deployment: &announced, observation: &observation, upgrade: &nothing };
    let plan = forecast(inputs, Phase::Announce, Order::Overlapped);
    let steps: Vec<StepId> = plan.steps.iter().map(|step| step.id.clone()).collect();
    let (run, kind, plan) = (RunNumber(1), Phase::Announce.into(), Arc::new(plan));
    let mut upgrade = Upgrade::default();
    let begun = Event::RunStarted { run, kind, plan, deployment: Digest::of_json(&announced) };
    let held = steps.into_iter().flat_map(|step| [started(step.as_str()), done(step.as_str())]);
    for event in std::iter::once(begun).chain(held).chain([Event::RunFinished { run }]) {
        upgrade.apply(at(0), &event).expect("it can follow");
    }
    let shown = |deployment: &Deployment| {
        let (file, now, conductor, damage) = ("mitx.toml", at(100), &ConductorState::Gone, None);
        let status = Status::of(StatusInputs { upgrade: &upgrade, deployment, file, now, conductor, damage });
        let is_announced = status.start.expect("it has not opened").is_announced;
        (status.edited.map(|edited| edited.phase), is_announced, status.next_command.expect("a command"))
    };
    let mut edited = deployment(QA);
    assert_eq!(shown(&edited), (None, true, "cutover prepare mitx.toml".to_owned()));
    edited.dns.settle = "90s".parse().expect("a span");
    assert_eq!(shown(&edited), (None, true, "cutover prepare mitx.toml".to_owned()), "nobody was told that");
    edited.window.start = "2020-12-15T10:00:00-05:00".parse().expect("a moment");
    let again = "cutover announce mitx.toml --replan".to_owned();
    assert_eq!(shown(&edited), (Some(Phase::Announce), false, again));
    // Also for who takes the next phase over, from a conductor that is suspended or will stop.
    let plan = Arc::new(forecast(Inputs { upgrade: &upgrade, ..inputs }, Phase::Prepare, Order::Overlapped));
    let (step, kind) = (plan.steps[0].id.clone(), Phase::Prepare.into());
    let begun = Event::RunStarted { run: RunNumber(2), kind, plan, deployment: Digest::of_json(&announced) };
    for event in [begun, started(step.as_str()), failed(step.as_str(), "no", true)] {
        upgrade.apply(at(50), &event).expect("it can follow");
    }
    let of = |deployment: &Deployment, conductor: &ConductorState| {
        let (file, now, damage) = ("mitx.toml", at(100), None);
        let status = Status::of(StatusInputs { upgrade: &upgrade, deployment, file, now, conductor, damage });
        (status.take_over_command, status.resume_command, status.failed[0].retry_command.is_some())
    };
    let suspended = ConductorState::Suspended { process: 77, name: "ada@left".to_owned() };
    let command = |words: &str| Some(format!("cutover {words}"));
    let take_over = command("announce mitx.toml --replan --take-over ada@left");
    assert_eq!(of(&edited, &suspended), (take_over, None, false), "`prepare` is refused, whatever its options");
    let again = command("announce mitx.toml --replan");
    assert_eq!(of(&edited, &ConductorState::Stopping), (None, again, false));
    assert_eq!(of(&announced, &ConductorState::Stopping), (None, command("prepare mitx.toml"), true));
}

#[test]
fn a_conductor_that_stops_or_is_suspended_is_not_told_to_go_on() {
    let upgrade = recorded(Phase::Announce, vec![drain("one", &[])], vec![(1, started("one"))]);
    let deployment = deployment(QA);
    let shown = |conductor: &ConductorState| {
        let (file, now, damage) = ("mitx.toml", at(100), None);
        let inputs = StatusInputs { upgrade: &upgrade, deployment: &deployment, file, now, conductor, damage };
        let status = Status::of(inputs);
        (status.next_command, status.resume_command, status.take_over_command)
    };
    let command = |words: &str| Some(format!("cutover announce mitx.toml{words}"));
    assert_eq!(shown(&ConductorState::AtWork), (None, None, None));
    assert_eq!(shown(&ConductorState::Stopping), (None, command(""), None));
    let suspended = ConductorState::Suspended { process: 77, name: "ada@left".to_owned() };
    assert_eq!(shown(&suspended), (Some("kill -CONT 77".to_owned()), None, command(" --take-over ada@left")));
}

#[test]
fn an_upgrade_is_conducted_unless_its_conductor_has_stopped_or_is_known_to_be_gone() {
    let steps = || vec![drain("one", &[])];
    let conducted = |events, lives| status(&recorded(Phase::Announce, steps(), events), lives, None).conducted;
    assert!(conducted(vec![], Some(true)) && conducted(vec![], None));
    assert!(!conducted(vec![], Some(false)) && !conducted(vec![(9, interrupted())], Some(true)));
}

#[test]
fn steps_under_way_are_shown_with_their_times_and_their_trouble_and_gates_are_not_among_them() {
    let moment = at(500);
    let steps = vec![
        drain("fine", &[]),
        drain("doubted", &[]),
        drain("refused", &[]),
        step("date", Action::WaitUntil { moment, no_later_than: None }, &[]),
        gate("gate", &[]),
        drain("later", &["fine"]),
    ];
    let lost = Event::StepInDoubt { step: "doubted".into(), error: "no answer".to_owned() };
    let again = Event::StepRetried { step: "refused".into(), error: "too many calls".to_owned() };
    let second = Event::StepStarted { step: "fine".into(), attempt: 2 };
    let busy = Event::StepRetried { step: "fine".into(), error: "busy".to_owned() };
    let events = ["fine", "doubted", "refused", "date", "gate"].map(|id| (40, started(id))).into_iter();
    let events = events.chain([(45, lost), (45, again), (50, busy), (60, second)]);
    let shown = status(&recorded(Phase::Announce, steps, events.collect()), Some(true), None);
    let told: Vec<_> =
        shown.running.iter().map(|step| (step.step.as_str(), step.attempt, step.trouble.as_deref())).collect();
    let wanted = [
        ("fine", 2, None),
        ("doubted", 1, Some("in doubt: no answer")),
        ("refused", 1, Some("will be tried again: too many calls")),
        ("date", 1, None),
    ];
    assert_eq!(told, wanted);
    let fine = &shown.running[0];
    assert_eq!((fine.elapsed, fine.expected, fine.limit), [60, 60, 300].map(Duration::from_secs).into());
    assert_eq!((shown.running[0].until, shown.running[3].until), (None, Some(moment)));
}

#[test]
fn only_what_is_in_doubt_or_a_migration_is_tried_again_by_a_command_of_its_own() {
    let steps = vec![drain("plain", &[]), drain("doubted", &[])];
    let events = vec![
        (1, started("plain")),
        (1, started("doubted")),
        (2, failed("plain", "the host is gone", false)),
        (2, failed("doubted", "no answer", true)),
        (3, interrupted()),
    ];
    let upgrade = recorded(Phase::Announce, steps, events);
    let shown = status(&upgrade, Some(false), None);
    let commands = |shown: &Status| {
        shown.failed.iter().map(|step| (step.retry_command.clone(), step.accept_command.clone())).collect::<Vec<_>>()
    };
    let retry = "cutover announce mitx.toml --retry doubted".to_owned();
    let accept = "cutover announce mitx.toml --accept doubted --because TEXT".to_owned();
    assert_eq!(commands(&shown), [(None, None), (Some(retry), Some(accept))]);
    assert_eq!((shown.failed[0].error.as_str(), shown.failed[0].page_is_up), ("the host is gone", false));
    let damaged = status(&upgrade, Some(false), Some("record 7 is missing"));
    assert_eq!(commands(&damaged), [(None, None), (None, None)], "what follows on the damage is not known");
    assert_eq!((damaged.next_command, damaged.damage.as_deref()), (None, Some("record 7 is missing")));
}

#[test]
fn a_gate_that_waits_is_shown_with_its_question_and_the_command_that_approves_it() {
    let events = vec![(5, started("go")), (5, Event::GateOpened { gate: "go".into() })];
    let upgrade = recorded(Phase::Announce, vec![gate("go", &[])], events);
    let shown = status(&upgrade, Some(true), None);
    let waiting = &shown.gates[0];
    assert_eq!((waiting.question.as_str(), waiting.since), ("Go?", at(5)));
    assert_eq!(waiting.checklist, ["the pager is quiet"]);
    let command = Some("cutover approve mitx.toml go --by NAME".to_owned());
    assert_eq!((&waiting.command, &shown.next_command), (&command, &command));
    assert_eq!(status(&upgrade, Some(true), Some("damaged")).gates[0].command, None);
}

#[test]
fn a_gate_and_a_stop_of_a_phase_that_another_one_has_followed_are_not_shown_any_more() {
    let open = Event::GateOpened { gate: "go".into() };
    let asks = vec![(1, started("go")), (1, open), (2, interrupted())];
    let mut upgrade = recorded(Phase::Window, vec![gate("go", &[])], asks);
    let before = status(&upgrade, Some(false), None);
    assert_eq!((before.gates.len(), before.has_stopped_without_reason()), (1, false));
    let mut announce = upgrade.runs[0].plan.as_ref().clone();
    (announce.phase, announce.steps) = (Phase::Announce, vec![drain("again", &[])]);
    let (run, kind, deployment) = (RunNumber(2), Phase::Announce.into(), Digest::of_json(&deployment(QA)));
    let by = Event::ConductorTookOver { upgrade: "u".into(), conductor: "ada@left".to_owned() };
    let begun = Event::RunStarted { run, kind, plan: Arc::new(announce), deployment };
    for event in [by, begun, started("again"), done("again"), Event::RunFinished { run }] {
        upgrade.apply(at(3), &event).expect("it can follow");
    }
    let after = status(&upgrade, Some(false), None);
    assert_eq!((after.gates.len(), after.has_stopped_without_reason()), (0, false), "it is asked anew, of a new plan");
}

#[test]
fn a_gate_of_a_plan_that_the_file_does_not_describe_any_more_is_approved_only_for_a_conductor_at_work() {
    let open = Event::GateOpened { gate: "go".into() };
    let upgrade = recorded(Phase::Prepare, vec![gate("go", &[])], vec![(1, started("go")), (1, open)]);
    let can_be_approved = |deployment: &Deployment, conductor: &ConductorState| {
        let (file, now, damage) = ("mitx.toml", at(100), None);
        let status = Status::of(StatusInputs { upgrade: &upgrade, deployment, file, now, conductor, damage });
        status.gates[0].command.is_some()
    };
    let mut edited = deployment(QA);
    edited.dns.settle = "90s".parse().expect("a span");
    assert!(can_be_approved(&edited, &ConductorState::AtWork));
    assert!(!can_be_approved(&edited, &ConductorState::Gone), "the decision would be void");
}

#[test]
fn a_refusal_is_no_failure_unless_something_else_has_failed() {
    let steps = || vec![gate("go", &[]), drain("one", &[])];
    // Whatever is said of it: that there was a refusal is on record.
    let decided = || {
        vec![
            (5, started("go")),
            (5, Event::GateOpened { gate: "go".into() }),
            (10, refused("bob", Some("not now"))),
            (10, failed("go", "no", false)),
        ]
    };
    let refusal = status(&recorded(Phase::Announce, steps(), decided()), None, None);
    assert_eq!(refusal.phases[0].state, PhaseState::Refused);
    let words = refusal.failed[0].refused.as_ref().map(Refusal::words);
    assert_eq!(words.as_deref(), Some("refused by bob: \"not now\"; the same command asks again"));
    assert_eq!(refusal.next_command.as_deref(), Some("cutover announce mitx.toml"));

    let mut events = decided();
    events.extend([(11, started("one")), (12, failed("one", "no", false))]);
    let both = status(&recorded(Phase::Announce, steps(), events), None, None);
    assert_eq!((both.phases[0].state, &both.failed[1].refused), (PhaseState::Failed, &None));
    // The refusal is on record, but this time nobody came.
    let mut events = decided();
    let again = Event::StepStarted { step: "go".into(), attempt: 2 };
    let opened = Event::GateOpened { gate: "go".into() };
    events.extend([(20, again), (20, opened), (30, failed("go", "nobody decided within 5m", false))]);
    let patience = status(&recorded(Phase::Announce, steps(), events), None, None);
    assert_eq!((patience.phases[0].state, &patience.failed[0].refused), (PhaseState::Failed, &None));
    // Somebody refused the plan before this one.
    let mut events = decided();
    if let Event::GateDecided { decision, .. } = &mut events[2].1 {
        decision.plan = Some(Digest::of(b"another plan"));
    }
    let before = status(&recorded(Phase::Announce, steps(), events), None, None);
    assert_eq!((before.phases[0].state, &before.failed[0].refused), (PhaseState::Failed, &None));
}

#[test]
fn similar_steps_that_can_start_next_are_grouped() {
    let mut steps = vec![drain("first", &[])];
    steps.extend((0..7).map(|number| {
        let mut step = drain(&format!("after-{number}"), &["first"]);
        step.lane = Lane::Fleet(format!("fleet-{number}").as_str().into());
        step
    }));
    steps.push(drain("last", &["after-0"]));
    let waiting = status(&recorded(Phase::Announce, steps.clone(), vec![]), Some(true), None);
    assert_eq!(waiting.next.iter().map(|next| next.steps).collect::<Vec<_>>(), [1]);
    let begun = status(&recorded(Phase::Announce, steps, vec![(1, started("first"))]), Some(true), None);
    assert_eq!(begun.next.iter().map(|next| next.steps).collect::<Vec<_>>(), [1; 7]);
    assert_eq!(begun.next[0].expected, Duration::from_secs(60));
}

fn change(id: &str, line: Line, waits_for: &[&str]) -> Step {
    let change = Action::ChangeRecords(ChangeRecords { zone: "example.org".to_owned(), records: Vec::new() });
    Step { line, ..step(id, change, waits_for) }
}

#[test]
fn what_follows_a_milestone_is_next_and_the_milestone_itself_is_not() {
    let mut steps: Vec<Step> = ["one", "two"].map(|id| drain(id, &[])).into();
    steps.push(step("both", Action::Milestone, &["one", "two"]));
    steps.push(Step { line: Line::Capture, ..drain("after", &["both"]) });
    let next = |events| status(&recorded(Phase::Announce, steps.clone(), events), Some(true), None).next;
    assert_eq!(next(vec![(1, started("one"))]).iter().map(|next| next.steps).collect::<Vec<_>>(), [1]);
    let both = next(vec![(1, started("one")), (1, started("two"))]);
    assert_eq!(both.iter().map(|next| (next.title.as_str(), next.steps)).collect::<Vec<_>>(), [("title of after", 1)]);
}

/// A window of three minutes, in which one minute of work follows on the maintenance page. `undo` is how that is
/// undone.
fn window(undo: Undo) -> Vec<Step> {
    let open = step("open", Action::WaitUntil { moment: at(0), no_later_than: None }, &[]);
    vec![
        Step { line: Line::Open, ..open },
        change("page", Line::PostPage, &["open"]),
        Step { undo, ..drain("work", &["page"]) },
        change("lift", Line::LiftPage, &["work"]),
    ]
}

fn opened(steps: Vec<Step>) -> Upgrade {
    let open = Event::StepHeld { step: "open".into(), facts: Vec::new() };
    let ordered = vec![Fact::RecordsChanged { change: "C1".into() }];
    let ordered = Event::StepLearned { step: "page".into(), facts: ordered };
    recorded(Phase::Window, steps, vec![(0, open), (0, started("page")), (0, ordered)])
}

/// The example, with a window that ends this many seconds after the upgrade began.
fn ending(seconds: u64) -> Deployment {
    let mut deployment = deployment(QA);
    let announced = deployment.window.ends().timestamp.duration_since(deployment.window.start.timestamp);
    deployment.window.start.timestamp = at(seconds) - announced;
    deployment
}

#[test]
fn services_that_were_stopped_although_the_page_was_refused_are_shown_with_the_command_that_starts_them() {
    let stop = Action::StopServices(StopServices {
        host: Host { name: "edx-worker-0".into(), instance: InstanceRef::Known("i-1".into()) },
        supervisorctl: "/edx/bin/supervisorctl".to_owned(),
        programs: vec!["cms".into(), "lms".into()],
        stop_limit: Duration::from_secs(60),
        past_stop_limit: PastStopLimit::Kill,
        running_tasks: Vec::new(),
        unrelated: Vec::new(),
        count_requests: Vec::new(),
        for_good: false,
    });
    let mut steps = window(Undo::Nothing);
    steps.insert(2, step("stop", stop, &["open"]));
    let shown = |more: &[Event]| {
        let mut upgrade = opened(steps.clone());
        for event in more {
            upgrade.apply(at(1), event).expect("it can follow");
        }
        status(&upgrade, Some(false), None).stopped
    };
    let page_failed = |changed_nothing| Event::StepFailed {
        step: "page".into(),
        error: "no".to_owned(),
        in_doubt: false,
        changed_nothing,
    };
    assert_eq!(shown(&[started("stop")]), [], "the page is just being put up");
    assert_eq!(shown(&[page_failed(true), interrupted()]), []);
    let stopped = shown(&[started("stop"), page_failed(true), done("stop"), interrupted()]);
    let start_commands = vec!["/edx/bin/supervisorctl start cms lms".to_owned()];
    assert_eq!(stopped, [StoppedServices { host: "edx-worker-0".into(), start_commands }]);
    let stop_failed =
        Event::StepFailed { step: "stop".into(), error: "no".to_owned(), in_doubt: false, changed_nothing: false };
    let stopped = shown(&[started("stop"), page_failed(true), stop_failed, interrupted()]);
    let wait = "while /edx/bin/supervisorctl status cms lms | grep STOPPING; do sleep 1; done";
    let commands: Vec<_> = stopped.iter().flat_map(|host| &host.start_commands).collect();
    assert_eq!(commands, [wait, "/edx/bin/supervisorctl start cms lms"], "one that stops cannot be started");
    assert_eq!(shown(&[started("stop"), page_failed(false), done("stop"), interrupted()]), [], "the page may be up");
}

#[test]
fn what_stays_held_back_on_current_hosts_after_the_window_is_shown_until_they_are_terminated() {
    let host = |name: &str, id: &str| Host { name: name.into(), instance: InstanceRef::Known(id.into()) };
    let freeze = |id: &str, host| {
        let commands = RunCommands { host, purpose: Purpose::Freeze, commands: Vec::new() };
        step(id, Action::RunCommands(commands), &[])
    };
    let items = vec!["edx-nightly.timer".to_owned()];
    let steps = vec![
        step("capture", Action::Capture { hosts: Vec::new() }, &[]),
        step("hold", Action::HoldBack(HeldItems { host: host("edx-0", "i-1"), items: items.clone() }), &[]),
        freeze("freeze", host("edx-0", "i-1")),
        freeze("next", host("edx-1", "i-2")),
    ];
    let current =
        CapturedHost { name: "edx-0".into(), instance: "i-1".into(), fleet: "live".into(), role: Role::Worker };
    let fact = |step: &str, fact| Event::StepLearned { step: step.into(), facts: vec![fact] };
    let mut events =
        vec![started("capture"), fact("capture", Fact::Captured { hosts: vec![current] }), done("capture")];
    events.extend(["hold", "freeze", "next"].iter().flat_map(|step| [started(step), done(step)]));
    let mut upgrade = recorded(Phase::Window, steps, events.into_iter().map(|event| (0, event)).collect());
    assert_eq!(status(&upgrade, Some(true), None).held, [], "the window is under way");
    upgrade.apply(at(1), &Event::RunFinished { run: RunNumber(1) }).expect("it can follow");
    let held = HeldHost { host: "edx-0".into(), held_back: items, is_frozen: true };
    assert_eq!(status(&upgrade, Some(false), None).held, [held]);
    upgrade.terminated.insert("i-1".into());
    assert_eq!(status(&upgrade, Some(false), None).held, []);
}

#[test]
fn what_steps_hold_back_that_a_new_plan_has_lost_is_shown_while_the_window_goes_on() {
    let host = Host { name: "edx-0".into(), instance: InstanceRef::Known("i-1".into()) };
    let items = vec!["/etc/cron.d/edx".to_owned()];
    let hold = step("hold", Action::HoldBack(HeldItems { host, items: items.clone() }), &[]);
    let current =
        CapturedHost { name: "edx-0".into(), instance: "i-1".into(), fleet: "live".into(), role: Role::Worker };
    let captured = Event::StepLearned { step: "capture".into(), facts: vec![Fact::Captured { hosts: vec![current] }] };
    let events = [started("capture"), captured, done("capture"), started("hold"), done("hold"), interrupted()];
    let capture = step("capture", Action::Capture { hosts: Vec::new() }, &[]);
    let steps = vec![capture.clone(), hold];
    let mut upgrade = recorded(Phase::Window, steps, events.into_iter().map(|event| (0, event)).collect());
    assert_eq!(status(&upgrade, Some(false), None).held, [], "the plan has its way back");
    let mut plan = upgrade.current_run().expect("the window").plan.as_ref().clone();
    plan.steps = vec![capture];
    let replanned = Event::RunStarted {
        run: RunNumber(2),
        kind: Phase::Window.into(),
        plan: Arc::new(plan),
        deployment: Digest::of_json(&deployment(QA)),
    };
    upgrade.apply(at(1), &replanned).expect("it can follow");
    let held = HeldHost { host: "edx-0".into(), held_back: items, is_frozen: false };
    assert_eq!(status(&upgrade, Some(false), None).held, [held]);
}

#[test]
fn a_window_that_opens_at_the_latest_safe_start_is_in_time_and_one_that_opens_later_is_not() {
    for (end, verdict) in [(240, "in time by 1m"), (180, "in time by 0s"), (120, "LATE BY 1m")] {
        let (deployment, upgrade) = (ending(end), opened(window(Undo::Nothing)));
        let run = upgrade.current_run().expect("the window");
        let times = WindowStatus::of(run, &upgrade, &deployment, at(0));
        assert_eq!((times.verdict().as_str(), times.in_time), (verdict, end >= 180));
        assert_eq!((times.expected_end, times.end), (at(180), at(end)));
        assert_eq!(delayed(run, &upgrade, &deployment, at(0)), verdict);
        assert_eq!(StartStatus::of(&upgrade, &deployment), None, "it has opened");

        let before = recorded(Phase::Window, window(Undo::Nothing), vec![]);
        let start = StartStatus::of(&before, &deployment).expect("it has not opened");
        let in_the_file = (deployment.window.start.timestamp, at(end));
        assert_eq!((start.start, start.end), in_the_file);
        assert_eq!(start.latest_safe, Some(at(end) - SignedDuration::from_secs(180)));
        let latest = start.latest_safe.expect("there is a plan");
        let run = before.current_run().expect("the window");
        let safe = safe_start(latest, at(0), deployment.window.start);
        assert_eq!(delayed(run, &before, &deployment, at(0)), safe);
        assert_eq!(safe.strip_prefix("latest safe start was ").is_some(), end < 180, "{safe}");
        assert_eq!(safe.ends_with(": LATE BY 1m"), end < 180, "{safe}");
    }
}

#[test]
fn a_start_is_announced_before_the_window_has_a_plan_and_no_more_once_it_has_ended() {
    let deployment = ending(180);
    let start = StartStatus::of(&Upgrade::default(), &deployment).expect("it has not opened");
    assert_eq!((start.end, start.latest_safe), (at(180), None));
    // A window without a maintenance page, as a plan after all sites have come back has one.
    let end = vec![(1, started("work")), (2, done("work")), (2, Event::RunFinished { run: RunNumber(1) })];
    assert_eq!(StartStatus::of(&recorded(Phase::Window, vec![drain("work", &[])], end), &deployment), None);
}

#[test]
fn the_rest_of_a_window_counts_from_its_start_until_it_opens_and_from_now_on_after_that() {
    let deployment = ending(1000);
    let start = deployment.window.start.timestamp;
    let before = recorded(Phase::Window, window(Undo::Nothing), vec![]);
    let times = |upgrade: &Upgrade, now| {
        let run = upgrade.current_run().expect("the window");
        WindowStatus::of(run, upgrade, &deployment, now)
    };
    let early = times(&before, start - SignedDuration::from_secs(500));
    assert_eq!(
        (early.down_since, early.elapsed, early.expected_end),
        (None, Duration::ZERO, later(start, Duration::from_secs(180)))
    );
    let under_way = times(&opened(window(Undo::Nothing)), at(20));
    assert_eq!((under_way.down_since, under_way.elapsed), (Some(at(0)), Duration::from_secs(20)));
    assert_eq!((under_way.remaining, under_way.expected_end), (Duration::from_secs(160), at(180)));
}

#[test]
fn the_last_moment_to_go_back_leaves_time_for_the_way_back_and_none_is_shown_without_a_way() {
    let deployment = ending(1000);
    let shown = |undo: Undo| {
        let mut upgrade = opened(window(undo));
        for event in [done("page"), started("work")] {
            upgrade.apply(at(60), &event).expect("it can follow");
        }
        let inputs = StatusInputs {
            upgrade: &upgrade,
            deployment: &deployment,
            file: "mitx.toml",
            now: at(60),
            conductor: &ConductorState::AtWork,
            damage: None,
        };
        let shown = Status::of(inputs);
        (shown.window.expect("a window is under way"), shown.back.expect("a window is under way"))
    };
    let by = Undo::By { action: Box::new(Action::Milestone), expected: Duration::from_secs(90) };
    let (window, back) = shown(by);
    assert_eq!((back.steps, back.length, back.impossible.len()), (1, Duration::from_secs(90), 0));
    assert_eq!(window.abort_by, Some(at(910)));
    let (window, back) = shown(Undo::Impossible { because: "data is lost".to_owned() });
    assert_eq!((window.abort_by, back.impossible.len()), (None, 1));
    let first = &back.impossible[0];
    let shown = (first.step.as_str(), first.lane.as_str(), first.because.as_str());
    assert_eq!(shown, ("work", "deployment", "data is lost"));
}

#[test]
fn of_each_lane_the_first_step_that_cannot_be_undone_is_named() {
    let lanes = [Lane::Deployment, Lane::Deployment, Lane::Fleet("live".into()), Lane::Fleet("live".into())];
    let steps = lanes.into_iter().enumerate().map(|(number, lane)| {
        let undo = Undo::Impossible { because: format!("reason {number}") };
        Step { lane, undo, ..drain(&format!("work-{number}"), &[]) }
    });
    let events = (0..4).map(|number| (1, started(&format!("work-{number}")))).collect();
    let upgrade = recorded(Phase::Window, steps.collect(), events);
    let back = status(&upgrade, Some(true), None).back.expect("a window is under way");
    let named: Vec<_> = back.impossible.iter().map(|step| (step.lane.as_str(), step.because.as_str())).collect();
    assert_eq!(named, [("deployment", "reason 0"), ("live", "reason 2")]);
}

#[test]
fn what_is_left_to_do_ends_when_that_is_found_done_or_the_host_is_terminated() {
    let left = |text: &str| Fact::LeftToDo { host: "edx-0".into(), text: text.to_owned(), job: None };
    let (name, instance) = ("edx-0".into(), InstanceId::from("i-0"));
    let current = CapturedHost { name, instance: instance.clone(), fleet: "live".into(), role: Role::Edxapp };
    let facts = vec![Fact::Captured { hosts: vec![current] }, left("one"), left("other")];
    let events = vec![(1, started("work")), (2, Event::StepDone { step: "work".into(), facts })];
    let mut upgrade = recorded(Phase::Window, vec![drain("work", &[])], events);
    let shown = |upgrade: &Upgrade| status(upgrade, Some(true), None).left_to_do;
    assert_eq!(shown(&upgrade), ["one", "other"]);
    let done = Event::FoundDone { host: "edx-0".into(), text: "one".to_owned() };
    upgrade.apply(at(3), &done).expect("it can follow");
    assert_eq!(shown(&upgrade), ["other"], "only that was looked at");
    upgrade.terminated.insert(instance);
    assert_eq!(shown(&upgrade), [""; 0]);
}
