//! The free storage of a database instance.

use cutover_core::journal::{Fact, migration_was_begun};
use cutover_core::plan::CheckStorage;
use cutover_core::size::Size;
use cutover_hosts::command::Ask;
use cutover_hosts::storage;

use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::pending::{LIMIT, of_service};
use crate::ports::{Answer, World};

/// Observes whether as much is free as the file wants. Once migrations were begun, they may have used it.
pub(super) async fn is_enough(context: &StepContext<'_>, check: &CheckStorage) -> Answer<Seen> {
    let note = |text: String| Ok(Seen::Holds(vec![Fact::Note { text }]));
    if migration_was_begun(&context.journal.upgrade(), &check.database) {
        return note(format!("migrations on {} were begun before, so its free storage says nothing", check.database));
    }
    let free = free(context, check).await?;
    if free >= check.min_free {
        return note(format!("{} free on {}", free.in_gigabytes(), check.database));
    }
    let why = format!(
        "{} has {} free, and `min_free` is {}, so no migration was begun there",
        check.database,
        free.in_gigabytes(),
        check.min_free
    );
    let hint = "enlarge its storage, or remove what nobody needs; then run `cutover window` again";
    Ok(Seen::never(why, hint))
}

async fn free(context: &StepContext<'_>, check: &CheckStorage) -> Answer<Size> {
    let id = context.instance(&check.host)?;
    let question = Ask { command: of_service(&check.command, &check.directory, &check.user), limit: LIMIT };
    let ask = async |world: &World| {
        let said = world.hosts.ask(&id, &context.in_time(&question)).await?;
        storage::free(&said).map(Size::of_bytes).map_err(|why| {
            let message =
                format!("the free storage of {} could not be read from {}: {why}", check.database, check.host.name);
            Failure::not_applied(message)
                .with_hint("run its `free_storage_command` there, and correct it in the deployment file")
        })
    };
    context.ask(ask).await
}
