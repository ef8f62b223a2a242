//! A host whose jobs print what a test decides, and end as it decides.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::names::{InstanceId, JobName};
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Clock, Hosts, World};
use cutover_hosts::command::{Ask, Command, EXIT_TIMED_OUT, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, JobState, Signal};

use cutover_rehearsal::SimulatedClock;

use super::stage::Stage;

/// A host with jobs. A job that runs prints one line more each time it is looked at, and then ends. Two migrations are
/// pending, until a job ends well.
pub(super) struct Jobs {
    /// What each job prints, and how it ends.
    pub(super) prints: RefCell<BTreeMap<JobName, (String, JobState)>>,
    /// How many lines of each started job show.
    visible: RefCell<BTreeMap<(InstanceId, JobName), usize>>,
    /// Whether a job that is started shows.
    pub(super) remembers: Cell<bool>,
    /// At which looks at jobs, counted from 1, jobs do not show.
    pub(super) unseen: RefCell<Range<u32>>,
    pub(super) looks: Cell<u32>,
    pub(super) pending: Cell<u32>,
    /// How many bytes of output fit into an answer.
    pub(super) at_once: Cell<usize>,
    /// How the next start of a job fails.
    pub(super) fails: Cell<Option<FailureClass>>,
    pub(super) calls: RefCell<Vec<String>>,
    pub(super) commands: RefCell<Vec<Command>>,
    /// What is printed for commands that begin so. These questions count as calls.
    pub(super) answers: RefCell<BTreeMap<&'static str, Said>>,
    /// How long such a question takes.
    pub(super) takes: Cell<Duration>,
    clock: Rc<SimulatedClock>,
    /// How the next signal fails.
    pub(super) fails_to_signal: Cell<Option<FailureClass>>,
    /// Which signals end a job.
    pub(super) ended_by: RefCell<Vec<Signal>>,
    /// Whether the host finds something to send a signal to.
    pub(super) finds_processes: Cell<bool>,
    /// Whether the host says that a signal was sent.
    pub(super) was_signalled: Cell<bool>,
    /// Whether the host says that the command has not ended by itself.
    pub(super) was_interrupted: Cell<bool>,
    /// Which processes go on after the end of each job.
    pub(super) go_on: RefCell<Vec<u32>>,
    /// Whether they are in the unit of a job whose command has succeeded.
    pub(super) left_in_unit: Cell<bool>,
    /// Whether there is a connection. An order never makes one.
    is_reached: Cell<bool>,
}

impl Jobs {
    pub(super) fn of(stage: &mut Stage, prints: &[(&str, &str, i32)]) -> Rc<Self> {
        let prints =
            prints.iter().map(|(job, text, exit)| (JobName::from(*job), ((*text).to_owned(), self::exit(*exit))));
        let jobs = Rc::new(Self {
            prints: RefCell::new(prints.collect()),
            visible: RefCell::default(),
            remembers: Cell::new(true),
            unseen: RefCell::new(0..0),
            looks: Cell::new(0),
            pending: Cell::new(2),
            at_once: Cell::new(usize::MAX),
            fails: Cell::new(None),
            calls: RefCell::default(),
            commands: RefCell::default(),
            answers: RefCell::default(),
            takes: Cell::new(Duration::ZERO),
            clock: Rc::clone(&stage.clock),
            fails_to_signal: Cell::new(None),
            ended_by: RefCell::new(vec![Signal::Term, Signal::Kill]),
            finds_processes: Cell::new(true),
            was_signalled: Cell::new(false),
            was_interrupted: Cell::new(false),
            go_on: RefCell::default(),
            left_in_unit: Cell::new(false),
            is_reached: Cell::new(false),
        });
        stage.world = World { hosts: Rc::clone(&jobs) as _, ..stage.world.clone() };
        jobs
    }

    /// The job was started before on i-1, and has printed this many lines.
    pub(super) fn has(&self, job: &str, lines: usize) {
        self.has_on("i-1", job, lines);
    }

    pub(super) fn has_on(&self, host: &str, job: &str, lines: usize) {
        self.visible.borrow_mut().insert((host.into(), job.into()), lines);
    }
}

#[async_trait(?Send)]
impl Hosts for Jobs {
    /// What Django prints about the migrations that are pending, and what a test decides for other commands.
    async fn ask(&self, _: &InstanceId, ask: &Ask) -> Answer<Said> {
        let words = ask.command.arguments.join(" ");
        let known =
            self.answers.borrow().iter().find(|(command, _)| words.starts_with(**command)).map(|(_, it)| it.clone());
        if let Some(said) = known {
            self.calls.borrow_mut().push(words);
            self.clock.sleep(self.takes.get().min(ask.limit)).await;
            let is_over = self.takes.get() > ask.limit;
            return Ok(if is_over { Said { exit: EXIT_TIMED_OUT, ..Said::default() } } else { said });
        }
        let names = [" [ ] 0002_next\n", " [ ] 0003_last\n", " [ ] 0004_more\n"];
        let pending = names[..self.pending.get() as usize].concat();
        Ok(Said { stdout: format!("lms\n [X] 0001_initial\n{pending}"), ..Said::default() })
    }

    async fn reach(&self, _: &InstanceId) -> Answer<()> {
        self.is_reached.set(true);
        Ok(())
    }

    async fn start_job(&self, _: &Permit, host: &InstanceId, job: &Job) -> Answer<JobStart> {
        assert!(self.is_reached.get(), "the permit would wait for a connection");
        self.calls.borrow_mut().push(format!("start {}", job.name));
        self.commands.borrow_mut().push(job.command.clone());
        if let Some(class) = self.fails.take() {
            return Err(Failure::new(class, "the host did not answer"));
        }
        if self.remembers.get() {
            self.has_on(host.as_str(), job.name.as_str(), 0);
        }
        Ok(JobStart::Started)
    }

    async fn job(&self, host: &InstanceId, job: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        if host.as_str() == "i-gone" {
            return Err(Failure::permanent("i-gone cannot be reached"));
        }
        self.looks.set(self.looks.get() + 1);
        let mut visible = self.visible.borrow_mut();
        let found =
            visible.get_mut(&(host.clone(), job.clone())).filter(|_| !self.unseen.borrow().contains(&self.looks.get()));
        let Some(lines) = found else { return Ok(None) };
        let prints = self.prints.borrow();
        let (text, ending) = &prints[job];
        let shown: String = text.split_inclusive('\n').take(*lines).collect();
        let (has_ended, left_in_unit) = (shown.len() == text.len(), self.left_in_unit.get());
        *lines += 1;
        if has_ended && matches!(ending, JobState::Ended { exit: 0, .. }) && self.pending.get() == 2 {
            self.pending.set(0);
        }
        let output = shown.as_bytes()[offset as usize..].iter().copied().take(self.at_once.get()).collect::<Vec<u8>>();
        Ok(Some(JobReport {
            started: Timestamp::UNIX_EPOCH,
            epoch: 1,
            state: if has_ended && !left_in_unit { ending.clone() } else { JobState::Running },
            next: offset + output.len() as u64,
            output,
            size: shown.len() as u64,
            is_cut: false,
            was_signalled: self.was_signalled.get(),
            was_interrupted: self.was_interrupted.get(),
            left: (has_ended && left_in_unit).then_some(0),
            go_on: self.go_on.borrow().clone(),
        }))
    }

    async fn signal_job(&self, _: &Permit, host: &InstanceId, job: &JobName, signal: Signal) -> Answer<bool> {
        self.calls.borrow_mut().push(format!("{signal:?} {job}"));
        if let Some(class) = self.fails_to_signal.take() {
            return Err(Failure::new(class, "the host did not answer"));
        }
        if !self.finds_processes.get() {
            return Ok(false);
        }
        if self.ended_by.borrow().contains(&signal) {
            let lines = self.visible.borrow()[&(host.clone(), job.clone())];
            let mut prints = self.prints.borrow_mut();
            let (text, ending) = prints.get_mut(job).expect("it prints something");
            *text = text.split_inclusive('\n').take(lines).collect();
            *ending = exit(if signal == Signal::Term { 143 } else { 137 });
        }
        Ok(true)
    }

    async fn collect_job(&self, _: &Permit, _: &InstanceId, _: &JobName) -> Answer<()> {
        Err(Failure::permanent("nobody asks for this here"))
    }
}

pub(super) fn exit(exit: i32) -> JobState {
    JobState::Ended { exit, out_of_memory: false, peak_memory: None }
}
