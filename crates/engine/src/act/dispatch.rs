//! Which module observes and carries out each kind of action.

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use jiff::Timestamp;

use cutover_core::journal::Fact;
use cutover_core::plan::Action;

use super::{Scene, Seen, balancers, dns, hosts, images, migrations, pages, snapshots};
use crate::halt::Hitch;
use crate::ports::Answer;

/// Observes how far the step's effect is there. Each kind of observation is boxed separately: a future with room for
/// all of them would be large, and would be moved together with every future around it.
pub(crate) fn observe<'a>(scene: &'a Scene<'_>) -> LocalBoxFuture<'a, Answer<Seen>> {
    match &scene.step.action {
        Action::Milestone => known(Seen::holds()),
        Action::WaitUntil { moment, .. } => known(wait_until(scene, *moment)),
        Action::Decide(_) | Action::SmokeTest { .. } => known(Seen::NotYet),
        Action::Capture { hosts } => known(Seen::Holds(vec![Fact::Captured { hosts: hosts.clone() }])),
        Action::Announce(message) => pages::announced(scene, message).boxed_local(),
        Action::PublishPage(page) => pages::published(scene, page).boxed_local(),
        Action::ChangeRecords(change) => dns::changed(scene, change).boxed_local(),
        Action::AwaitResolvers(wait) => dns::forgotten(scene, wait).boxed_local(),
        Action::BuildImage(build) => images::built(scene, build).boxed_local(),
        Action::RemoveImage { image, .. } => images::removed(scene, image).boxed_local(),
        Action::Launch(launch) => hosts::launched(scene, launch).boxed_local(),
        Action::Terminate { host, .. } => hosts::terminated(scene, host).boxed_local(),
        Action::StopServices(stop) => hosts::stopped(scene, stop).boxed_local(),
        Action::StartServices(start) => hosts::started(scene, start).boxed_local(),
        Action::ConfirmStopped { hosts } => hosts::still_stopped(scene, hosts).boxed_local(),
        Action::DrainQueues { fleet } => hosts::drained(scene, fleet).boxed_local(),
        Action::TakeSnapshot { database, snapshot } => snapshots::taken(scene, database, snapshot).boxed_local(),
        Action::Migrate(migrate) => migrations::migrated(scene, migrate).boxed_local(),
        Action::Register(members) => balancers::registered(scene, members).boxed_local(),
        Action::Deregister(members) => balancers::deregistered(scene, members).boxed_local(),
        Action::AwaitHealthy(members) => balancers::healthy(scene, members).boxed_local(),
        Action::AwaitDrained(members) => balancers::drained(scene, members).boxed_local(),
        Action::CheckSite(check) => pages::answers(scene, check).boxed_local(),
    }
}

fn known<'a>(seen: Seen) -> LocalBoxFuture<'a, Answer<Seen>> {
    ready(Ok(seen)).boxed_local()
}

/// Makes the step's call, once. Actions that only wait have no call.
pub(crate) async fn act(scene: &Scene<'_>) -> Result<(), Hitch> {
    match &scene.step.action {
        Action::Announce(message) => pages::announce(scene, message).await,
        Action::PublishPage(page) => pages::publish(scene, page).await,
        Action::ChangeRecords(change) => dns::change(scene, change).await,
        Action::BuildImage(build) => images::build(scene, build).await,
        Action::RemoveImage { image, .. } => images::remove(scene, image).await,
        Action::Launch(launch) => hosts::launch(scene, launch).await,
        Action::Terminate { host, balancers } => hosts::terminate(scene, host, balancers).await,
        Action::StopServices(stop) => hosts::stop(scene, stop).await,
        Action::StartServices(start) => hosts::start(scene, start).await,
        Action::ConfirmStopped { hosts } => hosts::stop_again(scene, hosts).await,
        Action::TakeSnapshot { database, snapshot } => snapshots::take(scene, database, snapshot).await,
        Action::Migrate(migrate) => migrations::start(scene, migrate).await,
        Action::Register(members) => balancers::register(scene, members).await,
        Action::Deregister(members) => balancers::deregister(scene, members).await,
        Action::SmokeTest { host, tests } => Ok(hosts::smoke_test(scene, host, tests).await?),
        Action::Milestone
        | Action::WaitUntil { .. }
        | Action::Decide(_)
        | Action::Capture { .. }
        | Action::AwaitResolvers(_)
        | Action::DrainQueues { .. }
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_) => Ok(()),
    }
}

fn wait_until(scene: &Scene<'_>, moment: Timestamp) -> Seen {
    if scene.clock.now() >= moment { Seen::holds() } else { Seen::NotYet }
}
