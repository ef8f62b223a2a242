//! Migrations: what is waited for, what is never started a second time, and what the operator is told.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::deployment::SmokeTest;
use cutover_core::journal::{Event, Fact};
use cutover_core::names::{FleetName, InstanceId, JobName, ProgramName};
use cutover_core::plan::{Action, Migrate, Step};
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Hosts, JobProgress, JobStart, ProgramState, World};

use super::stage::{Stage, failed, host, learned, retry, step};

/// What a migration that applies two migrations prints.
const TWO: &str = "Applying lms.0001... OK\nApplying lms.0002... OK\n";

/// A host with jobs. A job that runs prints one line more each time it is looked at, and then ends. Two migrations are
/// pending, until a job ends well.
struct Jobs {
    /// What each job prints, and its exit status.
    prints: RefCell<BTreeMap<JobName, (String, i32)>>,
    /// How many lines of each started job show.
    visible: RefCell<BTreeMap<(InstanceId, JobName), usize>>,
    /// Whether a job that is started shows.
    remembers: Cell<bool>,
    /// At which looks at jobs, counted from 1, jobs do not show.
    unseen: RefCell<Range<u32>>,
    looks: Cell<u32>,
    pending: Cell<Option<u32>>,
    /// How the next start of a job fails.
    fails: Cell<Option<FailureClass>>,
    calls: RefCell<Vec<String>>,
}

impl Jobs {
    fn of(stage: &mut Stage, prints: &[(&str, &str, i32)]) -> Rc<Self> {
        let prints = prints.iter().map(|(job, text, exit)| (JobName::from(*job), ((*text).to_owned(), *exit)));
        let jobs = Rc::new(Self {
            prints: RefCell::new(prints.collect()),
            visible: RefCell::default(),
            remembers: Cell::new(true),
            unseen: RefCell::new(0..0),
            looks: Cell::new(0),
            pending: Cell::new(Some(2)),
            fails: Cell::new(None),
            calls: RefCell::default(),
        });
        stage.world = World { hosts: Rc::clone(&jobs) as _, ..stage.world.clone() };
        jobs
    }

    /// The job was started before on i-1, and has printed this many lines.
    fn has(&self, job: &str, lines: usize) {
        self.has_on("i-1", job, lines);
    }

    fn has_on(&self, host: &str, job: &str, lines: usize) {
        self.visible.borrow_mut().insert((host.into(), job.into()), lines);
    }
}

#[async_trait(?Send)]
impl Hosts for Jobs {
    async fn programs(&self, _: &InstanceId, programs: &[ProgramName]) -> Answer<Vec<(ProgramName, ProgramState)>> {
        Ok(programs.iter().map(|program| (program.clone(), ProgramState::Stopped)).collect())
    }

    async fn stop(&self, _: &Permit, host: &InstanceId, _: &str, _: &[ProgramName]) -> Answer<()> {
        Err(Failure::permanent(format!("nothing is stopped on {host} here")))
    }

    async fn start(&self, _: &Permit, host: &InstanceId, _: &str, _: &[ProgramName]) -> Answer<()> {
        Err(Failure::permanent(format!("nothing is started on {host} here")))
    }

    async fn kill(&self, _: &Permit, host: &InstanceId, _: &[ProgramName]) -> Answer<()> {
        Err(Failure::permanent(format!("nothing is killed on {host} here")))
    }

    async fn smoke_test(&self, _: &InstanceId, _: &SmokeTest) -> Answer<(i32, String)> {
        Ok((0, String::new()))
    }

    async fn queued_tasks(&self, _: &FleetName) -> Answer<u32> {
        Ok(0)
    }

    async fn pending_migrations(&self, _: &InstanceId, _: &Migrate) -> Answer<Option<u32>> {
        Ok(self.pending.get())
    }

    async fn start_job(&self, _: &Permit, host: &InstanceId, migrate: &Migrate) -> Answer<JobStart> {
        self.calls.borrow_mut().push(format!("start {}", migrate.job));
        if let Some(class) = self.fails.take() {
            return Err(Failure::new(class, "the host did not answer"));
        }
        if self.remembers.get() {
            self.has_on(host.as_str(), migrate.job.as_str(), 0);
        }
        Ok(JobStart::Started)
    }

    async fn job(&self, host: &InstanceId, job: &JobName, offset: u64) -> Answer<Option<JobProgress>> {
        if host.as_str() == "i-gone" {
            return Err(Failure::permanent("i-gone cannot be reached"));
        }
        self.looks.set(self.looks.get() + 1);
        let mut visible = self.visible.borrow_mut();
        let found =
            visible.get_mut(&(host.clone(), job.clone())).filter(|_| !self.unseen.borrow().contains(&self.looks.get()));
        let Some(lines) = found else { return Ok(None) };
        let prints = self.prints.borrow();
        let (text, exit) = &prints[job];
        let shown: String = text.split_inclusive('\n').take(*lines).collect();
        let has_ended = shown.len() == text.len();
        *lines += 1;
        if has_ended && *exit == 0 && self.pending.get() == Some(2) {
            self.pending.set(Some(0));
        }
        Ok(Some(JobProgress { output: shown[offset as usize..].to_owned(), exit: has_ended.then_some(*exit) }))
    }
}

fn migrate_on(id: &str, instance: &str, (service, job): (&str, &str), schema: &str) -> Step {
    let migrate = Migrate {
        job: job.into(),
        host: host("edx-0", instance),
        fleet: "live".into(),
        service: service.to_owned(),
        database: "default".to_owned(),
        schema: schema.into(),
        instance: "rds".into(),
        command: Vec::new(),
        list_command: Vec::new(),
        directory: String::new(),
        user: String::new(),
        backward_compatible: false,
    };
    step(id, Action::Migrate(migrate))
}

fn migrate() -> Step {
    migrate_on("migrate", "i-1", ("lms", "lms"), "edxapp")
}

fn job(name: &str, started: bool) -> Fact {
    Fact::Job { host: "edx-0".into(), job: name.into(), started }
}

fn migrated(applied: u32) -> Fact {
    Fact::Migrated { fleet: "live".into(), service: "lms".to_owned(), database: "default".to_owned(), applied }
}

fn has_failed() -> Ending {
    Ending::Failed(vec!["migrate".into()])
}

#[test]
fn a_migration_is_started_once_and_each_migration_that_it_applies_is_counted_once() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    assert_eq!(stage.conduct(vec![migrate()]), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms"]);
    assert_eq!(stage.facts_of("migrate"), [job("lms", true), migrated(2)]);
}

#[test]
fn nothing_is_started_where_no_migration_is_pending() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[]);
    jobs.pending.set(Some(0));
    assert_eq!(stage.conduct(vec![migrate()]), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
    assert_eq!(stage.facts_of("migrate"), [migrated(0)]);
}

#[test]
fn a_job_that_ends_well_and_leaves_migrations_pending_has_failed_with_where_it_is_stuck() {
    let mut stage = Stage::new();
    let output = "Applying lms.0001... OK\nApplying lms.0002...\n";
    let jobs = Jobs::of(&mut stage, &[("lms", output, 1)]);
    jobs.pending.set(Some(1));
    assert_eq!(stage.conduct(vec![migrate()]), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains("1 migrations of edxapp were applied, 1 are pending; stuck at lms.0002..."), "{error}");

    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.pending.set(Some(3));
    assert_eq!(stage.conduct(vec![migrate()]), has_failed());
    assert!(stage.error_of("migrate").contains("2 migrations of edxapp were applied, 3 are pending."));
}

#[test]
fn a_job_whose_start_was_not_recorded_is_waited_for_and_recorded() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.has("lms", 1);
    stage.was_begun(vec![migrate()], Vec::new());
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
    assert_eq!(stage.facts_of("migrate"), [job("lms", false), migrated(2)]);
}

#[test]
fn a_migration_whose_start_is_on_record_and_of_which_the_host_knows_nothing_is_not_started_again() {
    for fails in [None, Some(FailureClass::InDoubt)] {
        let mut stage = Stage::new();
        let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
        jobs.remembers.set(false);
        jobs.fails.set(fails);
        for _ in 0..2 {
            assert_eq!(stage.conduct_or_resume(vec![migrate()]), has_failed());
            let error = stage.error_of("migrate");
            let words = "job lms was, or may have been, started on edx-0, which has no record of it now";
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(*jobs.calls.borrow(), ["start lms"]);
        assert_eq!(stage.facts_of("migrate"), [job("lms", fails.is_none())]);
    }
}

#[test]
fn a_migration_whose_start_was_refused_may_be_started_by_the_next_run() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.fails.set(Some(FailureClass::Permanent));
    assert_eq!(stage.conduct(vec![migrate()]), has_failed());
    stage.was_recorded(vec![retry("migrate")]);
    jobs.prints.borrow_mut().insert("lms-run-2".into(), (TWO.to_owned(), 0));
    assert_eq!(stage.facts_of("migrate"), []);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms", "start lms-run-2"]);
}

#[test]
fn an_approved_retry_is_a_job_of_its_own_and_its_doubts_are_about_that_job() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", "Applying lms.0001...\n", 1)]);
    jobs.has("lms", 1);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms", true)), failed("migrate"), retry("migrate")]);
    jobs.fails.set(Some(FailureClass::InDoubt));
    assert_eq!(stage.resume(), has_failed());
    assert_eq!(*jobs.calls.borrow(), ["start lms-run-2"]);
    let error = stage.error_of("migrate");
    assert!(error.contains("job lms-run-2 was, or may have been, started"), "{error}");
}

#[test]
fn a_job_that_an_earlier_plan_started_under_another_name_is_waited_for() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms-default", TWO, 0)]);
    jobs.has("lms-default", 1);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms-default", true))]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
    assert!(stage.facts_of("migrate").contains(&migrated(2)));
}

#[test]
fn a_failed_job_of_an_earlier_plan_is_named_and_nothing_is_started() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms-default", "Applying lms.0001...\n", 1)]);
    jobs.has("lms-default", 1);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms-default", true))]);
    assert_eq!(stage.resume(), has_failed());
    assert!(jobs.calls.borrow().is_empty());
    let error = stage.error_of("migrate");
    assert!(error.starts_with("job lms-default on edx-0 ended with exit status 1"), "{error}");
}

#[test]
fn a_lost_job_of_an_earlier_plan_is_started_again_only_with_approval() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0), ("lms-run-2", TWO, 0)]);
    let facts = vec![learned("migrate", job("lms-default", true)), failed("migrate")];
    stage.was_begun(vec![migrate()], facts);
    assert_eq!(stage.resume(), has_failed());
    assert!(jobs.calls.borrow().is_empty());
    let error = stage.error_of("migrate");
    assert!(error.contains("may have been started before on edx-0, which has no record of its job now"), "{error}");
    assert!(error.contains("--retry migrate"), "{error}");
    stage.was_recorded(vec![retry("migrate")]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms-run-2"]);
}

#[test]
fn a_start_in_doubt_is_looked_for_before_its_job_counts_as_lost() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.has("lms", 1);
    jobs.unseen.replace(1..4);
    let in_doubt = Event::StepInDoubt { step: "migrate".into(), error: "the host did not answer".to_owned() };
    stage.was_begun(vec![migrate()], vec![in_doubt, learned("migrate", job("lms", false))]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
}

#[test]
fn a_job_of_an_earlier_plan_that_its_host_forgets_is_not_replaced_without_approval() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms-default", TWO, 0), ("lms", TWO, 0)]);
    jobs.has("lms-default", 0);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms-default", true))]);
    // It is there once, and never again.
    jobs.unseen.replace(2..u32::MAX);
    assert_eq!(stage.resume(), has_failed());
    assert!(jobs.calls.borrow().is_empty());
    let error = stage.error_of("migrate");
    assert!(error.contains("may have been started before on edx-0, which has no record of its job now"), "{error}");
}

/// The ending of `migrate` after an earlier plan has started a job of another service, on that host and schema.
fn after_another_plan(instance: &str, schema: &str, is_done: bool) -> (Ending, Vec<String>, Stage) {
    after_a_job_of_another_plan("old", instance, schema, is_done)
}

/// The same with the name of that job.
fn after_a_job_of_another_plan(
    name: &str,
    instance: &str,
    schema: &str,
    is_done: bool,
) -> (Ending, Vec<String>, Stage) {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("old", TWO, 0), ("lms", TWO, 0)]);
    jobs.has_on(instance, name, 0);
    let old = migrate_on("old", instance, ("cms", name), schema);
    let ended = match is_done {
        true => Event::StepDone { step: "old".into(), facts: vec![job(name, true)] },
        false => learned("old", job(name, true)),
    };
    stage.was_begun(vec![old, migrate_on("never", "i-gone", ("xqueue", "never"), "edxapp")], vec![ended]);
    let ending = stage.conduct(vec![migrate()]);
    let calls = jobs.calls.borrow().clone();
    (ending, calls, stage)
}

#[test]
fn no_migration_is_started_while_another_plans_job_migrates_the_same_schema() {
    let (ending, calls, stage) = after_another_plan("i-2", "edxapp", false);
    assert_eq!((ending, calls), (has_failed(), Vec::new()));
    let error = stage.error_of("migrate");
    assert!(error.contains("job old of an earlier plan is still migrating edxapp"), "{error}");
}

#[test]
fn a_job_of_another_plan_on_the_same_host_or_with_the_same_name_is_not_taken_for_ones_own() {
    for (name, instance) in [("old", "i-1"), ("lms", "i-2")] {
        let (ending, calls, stage) = after_a_job_of_another_plan(name, instance, "edxapp", false);
        assert_eq!((ending, calls), (has_failed(), Vec::new()), "{name} on {instance}");
        let error = stage.error_of("migrate");
        assert!(error.contains(&format!("job {name} of an earlier plan is still migrating edxapp")), "{error}");
    }
}

#[test]
fn a_job_on_another_schema_does_not_matter() {
    let (ending, calls, _) = after_another_plan("i-2", "xqueue", false);
    assert_eq!((ending, calls), (Ending::Finished, vec!["start lms".to_owned()]));
}

#[test]
fn hosts_of_migrations_that_are_done_or_were_never_started_are_not_asked() {
    let (ending, calls, _) = after_another_plan("i-gone", "edxapp", true);
    assert_eq!((ending, calls), (Ending::Finished, vec!["start lms".to_owned()]));
}
