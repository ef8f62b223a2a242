//! The commands of a migration's job: one, or a sequence that is made right before the job starts, because it depends on which
//! migrations are pending.

use cutover_core::journal::Fact;
use cutover_core::names::{InstanceId, MigrationName};
use cutover_core::plan::{Migrate, Sequence};
use cutover_hosts::command::Command;
use cutover_hosts::django::{faked, in_order, read};
use cutover_hosts::sequence::{self, Part};

use super::StepContext;
use crate::failure::Failure;
use crate::pending::{list, not_listed, of_service};
use crate::ports::{Answer, World};

/// The command that the job runs.
pub(super) async fn command(context: &StepContext<'_>, migrate: &Migrate, host: &InstanceId) -> Answer<Command> {
    let Some(sequence) = &migrate.sequence else {
        return Ok(of_service(&migrate.command, &migrate.directory, &migrate.user));
    };
    let run = |words: &Vec<String>| Part::command(format!("run {}", words.join(" ")), words);
    let before = sequence.before.iter().map(run);
    let recorded = recorded(context, migrate, sequence, host).await?;
    let after = [&sequence.command].into_iter().chain(&sequence.after).map(run);
    let parts: Vec<Part> = before.chain(recorded).chain(after).collect();
    let words = [sequence.lock_command.as_slice(), &sequence::arguments(&parts)].concat();
    Ok(of_service(&words, &migrate.directory, &migrate.user))
}

/// The parts that record migrations without running them, and apply what comes before these.
async fn recorded(
    context: &StepContext<'_>,
    migrate: &Migrate,
    sequence: &Sequence,
    host: &InstanceId,
) -> Answer<Vec<Part>> {
    if sequence.fake.is_empty() {
        return Ok(Vec::new());
    }
    let list_command = in_order(&migrate.list_command);
    let ask = async |world: &World| {
        let said =
            list(&*world.hosts, host, &list_command, &migrate.directory, &migrate.user).await?.unwrap_or_default();
        let listed = read(&said).map_err(|why| not_listed(host, &why))?;
        let names: Vec<MigrationName> = sequence.fake.iter().map(|fake| fake.name.clone()).collect();
        faked::parts(&listed, &names, &sequence.command, &list_command).map_err(|why| {
            let message = format!(
                "the migration was not started, because `fake` cannot be carried out on {}: {why}",
                migrate.host.name
            );
            Failure::permanent(message)
                .with_hint("correct `fake` in the deployment file, and run `cutover window` again with --replan")
        })
    };
    context.ask(ask).await
}

/// Whether the job does more than apply migrations, so that it runs although none is pending.
pub(super) fn does_more(migrate: &Migrate) -> bool {
    migrate.sequence.as_ref().is_some_and(|sequence| !sequence.before.is_empty() || !sequence.after.is_empty())
}

/// What its jobs have recorded without running it, according to what they have printed.
pub(super) fn faked_by(context: &StepContext<'_>, migrate: &Migrate) -> Vec<Fact> {
    let outputs = context.found.output.borrow();
    let faked = migrate.sequence.iter().flat_map(|sequence| &sequence.fake);
    let recorded = faked.filter(|fake| outputs.values().any(|printed| printed.has_recorded(&fake.name)));
    let fact = |fake: &cutover_core::deployment::Fake| Fact::Faked {
        fleet: migrate.fleet.clone(),
        migration: fake.name.clone(),
        reason: fake.reason.clone(),
    };
    recorded.map(fact).collect()
}
