//! What the database shows of a migration that has failed: its statements, compared with the schema.

use cutover_core::journal::Fact;
use cutover_core::names::{InstanceId, JobName, MigrationName};
use cutover_core::plan::Migrate;
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::django::schema::{self, compare};
use cutover_hosts::django::sql::{self, Statement};

use super::StepContext;
use super::statements::{command, on_record};
use crate::pending::{LIMIT, of_service};

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
    let (statements, source) = match on_record(context, migrate, &host, migration) {
        Some(statements) => (statements, ""),
        None => {
            let now = statements(context, migrate, &host, migration).await;
            (now.map_err(|why| format!("`sql_command`: {why}"))?, "; its statements are those of after the failure")
        }
    };
    let said = ask(context, migrate, &host, migrate.schema_command.clone()).await;
    let schema = said.and_then(|said| schema::read(&said).map_err(|why| why.to_string()));
    let schema = schema.map_err(|why| format!("`schema_command`: {why}"))?;
    Ok(format!("{}{source}", compare(&statements, &schema)))
}

async fn statements(
    context: &StepContext<'_>,
    migrate: &Migrate,
    host: &InstanceId,
    migration: &MigrationName,
) -> Result<Vec<Statement>, String> {
    let command = command(&migrate.sql_command, migration)?;
    sql::read(&ask(context, migrate, host, command).await?).map_err(|why| why.to_string())
}

/// Asks once: whoever looks into a failure can ask again by running the phase.
async fn ask(
    context: &StepContext<'_>,
    migrate: &Migrate,
    host: &InstanceId,
    command: Vec<String>,
) -> Result<Said, String> {
    let command = of_service(&command, &migrate.directory, &migrate.user);
    context.world.hosts.ask(host, &Ask { command, limit: LIMIT }).await.map_err(|failure| failure.message)
}
