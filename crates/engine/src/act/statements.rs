//! What pending migrations are about to do, read before the maintenance page goes up. Reading never stops a window: statements that
//! are not known are asked for after a failure.

use std::time::Duration;

use cutover_core::journal::{Fact, opens_by};
use cutover_core::names::{InstanceId, MigrationName};
use cutover_core::plan::{Action, Migrate, ReadStatements};
use cutover_core::time::between;
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::django::Listed;
use cutover_hosts::django::sql::{self, Statement};

use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::pending::{LIMIT, list_within, of_service, read_pending};
use crate::ports::Answer;

/// For how long statements are read before it is told how far that is.
const AT_A_TIME: Duration = Duration::from_secs(15);
/// How long before the latest safe start reading ends.
const BEFORE_LATEST: Duration = Duration::from_secs(120);
/// More than this is not put on record for one migration.
const LONGEST: usize = 64 * 1024;

/// Reads statements in the order of the list, as long as there is time: some of what `sqlmigrate` writes depends on the schema
/// before.
pub(super) async fn read(context: &StepContext<'_>, read: &ReadStatements) -> Answer<Seen> {
    let host = context.instance(&read.host)?;
    let pending = match pending(context, read, &host).await {
        Ok(pending) => pending,
        Err(failure) => return Ok(noted(format!("what migrations will change is not known: {failure}"))),
    };
    let begin = context.clock.moment();
    for (position, migration) in pending.iter().enumerate() {
        if is_settled(context, &host, migration) {
            continue;
        }
        if time_left(context).is_zero() {
            return Ok(noted(format!("there was time to read {position} of {} pending migrations", pending.len())));
        }
        if begin.at_least_until(context.clock.moment()) >= AT_A_TIME {
            return Ok(Seen::UnderWay(format!("{position} of {} pending migrations are read", pending.len())));
        }
        match printed(context, read, &host, migration).await {
            Ok(sql) => {
                context.note(Fact::Statements { instance: host.clone(), migration: migration.clone(), sql });
            }
            Err(why) => drop(context.found.evidence.borrow_mut().unread.insert(migration.clone(), why)),
        }
    }
    let unread = context
        .found
        .evidence
        .borrow()
        .unread
        .first_key_value()
        .map(|(migration, why)| noted(format!("what {migration} will change is not known: {why}")));
    Ok(unread.unwrap_or_else(Seen::holds))
}

/// How long reading may still take: no question lasts until the window could not be opened in time any more.
fn time_left(context: &StepContext<'_>) -> Duration {
    let upgrade = context.journal.upgrade();
    let latest = upgrade.current_run().and_then(opens_by);
    let to_latest = latest.map(|latest| between(context.clock.now(), latest).saturating_sub(BEFORE_LATEST));
    let of_step = ReadStatements::LIMIT.saturating_sub(context.in_this_process());
    to_latest.unwrap_or(Duration::MAX).min(of_step)
}

fn noted(text: String) -> Seen {
    Seen::Holds(vec![Fact::Note { text }])
}

/// The pending migrations. They are listed once, and asked for once: that starts Django too, and the page waits for it.
async fn pending(context: &StepContext<'_>, read: &ReadStatements, host: &InstanceId) -> Answer<Vec<MigrationName>> {
    if let Some(known) = &context.found.evidence.borrow().pending {
        return Ok(known.clone());
    }
    let limit = time_left(context).min(LIMIT);
    if limit.is_zero() {
        return Err(Failure::permanent("there was no time to list them"));
    }
    let ReadStatements { list_command, directory, user, .. } = read;
    let said = list_within(limit, &*context.world.hosts, host, list_command, directory, user).await?;
    let said = said.unwrap_or_default();
    let pending: Vec<MigrationName> = read_pending(host, &said)?.iter().map(Listed::full_name).collect();
    context.found.evidence.borrow_mut().pending = Some(pending.clone());
    Ok(pending)
}

/// Whether the statements of a migration are on record already, or this process could not read them.
fn is_settled(context: &StepContext<'_>, host: &InstanceId, migration: &MigrationName) -> bool {
    let (run, learned) = (context.run(), context.learned.borrow());
    let is_known = run.facts.iter().chain(learned.iter()).any(|fact| is_of(fact, host, migration).is_some());
    is_known || context.found.evidence.borrow().unread.contains_key(migration)
}

/// What a host has printed of a migration; empty if that has no operations.
async fn printed(
    context: &StepContext<'_>,
    read: &ReadStatements,
    host: &InstanceId,
    migration: &MigrationName,
) -> Result<String, String> {
    let command = command(&read.sql_command, migration)?;
    let ask = Ask { command: of_service(&command, &read.directory, &read.user), limit: time_left(context).min(LIMIT) };
    let said = context.world.hosts.ask(host, &ask).await.map_err(|failure| failure.message)?;
    sql::read(&said).map_err(|why| why.to_string())?;
    match said.stdout.len() {
        0..=LONGEST => Ok(said.stdout),
        long => Err(format!("`sqlmigrate` printed {long} bytes, which is too much for the record")),
    }
}

/// The command that prints the statements of a migration.
pub(super) fn command(sql_command: &[String], migration: &MigrationName) -> Result<Vec<String>, String> {
    let (app, name) = migration.as_str().split_once('.').ok_or("its name has no app")?;
    Ok(sql_command.iter().cloned().chain([app, name].map(str::to_owned)).collect())
}

/// The statements of a migration as they were read before the window; `None` if they were not, or on another host, whose code may
/// be another one.
pub(super) fn on_record(
    context: &StepContext<'_>,
    migrate: &Migrate,
    host: &InstanceId,
    migration: &MigrationName,
) -> Option<Vec<Statement>> {
    let upgrade = context.journal.upgrade();
    let reads = upgrade.current_run()?.runs().filter(|(step, _)| match &step.action {
        Action::ReadStatements(read) => read.is_of(migrate),
        _ => false,
    });
    let sql = reads.flat_map(|(_, run)| &run.facts).find_map(|fact| is_of(fact, host, migration))?;
    match sql {
        "" => Some(Vec::new()),
        sql => sql::read(&Said { stdout: sql.to_owned(), ..Said::default() }).ok(),
    }
}

fn is_of<'a>(fact: &'a Fact, host: &InstanceId, wanted: &MigrationName) -> Option<&'a str> {
    match fact {
        Fact::Statements { instance, migration, sql } if instance == host && migration == wanted => Some(sql),
        _ => None,
    }
}
