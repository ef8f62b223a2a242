//! Programs that are told to start: when they count as running, and when they have failed.

use std::time::Duration;

use cutover_core::journal::{Event, Fact};
use cutover_core::names::{JobName, ProgramName};
use cutover_core::observation::{Instance, InstanceState};
use cutover_core::plan::{Action, StartServices, Step};
use cutover_core::time::{earlier, later};
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::State;

use super::super::hosts::{Account, instance};
use super::super::stage::{Stage, failed, host, learned, step};
use super::{Program, Services};

pub(crate) fn start() -> Step {
    start_on("edx-0")
}

pub(crate) fn start_on(name: &str) -> Step {
    let start = StartServices {
        host: host(name, "i-1"),
        supervisorctl: "supervisorctl".to_owned(),
        programs: vec!["cms".into(), "lms".into()],
        steady: Duration::from_secs(5),
        answers: Vec::new(),
        autostart: false,
    };
    step("start", Action::StartServices(start))
}

#[test]
fn programs_that_could_not_be_kept_running_are_started_again_by_the_next_run() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Fatal), ("lms", State::Running)]);
    stage.was_begun(vec![start()], vec![failed("start")]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["start cms lms"]);
}

#[test]
fn programs_that_cannot_be_kept_running_have_failed_at_once_with_their_names() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Fatal), ("lms", State::Running)]);
    let order = Fact::Order { instance: "i-1".into(), job: "order".into() };
    services.jobs.borrow_mut().push("order".into());
    stage.was_begun(vec![start()], vec![learned("start", order)]);
    assert_eq!(stage.resume(), Ending::Failed(vec!["start".into()]));
    assert_eq!((services.calls(), stage.elapsed()), (Vec::new(), 0));
    let error = stage.error_of("start");
    assert!(error.starts_with("cms on edx-0 could not be kept running"), "{error}");
}

#[test]
fn programs_that_had_given_up_before_they_were_told_to_start_have_not_failed() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Fatal), ("lms", State::Fatal)]);
    services.is_stubborn.set(true);
    let starts = later(stage.clock.now(), Duration::from_secs(40));
    services.orders_run_until.set(Some(starts));
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        if services.clock.now() >= starts && services.programs.borrow()[&"cms".into()].state == State::Fatal {
            services.put(&["cms".into(), "lms".into()], State::Running);
        }
    })));
    stage.was_begun(vec![start()], vec![failed("start")]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["start cms lms"]);
    assert_eq!(stage.mentioned.borrow()[0], "told to start, and not started yet: cms, lms");
}

#[test]
fn programs_that_gave_up_after_they_were_told_to_start_have_failed() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Fatal), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    services.orders_run_until.set(Some(later(stage.clock.now(), Duration::from_secs(5))));
    stage.was_begun(vec![start()], vec![failed("start")]);
    assert_eq!(stage.resume(), Ending::Failed(vec!["start".into()]));
    assert_eq!(services.calls(), ["start cms lms"]);
    assert!(stage.error_of("start").starts_with("cms on edx-0 could not be kept"), "{}", stage.error_of("start"));
    assert!((5..9).contains(&stage.elapsed()), "{} s", stage.elapsed());
}

#[test]
fn programs_that_are_starting_are_not_started_again() {
    let mut stage = Stage::new();
    let states = [("cms", State::Running), ("lms", State::Starting)];
    let services = Services::of(&mut stage, &states);
    let ending = stage.conduct(vec![start()]);
    assert_eq!((ending, services.calls()), (Ending::Failed(vec!["start".into()]), Vec::new()));
    assert!(stage.error_of("start").ends_with("starting: lms"), "{}", stage.error_of("start"));
}

#[test]
fn a_program_counts_as_running_only_after_a_while() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![start()]), Ending::Finished);
    assert_eq!(services.calls(), ["start cms lms"]);
    assert!((5..9).contains(&stage.elapsed()), "{} s", stage.elapsed());
    assert_eq!(*stage.mentioned.borrow(), ["running for less than 5s: cms, lms"]);
}

#[test]
fn the_file_says_how_long_a_program_must_have_run() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    let mut start = start();
    if let Action::StartServices(start) = &mut start.action {
        start.steady = Duration::from_secs(30);
    }
    assert_eq!(stage.conduct(vec![start]), Ending::Finished);
    assert_eq!(services.calls(), ["start cms lms"]);
    assert!((30..33).contains(&stage.elapsed()), "{} s", stage.elapsed());
    assert_eq!(*stage.mentioned.borrow(), ["running for less than 30s: cms, lms"]);
}

#[test]
fn a_program_that_runs_and_does_not_answer_is_not_started() {
    let with_answers = || {
        let mut start = start();
        if let Action::StartServices(start) = &mut start.action {
            start.answers = ["http://127.0.0.1:8000/heartbeat", "127.0.0.1:8010"].map(str::to_owned).to_vec();
        }
        start
    };
    let silent = "running, and not answering: http://127.0.0.1:8000/heartbeat ([Errno 111] Connection refused), \
                  127.0.0.1:8010 ([Errno 111] Connection refused)";
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.silent_until.set(Some(later(stage.clock.now(), Duration::from_secs(40))));
    assert_eq!(stage.conduct(vec![with_answers()]), Ending::Finished);
    assert!((40..43).contains(&stage.elapsed()), "{} s", stage.elapsed());
    assert_eq!(*stage.mentioned.borrow(), ["running for less than 5s: cms, lms", silent]);

    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.silent_until.set(Some(later(stage.clock.now(), Duration::from_secs(86_400))));
    assert_eq!(stage.conduct(vec![with_answers()]), Ending::Failed(vec!["start".into()]));
    assert!(stage.error_of("start").ends_with(silent), "{}", stage.error_of("start"));
}

#[test]
fn a_program_that_flaps_is_named_in_supervisors_own_words() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    let lms: ProgramName = "lms".into();
    // Supervisor starts it again and again, and never gives up.
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        let before = services.programs.borrow()[&lms].state;
        let next = if before == State::Backoff { State::Starting } else { State::Backoff };
        services.put(std::slice::from_ref(&lms), next);
    })));
    stage.was_begun(vec![start()], Vec::new());
    assert_eq!(stage.resume(), Ending::Failed(vec!["start".into()]));
    assert_eq!(services.calls(), [""; 0]);
    let words =
        "ended at once, and started again by supervisor: lms (Exited too quickly (process log may have details))";
    assert!(stage.mentioned.borrow().iter().any(|mentioned| mentioned == words), "{:?}", stage.mentioned.borrow());
    assert!(stage.error_of("start").contains("lms"), "{}", stage.error_of("start"));
}

#[test]
fn a_program_with_another_process_than_at_the_last_look_does_not_count_as_running() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Starting), ("lms", State::Running)]);
    let (mut looks, (cms, lms)) = (0, ("cms".into(), "lms".into()));
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        looks += 1;
        let mut programs = services.programs.borrow_mut();
        let since = earlier(services.start, Duration::from_secs(60));
        let of = |pid| Program { state: State::Running, pid, since };
        if looks == 4 {
            programs.extend([(ProgramName::clone(&cms), of(90)), (ProgramName::clone(&lms), of(91))]);
        }
    })));
    assert_eq!(stage.conduct(vec![start()]), Ending::Finished);
    let last = stage.mentioned.borrow().last().cloned();
    assert_eq!(last.as_deref(), Some("running with another process than before: lms"));
}

#[test]
fn workers_that_are_started_start_at_the_next_boot_too() {
    let with_autostart = || {
        let mut start = start();
        if let Action::StartServices(start) = &mut start.action {
            start.autostart = true;
        }
        start
    };
    for state in [State::Stopped, State::Running] {
        let mut stage = Stage::new();
        let services = Services::of(&mut stage, &[("cms", state), ("lms", state)]);
        assert_eq!(stage.conduct(vec![with_autostart()]), Ending::Finished);
        assert_eq!(services.calls(), ["start-always cms lms"], "also if somebody has started them by hand");
        assert!(services.starts_at_boot.get());
    }
    // Where no file was changed, nothing is turned on again.
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.has_no_files.set(true);
    assert_eq!(stage.conduct(vec![with_autostart()]), Ending::Finished);
}

#[test]
fn visitors_do_not_wait_for_files_that_cannot_be_changed_back() {
    let mut start = start();
    if let Action::StartServices(start) = &mut start.action {
        start.autostart = true;
    }
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.files_are_fixed.set(true);
    assert_eq!(stage.conduct(vec![start]), Ending::Finished);
    assert_eq!(services.calls(), ["start-always cms lms"], "ordered once");
    let facts = stage.facts_of("start");
    let told = |fact: &Fact| matches!(fact, Fact::LeftToDo { text, .. } if text.starts_with("edx-0 will boot without cms, lms"));
    assert!(facts.iter().any(told), "{facts:?}");
}

/// EC2 shows the host as running.
pub(super) fn runs_in_ec2(stage: &mut Stage) {
    Account::of(stage, vec![instance("i-1")]).lives.set(true);
}

#[test]
fn a_host_that_is_stopped_in_ec2_is_not_waited_for_in_any_phase() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    Account::of(&mut stage, vec![Instance { state: InstanceState::Stopped, ..instance("i-1") }]).lives.set(true);
    services.boots_until.set(Some(later(stage.clock.now(), Duration::from_secs(86_400))));
    assert_eq!(stage.conduct(vec![start()]), Ending::Failed(vec!["start".into()]));
    assert!(stage.elapsed() < 30, "{} s", stage.elapsed());
}

#[test]
fn a_host_that_is_restarting_is_waited_for_within_the_limit_and_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    runs_in_ec2(&mut stage);
    services.boots_until.set(Some(later(stage.clock.now(), Duration::from_secs(120))));
    let step = Step { limit: Duration::from_secs(600), ..start() };
    assert_eq!(stage.conduct(vec![step]), Ending::Finished);
    assert_eq!(services.calls(), ["start cms lms"]);
    assert!((120..200).contains(&stage.elapsed()), "{} s", stage.elapsed());
    let mentioned = stage.mentioned.borrow();
    let words = "waits for up to 10m, because its host runs and may be restarting: i-1: it cannot be reached";
    assert!(mentioned.iter().any(|text| text.starts_with(words)), "{mentioned:?}");
}

#[test]
fn an_answer_that_is_lost_after_a_restart_was_waited_for_does_not_fail_the_step() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    runs_in_ec2(&mut stage);
    // The host answers questions, and goes down before it is told anything.
    services.boots_from.set(Some(later(stage.clock.now(), Duration::from_secs(1))));
    services.boots_until.set(Some(later(stage.clock.now(), Duration::from_secs(240))));
    services.refuses_orders_too.set(true);
    services.orders_in_doubt.set(2);
    let step = Step { limit: Duration::from_secs(600), ..start() };
    assert_eq!(stage.conduct(vec![step]), Ending::Finished);
    assert_eq!(services.calls(), ["start cms lms"]);
    let attempts = stage.events_of("start").into_iter().filter(|event| matches!(event, Event::StepStarted { .. }));
    assert!(attempts.count() < 10, "waiting is no attempt");
}

#[test]
fn a_host_that_does_not_come_back_fails_its_step_at_the_limit_with_its_reason() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    runs_in_ec2(&mut stage);
    services.boots_until.set(Some(later(stage.clock.now(), Duration::from_secs(86_400))));
    assert_eq!(
        stage.conduct(vec![Step { limit: Duration::from_secs(300), ..start() }]),
        Ending::Failed(vec!["start".into()])
    );
    assert!((290..330).contains(&stage.elapsed()), "{} s", stage.elapsed());
    assert!(stage.error_of("start").contains("Connection refused"), "{}", stage.error_of("start"));
    // Nothing is changed by waiting.
    let mut stage = Stage::new();
    Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]).are_silent.set(true);
    assert_eq!(stage.conduct(vec![start()]), Ending::Failed(vec!["start".into()]));
    assert_eq!(stage.elapsed(), 0);
}

#[test]
fn what_people_have_done_on_a_host_since_it_was_told_is_found_by_the_next_process() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    let left = |text: &str, job: Option<&str>| {
        let (host, text, job) = ("edx-0".into(), text.to_owned(), job.map(JobName::from));
        Fact::LeftToDo { host, text, job }
    };
    let facts = vec![left("edx-0 will boot without cms, lms", None), left("process 4711 goes on", Some("freeze"))];
    let launched = Fact::Launched { host: "edx-0".into(), instance: "i-1".into() };
    let facts = [vec![launched], facts].concat();
    stage.was_begun(vec![start()], vec![Event::StepDone { step: "start".into(), facts }]);
    services.jobs.borrow_mut().push("freeze".into());
    services.go_on.replace(vec![4711]);
    let left_after = |what: &str| {
        let ending = stage.conduct(vec![step(what, Action::Milestone)]);
        assert_eq!(ending, Ending::Finished);
        stage.on_record().left_to_do.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
    };
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(stage.on_record().left_to_do.len(), 2, "they do not start at boot, and it goes on");
    services.starts_at_boot.set(true);
    assert_eq!(left_after("one"), ["process 4711 goes on"]);
    services.go_on.replace(Vec::new());
    assert_eq!(left_after("other"), [""; 0]);
}
