//! Which module observes and carries out each kind of action.

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};

use cutover_core::journal::Fact;
use cutover_core::plan::Action;
use cutover_hosts::hold::Verb;

use super::{
    Seen, StepContext, again, balancers, builds, commands, dns, first_contact, held, hosts, images, migrations, packed,
    pages, programs, queues, rows, sessions, snapshots, soak, statements, still_running, storage, write_checks,
};
use crate::halt::WriteError;
use crate::ports::Answer;

/// Observes how far the step's effect is there. Each kind of observation is boxed separately: a future with room for
/// all of them would be large, and would be moved together with every future around it.
pub(crate) fn observe<'a>(context: &'a StepContext<'_>) -> LocalBoxFuture<'a, Answer<Seen>> {
    match &context.step.action {
        Action::Milestone => known(Seen::holds()),
        // Waits for people and dates are in `drive`, and a smoke test has no effect that could be observed.
        Action::WaitUntil { .. } | Action::Decide(_) | Action::SmokeTest { .. } => known(Seen::NotYet),
        Action::Capture { hosts } => known(Seen::Holds(vec![Fact::Captured { hosts: hosts.clone() }])),
        Action::Announce(message) => pages::announced(context, message).boxed_local(),
        Action::PublishPage(page) => pages::published(context, page).boxed_local(),
        Action::ChangeRecords(change) => dns::changed(context, change).boxed_local(),
        Action::AwaitResolvers(wait) => dns::forgotten(context, wait).boxed_local(),
        Action::BuildImage(build) => match (&build.builder, &build.packer) {
            (Some(builder), _) => builds::built(context, build, builder).boxed_local(),
            (None, Some(_)) => packed::built(context, build).boxed_local(),
            (None, None) => images::built(context, build).boxed_local(),
        },
        Action::RemoveImage { image, .. } => images::removed(context, image).boxed_local(),
        Action::Launch(launch) => hosts::launched(context, launch).boxed_local(),
        Action::Terminate { host, .. } => hosts::terminated(context, host).boxed_local(),
        Action::HoldBack(held) => held::held(context, held).boxed_local(),
        Action::PutBack(held) => held::put_back(context, held).boxed_local(),
        Action::RunCommands(run) => commands::ran(context, run).boxed_local(),
        Action::StopServices(stop) => programs::stopped(context, stop).boxed_local(),
        Action::StartServices(start) => programs::started(context, start).boxed_local(),
        Action::ConfirmStopped { hosts, snapshots } => again::still_stopped(context, hosts, snapshots).boxed_local(),
        Action::ConfirmRunning { hosts } => still_running::still_running(context, hosts).boxed_local(),
        Action::DrainQueues { fleet, count } => queues::drained(context, fleet, count.as_ref()).boxed_local(),
        Action::TakeSnapshot { database, snapshot } => snapshots::taken(context, database, snapshot).boxed_local(),
        Action::AwaitSessions(wait) => sessions::ended(context, wait).boxed_local(),
        Action::CheckStorage(check) => storage::is_enough(context, check).boxed_local(),
        Action::CountRows(count) => rows::counted(context, count).boxed_local(),
        Action::ReadStatements(read) => statements::read(context, read).boxed_local(),
        Action::Migrate(migrate) => migrations::migrated(context, migrate).boxed_local(),
        Action::Register(members) => balancers::registered(context, members).boxed_local(),
        Action::Deregister(members) => balancers::deregistered(context, members).boxed_local(),
        Action::AwaitHealthy(members) => balancers::healthy(context, members).boxed_local(),
        Action::AwaitDrained(members) => balancers::drained(context, members).boxed_local(),
        Action::CheckSite(check) => pages::answers(context, check).boxed_local(),
        Action::Baseline(baseline) => soak::measured(context, baseline).boxed_local(),
        Action::Soak(of) => soak::soaked(context, of).boxed_local(),
        Action::WriteCheck(check) => write_checks::passed(context, check).boxed_local(),
    }
}

fn known<'a>(seen: Seen) -> LocalBoxFuture<'a, Answer<Seen>> {
    ready(Ok(seen)).boxed_local()
}

/// Makes the step's call, once. Actions that only wait have no call.
pub(crate) async fn act(context: &StepContext<'_>) -> Result<(), WriteError> {
    match &context.step.action {
        Action::Announce(message) => pages::announce(context, message).await,
        Action::PublishPage(page) => pages::publish(context, page).await,
        Action::ChangeRecords(change) => dns::change(context, change).await,
        Action::BuildImage(build) => match (&build.builder, &build.packer) {
            (Some(builder), _) => builds::build(context, build, builder).await,
            (None, Some(packer)) => packed::build(context, build, packer).await,
            (None, None) => images::build(context, build).await,
        },
        Action::RemoveImage { image, .. } => images::remove(context, image).await,
        Action::Launch(launch) => hosts::launch(context, launch).await,
        Action::Terminate { host, balancers } => hosts::terminate(context, host, balancers).await,
        Action::HoldBack(held) => held::order(context, held, Verb::Hold).await,
        Action::PutBack(held) => held::order(context, held, Verb::PutBack).await,
        Action::RunCommands(run) => commands::run(context, run).await,
        Action::StopServices(stop) => programs::stop(context, stop).await,
        Action::StartServices(start) => programs::start(context, start).await,
        Action::ConfirmStopped { hosts, snapshots } => again::stop_again(context, hosts, snapshots).await,
        Action::TakeSnapshot { database, snapshot } => snapshots::take(context, database, snapshot).await,
        Action::Migrate(migrate) => migrations::start(context, migrate).await,
        Action::Register(members) => balancers::register(context, members).await,
        Action::Deregister(members) => balancers::deregister(context, members).await,
        Action::WriteCheck(check) => write_checks::make(context, check).await,
        Action::SmokeTest { host, tests, idle, identity } => {
            let idle = idle.as_ref();
            first_contact::smoke_test(context, host, tests, idle, identity.as_deref()).await
        }
        Action::Milestone
        | Action::WaitUntil { .. }
        | Action::Decide(_)
        | Action::Capture { .. }
        | Action::AwaitResolvers(_)
        | Action::ConfirmRunning { .. }
        | Action::DrainQueues { .. }
        | Action::AwaitSessions(_)
        | Action::CheckStorage(_)
        | Action::CountRows(_)
        | Action::ReadStatements(_)
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_)
        | Action::Baseline(_)
        | Action::Soak(_) => Ok(()),
    }
}
