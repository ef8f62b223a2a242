//! The rows of tables. A count never stops a window: what could not be counted is told, and is not known.

use cutover_core::journal::{Fact, migration_was_begun};
use cutover_core::plan::CountRows;
use cutover_core::rows::{CountedWhen, TableRows};
use cutover_hosts::command::Ask;
use cutover_hosts::rows;

use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::pending::{LIMIT, of_service};
use crate::ports::{Answer, World};

/// Counts the rows of the tables. Once migrations were begun, it is too late to count those from before.
pub(super) async fn counted(context: &StepContext<'_>, count: &CountRows) -> Answer<Seen> {
    let note = |text: String| Ok(Seen::Holds(vec![Fact::Note { text }]));
    let database = &count.database;
    if count.when == CountedWhen::Before && migration_was_begun(&context.journal.upgrade(), database) {
        return note(format!("migrations on {database} were begun before, so its rows are not counted now"));
    }
    match tables(context, count).await {
        Ok(tables) => Ok(Seen::Holds(vec![Fact::Rows { database: database.clone(), when: count.when, tables }])),
        Err(failure) => note(format!("the rows on {database} are not known: {failure}")),
    }
}

async fn tables(context: &StepContext<'_>, count: &CountRows) -> Answer<Vec<TableRows>> {
    let id = context.instance(&count.host)?;
    let words = [count.command.as_slice(), &count.tables].concat();
    let question = Ask { command: of_service(&words, &count.directory, &count.user), limit: LIMIT };
    let ask = async |world: &World| {
        let said = world.hosts.ask(&id, &context.in_time(&question)).await?;
        // Asking again would count all of it again, with the page up.
        rows::read(&said, &count.tables).map_err(|why| Failure::permanent(why.to_string()))
    };
    context.ask(ask).await
}
