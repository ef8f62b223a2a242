//! The programs on hosts: stopped, started and killed, and when each of that is over. A host whose supervisor obeys at once
//! is here; what conductors do with it is in the other files.

mod confirming;
mod first_contact;
mod ordered;
mod queues;
mod running_tasks;
mod sessions_of_su;
mod starting;
mod still_running;
mod stopping;
mod traced;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::names::{InstanceId, JobName, ProgramName};
use cutover_core::time::{between, earlier};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Clock, Hosts, World};
use cutover_hosts::command::{Ask, EXIT_TIMED_OUT, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, JobState, Signal};
use cutover_hosts::supervisor::autostart::{self, OwnEnd};
use cutover_hosts::supervisor::{Order, State, Verb, print_other, print_running};
use cutover_hosts::{answers, celery, processes};

use super::stage::Stage;

pub(crate) use confirming::confirm;
pub(crate) use starting::{start, start_on};
pub(crate) use still_running::still_running;
pub(crate) use stopping::stop;

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
    /// How many of the next lists of processes are cut off.
    lists_to_cut: Cell<u32>,
    /// What happens to the programs at each look.
    pub(crate) at_look: RefCell<Option<AtLook>>,
    /// Whether programs that are told to stop go on.
    is_stubborn: Cell<bool>,
    /// Whether stubborn programs at least begin to stop.
    obeys_late: Cell<bool>,
    /// Orders are being carried out until this moment.
    orders_run_until: Cell<Option<Timestamp>>,
    /// Nothing answers before this moment.
    silent_until: Cell<Option<Timestamp>>,
    /// Whether supervisor's `autostart` is on, in its files and as it has read them.
    starts_at_boot: Cell<bool>,
    /// Whether supervisor's files cannot be changed.
    files_are_fixed: Cell<bool>,
    /// What supervisorctl prints while an order is carried out.
    prints: RefCell<&'static str>,
    /// Whether supervisor's files are in a folder that cutover does not know.
    has_no_files: Cell<bool>,
    /// How the deployment's own command has ended that holds services.
    own_hold: Cell<OwnEnd>,
    /// Whether their host answers nothing.
    pub(crate) are_silent: Cell<bool>,
    /// Until when the host is booting.
    pub(crate) boots_until: Cell<Option<Timestamp>>,
    /// Whether orders are refused while the host is booting.
    pub(crate) refuses_orders_too: Cell<bool>,
    /// How many of the next orders are carried out, or not, without an answer.
    pub(crate) orders_in_doubt: Cell<u32>,
    /// Which processes go on of every job that has ended.
    pub(crate) go_on: RefCell<Vec<u32>>,
    /// From when on that holds; from the beginning, if nothing is set.
    pub(crate) boots_from: Cell<Option<Timestamp>>,
    /// Whether no question is answered within its limit.
    hang: Cell<bool>,
    /// What the queues hold at each count, and nothing after those.
    queued: RefCell<VecDeque<u32>>,
    /// What each of the next counts prints instead of a number, if anything.
    not_counted: RefCell<VecDeque<Option<&'static str>>>,
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
            orders_run_until: Cell::default(),
            silent_until,
            starts_at_boot,
            files_are_fixed: Cell::default(),
            prints: RefCell::default(),
            has_no_files: Cell::default(),
            own_hold: Cell::new(OwnEnd::Exit(0)),
            lists_to_cut: Cell::default(),
            are_silent: Cell::default(),
            boots_until: Cell::default(),
            boots_from: Cell::default(),
            refuses_orders_too: Cell::default(),
            orders_in_doubt: Cell::default(),
            go_on: RefCell::default(),
            hang: Cell::default(),
            not_counted: RefCell::default(),
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
    pub(crate) fn put(&self, names: &[ProgramName], state: State) {
        for (pid, name) in (80..).zip(names) {
            self.programs.borrow_mut().insert(name.clone(), Program { state, pid, since: self.clock.now() });
        }
    }

    /// Puts all programs into a state that are in another one.
    pub(crate) fn become_all(&self, state: State) {
        let others = self
            .programs
            .borrow()
            .iter()
            .filter(|(_, program)| program.state != state)
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>();
        self.put(&others, state);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.borrow().iter().map(|(call, _)| call.clone()).collect()
    }

    /// A list with the processes of the programs that run as well. They began at 6000.
    fn with_programs(&self, list: &str) -> String {
        let supervisor = list.lines().find_map(|line| line.strip_prefix("pid ")).unwrap_or_default();
        let programs = self.programs.borrow();
        let running = programs.iter().filter(|(_, program)| program.state == State::Running);
        let lines = running.map(|(name, Program { pid, .. })| format!("{pid} ({name}) S {supervisor} {pid} 6000\n"));
        list.replace("@stat\n", &format!("@stat\n{}", lines.collect::<String>()))
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
        let now = self.clock.now();
        let has_gone_down = self.boots_from.get().is_none_or(|from| from <= now);
        if has_gone_down && self.boots_until.get().is_some_and(|until| now < until) {
            let refused = "i-1: it cannot be reached: Connection refused";
            return Err(Failure::not_applied(refused).passes_within(Duration::from_secs(600)));
        }
        if self.hang.get() {
            self.clock.sleep(ask.limit).await;
            return Ok(Said { exit: EXIT_TIMED_OUT, ..Said::default() });
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
            _ if processes::is_asked(ask) => {
                let list = self.with_programs(&self.listed.borrow().clone().unwrap_or(processes::answer(&[])));
                let is_cut = self.lists_to_cut.get() > 0;
                self.lists_to_cut.set(self.lists_to_cut.get().saturating_sub(1));
                printed(if is_cut { list.replace("@end", "") } else { list })
            }
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
            _ if autostart::is_own_asked(ask) => printed(autostart::own_answer(self.own_hold.get())),
            _ if autostart::is_asked(ask) && self.has_no_files.get() => printed("end\n".to_owned()),
            _ if autostart::is_asked(ask) => printed(autostart::answer(!self.starts_at_boot.get())),
            [_, verb] if verb == "avail" => {
                let mut text = String::new();
                for name in self.programs.borrow().keys() {
                    autostart::print_loaded(&mut text, name.as_str(), !self.starts_at_boot.get());
                }
                printed(text)
            }
            [_, verb, ..] if verb == "LLEN" => {
                if let Some(words) = self.not_counted.borrow_mut().pop_front().flatten() {
                    return printed(words.to_owned());
                }
                printed(format!("{}\n", self.queued.borrow_mut().pop_front().unwrap_or_default()))
            }
            _ => Ok(self.said.borrow().clone()),
        }
    }

    async fn start_job(&self, _: &Permit, _: &InstanceId, job: &Job) -> Answer<JobStart> {
        let order = Order::of(&job.command).expect("nothing else is started here");
        if self.refuses_orders_too.get() && self.boots_until.get().is_some_and(|until| self.clock.now() < until) {
            let refused = "i-1: it cannot be reached: Connection refused";
            return Err(Failure::not_applied(refused).passes_within(Duration::from_secs(600)));
        }
        if self.orders_in_doubt.get() > 0 {
            self.orders_in_doubt.set(self.orders_in_doubt.get() - 1);
            return Err(Failure::in_doubt("i-1: the connection was lost"));
        }
        let (verb, state) = match order.verb {
            Verb::Stop => ("stop", State::Stopped),
            Verb::StopForGood => ("stop-for-good", State::Stopped),
            Verb::Start => ("start", State::Running),
            Verb::StartAlways => ("start-always", State::Running),
            Verb::Kill => ("kill", State::Stopped),
        };
        match order.verb {
            _ if self.files_are_fixed.get() => {}
            Verb::StartAlways => self.starts_at_boot.set(true),
            Verb::StopForGood => self.starts_at_boot.set(false),
            Verb::Stop | Verb::Start | Verb::Kill => {}
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

    async fn job(&self, _: &InstanceId, name: &JobName, _: u64) -> Answer<Option<JobReport>> {
        if !self.jobs.borrow().contains(name) {
            return Ok(None);
        }
        let runs = self.orders_run_until.get().is_some_and(|until| self.clock.now() < until);
        let ended = JobState::Ended { exit: 0, out_of_memory: false, peak_memory: None };
        let state = if runs { JobState::Running } else { ended };
        let output = self.prints.borrow().as_bytes().to_vec();
        let (next, size) = (output.len() as u64, output.len() as u64);
        let (is_cut, was_signalled, was_interrupted, left) = Default::default();
        let go_on = self.go_on.borrow().clone();
        Ok(Some(JobReport {
            started: self.start,
            epoch: 1,
            state,
            output,
            next,
            size,
            is_cut,
            was_signalled,
            was_interrupted,
            left,
            go_on,
        }))
    }

    async fn signal_job(&self, _: &Permit, _: &InstanceId, _: &JobName, _: Signal) -> Answer<bool> {
        Err(Failure::permanent("nobody asks for this here"))
    }

    async fn collect_job(&self, _: &Permit, _: &InstanceId, job: &JobName) -> Answer<()> {
        self.collected.borrow_mut().push(job.clone());
        Ok(())
    }
}

/// What celery's workers are asked for their tasks.
fn inspect() -> Vec<String> {
    ["celery", "inspect", "active", "--json"].map(str::to_owned).to_vec()
}

/// The processes of a host without systemd on which this one is left: a line of the list.
fn with_process(line: &str) -> String {
    processes::answer(&[]).replace("@stat\n", &format!("@stat\n{line}\n"))
}

/// The processes of a host on which one is left that says nothing about its program, in the unit of supervisor.
fn left_in_unit() -> String {
    let unit = "/system.slice/supervisor.service";
    with_process("50 (supervisord) S 1 50 50\n99 (title) S 1 70 6157")
        .replace("pid 1\n", "systemd\npid 50\nMainPID=50\n")
        .replace("@cgroup\n", &format!("@cgroup\n/proc/50/cgroup:0::{unit}\n/proc/99/cgroup:0::{unit}\n"))
        .replace("@cmdline\n", "@cmdline\n==> /proc/99/cmdline <==\nceleryd: worker\n")
}
