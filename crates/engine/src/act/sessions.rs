//! The sessions on a database instance that a migration would have to wait for. They are somebody's: nothing here ends them.

use std::time::Duration;

use cutover_core::journal::{Fact, StepRun, migration_was_begun};
use cutover_core::names::{DatabaseName, FleetName};
use cutover_core::plan::{Action, AwaitSessions, Host, Lane, Line, Migrate, Step};
use cutover_core::words::some_of;
use cutover_hosts::command::Ask;
use cutover_hosts::sessions;

use super::named::NAMED;
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::pending::{LIMIT, of_service};
use crate::ports::{Answer, World};

/// How often sessions are looked at right before a migration until they count as remaining: a check of health comes and goes.
const LOOKS: u32 = 3;
/// The time between these looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Observes whether no session remains. After the step's time limit, somebody has to do something about those that do.
pub(super) async fn ended(context: &StepContext<'_>, wait: &AwaitSessions) -> Answer<Seen> {
    if migration_was_begun(&context.journal.upgrade(), &wait.database) {
        // A new plan looks at its steps again. By now, a session may be a migration's own.
        let text = format!("migrations on {} were begun before, so its sessions say nothing", wait.database);
        return Ok(Seen::Holds(vec![Fact::Note { text }]));
    }
    let remaining = remaining(context, wait, &wait.host).await?;
    Ok(if remaining.is_empty() {
        Seen::holds()
    } else if context.in_this_process() < context.step.limit {
        Seen::UnderWay(format!("sessions on {}: {}", wait.database, some_of(&remaining, NAMED)))
    } else {
        Seen::Never(held_up(&wait.database, &remaining))
    })
}

/// Refuses to start a migration while sessions remain on its database instance: some may have begun since the window waited
/// for them. Where another fleet migrates the instance or uses it already, its sessions cannot be told from others.
pub(super) async fn none_in_the_way(context: &StepContext<'_>, migrate: &Migrate) -> Answer<()> {
    let Some(wait) = wait_for(context, &migrate.instance).filter(|_| !is_used_by_others(context, migrate)) else {
        return Ok(());
    };
    let mut looks = 1;
    loop {
        let remaining = remaining(context, &wait, &migrate.host).await?;
        if remaining.is_empty() || is_used_by_others(context, migrate) {
            return Ok(());
        }
        if looks == LOOKS {
            return Err(held_up(&wait.database, &remaining));
        }
        looks += 1;
        context.clock.sleep(BETWEEN_LOOKS).await;
    }
}

fn held_up(database: &DatabaseName, remaining: &[String]) -> Failure {
    let why = format!(
        "a migration would have to wait for sessions on {database}, so it was not started: {}",
        some_of(remaining, NAMED)
    );
    Failure::permanent(why).with_hint(
        "find out whose they are, and have them ended, or end them there with KILL and the id; then run `cutover window` again",
    )
}

async fn remaining(context: &StepContext<'_>, wait: &AwaitSessions, host: &Host) -> Answer<Vec<String>> {
    let id = context.instance(host)?;
    let question = Ask { command: of_service(&wait.command, &wait.directory, &wait.user), limit: LIMIT };
    let ask = async |world: &World| {
        let said = world.hosts.ask(&id, &context.in_time(&question)).await?;
        sessions::read(&said).map_err(|why| {
            let message = format!("the sessions on {} could not be looked at from {}: {why}", wait.database, host.name);
            // The database may be unreachable for a moment.
            Failure::not_applied(message)
                .with_hint("run its `sessions_command` there, and correct it in the deployment file")
        })
    };
    context.ask(ask).await
}

/// How the plan of the current run waits for the sessions on an instance, if it does.
fn wait_for(context: &StepContext<'_>, instance: &DatabaseName) -> Option<AwaitSessions> {
    let upgrade = context.journal.upgrade();
    upgrade.current_run()?.plan.steps.iter().find_map(|step| match &step.action {
        Action::AwaitSessions(wait) if wait.database == *instance => Some(wait.clone()),
        _ => None,
    })
}

/// Whether another fleet migrates the same instance now, or has begun to start its next hosts.
fn is_used_by_others(context: &StepContext<'_>, migrate: &Migrate) -> bool {
    let upgrade = context.journal.upgrade();
    let Some(run) = upgrade.current_run() else { return false };
    let others = run.runs().filter_map(|(step, _)| match &step.action {
        Action::Migrate(other) if other.instance == migrate.instance && other.fleet != migrate.fleet => {
            Some(&other.fleet)
        }
        _ => None,
    });
    let others: Vec<&FleetName> = others.collect();
    run.runs().any(|(step, of_step)| {
        matches!(&step.lane, Lane::Fleet(fleet) if others.contains(&fleet)) && uses_a_database(step, of_step)
    })
}

fn uses_a_database(step: &Step, run: &StepRun) -> bool {
    match &step.action {
        Action::Migrate(_) => !run.status.is_done() && run.open_job().is_some(),
        Action::StartServices(_) => step.line == Line::StartNext && !run.status.is_untouched(),
        _ => false,
    }
}
