//! Which module observes and makes each kind of action.

use jiff::Timestamp;

use cutover_core::journal::Fact;
use cutover_core::plan::Action;

use super::{Scene, Seen, balancers, dns, hosts, images, migrations, pages, snapshots};
use crate::halt::Hitch;
use crate::ports::Answer;

/// Looks whether what the step wants holds already.
pub(crate) async fn observe(scene: &Scene<'_>) -> Answer<Seen> {
    match &scene.step.action {
        Action::Milestone => Ok(Seen::holds()),
        Action::WaitUntil { moment, .. } => Ok(wait_until(scene, *moment)),
        Action::Decide(_) | Action::SmokeTest { .. } => Ok(Seen::NotYet),
        Action::Capture { hosts } => Ok(Seen::Holds(vec![Fact::Captured { hosts: hosts.clone() }])),
        Action::Announce(message) => pages::announced(scene, message).await,
        Action::PublishPage(page) => pages::published(scene, page).await,
        Action::ChangeRecords(change) => dns::changed(scene, change).await,
        Action::AwaitResolvers(wait) => dns::forgotten(scene, wait).await,
        Action::BuildImage(build) => images::built(scene, build).await,
        Action::RemoveImage { image, .. } => images::removed(scene, image).await,
        Action::Launch(launch) => hosts::launched(scene, launch).await,
        Action::Terminate { host, .. } => hosts::terminated(scene, host).await,
        Action::StopServices(stop) => hosts::stopped(scene, stop).await,
        Action::StartServices(start) => hosts::started(scene, start).await,
        Action::ConfirmStopped { hosts } => hosts::still_stopped(scene, hosts).await,
        Action::DrainQueues { fleet } => hosts::drained(scene, fleet).await,
        Action::TakeSnapshot { database, snapshot } => snapshots::taken(scene, database, snapshot).await,
        Action::Migrate(migrate) => migrations::migrated(scene, migrate).await,
        Action::Register(members) => balancers::registered(scene, members).await,
        Action::Deregister(members) => balancers::deregistered(scene, members).await,
        Action::AwaitHealthy(members) => balancers::healthy(scene, members).await,
        Action::AwaitDrained(members) => balancers::drained(scene, members).await,
        Action::CheckSite(check) => pages::answers(scene, check).await,
    }
}

/// Makes what the step wants, once. Actions that only wait have nothing to make.
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
