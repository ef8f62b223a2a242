//! Hosts, people and a channel that do as they are told, at once: what an upgrade asks of AWS shows by itself.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::deployment::SmokeTest;
use cutover_core::journal::Decision;
use cutover_core::names::{FleetName, InstanceId, JobName, ProgramName};
use cutover_core::plan::{Announce, Decide, Migrate};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Announcer, Answer, Clock, Decided, Hosts, JobProgress, JobStart, Operator, ProgramState};

/// Hosts whose programs run until they are told to stop, and whose jobs succeed.
#[derive(Default)]
pub(crate) struct Obedient {
    stopped: RefCell<BTreeSet<(InstanceId, ProgramName)>>,
    jobs: RefCell<BTreeSet<(InstanceId, JobName)>>,
    sent: RefCell<BTreeSet<String>>,
}

#[async_trait(?Send)]
impl Hosts for Obedient {
    async fn programs(&self, host: &InstanceId, programs: &[ProgramName]) -> Answer<Vec<(ProgramName, ProgramState)>> {
        let stopped = self.stopped.borrow();
        let state = |program: &ProgramName| match stopped.contains(&(host.clone(), program.clone())) {
            true => ProgramState::Stopped,
            false => ProgramState::Running,
        };
        Ok(programs.iter().map(|program| (program.clone(), state(program))).collect())
    }

    async fn stop(
        &self,
        _permit: &Permit,
        host: &InstanceId,
        _supervisorctl: &str,
        programs: &[ProgramName],
    ) -> Answer<()> {
        self.stopped.borrow_mut().extend(programs.iter().map(|program| (host.clone(), program.clone())));
        Ok(())
    }

    async fn start(
        &self,
        _permit: &Permit,
        host: &InstanceId,
        _supervisorctl: &str,
        programs: &[ProgramName],
    ) -> Answer<()> {
        let mut stopped = self.stopped.borrow_mut();
        for program in programs {
            stopped.remove(&(host.clone(), program.clone()));
        }
        Ok(())
    }

    async fn kill(&self, permit: &Permit, host: &InstanceId, programs: &[ProgramName]) -> Answer<()> {
        self.stop(permit, host, "", programs).await
    }

    async fn smoke_test(&self, _host: &InstanceId, test: &SmokeTest) -> Answer<(i32, String)> {
        Ok((0, test.contains.clone().unwrap_or_default()))
    }

    async fn queued_tasks(&self, _fleet: &FleetName) -> Answer<u32> {
        Ok(0)
    }

    async fn pending_migrations(&self, _host: &InstanceId, _migrate: &Migrate) -> Answer<Option<u32>> {
        Ok(Some(0))
    }

    async fn start_job(&self, _permit: &Permit, host: &InstanceId, migrate: &Migrate) -> Answer<JobStart> {
        let is_new = self.jobs.borrow_mut().insert((host.clone(), migrate.job.clone()));
        Ok(if is_new { JobStart::Started } else { JobStart::Found })
    }

    async fn job(&self, host: &InstanceId, job: &JobName, _offset: u64) -> Answer<Option<JobProgress>> {
        let started = self.jobs.borrow().contains(&(host.clone(), job.clone()));
        Ok(started.then(|| JobProgress { output: String::new(), exit: Some(0) }))
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
