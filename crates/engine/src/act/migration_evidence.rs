//! What the database shows of a migration that has failed: its statements, compared with the schema.

use std::time::Duration;

use cutover_core::journal::Fact;
use cutover_core::names::{InstanceId, JobName, MigrationName};
use cutover_core::plan::Migrate;
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::django::schema::{self, compare};
use cutover_hosts::django::sql::{self, Statement};

use super::StepContext;
use crate::pending::{LIMIT, of_service};

/// How long statements may be asked for before a job starts, which lengthens the window. Each question starts all of
/// edx-platform.
const BEFORE: Duration = Duration::from_secs(10);

/// Asks for the statements of the pending migrations, in their order, as long as there is time: some of what `sqlmigrate` writes
/// depends on the schema before. Those that are not known are asked for after a failure.
pub(super) async fn read_statements(context: &StepContext<'_>, migrate: &Migrate, host: &InstanceId) {
    if migrate.sql_command.is_empty() {
        return;
    }
    let pending = context.run().pending_before(&migrate.job_of_run(context.retries)).unwrap_or_default().to_vec();
    let begin = context.clock.moment();
    for migration in pending {
        let left = BEFORE.saturating_sub(begin.at_least_until(context.clock.moment()));
        if left.is_zero() {
            return;
        }
        if let Ok(statements) = statements(context, migrate, host, &migration, left).await {
            context.found.evidence.borrow_mut().statements.insert(migration, statements);
        }
    }
}

/// What the database shows of the migration at which a job has failed; `None` if the file has no commands that tell it.
pub(super) async fn shown(
    context: &StepContext<'_>,
    migrate: &Migrate,
    job: &JobName,
    migration: &MigrationName,
) -> Option<String> {
    if migrate.sql_command.is_empty() || migrate.schema_command.is_empty() {
        return None;
    }
    let known = context.found.evidence.borrow().shown.get(job).cloned();
    let words = match known {
        Some(words) => words,
        None => compared(context, migrate, migration)
            .await
            .unwrap_or_else(|why| format!("what the database shows of it is unknown: {why}")),
    };
    context.found.evidence.borrow_mut().shown.insert(job.clone(), words.clone());
    context.note(Fact::Shown { job: job.clone(), migration: migration.clone(), words: words.clone() });
    Some(words)
}

async fn compared(context: &StepContext<'_>, migrate: &Migrate, migration: &MigrationName) -> Result<String, String> {
    let host = context.instance(&migrate.host).map_err(|failure| failure.message)?;
    let before = context.found.evidence.borrow().statements.get(migration).cloned();
    let (statements, source) = match before {
        Some(statements) => (statements, ""),
        None => {
            let now = statements(context, migrate, &host, migration, LIMIT).await;
            (now.map_err(|why| format!("`sql_command`: {why}"))?, "; its statements are those of after the failure")
        }
    };
    let said = ask(context, migrate, &host, migrate.schema_command.clone(), LIMIT).await;
    let schema = said.and_then(|said| schema::read(&said).map_err(|why| why.to_string()));
    let schema = schema.map_err(|why| format!("`schema_command`: {why}"))?;
    Ok(format!("{}{source}", compare(&statements, &schema)))
}

async fn statements(
    context: &StepContext<'_>,
    migrate: &Migrate,
    host: &InstanceId,
    migration: &MigrationName,
    limit: Duration,
) -> Result<Vec<Statement>, String> {
    let (app, name) = migration.as_str().split_once('.').ok_or("its name has no app")?;
    let command = migrate.sql_command.iter().cloned().chain([app, name].map(str::to_owned)).collect();
    sql::read(&ask(context, migrate, host, command, limit).await?).map_err(|why| why.to_string())
}

/// Asks once: whoever looks into a failure can ask again by running the phase.
async fn ask(
    context: &StepContext<'_>,
    migrate: &Migrate,
    host: &InstanceId,
    command: Vec<String>,
    limit: Duration,
) -> Result<Said, String> {
    let command = of_service(&command, &migrate.directory, &migrate.user);
    context.world.hosts.ask(host, &Ask { command, limit }).await.map_err(|failure| failure.message)
}
