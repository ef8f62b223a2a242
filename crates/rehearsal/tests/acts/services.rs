//! The programs on hosts: stopped, started and killed, and when each of that is over.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::deployment::{PastStopLimit, SmokeTest};
use cutover_core::journal::{Event, Fact, RunningTask, StepStatus};
use cutover_core::names::{InstanceId, JobName, ProgramName, SnapshotId};
use cutover_core::plan::{Action, CountTasks, Edge, HostPrograms, Idle, Line, Rule, StartServices, Step, StopServices};
use cutover_core::time::{between, earlier, later};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Hosts, World};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};
use cutover_hosts::supervisor::{Order, State, Verb, autostart, print_other, print_running};
use cutover_hosts::{answers, celery, processes};

use super::stage::{SET_BY, Stage, Waits, failed, host, learned, step};

/// A program under supervisor.
#[derive(Clone, Copy)]
struct Program {
    state: State,
    pid: u32,
    /// When its process was started.
    since: Timestamp,
}

/// What happens to the programs at a look.
type AtLook = Box<dyn FnMut(&Services)>;

/// A host whose supervisor obeys at once, and answers as the real programs do.
pub(crate) struct Services {
    clock: Rc<dyn Clock>,
    start: Timestamp,
    programs: RefCell<BTreeMap<ProgramName, Program>>,
    /// What the list of processes says, instead of nothing.
    listed: RefCell<Option<String>>,
    /// What happens to the programs at each look.
    at_look: RefCell<Option<AtLook>>,
    /// Whether programs that are told to stop go on.
    is_stubborn: Cell<bool>,
    /// Whether stubborn programs at least begin to stop.
    obeys_late: Cell<bool>,
    /// Nothing answers before this moment.
    silent_until: Cell<Option<Timestamp>>,
    /// Whether supervisor's `autostart` is on, in its files and as it has read them.
    starts_at_boot: Cell<bool>,
    /// How the deployment's own command has ended that holds services.
    hold_exit: Cell<i32>,
    /// Whether their host answers nothing.
    pub(crate) are_silent: Cell<bool>,
    queued: Cell<u32>,
    /// What celery says about running tasks.
    active: RefCell<Said>,
    /// What every other question is answered with.
    said: RefCell<Said>,
    /// The orders, with the seconds at which they were given.
    calls: RefCell<Vec<(String, u64)>>,
    /// The names of their jobs.
    jobs: RefCell<Vec<JobName>>,
    /// The names of those that were collected.
    collected: RefCell<Vec<JobName>>,
}

impl Services {
    pub(crate) fn of(stage: &mut Stage, states: &[(&str, State)]) -> Rc<Self> {
        let start = stage.clock.now();
        let program = |state| Program { state, pid: 70, since: earlier(start, Duration::from_secs(60)) };
        let programs = states.iter().map(|(name, state)| (ProgramName::from(*name), program(*state))).collect();
        let (
            listed,
            at_look,
            is_stubborn,
            obeys_late,
            silent_until,
            starts_at_boot,
            queued,
            active,
            said,
            calls,
            jobs,
            collected,
        ) = Default::default();
        let clock = Rc::clone(&stage.clock) as _;
        let programs = RefCell::new(programs);
        let services = Self {
            clock,
            start,
            programs,
            listed,
            at_look,
            is_stubborn,
            obeys_late,
            silent_until,
            starts_at_boot,
            hold_exit: Cell::default(),
            are_silent: Cell::default(),
            queued,
            active,
            said,
            calls,
            jobs,
            collected,
        };
        let services = Rc::new(services);
        stage.world = World { hosts: Rc::clone(&services) as _, ..stage.world.clone() };
        services
    }

    /// Puts programs into a state, with a new process.
    fn put(&self, names: &[ProgramName], state: State) {
        for (pid, name) in (80..).zip(names) {
            self.programs.borrow_mut().insert(name.clone(), Program { state, pid, since: self.clock.now() });
        }
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.borrow().iter().map(|(call, _)| call.clone()).collect()
    }

    fn status(&self, names: &[String]) -> String {
        let programs = self.programs.borrow();
        let mut text = String::new();
        for (name, program) in names.iter().filter_map(|name| Some((name, programs.get(&name.as_str().into())?))) {
            match program {
                Program { state: State::Running, pid, since } => {
                    print_running(&mut text, name, *pid, between(*since, self.clock.now()));
                }
                Program { state: State::Backoff, .. } => {
                    let words = "Exited too quickly (process log may have details)";
                    print_other(&mut text, name, State::Backoff, words);
                }
                Program { state, .. } => print_other(&mut text, name, *state, ""),
            }
        }
        text
    }
}

#[async_trait(?Send)]
impl Hosts for Services {
    async fn ask(&self, _: &InstanceId, ask: &Ask) -> Answer<Said> {
        if self.are_silent.get() {
            return Err(Failure::permanent("the host cannot be reached"));
        }
        let printed = |stdout: String| Ok(Said { stdout, ..Said::default() });
        match ask.command.arguments.as_slice() {
            [_, verb, names @ ..] if verb == "status" => {
                if let Some(mut at_look) = self.at_look.take() {
                    at_look(self);
                    self.at_look.replace(Some(at_look));
                }
                printed(self.status(names))
            }
            _ if processes::is_asked(ask) => printed(self.listed.borrow().clone().unwrap_or(processes::answer(&[]))),
            _ if celery::is_asked(ask, &inspect()) => {
                // Workers that were told to stop do not answer.
                let runs = self.programs.borrow().values().any(|program| program.state == State::Running);
                let silent = Said { exit: 69, stderr: "Error: No nodes replied\n".to_owned(), ..Said::default() };
                Ok(if runs { self.active.borrow().clone() } else { silent })
            }
            _ if answers::asked(ask).is_some() => {
                let silent = self.silent_until.get();
                let answers = |_: &str| silent.is_none_or(|until| self.clock.now() >= until);
                printed(answers::answer(answers::asked(ask).unwrap_or_default(), answers))
            }
            _ if autostart::is_own_asked(ask) => printed(autostart::own_answer(self.hold_exit.get())),
            _ if autostart::is_asked(ask) => printed(autostart::answer(!self.starts_at_boot.get())),
            [_, verb] if verb == "avail" => {
                let mut text = String::new();
                for name in self.programs.borrow().keys() {
                    autostart::print_loaded(&mut text, name.as_str(), !self.starts_at_boot.get());
                }
                printed(text)
            }
            [_, verb, ..] if verb == "LLEN" => {
                printed(format!("{}\n", self.queued.replace(self.queued.get().saturating_sub(1))))
            }
            _ => Ok(self.said.borrow().clone()),
        }
    }

    async fn start_job(&self, _: &Permit, _: &InstanceId, job: &Job) -> Answer<JobStart> {
        let order = Order::of(&job.command).expect("nothing else is started here");
        let (verb, state) = match order.verb {
            Verb::Stop => ("stop", State::Stopped),
            Verb::Start => ("start", State::Running),
            Verb::StartAlways => ("start-always", State::Running),
            Verb::Kill => ("kill", State::Stopped),
        };
        if order.verb == Verb::StartAlways {
            self.starts_at_boot.set(true);
        }
        let names = order.programs.iter().map(ToString::to_string);
        let left = order.left.iter().map(|(pid, begun)| format!("{pid}:{begun}"));
        let names: Vec<String> = names.chain(left).collect();
        let seconds = between(self.start, self.clock.now()).as_secs();
        self.calls.borrow_mut().push((format!("{verb} {}", names.join(" ")), seconds));
        self.jobs.borrow_mut().push(job.name.clone());
        if verb == "kill" && !self.is_stubborn.get() {
            self.listed.replace(None);
        }
        if !self.is_stubborn.get() {
            self.put(&order.programs, state);
        } else if verb == "stop" && self.obeys_late.get() {
            self.put(&order.programs, State::Stopping);
        }
        Ok(JobStart::Started)
    }

    async fn job(&self, _: &InstanceId, _: &JobName, _: u64) -> Answer<Option<JobReport>> {
        Err(Failure::permanent("nobody asks for this here"))
    }

    async fn signal_job(&self, _: &Permit, _: &InstanceId, _: &JobName, _: Signal) -> Answer<bool> {
        Err(Failure::permanent("nobody asks for this here"))
    }

    async fn collect_job(&self, _: &Permit, _: &InstanceId, job: &JobName) -> Answer<()> {
        self.collected.borrow_mut().push(job.clone());
        Ok(())
    }
}

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
    };
    step("stop", Action::StopServices(stop))
}

fn inspect() -> Vec<String> {
    ["celery", "inspect", "active", "--json"].map(str::to_owned).to_vec()
}

/// The step that stops workers, whose tasks celery names, and is expected to take 20 seconds.
fn stop_workers(past_stop_limit: PastStopLimit) -> Step {
    let mut stop = stop(past_stop_limit);
    if let Action::StopServices(stop) = &mut stop.action {
        stop.running_tasks = inspect();
    }
    let limit = if past_stop_limit == PastStopLimit::Wait { Duration::from_secs(86_400) } else { stop.limit };
    Step { expected: Duration::from_secs(20), limit, ..stop }
}

/// Workers that begin to stop and never end, and run two tasks, of which one ends.
fn late_workers(stage: &mut Stage) -> Rc<Services> {
    let services = Services::of(stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    services.obeys_late.set(true);
    let task = |name: &str, process| celery::Task {
        worker: "celery@edx-0".to_owned(),
        name: name.to_owned(),
        id: format!("id-of-{name}"),
        process: Some(process),
        running: Some(Duration::from_secs(90)),
    };
    let tasks = [task("grades", 71), task("mail", 72)];
    services.active.replace(Said { stdout: celery::answer("edx-0", "celery@edx-0", &tasks), ..Said::default() });
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    services
}

#[test]
fn while_a_stop_is_late_the_tasks_that_still_run_are_named_with_their_age() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop cms lms"]);
    let mentioned = stage.mentioned.borrow();
    assert_eq!(mentioned[0], "still stopping: cms, lms", "it is not late yet");
    let late = "still stopping: cms, lms; tasks that run there: grades (id-of-grades) for 1m 5";
    assert!(mentioned[1].starts_with(late), "{mentioned:?}");
    let error = stage.error_of("stop");
    let words = "still running on edx-0 after 1m: cms, lms; tasks that run there: grades (id-of-grades) for 2m 30s";
    assert!(error.starts_with(words), "{error}");
}

#[test]
fn killed_programs_are_on_record_with_the_tasks_that_end_with_them_also_when_another_conductor_kills() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    let tasks = RunningTask { name: "mail".into(), id: "7".into(), process: Some(72), since: None };
    let told = Fact::RunningTasks {
        host: "edx-0".into(),
        tasks: vec![tasks.clone(), RunningTask { process: Some(71), ..tasks.clone() }],
    };
    services.put(&["cms".into(), "lms".into()], State::Stopping);
    stage.was_begun(vec![stop_workers(PastStopLimit::Kill)], vec![learned("stop", told)]);
    services.is_stubborn.set(false);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["kill cms lms"]);
    let killed = Fact::Killed {
        host: "edx-0".into(),
        programs: vec!["cms".into(), "lms".into()],
        tasks: vec![RunningTask { process: Some(71), ..tasks }],
    };
    assert!(stage.facts_of("stop").contains(&killed), "{:?}", stage.facts_of("stop"));
}

#[test]
fn a_stop_goes_on_without_the_tasks_if_celery_does_not_tell() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    let refused =
        Said { exit: 69, stderr: "Error: No nodes replied within time constraint\n".into(), ..Said::default() };
    services.active.replace(refused);
    assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop cms lms"]);
    let text = "which tasks run on edx-0 is not known: celery says exit status 69: Error: No nodes replied within time \
                constraint";
    assert!(stage.facts_of("stop").contains(&Fact::Note { text: text.into() }), "{:?}", stage.facts_of("stop"));
    let error = stage.error_of("stop");
    assert!(error.contains("cms, lms; which tasks run there is not known, celery did not tell"), "{error}");
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
fn what_is_still_there_after_a_kill_is_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Stopped)]);
    // A child of what was cms, which has overwritten its environment, and waits for a disk.
    let stat = "99 (title) D 1 70 70 0 -1 4194560 2026 2186 4 1 3 2 1 0 20 0 1 0 6157 12550144";
    services.listed.replace(Some(format!("@environ\n@stat\n1 (systemd) S 0 1 1\n{stat}\n@cmdline\n@end\n")));
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
    stage.was_begun(vec![start()], Vec::new());
    assert_eq!(stage.resume(), Ending::Failed(vec!["start".into()]));
    assert_eq!((services.calls(), stage.elapsed()), (Vec::new(), 0));
    let error = stage.error_of("start");
    assert!(error.starts_with("cms on edx-0 could not be kept running"), "{error}");
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
fn services_that_were_started_again_are_stopped_and_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Running)]);
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Finished);
    assert_eq!(services.calls(), ["stop lms"]);
    assert!(
        notes(&stage).contains(&"lms was running again on edx-0 and is stopped again".to_owned()),
        "{:?}",
        notes(&stage)
    );
}

fn confirm() -> Step {
    let programs = vec!["cms".into(), "lms".into()];
    let hosts = vec![HostPrograms { host: host("edx-0", "i-1"), supervisorctl: "supervisorctl".to_owned(), programs }];
    step("confirm", Action::ConfirmStopped { hosts, snapshots: Vec::new() })
}

/// What the journal says about services that had to be stopped.
fn notes(stage: &Stage) -> Vec<String> {
    let text = |fact| if let Fact::Note { text } = fact { Some(text) } else { None };
    stage.facts_of("confirm").into_iter().filter_map(text).collect()
}

fn ran_again(snapshots: &[&str]) -> Fact {
    let snapshots = snapshots.iter().map(|id| SnapshotId::from(*id)).collect();
    Fact::RanAgain { host: "edx-0".into(), programs: vec!["lms".into()], snapshots }
}

/// A stage on which a snapshot was taken, and lms runs again.
fn after_snapshot() -> (Stage, Rc<Services>) {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Running)]);
    let taken = Fact::SnapshotTaken { database: "edxapp".into(), snapshot: "s-1".into() };
    let done = Event::StepDone { step: "snapshot".into(), facts: vec![taken] };
    let Action::ConfirmStopped { hosts, .. } = confirm().action else { panic!("it confirms") };
    let snapshots = vec!["s-1".into(), "s-2".into()];
    let steps = vec![step("snapshot", Action::Milestone), step("confirm", Action::ConfirmStopped { hosts, snapshots })];
    stage.was_begun(steps, vec![done]);
    (stage, services)
}

#[test]
fn after_a_snapshot_services_that_were_started_again_are_stopped_and_the_migrations_do_not_begin() {
    let (stage, services) = after_snapshot();
    let failed = Ending::Failed(vec!["confirm".into()]);
    assert_eq!((stage.resume(), services.calls()), (failed.clone(), vec!["stop lms".to_owned()]));
    assert!(stage.facts_of("confirm").contains(&ran_again(&["s-1"])), "s-2 was not taken yet");
    let error = stage.error_of("confirm");
    assert!(error.contains("were running after the snapshot had been begun: lms on edx-0."), "{error}");
    assert!(error.contains("They are stopped now. What they wrote may be missing from s-1"), "{error}");
    assert!(!error.contains("--replan"), "whether another one can be taken depends on what happens meanwhile: {error}");
    assert_eq!(stage.resume(), failed, "another conductor knows it too");
}

#[test]
fn an_operator_may_allow_the_migrations_although_the_snapshot_lacks_something_but_only_once() {
    let (stage, services) = after_snapshot();
    let failed = Ending::Failed(vec!["confirm".into()]);
    let allow = || stage.was_recorded(vec![Event::StepRetryApproved { step: "confirm".into(), by: "ada".to_owned() }]);
    assert_eq!(stage.resume(), failed);
    allow();
    services.put(&["lms".into()], State::Running);
    assert_eq!(stage.resume(), failed, "it is running once more");
    allow();
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn a_service_that_is_started_again_and_again_is_stopped_each_time() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    let mut looks = 0;
    services.at_look.replace(Some(Box::new(move |services| {
        looks += 1;
        if looks == 4 {
            services.put(&["lms".into()], State::Running);
        }
    })));
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    let ending = stage.conduct(vec![confirm()]);
    assert_eq!(
        (ending, services.calls()),
        (Ending::Failed(vec!["confirm".into()]), vec!["stop cms lms".into(), "stop lms".into()])
    );
    let expected = [
        "cms was running again on edx-0 and is stopped again",
        "lms was running again on edx-0 and is stopped again",
        "process 71 of lms (`lms`) was left on edx-0",
    ];
    assert_eq!(notes(&stage), expected);
}

#[test]
fn processes_that_were_left_are_on_record_although_they_have_ended_since() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    let mut looks = 0;
    services.at_look.replace(Some(Box::new(move |services| {
        looks += 1;
        if looks == 3 {
            services.listed.replace(None);
        }
    })));
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Finished);
    assert_eq!(services.calls(), [""; 0], "there is nothing that supervisor could stop");
    assert_eq!(notes(&stage)[0], "process 71 of lms (`lms`) was left on edx-0");
}

fn drain() -> Action {
    let command = vec!["redis-cli".to_owned(), "LLEN".to_owned(), "celery".to_owned()];
    Action::DrainQueues { fleet: "live".into(), count: Some(CountTasks { host: host("worker-0", "i-1"), command }) }
}

#[test]
fn a_queue_is_drained_once_nothing_is_left_in_it() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    services.queued.set(3);
    assert_eq!(stage.conduct(vec![step("drain", drain())]), Ending::Finished);
    let left = |tasks: u32| format!("{tasks} tasks of live are waiting");
    assert_eq!(*stage.mentioned.borrow(), [left(3), left(2), left(1)]);
    assert_eq!((stage.starts_of("drain"), stage.status("drain")), (1, StepStatus::Done));
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
    assert!(error.starts_with("still running on edx-0 after 1m: process 71 of cms (`cms`)"), "{error}");
    let (stage, services, ending) = stops(PastStopLimit::Kill);
    assert_eq!((ending, services.calls()), (Ending::Finished, vec!["kill cms".to_owned()]));
    let killed = Fact::Killed { host: "edx-0".into(), programs: vec!["cms".into()], tasks: Vec::new() };
    assert!(stage.facts_of("stop").contains(&killed), "{:?}", stage.facts_of("stop"));
}

#[test]
fn a_process_that_no_longer_shows_its_program_is_found_by_the_process_id_that_the_program_had() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Stopped)]);
    // It was started by the process that was cms, and has overwritten its own environment.
    let listed = "@environ\n@stat\n1 (systemd) S 0 1 1\n99 (title) S 1 70 70\n@cmdline\n@end\n";
    services.listed.replace(Some(listed.to_owned()));
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop cms lms"]);
    let error = stage.error_of("stop");
    assert!(error.starts_with("still running on edx-0 after 1m: process 99 of cms (`[title]`)"), "{error}");
}

#[test]
fn services_of_which_processes_are_left_are_not_confirmed_to_be_stopped() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Failed(vec!["confirm".into()]));
    assert_eq!(services.calls(), [""; 0], "there is nothing that supervisor could stop");
    let error = stage.error_of("confirm");
    assert!(error.ends_with("still running: process 71 of lms (`lms`) on edx-0"), "{error}");
}

#[test]
fn a_program_of_which_supervisor_says_nothing_does_not_count_as_stopped() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), [""; 0]);
    let error = stage.error_of("stop");
    assert!(error.starts_with("edx-0: supervisorctl did not say how lms is"), "{error}");
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
fn a_queue_that_cannot_be_counted_is_never_drained() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    let refused = "Could not connect to Redis at 127.0.0.1:6379: Connection refused\n";
    services.said.replace(Said { exit: 1, stdout: String::new(), stderr: refused.to_owned() });
    let mut drain = drain();
    if let Action::DrainQueues { count: Some(count), .. } = &mut drain {
        count.command[1] = "llen".to_owned();
    }
    assert_eq!(stage.conduct(vec![step("drain", drain)]), Ending::Failed(vec!["drain".into()]));
    let error = stage.error_of("drain");
    assert!(
        error.starts_with("the tasks of live could not be counted on worker-0: exit status 1: Could not"),
        "{error}"
    );
    assert!(error.contains("count_queues"), "{error}");
}

#[test]
fn queues_of_an_old_plan_that_does_not_say_how_to_count_them_are_not_taken_for_empty() {
    let mut stage = Stage::new();
    Services::of(&mut stage, &[]);
    let drain = Action::DrainQueues { fleet: "live".into(), count: None };
    assert_eq!(stage.conduct(vec![step("drain", drain)]), Ending::Failed(vec!["drain".into()]));
    let error = stage.error_of("drain");
    assert!(error.contains("does not say how the tasks of live are counted; plan the window again"), "{error}");
}

#[test]
fn a_smoke_test_that_fails_is_named_with_what_it_said() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    services.said.replace(Said { exit: 3, stdout: "inactive\n".to_owned(), stderr: String::new() });
    let test = |name: &str| SmokeTest {
        name: name.to_owned(),
        command: ["systemctl", "is-active", name].map(str::to_owned).to_vec(),
        contains: None,
    };
    let smoke =
        Action::SmokeTest { host: host("edx-0", "i-1"), tests: vec![test("nginx"), test("supervisor")], idle: None };
    assert_eq!(stage.conduct(vec![step("smoke", smoke)]), Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke");
    assert!(
        error.starts_with("2 of 2 smoke tests failed: nginx: exit status 3: inactive; supervisor: exit"),
        "{error}"
    );
}

/// A smoke test that succeeds, on a host that must have booted without its programs.
fn smoke_test_of_worker() -> Step {
    let tests = vec![SmokeTest { name: "nginx".to_owned(), command: vec!["true".to_owned()], contains: None }];
    let programs = vec!["cms".into(), "lms".into()];
    let idle = Some(Idle { supervisorctl: "supervisorctl".to_owned(), programs, autostart_is_off: true });
    step("smoke", Action::SmokeTest { host: host("edx-0", "i-1"), tests, idle })
}

#[test]
fn a_next_host_is_looked_at_for_programs_that_must_not_run_yet() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Finished);
    assert_eq!(services.calls(), [""; 0]);
}

#[test]
fn a_program_that_runs_before_the_window_is_stopped_at_once_and_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Running)]);
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Failed(vec!["smoke".into()]));
    assert_eq!(services.calls(), ["stop lms"]);
    let text = "lms ran on edx-0 before the window, and was told to stop: it may have run tasks of the live site with new code";
    assert!(stage.facts_of("smoke").contains(&Fact::Note { text: text.to_owned() }), "{:?}", stage.facts_of("smoke"));
    assert!(stage.error_of("smoke").starts_with(text), "{}", stage.error_of("smoke"));
    // It is down now, and the operator has seen it.
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn a_host_whose_next_boot_would_start_programs_is_refused() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.starts_at_boot.set(true);
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke");
    assert!(
        error.starts_with("supervisor on edx-0 starts cms, lms whenever the host boots; look on the host"),
        "{error}"
    );
    // Where the file keeps services from starting in another way, supervisor may say what it likes.
    let mut other = smoke_test_of_worker();
    if let Action::SmokeTest { idle: Some(idle), .. } = &mut other.action {
        idle.autostart_is_off = false;
    }
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.starts_at_boot.set(true);
    services.hold_exit.set(7);
    assert_eq!(stage.conduct(vec![other]), Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke");
    assert!(error.starts_with("`hold_services` has failed on edx-0 with exit status 7"), "{error}");
    services.hold_exit.set(0);
    assert_eq!(stage.resume(), Ending::Finished);
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
}
