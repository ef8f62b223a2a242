//! Migrations: jobs on a host that outlive the connection and the conductor.
//!
//! A failed migration is half applied, because MariaDB's DDL is not transactional. It is never retried automatically:
//! each run that an operator requests is recorded first and is a separate job, and no job starts while another one
//! runs. A job that is known to have been started, but of which the host has no record now, has failed.

use cutover_core::journal::{Fact, Ran, Run, StepRun, moved, progress_of, ran, was_done_by};
use cutover_core::names::{HostName, InstanceId, JobName, MigrationName, SnapshotId};
use cutover_core::plan::{Action, Migrate};
use cutover_core::words::some_of;
use cutover_hosts::job::{Job, JobReport, JobStart, JobState};

use super::again::{lacking, running_again};
use super::fate::is_gone;
use super::last_look::must_be_stopped;
use super::migration_failure::{diagnosis, has_more, left_by, lost};
use super::migration_limit::note_slow;
use super::migration_progress::Printed;
use super::named::NAMED;
use super::output::{goes_on, left_behind};
use super::sequence::{command, does_more, faked_by};
use super::sessions::none_in_the_way;
use super::{Seen, StepContext};
use crate::failure::{Failure, FailureClass};
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::pending::{list, read_before, read_pending};
use crate::ports::{Answer, World};

pub(super) async fn migrated(context: &StepContext<'_>, migrate: &Migrate) -> Answer<Seen> {
    let host = context.instance(&migrate.host)?;
    let mut peak = None;
    let (mut last, mut behind) = (None, None);
    for name in jobs(context, migrate) {
        let Some(report) = job(context, &host, &name).await? else { continue };
        // Whichever process started it: the start must stay on record, even if the host loses its own record of it.
        if !is_on_record(context, &name) {
            context.note(Fact::Job { host: migrate.host.name.clone(), job: name.clone(), started: false });
        }
        note_progress(context, &name);
        // The answer to the signal may have been lost.
        if report.was_signalled {
            context.note(Fact::Signalled { job: name.clone(), arrived: true });
        }
        if report.state == JobState::Running && !report.has_succeeded() {
            note_slow(context, migrate, &name);
            return Ok(Seen::UnderWay(words(context, &name) + &goes_on(&report)));
        }
        if let JobState::Ended { peak_memory, .. } = report.state {
            peak = peak.max(peak_memory);
        }
        last = Some((name.clone(), report.clone()));
        if report.state == JobState::Running || !report.go_on.is_empty() {
            behind = Some((name, report));
        }
    }
    let before = pending_before(context, migrate, &host).await?;
    let pending = before.as_ref().map(|(pending, _)| *pending);
    if let Some((name, report)) = behind.as_ref().filter(|(_, report)| may_migrate(report, pending)) {
        return Ok(Seen::UnderWay(words(context, name) + &goes_on(report)));
    }
    match last {
        // Whatever this host knows of it: it may be another one than then.
        _ if pending.unwrap_or(0) == 0 && was_done_before(context, migrate) => {
            Ok(Seen::Holds(vec![result(context, migrate, peak)]))
        }
        None if pending == Some(0) && !does_more(migrate) => Ok(Seen::Holds(vec![result(context, migrate, peak)])),
        Some((_, report)) if report.has_succeeded() && pending.unwrap_or(0) == 0 => {
            let facts = [result(context, migrate, peak)].into_iter().chain(faked_by(context, migrate));
            let left = behind.and_then(|(name, report)| {
                left_behind(&migrate.host.name, &format!("the migration of job {name}"), &name, &report)
            });
            Ok(Seen::Holds(facts.chain(left).collect()))
        }
        _ => {
            let last = last.map(|(name, report)| (name, report.state));
            let seen = unfinished(context, migrate, last, pending).await?;
            if let (Seen::NotYet, Some((_, before))) = (&seen, before) {
                note_before(context, migrate, before);
            }
            Ok(seen)
        }
    }
}

/// Whether what a command has left may still migrate: a wrapper may say that it has succeeded before its migration has ended, which
/// nobody may start beside it. Where nothing lists what is pending, its exit status and its unit are all that is known. What it has
/// left elsewhere may be a daemon, which never ends.
fn may_migrate(report: &JobReport, pending: Option<usize>) -> bool {
    pending.map_or(report.state == JobState::Running, |pending| pending > 0)
}

/// How many migrations are pending, with the fact that says so if a job is about to apply them; `None` if nothing lists them.
async fn pending_before(
    context: &StepContext<'_>,
    migrate: &Migrate,
    host: &InstanceId,
) -> Answer<Option<(usize, Fact)>> {
    let Migrate { list_command, directory, user, .. } = migrate;
    let job = migrate.job_of_run(context.retries);
    let listed = async |world: &World| {
        let Some(said) = list(&*world.hosts, host, list_command, directory, user).await? else { return Ok(None) };
        let pending = read_pending(host, &said)?.len();
        Ok(Some((pending, read_before(host, &job, &said)?)))
    };
    context.ask(listed).await
}

/// Keeps what the next job is about to apply. What was found first counts: its answer may be lost, and it applies some of it.
fn note_before(context: &StepContext<'_>, migrate: &Migrate, before: Fact) {
    let job = migrate.job_of_run(context.retries);
    let is_known = context.run().pending_before(&job).is_some();
    if !is_known {
        context.note(before);
    }
}

/// Keeps which migrations a job has applied since that was last recorded, and which one it applies now.
fn note_progress(context: &StepContext<'_>, job: &JobName) {
    let news = {
        let (outputs, run, learned) = (context.found.output.borrow(), context.run(), context.learned.borrow());
        let printed = &outputs[job];
        let (recorded, at) = progress_of(run.facts.iter().chain(learned.iter()), job);
        let is_at_another = printed.now().is_some_and(|now| at.is_none_or(|at| at.migration != now.migration));
        let ran = printed.ran().get(recorded..).unwrap_or_default().to_vec();
        (is_at_another || !ran.is_empty()).then(|| Fact::Applied { job: job.clone(), ran, now: printed.now().cloned() })
    };
    news.into_iter().for_each(|fact| context.note(fact));
}

/// The progress of a job that runs, for people.
fn words(context: &StepContext<'_>, job: &JobName) -> String {
    let of = context.run().pending_before(job).map(<[MigrationName]>::len);
    context.found.output.borrow()[job].words(of, context.clock.now())
}

/// What it means that no job runs and migrations are pending: the last job has failed, its host has no record of it, or
/// nothing was started yet. A failure to which an operator has consented is settled.
async fn unfinished(
    context: &StepContext<'_>,
    migrate: &Migrate,
    last: Option<(JobName, JobState)>,
    pending: Option<usize>,
) -> Answer<Seen> {
    let is_found = |host: &HostName, job: &JobName| {
        *host == migrate.host.name && last.as_ref().is_some_and(|(name, _)| name == job)
    };
    let missing = started_last(context).filter(|(host, job)| !is_found(host, job));
    if let Some((host, job)) = missing.filter(|(host, job)| !is_settled(context, host, job)) {
        if was_done_by(&context.journal.upgrade(), migrate, &host, &job) {
            return Ok(has_more(context, migrate, &host, pending));
        }
        return Ok(lost(context, migrate, &host, &job).await);
    }
    Ok(match last {
        Some((name, state)) if !is_settled(context, &migrate.host.name, &name) => {
            diagnosis(context, migrate, &state, pending, &name).await
        }
        _ => Seen::NotYet,
    })
}

/// The last job on record of this step, with its host. Jobs that an earlier plan started have other names or hosts.
fn started_last(context: &StepContext<'_>) -> Option<(HostName, JobName)> {
    context.run().last_job().map(|(host, job)| (host.clone(), job.clone()))
}

/// Whether an earlier plan has seen this migration through, and no job was started since.
fn was_done_before(context: &StepContext<'_>, migrate: &Migrate) -> bool {
    started_last(context).is_some_and(|(host, job)| was_done_by(&context.journal.upgrade(), migrate, &host, &job))
}

/// Whether it is on record that a job has failed, and an operator has consented to another run since.
fn is_settled(context: &StepContext<'_>, host: &HostName, job: &JobName) -> bool {
    context.run().retry_approved && context.knows(&Fact::JobFailed { host: host.clone(), job: job.clone() })
}

/// That the jobs of a migration have failed, once it was observed that none of them runs and that it has failed for good.
pub(crate) fn failed_jobs(context: &StepContext<'_>) -> Vec<Fact> {
    let (run, learned) = (context.run(), context.learned.borrow());
    let jobs = run.facts.iter().chain(learned.iter()).filter_map(|fact| match fact {
        Fact::Job { host, job, .. } => Some(Fact::JobFailed { host: host.clone(), job: job.clone() }),
        _ => None,
    });
    jobs.collect()
}

/// The jobs of this migration, in the order in which they were started: those of earlier plans, which may have other
/// names, and one for each run that an operator requested.
fn jobs(context: &StepContext<'_>, migrate: &Migrate) -> Vec<JobName> {
    let run = context.run();
    let earlier = run.facts.iter().filter_map(|fact| match fact {
        Fact::Job { host, job, .. } if *host == migrate.host.name && !is_own(context, migrate, job) => {
            Some(job.clone())
        }
        _ => None,
    });
    earlier.chain(own_jobs(context, migrate)).collect()
}

fn own_jobs(context: &StepContext<'_>, migrate: &Migrate) -> impl Iterator<Item = JobName> {
    (0..=context.retries).map(|run| migrate.job_of_run(run))
}

fn is_own(context: &StepContext<'_>, migrate: &Migrate, job: &JobName) -> bool {
    own_jobs(context, migrate).any(|own| own == *job)
}

/// The state of a job. What it has printed since the last time is fetched and added to the context's output.
async fn job(context: &StepContext<'_>, host: &InstanceId, job: &JobName) -> Answer<Option<JobReport>> {
    loop {
        let so_far = context.found.output.borrow().get(job).map_or(0, Printed::len);
        let fetched = context.ask(async |world| world.hosts.job(host, job, so_far).await).await?;
        let Some(report) = fetched else { return Ok(None) };
        let mut outputs = context.found.output.borrow_mut();
        let printed = outputs.entry(job.clone()).or_insert_with(|| {
            let run = context.run();
            let (applied, now) = progress_of(&run.facts, job);
            Printed::after(applied, now)
        });
        // A concurrent call may have fetched the same output in the meantime.
        if printed.len() == so_far && !report.output.is_empty() {
            printed.add(&report.output, context.clock.now());
        }
        // What has been printed may be too long for one answer.
        if report.next >= report.size || report.output.is_empty() {
            return Ok(Some(report));
        }
    }
}

/// Starts the job, unless it may not be started now.
pub(super) async fn start(context: &StepContext<'_>, migrate: &Migrate) -> Result<(), WriteError> {
    let host = context.instance(&migrate.host)?;
    let command = command(context, migrate, &host).await?;
    let job = Job::new(migrate.job_of_run(context.retries), command);
    let hosts = &context.world.hosts;
    // Before the check, which must not be old when the job starts: this command may take as long as Django does.
    none_in_the_way(context, migrate).await?;
    hosts.reach(&host).await?;
    let check = async || Ok(may_start(context, migrate).await?);
    let start = async |permit: &Permit, (): &()| hosts.start_job(permit, &host, &job).await;
    let answer = context.write_checked("start_job", check, start).await;
    let fact = |started| Fact::Job { host: migrate.host.name.clone(), job: job.name.clone(), started };
    match answer {
        Ok(start) => Ok(context.learn(fact(start == JobStart::Started)).await?),
        // It may have started. That must stay on record, even if the host loses its own record of it.
        Err(WriteError::Failed(failure)) if failure.class == FailureClass::InDoubt => {
            context.learn(fact(false)).await?;
            Err(failure.into())
        }
        Err(error) => Err(error),
    }
}

/// Refuses to start a migration while another one of the schema runs, or while services run that write to the same database
/// instance: since they were confirmed to be stopped, a person may have started them to bring the site back.
async fn may_start(context: &StepContext<'_>, migrate: &Migrate) -> Answer<()> {
    if let Some(other) = other_migrator(context, migrate).await? {
        let why =
            format!("job {other} of an earlier plan is still migrating {}, so nothing was started", migrate.schema);
        return Err(Failure::permanent(why).with_hint("wait until it has ended"));
    }
    let fleets = must_be_stopped(context, migrate);
    let looks = fleets.iter().map(|fleet| running_again(context, &fleet.hosts, &fleet.snapshots));
    let looks = futures_util::future::join_all(looks).await;
    let running: Vec<String> = looks.into_iter().collect::<Answer<Vec<_>>>()?.into_iter().flatten().collect();
    if !running.is_empty() {
        let why = format!(
            "running again: {}. Old code would run against a migrated schema, so this migration was not started",
            some_of(&running, NAMED)
        );
        return Err(Failure::permanent(why).with_hint(STOP_FIRST));
    }
    let looked_at: Vec<&HostName> = fleets.iter().flat_map(|fleet| &fleet.hosts).map(|host| &host.host.name).collect();
    match lacking(context, &snapshots_behind(context), &looked_at) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// The snapshots that must hold everything that was written before this step.
fn snapshots_behind(context: &StepContext<'_>) -> Vec<SnapshotId> {
    let upgrade = context.journal.upgrade();
    upgrade.current_run().map(|run| run.snapshots_behind(context.step).to_vec()).unwrap_or_default()
}

/// What to do about services that run again. What is typed then depends on what other fleets do meanwhile.
const STOP_FIRST: &str = "stop what runs, and find out what has started it and what it has written; `cutover status` says what \
                          to type then";

/// Whether the journal says that a job was started.
fn is_on_record(context: &StepContext<'_>, wanted: &JobName) -> bool {
    context.run().facts.iter().any(|fact| matches!(fact, Fact::Job { job, .. } if job == wanted))
}

/// A job on the same schema that another step started, of this plan or an earlier one, and that is still running.
async fn other_migrator(context: &StepContext<'_>, migrate: &Migrate) -> Answer<Option<JobName>> {
    for (other, name) in others(context, migrate) {
        let host = &other.host;
        let id = context.instance(host)?;
        // The numbers of runs have gaps: an operator may have requested a run that was never started.
        match job(context, &id, &name).await {
            Ok(Some(report)) if report.state == JobState::Running && !report.has_succeeded() => return Ok(Some(name)),
            Ok(Some(report)) if !report.go_on.is_empty() && !has_ended_well(context, &other) => return Ok(Some(name)),
            Ok(_) => {}
            // A job ends with its host. What it left is for an operator to look at before another one is started.
            Err(failure) if !is_gone(context, &id).await => return Err(failure),
            Err(_) if context.retries > 0 || has_ended_well(context, &other) => {}
            Err(_) => return Err(left_by(context, migrate, host, &name)),
        }
    }
    Ok(None)
}

/// Whether the current run has seen that migration through.
fn has_ended_well(context: &StepContext<'_>, migrate: &Migrate) -> bool {
    let upgrade = context.journal.upgrade();
    upgrade.current_run().into_iter().flat_map(Run::runs).any(|(step, run)| match &step.action {
        Action::Migrate(other) => other.is_of_the_same(migrate) && run.status.is_done(),
        _ => false,
    })
}

/// The jobs on the same schema that may have been started according to the journal, without those of this step.
fn others(context: &StepContext<'_>, migrate: &Migrate) -> Vec<(Migrate, JobName)> {
    let own = jobs(context, migrate);
    let upgrade = context.journal.upgrade();
    let mut others = Vec::new();
    // The job of a step that is done has ended, and one without any trace in the journal was not started.
    let may_run = |run: &StepRun| !run.status.is_done() && *run != StepRun::default();
    for (of_run, step) in upgrade.runs.iter().flat_map(|run| run.plan.steps.iter().map(move |step| (run, step))) {
        // The action is looked at first, because most steps do not migrate.
        let Action::Migrate(other) = &step.action else { continue };
        let run = of_run.run(&step.id);
        if other.schema != migrate.schema || !may_run(run) {
            continue;
        }
        for number in 0..=run.retries {
            let found = (other.clone(), other.job_of_run(number));
            let is_own = other.host == migrate.host && own.contains(&found.1);
            if !is_own && !others.contains(&found) {
                others.push(found);
            }
        }
    }
    others
}

/// What the jobs of the step have applied together.
fn result(context: &StepContext<'_>, migrate: &Migrate, peak_memory: Option<u64>) -> Fact {
    let (run, learned) = (context.run(), context.learned.borrow());
    let facts = || run.facts.iter().chain(learned.iter());
    let ran: Vec<Ran> = ran(facts()).cloned().collect();
    Fact::Migrated {
        fleet: migrate.fleet.clone(),
        service: migrate.service.clone(),
        database: migrate.database.clone(),
        applied: u32::try_from(ran.len()).unwrap_or(u32::MAX),
        ran,
        moved: moved(facts()),
        peak_memory,
    }
}
