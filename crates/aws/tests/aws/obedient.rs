//! Hosts, people and a channel that do as they are told, at once: what an upgrade asks of AWS shows by itself.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_aws::cloud::Others;
use cutover_core::deployment::Packer;
use cutover_core::journal::Decision;
use cutover_core::names::{InstanceId, JobName, ProgramName};
use cutover_core::observation::{BranchHead, ReleaseBranch};
use cutover_core::packing::{PackerBuild, PackerMachine, PackerMade, PackerRest};
use cutover_core::plan::{Announce, BuildImage, Decide};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Announcer, Answer, Clock, Decided, Hosts, Operator, Packers, ReleaseBranches};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, JobState, Signal};
use cutover_hosts::supervisor::{Order, State, Verb, autostart, print_other, print_running};
use cutover_hosts::{answers, processes};

/// Hosts whose programs run until they are told to stop, whose queues are empty, and whose migrations succeed. Workers run
/// only once they are told to, since next ones must not run before.
#[derive(Default)]
pub(crate) struct Obedient {
    stopped: RefCell<BTreeSet<(InstanceId, ProgramName)>>,
    started: RefCell<BTreeSet<(InstanceId, ProgramName)>>,
    /// The programs that supervisor was asked for.
    asked: RefCell<BTreeSet<(InstanceId, ProgramName)>>,
    jobs: RefCell<BTreeSet<(InstanceId, JobName)>>,
    sent: RefCell<BTreeSet<String>>,
}

/// What smoke tests of the examples look for, unless it is in their commands too.
const LOOKED_FOR: &str = "mitx edxapp_worker:lms_high_mem_1";

/// The programs of workers are named after their queues.
const QUEUES: [&str; 3] = ["_low", "_default", "_high"];

impl Obedient {
    /// All ports that do not ask AWS.
    pub(crate) fn as_others(self: &Rc<Self>) -> Others {
        let (hosts, announcer) = (Rc::clone(self) as _, Rc::clone(self) as _);
        Others { hosts, announcer, branches: Rc::clone(self) as _, packers: Rc::clone(self) as _ }
    }

    /// What `supervisorctl status` prints.
    fn status(&self, host: &InstanceId, programs: &[String]) -> String {
        let mut text = String::new();
        for program in programs {
            let key = (host.clone(), program.as_str().into());
            let is_down = match QUEUES.iter().any(|queue| program.contains(queue)) {
                true => !self.started.borrow().contains(&key),
                false => self.stopped.borrow().contains(&key),
            };
            self.asked.borrow_mut().insert(key);
            match is_down {
                true => print_other(&mut text, program, State::Stopped, "Not started"),
                false => print_running(&mut text, program, 1000, Duration::from_secs(3600)),
            }
        }
        text
    }

    /// What `supervisorctl avail` prints: no program starts at boot.
    fn loaded(&self, host: &InstanceId) -> String {
        let mut text = String::new();
        for (_, program) in self.asked.borrow().iter().filter(|(on, _)| on == host) {
            autostart::print_loaded(&mut text, program.as_str(), true);
        }
        text
    }
}

#[async_trait(?Send)]
impl Hosts for Obedient {
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said> {
        let stdout = match ask.command.arguments.as_slice() {
            [_, verb, programs @ ..] if verb == "status" => self.status(host, programs),
            [_, verb] if verb == "avail" => self.loaded(host),
            _ if autostart::is_own_asked(ask) => autostart::own_answer(autostart::OwnEnd::Exit(0)),
            _ if autostart::is_asked(ask) => autostart::answer(false),
            _ if processes::is_asked(ask) => processes::answer(&[]),
            _ if answers::asked(ask).is_some() => answers::answer(answers::asked(ask).unwrap_or_default(), |_| true),
            [command, ..] if command.ends_with("/database-sessions") => String::new(),
            [command, ..] if command.ends_with("/database-free-storage") => format!("{}\n", 1_u64 << 40),
            [command, _, _, tables @ ..] if command.ends_with("/count-rows") => {
                tables.iter().map(|table| format!("{table}\t1204\n")).collect()
            }
            words if words.iter().any(|word| word == "showmigrations") => "lms\n [X] 0001_initial\n".to_owned(),
            words => format!("{} {LOOKED_FOR} 0\n", words.join(" ")),
        };
        Ok(Said { stdout, ..Said::default() })
    }

    async fn start_job(&self, _permit: &Permit, host: &InstanceId, job: &Job) -> Answer<JobStart> {
        if let Some(order) = Order::of(&job.command) {
            let (mut stopped, mut started) = (self.stopped.borrow_mut(), self.started.borrow_mut());
            let all = order.programs.into_iter().map(|program| (host.clone(), program));
            let (now, before) = match order.verb {
                Verb::Stop | Verb::StopForGood | Verb::Kill => (&mut stopped, &mut started),
                Verb::Start | Verb::StartAlways => (&mut started, &mut stopped),
            };
            for program in all {
                before.remove(&program);
                now.insert(program);
            }
        }
        let is_new = self.jobs.borrow_mut().insert((host.clone(), job.name.clone()));
        Ok(if is_new { JobStart::Started } else { JobStart::Found })
    }

    async fn job(&self, host: &InstanceId, name: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        let started = self.jobs.borrow().contains(&(host.clone(), name.clone()));
        Ok(started.then(|| JobReport {
            started: Timestamp::UNIX_EPOCH,
            epoch: 1,
            state: JobState::Ended { exit: 0, out_of_memory: false, peak_memory: None },
            output: Vec::new(),
            next: offset,
            size: 0,
            is_cut: false,
            was_signalled: false,
            was_interrupted: false,
            left: None,
            go_on: Vec::new(),
        }))
    }

    async fn signal_job(&self, _permit: &Permit, _host: &InstanceId, _name: &JobName, _signal: Signal) -> Answer<bool> {
        Ok(false)
    }

    async fn collect_job(&self, _permit: &Permit, host: &InstanceId, name: &JobName) -> Answer<()> {
        self.jobs.borrow_mut().remove(&(host.clone(), name.clone()));
        Ok(())
    }
}

#[async_trait(?Send)]
impl Announcer for Obedient {
    async fn announce(&self, _permit: &Permit, _message: &Announce, token: &str) -> Answer<()> {
        self.sent.borrow_mut().insert(token.to_owned());
        Ok(())
    }

    async fn announced(&self, token: &str) -> Answer<Option<bool>> {
        Ok(Some(self.sent.borrow().contains(token)))
    }
}

/// The commit at the head of every branch.
pub(crate) const HEAD: &str = "3f9a0c3f9a0c3f9a0c3f9a0c3f9a0c3f9a0c3f9a";

/// A clone whose ledgers account for everything.
#[async_trait(?Send)]
impl ReleaseBranches for Obedient {
    async fn branch(&self, _name: &str, commits: &BTreeSet<Arc<str>>) -> Answer<ReleaseBranch> {
        Ok(ReleaseBranch { head: BranchHead::Ready(HEAD.into()), accounted: commits.clone() })
    }
}

/// A machine without Packer, which no file here names.
#[async_trait(?Send)]
impl Packers for Obedient {
    fn machine(&self) -> PackerMachine {
        unreachable!("no file here names a template")
    }

    async fn check_template(&self, _: &BuildImage, _: &Packer) -> Answer<String> {
        unreachable!("no file here names a template")
    }

    async fn packed(&self, _token: &str) -> Answer<PackerBuild> {
        unreachable!("no file here names a template")
    }

    async fn start_packer(&self, _: &Permit, _: &BuildImage, _: &Packer, _: &str) -> Answer<()> {
        unreachable!("no file here names a template")
    }

    async fn interrupt_packer(&self, _: &Permit, _: &str) -> Answer<()> {
        unreachable!("no file here names a template")
    }

    async fn kill_packer(&self, _: &Permit, _: &str) -> Answer<()> {
        unreachable!("no file here names a template")
    }

    async fn packer_rests(&self, _: &str, _: &PackerMade) -> Answer<Vec<PackerRest>> {
        unreachable!("no file here names a template")
    }

    async fn remove_packer_rest(&self, _: &Permit, _: &str, _: &PackerRest) -> Answer<()> {
        unreachable!("no file here names a template")
    }
}

/// Somebody who approves everything.
pub(crate) struct Approving(pub(crate) Rc<dyn Clock>);

#[async_trait(?Send)]
impl Operator for Approving {
    async fn decide(&self, question: &Decide) -> Decided {
        let (gate, by) = (question.gate.clone(), "tests".to_owned());
        let decision = Decision { gate, approved: true, by, at: self.0.now(), note: None, plan: None };
        Decided { decision, object: None }
    }
}
