//! Programs that are told to stop: for how long they are waited for, and what is done then.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Fact;
use cutover_core::names::ProgramName;
use cutover_core::plan::{Action, Edge, Line, Rule, Step, StopServices};
use cutover_core::time::later;
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::command::Said;
use cutover_hosts::supervisor::State;
use cutover_hosts::{celery, processes};

use super::super::stage::{SET_BY, Stage, Waits, host, step};
use super::{Services, inspect, left_in_unit, with_process};

#[test]
fn services_are_not_stopped_when_their_call_waited_past_the_latest_safe_start() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    let latest = later(stage.clock.now(), Duration::from_secs(15));
    let open = Action::WaitUntil { moment: stage.clock.now(), no_later_than: Some(latest) };
    let open = Step { line: Line::Open, ..step("open", open) };
    let mut stop = Step { line: Line::StopCurrent, ..stop(PastStopLimit::Kill) };
    stop.waits_for = vec![Edge { step: "open".into(), rule: Rule::RunbookLine }];
    let (clock, meanwhile) = (Rc::clone(&stage.clock), RefCell::new(Some(|| ())));
    stage.faults = Rc::new(Waits { clock, call: "stop", meanwhile });
    assert_eq!(stage.conduct(vec![open, stop]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), [""; 0]);
    assert!(stage.error_of("stop").contains("latest safe start had passed"), "{}", stage.error_of("stop"));
}

pub(crate) fn stop(past_stop_limit: PastStopLimit) -> Step {
    let stop = StopServices {
        host: host("edx-0", "i-1"),
        supervisorctl: "supervisorctl".to_owned(),
        programs: vec!["cms".into(), "lms".into()],
        stop_limit: Duration::from_secs(60),
        past_stop_limit,
        running_tasks: Vec::new(),
        unrelated: Vec::new(),
        count_requests: Vec::new(),
        for_good: false,
    };
    step("stop", Action::StopServices(stop))
}

/// The step that stops programs of a host on which they must not start again.
pub(super) fn stop_for_good() -> Step {
    let mut stop = stop(PastStopLimit::Abort);
    if let Action::StopServices(stop) = &mut stop.action {
        stop.for_good = true;
    }
    stop
}

/// The step that stops workers, whose tasks celery names, and is expected to take 20 seconds.
pub(super) fn stop_workers(past_stop_limit: PastStopLimit) -> Step {
    let mut stop = stop(past_stop_limit);
    if let Action::StopServices(stop) = &mut stop.action {
        stop.running_tasks = inspect();
    }
    let limit = if past_stop_limit == PastStopLimit::Wait { Duration::from_secs(86_400) } else { stop.limit };
    Step { expected: Duration::from_secs(20), limit, ..stop }
}

/// Workers that begin to stop and never end, and run two tasks, of which one ends.
pub(super) fn late_workers(stage: &mut Stage) -> Rc<Services> {
    let services = Services::of(stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    services.obeys_late.set(true);
    let task = |name: &str, process| celery::Task {
        worker: format!("{name}@edx-0"),
        name: name.to_owned(),
        id: format!("id-of-{name}"),
        process: Some(process),
        running: Some(Duration::from_secs(90)),
    };
    let tasks = [task("grades", 71), task("mail", 72)];
    let of = |task| std::slice::from_ref(task);
    let workers = [("grades@edx-0", of(&tasks[0])), ("mail@edx-0", of(&tasks[1]))];
    services.active.replace(Said { stdout: celery::answer("edx-0", &workers), ..Said::default() });
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    services
}

#[test]
fn past_the_limit_a_stop_waits_if_the_file_says_so_and_says_for_what() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    let ends = later(stage.clock.now(), Duration::from_secs(4000));
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        if services.clock.now() >= ends {
            services.put(&["cms".into(), "lms".into()], State::Exited);
            services.listed.replace(None);
        }
    })));
    assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Wait)]), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms"]);
    let words = "past the limit of 1m, and waiting for: cms, lms; tasks that run there: grades (id-of-grades) for 2m 3";
    assert!(stage.mentioned.borrow().iter().any(|told| told.starts_with(words)), "{:?}", stage.mentioned.borrow());
    assert!((4000..4060).contains(&stage.elapsed()), "{} s", stage.elapsed());
}

#[test]
fn the_time_to_stop_begins_with_the_first_order_however_often_it_is_given() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert!((4..7).contains(&services.calls().len()), "{:?}", services.calls());
    let error = stage.error_of("stop");
    assert!(error.starts_with("still running on edx-0 after 1m") && error.contains(": cms, lms"), "{error}");
    assert!((60..65).contains(&stage.elapsed()), "{} s", stage.elapsed());
}

#[test]
fn a_program_that_does_not_stop_is_told_with_the_command_that_kills_it() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopping), ("lms", State::Stopped)]);
    services.is_stubborn.set(true);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop");
    let kill =
        "let them end, or kill them there with `kill -KILL $(supervisorctl pid cms | grep -x '[1-9][0-9]*')`; then run";
    assert!(error.contains(kill), "{error}");
}

#[test]
fn an_order_is_not_given_again_while_the_host_carries_it_out() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    let ends = later(stage.clock.now(), Duration::from_secs(400));
    services.orders_run_until.set(Some(ends));
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        if services.clock.now() >= ends {
            services.put(&["cms".into(), "lms".into()], State::Stopped);
        }
    })));
    assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Wait)]), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms"]);
}

#[test]
fn a_stop_that_waits_past_its_limit_tells_a_program_again_that_runs_again() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    let at = |seconds| later(stage.clock.now(), Duration::from_secs(seconds));
    let (restarted, ends, was_restarted) = (at(300), at(900), Cell::new(false));
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        if services.clock.now() >= restarted && !was_restarted.replace(true) {
            services.put(&["lms".into()], State::Running);
        }
        if services.clock.now() >= ends {
            services.put(&["cms".into(), "lms".into()], State::Stopped);
            services.listed.replace(None);
        }
    })));
    assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Wait)]), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms", "stop cms lms"]);
}

#[test]
fn what_is_still_there_after_a_kill_is_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Stopped)]);
    // A child of what was cms, which has overwritten its environment, and waits for a disk.
    services.listed.replace(Some(with_process("99 (title) D 1 70 6157")));
    services.at_look.replace(Some(Box::new(|services: &Services| {
        services.is_stubborn.set(services.programs.borrow()[&ProgramName::from("cms")].state == State::Stopped);
    })));
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec!["stop".into()]));
    let calls = services.calls();
    assert_eq!(calls[..2], ["stop cms lms", "kill cms 99:6157"]);
    assert!((4..9).contains(&calls.len()), "{calls:?}");
    let error = stage.error_of("stop");
    assert!(error.starts_with("process 99 of cms (`[title]`) on edx-0: still there after they were killed"), "{error}");
}

#[test]
fn a_supervisor_that_hangs_does_not_let_a_step_exceed_its_limit_by_more_than_one_short_look() {
    for (limit, at_most) in [(60, 65), (30, 35), (21, 26), (0, 5)] {
        let mut stage = Stage::new();
        let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
        services.hang.set(true);
        let limit = Duration::from_secs(limit);
        let ending = stage.conduct(vec![Step { limit, ..stop(PastStopLimit::Abort) }]);
        assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
        assert!((limit.as_secs()..=at_most).contains(&stage.elapsed()), "{} s of {limit:?}", stage.elapsed());
        assert!(stage.error_of("stop").contains("supervisor did not answer within the limit"));
    }
}

#[test]
fn programs_that_are_told_to_stop_are_not_killed_before_their_time() {
    for past_limit in [PastStopLimit::Kill, PastStopLimit::Abort, PastStopLimit::Wait] {
        let mut stage = Stage::new();
        let states = [("cms", State::Stopping), ("lms", State::Running)];
        let services = Services::of(&mut stage, &states);
        assert_eq!(stage.conduct(vec![stop(past_limit)]), Ending::Finished);
        assert_eq!(services.calls(), ["stop cms lms"]);
    }
}

#[test]
fn a_program_that_the_file_does_not_allow_to_kill_is_not_killed_however_long_it_takes() {
    let mut stage = Stage::new();
    let states = [("cms", State::Stopping), ("lms", State::Running)];
    let services = Services::of(&mut stage, &states);
    stage.was_begun(vec![stop(PastStopLimit::Abort)], Vec::new());
    stage.pass(100);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms"]);
}

#[test]
fn a_program_that_does_not_stop_is_killed_when_its_time_is_over() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopping), ("lms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Finished);
    assert_eq!(services.calls(), ["kill cms"]);
    let (_, seconds) = services.calls.borrow()[0];
    assert!((60..62).contains(&seconds), "{seconds} s");
}

#[test]
fn a_clock_that_is_set_neither_shortens_nor_lengthens_the_time_that_programs_have_to_stop() {
    for by in SET_BY {
        let mut stage = Stage::new();
        stage.set_clock(30, by);
        let services = Services::of(&mut stage, &[("cms", State::Stopping), ("lms", State::Stopped)]);
        assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Finished);
        let (_, seconds) = services.calls.borrow()[0];
        assert!((60..62).contains(&seconds), "{seconds} s, set by {by} s");
    }
}

#[test]
fn a_crash_takes_nothing_from_the_time_that_programs_have_to_stop() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopping), ("lms", State::Stopped)]);
    // The step was started, and nothing says that anybody told the programs to stop.
    stage.was_begun(vec![stop(PastStopLimit::Kill)], Vec::new());
    stage.pass(100);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["kill cms"]);
    let (_, seconds) = services.calls.borrow()[0];
    assert!((160..165).contains(&seconds), "{seconds} s");
}

#[test]
fn a_program_whose_processes_are_left_has_not_stopped() {
    let left = || processes::answer(&[(71, &"cms".into())]);
    let stops = |past_limit| {
        let mut stage = Stage::new();
        let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Exited)]);
        services.listed.replace(Some(left()));
        let ending = stage.conduct(vec![stop(past_limit)]);
        (stage, services, ending)
    };
    let (stage, services, ending) = stops(PastStopLimit::Abort);
    assert_eq!((ending, services.calls()), (Ending::Failed(vec!["stop".into()]), Vec::new()));
    let error = stage.error_of("stop");
    let words = "still running on edx-0 after 1m 02s: process 71 of cms (`cms`); let them end, or kill them there with \
                 `kill -KILL 71`; then run the phase again";
    assert!(error.starts_with(words), "{error}");
    let (stage, services, ending) = stops(PastStopLimit::Kill);
    assert_eq!((ending, services.calls()), (Ending::Finished, vec!["kill cms".to_owned()]));
    let killed = Fact::Killed { host: "edx-0".into(), programs: vec!["cms".into()], tasks: Vec::new() };
    assert!(stage.facts_of("stop").contains(&killed), "{:?}", stage.facts_of("stop"));
}

#[test]
fn a_program_that_has_ended_by_itself_may_be_started_again_by_supervisor_and_is_looked_at_again() {
    for started_before_look in [2, 3] {
        let mut stage = Stage::new();
        let services = Services::of(&mut stage, &[("cms", State::Exited), ("lms", State::Stopped)]);
        let mut looks = 0;
        services.at_look.replace(Some(Box::new(move |services: &Services| {
            looks += 1;
            if looks == started_before_look {
                services.put(&["cms".into()], State::Running);
            }
        })));
        assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Finished);
        assert_eq!(services.calls(), ["stop cms lms"]);
    }
    // One that stays down needs no order.
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Exited), ("lms", State::Fatal)]);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Finished);
    assert_eq!((services.calls(), stage.elapsed()), (Vec::new(), 3));
}

#[test]
fn a_program_that_supervisor_will_start_again_is_told_to_stop() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Backoff), ("lms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms"]);
}

#[test]
fn a_process_that_no_longer_shows_its_program_is_found_by_the_process_id_that_the_program_had() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Stopped)]);
    // It was started by the process that was cms, and has overwritten its own environment.
    services.listed.replace(Some(with_process("99 (title) S 1 70 70")));
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop cms lms"]);
    let error = stage.error_of("stop");
    assert!(error.starts_with("still running on edx-0 after 1m 02s: process 99 of cms (`[title]`)"), "{error}");
}

#[test]
fn a_process_that_got_the_id_of_a_program_later_is_not_killed() {
    // The host was started again; or not, and it leads another group with that number, or is in one.
    let restarted = with_process("99 (sleep) S 1 70 70").replace("(supervisord) S 0 1\n", "(supervisord) S 0 1 50\n");
    let stranger = with_process("70 (sleep) S 1 70 7000");
    let child = with_process("70 (sh) S 1 70 7000\n99 (sleep) S 70 70 7001");
    for list in [restarted, stranger, child] {
        let mut stage = Stage::new();
        let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Running)]);
        services.at_look.replace(Some(Box::new(move |services: &Services| {
            if services.programs.borrow().values().all(|program| program.state.is_down()) {
                services.listed.replace(Some(list.clone()));
            }
        })));
        assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Finished);
        assert_eq!(services.calls(), ["stop cms lms"]);
    }
}

#[test]
fn a_program_of_which_supervisor_says_nothing_does_not_count_as_stopped() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), [""; 0]);
    let error = stage.error_of("stop");
    assert!(error.starts_with("edx-0: supervisorctl did not report the state of lms"), "{error}");
}

#[test]
fn each_order_of_each_conductor_is_a_job_of_its_own() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(stage.resume(), Ending::Failed(vec!["stop".into()]));
    let mut jobs = services.jobs.borrow().clone();
    assert!(jobs.len() > 10 && jobs.iter().all(|job| job.as_str().starts_with("qa-koa-v4-stop-e1-")), "{jobs:?}");
    let all = jobs.len();
    jobs.sort();
    jobs.dedup();
    assert_eq!(jobs.len(), all, "under a name that was used before, nothing would be done");
}

#[test]
fn orders_are_collected_when_their_step_is_done_and_not_before() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.collected.borrow().len(), 0, "they may tell what went wrong");
    services.is_stubborn.set(false);
    assert_eq!(stage.resume(), Ending::Finished);
    let (mut given, mut collected) = (services.jobs.borrow().clone(), services.collected.borrow().clone());
    given.sort();
    collected.sort();
    assert_eq!(collected, given, "also those of the conductor before");
}

#[test]
fn a_process_that_may_belong_to_a_program_outside_of_the_file_is_named_and_not_killed() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(left_in_unit()));
    stage.was_begun(vec![stop(PastStopLimit::Kill)], Vec::new());
    assert_eq!(stage.resume(), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), [""; 0]);
    assert!(stage.mentioned.borrow()[0].contains("process 99 (`celeryd`)"), "{:?}", stage.mentioned.borrow());
    let error = stage.error_of("stop");
    let words = "process 99 (`celeryd`) on edx-0: not killed, because nothing shows that it belongs to a program that \
                 was to be stopped";
    assert!(error.starts_with(words), "{error}");
    // Somebody has ended it.
    services.listed.replace(None);
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn of_what_is_left_only_the_processes_of_programs_that_were_asked_for_are_killed() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Stopped)]);
    // 98 is of the group that cms had, and 99 is of none that is known.
    let (left, stranger) = ("99 (title) S 1 70 6157", "99 (title) S 1 50 6158");
    let one = left_in_unit().replace(left, stranger);
    let both = one.replace(stranger, &format!("98 (title) S 1 70 6157\n{stranger}"));
    let both = both
        .replace("@cgroup\n", "@cgroup\n/proc/98/cgroup:0::/system.slice/supervisor.service\n")
        .replace("@cmdline\n", "@cmdline\n==> /proc/98/cmdline <==\ncms\n");
    services.listed.replace(Some(both));
    let is_killed = Rc::new(Cell::new(false));
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        let calls = services.calls();
        if calls.iter().any(|call| call.starts_with("kill")) && !is_killed.replace(true) {
            assert_eq!(calls.last().map(String::as_str), Some("kill cms 98:6157"));
            services.listed.replace(Some(one.clone()));
        }
    })));
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop cms lms", "kill cms 98:6157"]);
    let error = stage.error_of("stop");
    assert!(error.starts_with("process 99 (`celeryd`) on edx-0: not killed"), "{error}");
}

#[test]
fn programs_that_are_down_already_are_kept_from_starting_again() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.starts_at_boot.set(true);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Finished);
    assert_eq!(services.calls(), [""; 0], "a stop that is not for good has nothing to do");
    assert_eq!(stage.conduct(vec![stop_for_good()]), Ending::Finished);
    assert_eq!(services.calls(), ["stop-for-good cms lms"]);
    assert!(!services.starts_at_boot.get());
}

#[test]
fn a_stop_for_good_is_not_done_as_long_as_supervisor_would_start_the_programs_again() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.starts_at_boot.set(true);
    services.files_are_fixed.set(true);
    assert_eq!(stage.conduct(vec![stop_for_good()]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop-for-good cms lms"]);
    let error = stage.error_of("stop");
    let words = "cms, lms stopped on edx-0, and supervisor there would start them again when it starts";
    assert!(error.starts_with(&format!("{words}: old code")), "{error}");
    // What supervisorctl says of a success is no complaint.
    *services.prints.borrow_mut() = "sed: couldn't open temporary file\ncms: stopped\nlms: stopped\n";
    assert_eq!(stage.conduct(vec![stop_for_good()]), Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop");
    assert!(error.contains("(`sed: couldn't open temporary file`)"), "{error}");
    // Somebody has changed the files.
    services.starts_at_boot.set(false);
    assert_eq!(stage.conduct(vec![stop_for_good()]), Ending::Finished);
}
