//! Migrations: jobs on a host that outlive the connection and the conductor.
//!
//! A failed migration has half-applied itself, because MariaDB's DDL is not transactional. It is never retried
//! by itself: each run that an operator asks for is a job of its own, and none begins while another runs.

use cutover_core::journal::Fact;
use cutover_core::names::{InstanceId, JobName};
use cutover_core::plan::Migrate;

use super::{Scene, Seen};
use crate::ports::{Answer, JobProgress};

/// The job's name in its run number `run`, from 0: one more after each failure that an operator has looked at.
fn job_of_run(migrate: &Migrate, run: u32) -> JobName {
    if run == 0 { migrate.job.clone() } else { format!("{}-run-{}", migrate.job, run + 1).into() }
}

pub(super) async fn migrated(scene: &Scene<'_>, migrate: &Migrate) -> Answer<Seen> {
    let host = scene.instance(&migrate.host)?;
    let mut last = None;
    for run in 0..=scene.failures {
        let job = job_of_run(migrate, run);
        let progress = scene.world.hosts.job(&host, &job, 0).await?;
        if let Some(JobProgress { output, exit: None }) = &progress {
            return Ok(Seen::UnderWay(progress_words(output)));
        }
        last = progress.map(|progress| (run, progress)).or(last);
    }
    let pending = scene.world.hosts.pending_migrations(&host, migrate).await?;
    match last {
        None if pending == 0 => Ok(Seen::Holds(vec![fact(migrate, 0)])),
        None => Ok(Seen::NotYet),
        Some((_, JobProgress { output, exit: Some(0) })) if pending == 0 => {
            Ok(Seen::Holds(vec![fact(migrate, applied(&output))]))
        }
        // This run's job has failed. A run that the operator asks for finds no job of its own, and begins one.
        Some((run, progress)) if run == scene.failures => {
            Ok(Seen::Never(diagnosis(migrate, &host, &progress, pending, &job_of_run(migrate, run))))
        }
        Some(_) => Ok(Seen::NotYet),
    }
}

pub(super) async fn start(scene: &Scene<'_>, migrate: &Migrate) -> Answer<()> {
    let host = scene.instance(&migrate.host)?;
    let run = Migrate { job: job_of_run(migrate, scene.failures), ..migrate.clone() };
    scene.world.hosts.start_job(&host, &run).await
}

fn fact(migrate: &Migrate, applied: u32) -> Fact {
    Fact::Migrated {
        fleet: migrate.fleet.clone(),
        service: migrate.service.clone(),
        database: migrate.database.clone(),
        applied,
    }
}

fn applied(output: &str) -> u32 {
    let lines = output.lines().filter(|line| line.trim_start().starts_with("Applying "));
    u32::try_from(lines.filter(|line| line.trim_end().ends_with("OK")).count()).unwrap_or(u32::MAX)
}

fn progress_words(output: &str) -> String {
    let last = output.lines().rev().find(|line| !line.trim().is_empty());
    match last {
        Some(line) => format!("{} applied; {}", applied(output), line.trim()),
        None => "running, nothing applied yet".to_owned(),
    }
}

/// What ran, what is stuck, and what the choices are.
fn diagnosis(migrate: &Migrate, host: &InstanceId, progress: &JobProgress, pending: u32, job: &JobName) -> String {
    let exit = progress.exit.map_or_else(|| "no exit status".to_owned(), |exit| format!("exit status {exit}"));
    let stuck = progress
        .output
        .lines()
        .rev()
        .find(|line| line.trim_start().starts_with("Applying ") && !line.trim_end().ends_with("OK"))
        .map_or_else(String::new, |line| format!("; stuck at {}", line.trim().trim_start_matches("Applying ")));
    format!(
        "job {job} on {} ({host}) ended with {exit}: {} migrations of {} were applied, {pending} are pending{stuck}. \
         The schema may be half migrated, and the maintenance page must stay up. Read the job's output on the host, \
         then mend the schema and run the phase again with --retry, or restore the snapshot of {}",
        migrate.host.name,
        applied(&progress.output),
        migrate.schema,
        migrate.instance,
    )
}
