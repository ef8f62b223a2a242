//! Cron files and timers that are held back, and commands that freeze and release a host.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::journal::Event;
use cutover_core::names::{InstanceId, JobName};
use cutover_core::plan::{Action, HeldItems, Purpose, RunCommands, Step};
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Hosts, World};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::hold::{self, Order, Verb};
use cutover_hosts::job::{Job, JobReport, JobStart, JobState, Signal};

use super::stage::{Stage, host, step};

const CRON: &str = "/etc/cron.d/edxapp";

/// A host that obeys at once.
pub(crate) struct Machine {
    /// What it says of each item.
    states: RefCell<BTreeMap<String, String>>,
    /// For so many looks, a service of the timer still runs after the timer is held back.
    busy: Cell<u32>,
    /// For so many looks, systemd does not tell the states of timers.
    silent: Cell<u32>,
    /// With so many looks left at which the service still runs, systemd once does not tell.
    silent_at: Cell<Option<u32>>,
    /// The jobs, with what each has printed and its exit status.
    pub(crate) jobs: RefCell<Vec<(JobName, Job)>>,
    pub(crate) ends: RefCell<(String, JobState)>,
    /// How many bytes of output fit into an answer.
    pub(crate) at_once: Cell<usize>,
    /// Whether orders change nothing.
    refuses: Cell<bool>,
    /// Whether the answer to the next job is lost.
    pub(crate) loses_answer: Cell<bool>,
    /// The exit status of commands that have ended while what they have started goes on.
    pub(crate) left: Cell<Option<i32>>,
    /// What goes on of each job, and for how many looks.
    pub(crate) go_on: RefCell<Vec<u32>>,
    pub(crate) goes_on_for: Cell<u32>,
    /// The exit status of the command of the first job, of which something goes on in its unit, whatever the others do.
    pub(crate) first_goes_on: Cell<Option<i32>>,
    /// The jobs of which nothing is on record any more.
    pub(crate) collected: RefCell<Vec<JobName>>,
    /// Whether there is a connection. An order never makes one.
    is_reached: Cell<bool>,
}

impl Machine {
    pub(crate) fn of(stage: &mut Stage, items: &[(&str, &str)]) -> Rc<Self> {
        let states = items.iter().map(|(item, state)| ((*item).to_owned(), (*state).to_owned())).collect();
        let ended = JobState::Ended { exit: 0, out_of_memory: false, peak_memory: None };
        let machine = Rc::new(Self {
            states: RefCell::new(states),
            busy: Cell::new(0),
            silent: Cell::new(0),
            silent_at: Cell::new(None),
            jobs: RefCell::default(),
            ends: RefCell::new((String::new(), ended)),
            at_once: Cell::new(usize::MAX),
            refuses: Cell::new(false),
            loses_answer: Cell::new(false),
            left: Cell::default(),
            go_on: RefCell::default(),
            goes_on_for: Cell::new(u32::MAX),
            first_goes_on: Cell::default(),
            collected: RefCell::default(),
            is_reached: Cell::new(false),
        });
        stage.world = World { hosts: Rc::clone(&machine) as _, ..stage.world.clone() };
        machine
    }

    fn verbs(&self) -> Vec<Verb> {
        self.jobs.borrow().iter().filter_map(|(_, job)| Order::of(&job.command)).map(|order| order.verb).collect()
    }

    pub(crate) fn names(&self) -> Vec<JobName> {
        self.jobs.borrow().iter().map(|(name, _)| name.clone()).collect()
    }
}

#[async_trait(?Send)]
impl Hosts for Machine {
    async fn ask(&self, _: &InstanceId, ask: &Ask) -> Answer<Said> {
        let items = hold::asked(ask).expect("nothing else is asked here");
        if self.silent_at.get() == Some(self.busy.get()) {
            self.silent_at.set(None);
            self.silent.set(1);
        }
        if self.silent.get() > 0 {
            self.silent.set(self.silent.get() - 1);
            let stderr = "systemd does not tell the ActiveState of edx-nightly.timer\n".to_owned();
            return Ok(Said { exit: 1, stderr, ..Said::default() });
        }
        let left = self.busy.get();
        let state = |item: &String| match self.states.borrow()[item].as_str() {
            "held" if left > 0 && item.ends_with(".timer") => format!("busy:nightly.service {item}\n"),
            state => format!("{state} {item}\n"),
        };
        let stdout = items.iter().map(state).chain(["end\n".to_owned()]).collect();
        if self.states.borrow().values().any(|state| state == "held") {
            self.busy.set(left.saturating_sub(1));
        }
        Ok(Said { stdout, ..Said::default() })
    }

    async fn reach(&self, _: &InstanceId) -> Answer<()> {
        self.is_reached.set(true);
        Ok(())
    }

    async fn start_job(&self, _: &Permit, _: &InstanceId, job: &Job) -> Answer<JobStart> {
        assert!(self.is_reached.get(), "the permit would wait for a connection");
        if self.names().contains(&job.name) {
            return Ok(JobStart::Found);
        }
        self.jobs.borrow_mut().push((job.name.clone(), job.clone()));
        if let Some(order) = Order::of(&job.command).filter(|_| !self.refuses.get()) {
            let state = if order.verb == Verb::Hold { "held" } else { "not-held" };
            let mut states = self.states.borrow_mut();
            states.values_mut().filter(|now| !now.starts_with("masked")).for_each(|now| state.clone_into(now));
        }
        if self.loses_answer.take() {
            return Err(Failure::new(FailureClass::InDoubt, "the connection broke"));
        }
        Ok(JobStart::Started)
    }

    async fn job(&self, _: &InstanceId, name: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        if !self.names().contains(name) || self.collected.borrow().contains(name) {
            return Ok(None);
        }
        let goes_on_for = self.goes_on_for.replace(self.goes_on_for.get().saturating_sub(1));
        let mut go_on = if goes_on_for > 0 { self.go_on.borrow().clone() } else { Vec::new() };
        let (printed, mut state) = self.ends.borrow().clone();
        let mut left = self.left.get();
        if self.names().first() == Some(name) && self.first_goes_on.get().is_some() {
            (state, left) = (JobState::Running, self.first_goes_on.get());
        } else if self.first_goes_on.get().is_some() {
            go_on.clear();
        }
        let from = usize::try_from(offset).expect("a short output");
        let output: Vec<u8> = printed.bytes().skip(from).take(self.at_once.get()).collect();
        let (size, next) = (printed.len() as u64, offset + output.len() as u64);
        let started = Timestamp::UNIX_EPOCH;
        Ok(Some(JobReport {
            started,
            epoch: 1,
            state,
            output,
            next,
            size,
            is_cut: false,
            was_signalled: false,
            was_interrupted: false,
            left,
            go_on,
        }))
    }

    async fn signal_job(&self, _: &Permit, _: &InstanceId, _: &JobName, _: Signal) -> Answer<bool> {
        Err(Failure::permanent("nobody asks for this here"))
    }

    async fn collect_job(&self, _: &Permit, _: &InstanceId, name: &JobName) -> Answer<()> {
        assert!(self.is_reached.get(), "the permit would wait for a connection");
        self.collected.borrow_mut().push(name.clone());
        Ok(())
    }
}

fn items() -> HeldItems {
    HeldItems { host: host("edx-0", "i-1"), items: vec![CRON.to_owned(), "nightly.timer".to_owned()] }
}

fn hold() -> Step {
    step("hold", Action::HoldBack(items()))
}

#[test]
fn what_is_held_back_is_held_once_and_put_back_as_it_was() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[(CRON, "not-held"), ("nightly.timer", "not-held")]);
    let back = step("back", Action::PutBack(items()));
    assert_eq!(stage.conduct(vec![hold()]), Ending::Finished);
    assert_eq!(stage.conduct(vec![hold()]), Ending::Finished);
    assert_eq!(machine.verbs(), [Verb::Hold], "it holds already");
    assert_eq!(stage.conduct(vec![back]), Ending::Finished);
    assert_eq!(machine.verbs(), [Verb::Hold, Verb::PutBack]);
}

#[test]
fn what_is_partly_held_is_held_as_a_whole() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[(CRON, "held"), ("nightly.timer", "not-held")]);
    assert_eq!(stage.conduct(vec![hold()]), Ending::Finished);
    assert_eq!(machine.verbs(), [Verb::Hold]);
}

#[test]
fn a_service_that_a_timer_has_started_is_waited_for_and_named() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[(CRON, "not-held"), ("nightly.timer", "not-held")]);
    machine.busy.set(20);
    assert_eq!(stage.conduct(vec![hold()]), Ending::Finished);
    assert_eq!(*stage.mentioned.borrow(), ["held back; still running: nightly.service of nightly.timer"]);
    assert!(stage.elapsed() >= 8, "{} s", stage.elapsed());
}

#[test]
fn what_is_waited_for_is_told_again_after_it_could_not_be_observed() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[(CRON, "held"), ("nightly.timer", "held")]);
    machine.busy.set(6);
    machine.silent_at.set(Some(3));
    assert_eq!(stage.conduct(vec![hold()]), Ending::Finished);
    let mentioned = stage.mentioned.borrow();
    let runs = "held back; still running: nightly.service of nightly.timer";
    assert_eq!(mentioned.len(), 3, "{mentioned:?}");
    assert!(mentioned[0] == runs && mentioned[1].starts_with("cannot be observed now") && mentioned[2] == runs);
}

#[test]
fn a_systemd_that_does_not_tell_is_asked_again_and_never_believed_to_hold() {
    for (silent, ending) in [(2, Ending::Finished), (99, Ending::Failed(vec!["hold".into()]))] {
        let mut stage = Stage::new();
        let machine = Machine::of(&mut stage, &[(CRON, "held"), ("nightly.timer", "held")]);
        machine.silent.set(silent);
        assert_eq!(stage.conduct(vec![hold()]), ending, "it does not tell for {silent} looks");
    }
}

#[test]
fn a_masked_timer_is_in_the_way_neither_of_holding_back_nor_of_putting_back() {
    for (action, verb, before) in
        [(Action::HoldBack(items()), Verb::Hold, "not-held"), (Action::PutBack(items()), Verb::PutBack, "held")]
    {
        let mut stage = Stage::new();
        let machine = Machine::of(&mut stage, &[(CRON, before), ("nightly.timer", "masked")]);
        assert_eq!(stage.conduct(vec![step("hold", action)]), Ending::Finished);
        assert_eq!(machine.verbs(), [verb]);
    }
    // What it had started before is waited for.
    let mut stage = Stage::new();
    Machine::of(&mut stage, &[(CRON, "held"), ("nightly.timer", "masked:nightly.service")]);
    stage.conduct(vec![step("hold", Action::HoldBack(items()))]);
    let words = "held back; still running: nightly.service of nightly.timer";
    assert!(stage.mentioned.borrow().iter().any(|told| told == words), "{:?}", stage.mentioned.borrow());
}

#[test]
fn what_does_not_exist_is_a_mistake_in_the_file() {
    for action in [Action::HoldBack(items()), Action::PutBack(items())] {
        let mut stage = Stage::new();
        let machine = Machine::of(&mut stage, &[(CRON, "missing"), ("nightly.timer", "held")]);
        stage.was_begun(vec![step("hold", action.clone())], Vec::new());
        assert_eq!(stage.resume(), Ending::Failed(vec!["hold".into()]));
        assert_eq!(machine.verbs(), []);
        let error = stage.error_of("hold");
        assert!(error.starts_with("edx-0 has no /etc/cron.d/edxapp; correct `hold_back`"), "{error}");
    }
}

#[test]
fn a_timer_that_would_be_lost_is_a_mistake_in_the_file() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[(CRON, "not-held"), ("nightly.timer", "transient")]);
    stage.was_begun(vec![hold()], Vec::new());
    assert_eq!(stage.resume(), Ending::Failed(vec!["hold".into()]));
    assert_eq!(machine.verbs(), []);
    let error = stage.error_of("hold");
    assert!(error.starts_with("edx-0: nightly.timer would be lost: systemd forgets what `systemd-run`"), "{error}");
    assert!(error.contains("give the timer a file"), "{error}");
    assert_eq!(stage.conduct(vec![step("back", Action::PutBack(items()))]), Ending::Finished, "it was never held");
}

pub(super) fn freeze() -> Step {
    let commands = vec![["systemctl", "stop", "unattended-upgrades"].map(str::to_owned).to_vec()];
    step("freeze", Action::RunCommands(RunCommands { host: host("edx-0", "i-1"), purpose: Purpose::Freeze, commands }))
}

#[test]
fn commands_run_once_also_if_their_answer_is_lost_or_their_conductor_ends() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.loses_answer.set(true);
    assert_eq!(stage.conduct(vec![freeze()]), Ending::Finished);
    assert_eq!(machine.names().len(), 1);

    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    stage.was_begun(vec![freeze()], Vec::new());
    assert_eq!(stage.resume(), Ending::Finished);
    let names = machine.names();
    assert_eq!(names.len(), 1);
    // As if its conductor had ended before it was collected.
    machine.collected.borrow_mut().clear();
    let mut again = Stage::new();
    again.world = stage.world.clone();
    again.was_begun(vec![freeze()], Vec::new());
    assert_eq!(again.resume(), Ending::Finished);
    assert_eq!(machine.names(), names, "the job is found by its name");
}

#[test]
fn a_command_that_fails_is_named_and_runs_again_in_the_next_run() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    // More than fits into an answer.
    machine.at_once.set(30);
    let said = "@cutover-run systemctl\nStopping\nFailed to stop\n\n@cutover-failed 5 systemctl\n";
    let ended = JobState::Ended { exit: 1, out_of_memory: false, peak_memory: None };
    let good = machine.ends.replace((said.to_owned(), ended));
    assert_eq!(stage.conduct(vec![freeze()]), Ending::Failed(vec!["freeze".into()]));
    let error = stage.error_of("freeze");
    let words = "the commands of `freeze` on edx-0: systemctl ended with exit status 5: Failed to stop; correct them";
    assert!(error.starts_with(words), "{error}");
    machine.ends.replace(good);
    assert_eq!(stage.resume(), Ending::Finished);
    let names = machine.names();
    assert_eq!((names.len(), names[0] == names[1]), (2, false), "{names:?}");
    assert!(matches!(stage.events_of("freeze").last(), Some(Event::StepDone { .. })));
}

#[test]
fn a_host_that_cannot_hold_something_back_or_put_it_back_says_why() {
    for (action, before, words) in [
        (Action::HoldBack(items()), "not-held", "/etc/cron.d/edxapp, nightly.timer on edx-0 could not be held back: "),
        (Action::PutBack(items()), "held", "/etc/cron.d/edxapp, nightly.timer on edx-0 could not be put back: "),
    ] {
        let mut stage = Stage::new();
        let machine = Machine::of(&mut stage, &[(CRON, before), ("nightly.timer", before)]);
        machine.refuses.set(true);
        let said = "mv: cannot move\nmkdir: cannot create directory: No space left on device\n\n";
        let ended = machine.ends.borrow().1.clone();
        let silent = machine.ends.replace((said.to_owned(), ended));
        assert_eq!(stage.conduct(vec![step("hold", action)]), Ending::Failed(vec!["hold".into()]));
        let error = stage.error_of("hold");
        assert!(error.starts_with(&format!("{words}mkdir: cannot create directory: No space left")), "{error}");
        assert!(stage.elapsed() < 20, "{} s", stage.elapsed());
        machine.refuses.set(false);
        machine.ends.replace(silent);
        assert_eq!(stage.resume(), Ending::Finished, "the cause was removed");
    }
}

#[test]
fn an_order_to_hold_something_back_is_not_given_again_while_the_host_carries_it_out() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[(CRON, "not-held"), ("nightly.timer", "not-held")]);
    machine.refuses.set(true);
    let good = machine.ends.replace((String::new(), JobState::Running));
    assert_eq!(stage.conduct(vec![hold()]), Ending::Failed(vec!["hold".into()]));
    assert_eq!(machine.verbs(), [Verb::Hold], "two at once would be in each other's way");
    machine.refuses.set(false);
    machine.ends.replace(good);
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn commands_that_take_too_long_are_not_run_again_beside_themselves() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    let good = machine.ends.replace((String::new(), JobState::Running));
    // The third attempt looks for the jobs of all attempts before, of which only the first one has started any.
    for _ in 0..3 {
        assert_eq!(stage.conduct(vec![freeze()]), Ending::Failed(vec!["freeze".into()]));
    }
    assert_eq!(machine.names().len(), 1);
    machine.ends.replace(good);
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn commands_of_an_earlier_plan_that_still_run_are_waited_for() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    let good = machine.ends.replace((String::new(), JobState::Running));
    assert_eq!(stage.conduct(vec![freeze()]), Ending::Failed(vec!["freeze".into()]));
    let mut edited = freeze();
    if let Action::RunCommands(run) = &mut edited.action {
        run.commands.push(vec!["true".to_owned()]);
    }
    assert_eq!(stage.conduct(vec![edited.clone()]), Ending::Failed(vec!["freeze".into()]));
    assert_eq!(machine.names().len(), 1, "{}", stage.error_of("freeze"));
    machine.ends.replace(good);
    assert_eq!(stage.conduct(vec![edited]), Ending::Finished);
    assert_eq!(machine.names().len(), 2);
}

#[test]
fn commands_whose_host_was_restarted_have_failed() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.ends.replace((String::new(), JobState::HostRestarted));
    assert_eq!(stage.conduct(vec![freeze()]), Ending::Failed(vec!["freeze".into()]));
    assert!(stage.error_of("freeze").contains("the host was restarted meanwhile"), "{}", stage.error_of("freeze"));
}
