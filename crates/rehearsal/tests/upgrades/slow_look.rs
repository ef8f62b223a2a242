//! A migration whose hosts answer so late that the window has gone on in another fleet meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::journal::{Fact, Run, StepRun};
use cutover_core::names::{InstanceId, JobName};
use cutover_core::plan::{Action, Phase};
use cutover_core::time::between;
use cutover_engine::gate::{NoFaults, Permit};
use cutover_engine::journal::Journal;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Hosts, World};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};
use cutover_hosts::supervisor;

use super::again::errors;
use super::stage::Stage;

const LIVE: &str = "residential-live";
const DRAFT: &str = "residential-draft";
/// How long the migrations of a fleet may take.
const LONGEST: Duration = Duration::from_secs(3600);
/// The next edxapp host of the draft fleet.
const DRAFT_HOST: &str = "edx-mitx-qa-residential-draft-0-v4";

/// Hosts of which one is slow: the first time that a migration of the live fleet asks the draft fleet's next host what runs
/// there, it answers only once the draft fleet has started it.
struct SlowHost {
    hosts: Rc<dyn Hosts>,
    clock: Rc<dyn Clock>,
    journal: Rc<Journal>,
    /// What the host is asked.
    question: Ask,
    was_slow: Cell<bool>,
}

impl SlowHost {
    /// Whether a migration of this fleet looks at the hosts: its job is not started yet.
    fn looks(&self, fleet: &str) -> bool {
        let upgrade = self.journal.upgrade();
        let has_no_job = |run: &StepRun| !run.facts.iter().any(|fact| matches!(fact, Fact::Job { .. }));
        let mut runs = upgrade.current_run().into_iter().flat_map(Run::runs);
        runs.any(|(step, run)| match &step.action {
            Action::Migrate(migrate) => migrate.fleet.as_str() == fleet && run.status.is_open() && has_no_job(run),
            _ => false,
        })
    }

    /// Whether only the live fleet asks this.
    fn is_about(&self, host: &InstanceId, ask: &Ask) -> bool {
        let is_the_host = self.journal.upgrade().launched.get(&DRAFT_HOST.into()) == Some(host);
        is_the_host && *ask == self.question && self.looks(LIVE) && !self.looks(DRAFT)
    }

    async fn until_it_is_started(&self) {
        let (begin, start) = (self.clock.now(), format!("window.start.{DRAFT_HOST}").into());
        while !self.journal.upgrade().step_run(&start).status.is_done() {
            assert!(between(begin, self.clock.now()) < LONGEST, "the draft fleet does not go on");
            self.clock.sleep(Duration::from_secs(1)).await;
        }
    }
}

#[async_trait(?Send)]
impl Hosts for SlowHost {
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said> {
        if !self.was_slow.get() && self.is_about(host, ask) {
            self.was_slow.set(true);
            self.until_it_is_started().await;
        }
        self.hosts.ask(host, ask).await
    }

    async fn reach(&self, host: &InstanceId) -> Answer<()> {
        self.hosts.reach(host).await
    }

    async fn start_job(&self, permit: &Permit, host: &InstanceId, job: &Job) -> Answer<JobStart> {
        self.hosts.start_job(permit, host, job).await
    }

    async fn job(&self, host: &InstanceId, name: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        self.hosts.job(host, name, offset).await
    }

    async fn signal_job(&self, permit: &Permit, host: &InstanceId, name: &JobName, signal: Signal) -> Answer<bool> {
        self.hosts.signal_job(permit, host, name, signal).await
    }

    async fn collect_job(&self, permit: &Permit, host: &InstanceId, name: &JobName) -> Answer<()> {
        self.hosts.collect_job(permit, host, name).await
    }
}

#[test]
fn next_services_that_the_window_starts_in_another_fleet_during_a_look_do_not_stop_a_migration() {
    let stage = Stage::prepared();
    let conductor = stage.conductor(stage.clock(), Rc::new(NoFaults));
    let world = conductor.world.clone();
    let (hosts, journal) = (Rc::clone(&world.hosts), Rc::clone(&conductor.journal));
    let edxapp = &stage.deployment.role.edxapp;
    let question = supervisor::ask(&edxapp.supervisorctl, &edxapp.programs);
    let slow = Rc::new(SlowHost { hosts, clock: stage.clock(), journal, question, was_slow: Cell::new(false) });
    let conductor = conductor.in_world(World { hosts: Rc::clone(&slow) as _, ..world });
    let ending = stage.conduct_one(Phase::Window, &conductor);
    assert!(slow.was_slow.get(), "no look was slow");
    assert_eq!(ending, Ending::Finished, "{}", errors(&stage));
    assert!(stage.reading().upgrade.outdated_snapshots.is_empty());
    assert_eq!(stage.cloud.violations(), []);
}
