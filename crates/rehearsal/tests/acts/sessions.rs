//! The sessions on a database: waited for, named with their owners, and never ended by a conductor.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::journal::{Event, StepStatus};
use cutover_core::names::{InstanceId, JobName};
use cutover_core::plan::{Action, AwaitSessions, Edge, Rule, Step};
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Hosts, World};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};

use super::jobs::Jobs;
use super::migrations::{TWO, job, migrate};
use super::stage::{Stage, host, learned, step};

const IDLE: &str = "id 41 report@10.0.9.9 Sleep 320 s, transaction open for 300 s\n";

/// Hosts from which a database tells its sessions: at each look the next of these, and none after them.
struct Client {
    hosts: Rc<Jobs>,
    looks: RefCell<VecDeque<Said>>,
    /// How long a look takes.
    takes: Cell<Duration>,
    clock: Rc<dyn Clock>,
}

impl Client {
    fn of(stage: &mut Stage, looks: impl IntoIterator<Item = &'static str>) -> Rc<Self> {
        let hosts = Jobs::of(stage, &[("lms", TWO, 0)]);
        let looks = looks.into_iter().map(|text| Said { stdout: text.to_owned(), ..Said::default() }).collect();
        let clock = Rc::clone(&stage.clock) as Rc<dyn Clock>;
        let client = Rc::new(Self { hosts, looks: RefCell::new(looks), takes: Cell::default(), clock });
        stage.world = World { hosts: Rc::clone(&client) as _, ..stage.world.clone() };
        client
    }
}

#[async_trait(?Send)]
impl Hosts for Client {
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said> {
        match ask.command.arguments.first().is_some_and(|program| program == "database-sessions") {
            true => {
                self.clock.sleep(self.takes.get()).await;
                Ok(self.looks.borrow_mut().pop_front().unwrap_or_default())
            }
            false => self.hosts.ask(host, ask).await,
        }
    }

    async fn reach(&self, host: &InstanceId) -> Answer<()> {
        self.hosts.reach(host).await
    }

    async fn start_job(&self, permit: &Permit, host: &InstanceId, job: &Job) -> Answer<JobStart> {
        self.hosts.start_job(permit, host, job).await
    }

    async fn job(&self, host: &InstanceId, job: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        self.hosts.job(host, job, offset).await
    }

    async fn signal_job(&self, permit: &Permit, host: &InstanceId, job: &JobName, signal: Signal) -> Answer<bool> {
        self.hosts.signal_job(permit, host, job, signal).await
    }

    async fn collect_job(&self, permit: &Permit, host: &InstanceId, job: &JobName) -> Answer<()> {
        self.hosts.collect_job(permit, host, job).await
    }
}

fn sessions() -> Step {
    let wait = AwaitSessions {
        database: "rds".into(),
        host: host("edx-0", "i-1"),
        command: vec!["database-sessions".to_owned()],
        directory: "/edx/app".to_owned(),
        user: "edxapp".to_owned(),
    };
    Step { limit: Duration::from_secs(20), ..step("sessions", Action::AwaitSessions(wait)) }
}

/// Both steps of a window.
fn sessions_and_migration() -> Vec<Step> {
    let edge = Edge { step: "sessions".into(), rule: Rule::SessionsEnded };
    vec![sessions(), Step { waits_for: vec![edge], ..migrate() }]
}

#[test]
fn sessions_are_waited_for_and_named() {
    let mut stage = Stage::new();
    let client = Client::of(&mut stage, [IDLE, IDLE, ""]);
    assert_eq!(stage.conduct(vec![sessions()]), Ending::Finished);
    assert_eq!(*stage.mentioned.borrow(), [format!("sessions on rds: {}", IDLE.trim())]);
    assert_eq!(client.looks.borrow().len(), 0);
}

#[test]
fn sessions_that_remain_fail_the_window_with_their_owners_and_what_to_do() {
    let mut stage = Stage::new();
    let client = Client::of(&mut stage, [IDLE; 99]);
    assert_eq!(stage.conduct(vec![sessions()]), Ending::Failed(vec!["sessions".into()]));
    let error = stage.error_of("sessions");
    for part in ["sessions on rds", IDLE.trim(), "KILL", "run `cutover window` again"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    client.looks.borrow_mut().clear();
    assert_eq!(stage.resume(), Ending::Finished, "it needs nobody's consent");
}

#[test]
fn sessions_that_cannot_be_looked_at_are_not_taken_for_none() {
    let mut stage = Stage::new();
    let client = Client::of(&mut stage, []);
    let refused = Said { exit: 1, stderr: "ERROR 2002 (HY000): Can't connect\n".to_owned(), ..Said::default() };
    client.looks.borrow_mut().extend(vec![refused; 99]);
    assert_eq!(stage.conduct(vec![sessions()]), Ending::Failed(vec!["sessions".into()]));
    let error = stage.error_of("sessions");
    for part in ["rds could not be looked at from edx-0", "ERROR 2002", "sessions_command"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_session_that_has_begun_since_keeps_a_migration_from_being_started() {
    let mut stage = Stage::new();
    let client = Client::of(&mut stage, ["", IDLE, IDLE, IDLE]);
    assert_eq!(stage.conduct(sessions_and_migration()), Ending::Failed(vec!["migrate".into()]));
    assert!(stage.error_of("migrate").contains("so it was not started: id 41 report@10.0.9.9"));
    assert_eq!(*client.hosts.calls.borrow(), [""; 0]);
    assert_eq!(stage.resume(), Ending::Finished, "nothing was started, so nobody has to consent");
    assert_eq!(*client.hosts.calls.borrow(), ["start lms"]);
}

#[test]
fn a_session_that_comes_and_goes_keeps_no_migration_from_being_started() {
    let mut stage = Stage::new();
    let client = Client::of(&mut stage, ["", IDLE, IDLE, ""]);
    assert_eq!(stage.conduct(sessions_and_migration()), Ending::Finished);
    assert_eq!(client.looks.borrow().len(), 0);
}

#[test]
fn a_slow_look_at_sessions_keeps_no_migration_from_being_started() {
    let mut stage = Stage::new();
    let client = Client::of(&mut stage, []);
    // Longer than what was checked before a start is relied on.
    client.takes.set(Duration::from_secs(40));
    assert_eq!(stage.conduct(sessions_and_migration()), Ending::Finished, "{}", stage.error_of("migrate"));
    assert_eq!(*client.hosts.calls.borrow(), ["start lms"]);
}

#[test]
fn once_migrations_were_begun_their_own_sessions_hold_up_nothing() {
    let mut stage = Stage::new();
    Client::of(&mut stage, [IDLE; 99]).hosts.has("lms", 1);
    let started = Event::StepStarted { step: "migrate".into(), attempt: 1 };
    stage.was_begun(sessions_and_migration(), vec![started, learned("migrate", job("lms", true))]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(stage.status("sessions"), StepStatus::Done);
}
