//! What commands look at in the world besides the journal, which cannot know it.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::names::{DnsName, InstanceId};
use cutover_core::observation::Record;
use cutover_core::plan::{Phase, RecordTarget};
use cutover_engine::fence::{FenceRecord, Mark};
use cutover_engine::retry;

use crate::error::CommandError;
use crate::session::Session;
use crate::wall::sleep;

/// How long the world is looked at. A status is shown without that, such as where there are no credentials.
const LOOK: Duration = Duration::from_secs(3);

/// What a look at the world finds, if it ends in time.
async fn in_time<T>(look: impl Future<Output = Option<T>>) -> Option<T> {
    match select(pin!(look), sleep(LOOK)).await {
        Either::Left((found, _)) => found,
        Either::Right(_) => None,
    }
}

/// Looks in the zone for a maintenance page that a conductor may have put up before it ended without a record of the answer.
/// Where the zone cannot be seen, visitors may see the page.
pub(super) async fn find_pages(session: &Session, upgrade: &mut Upgrade) {
    let names = names_in_question(upgrade);
    if names.is_empty() {
        return;
    }
    let zone = &session.deployment().dns.zone;
    let look = async { session.world().await.ok()?.dns.records(zone, &names).await.ok() };
    let seen = in_time(look).await;
    upgrade.see_pages(|record| seen.as_ref().is_none_or(|zone| is_shown(zone, record)));
}

/// The same for a phase that goes on: what it may skip depends on whether visitors see the page, so it has to be known.
///
/// # Errors
/// When the zone cannot be read.
pub(super) async fn find_pages_for_certain(session: &Session, upgrade: &mut Upgrade) -> Result<(), CommandError> {
    let names = names_in_question(upgrade);
    if names.is_empty() {
        return Ok(());
    }
    let (world, zone) = (session.world().await?, &session.deployment().dns.zone);
    let seen = retry::read(&*session.clock, async || world.dns.records(zone, &names).await).await?;
    upgrade.see_pages(|record| is_shown(&seen, record));
    Ok(())
}

fn names_in_question(upgrade: &Upgrade) -> Vec<DnsName> {
    upgrade.pages_in_question().into_iter().map(|record| record.name.clone()).collect()
}

fn is_shown(zone: &BTreeMap<DnsName, Record>, record: &RecordTarget) -> bool {
    zone.get(&record.name).is_some_and(|seen| seen.target.is_same(&record.target))
}

/// The epoch of a conductor of this upgrade that has changed the zone, as far as the zone's fence can be seen, while nothing is
/// on record here.
pub(super) async fn begun_elsewhere(session: &Session) -> Option<u64> {
    let deployment = session.deployment();
    let fence = async {
        let dns = session.world().await.ok()?.dns;
        dns.fence(&deployment.dns.zone, &deployment.fence()).await.ok()?
    };
    of_another(deployment, &in_time(fence).await?)
}

/// The same for a phase, which would begin the upgrade anew.
///
/// # Errors
/// When the fence cannot be read.
pub(super) async fn begun_elsewhere_for_certain(session: &Session) -> Result<Option<u64>, CommandError> {
    let (world, deployment) = (session.world().await?, session.deployment());
    let read = async || world.dns.fence(&deployment.dns.zone, &deployment.fence()).await;
    let record = retry::read(&*session.clock, read).await?;
    Ok(record.and_then(|record| of_another(deployment, &record)))
}

fn of_another(deployment: &Deployment, record: &FenceRecord) -> Option<u64> {
    let mark = Mark::of(record).filter(|mark| mark.is_unknown(&deployment.upgrade(), |_| false));
    mark.map(|mark| mark.epoch)
}

/// Whether the window has ended, so that nobody would notice that next hosts are lost before they are needed.
fn waits_for_retire(upgrade: &Upgrade) -> bool {
    upgrade.finished(Phase::Window) && !upgrade.finished(Phase::Retire)
}

/// Looks for next hosts that are gone while nobody else would notice, as far as that can be seen.
pub(super) async fn find_lost_hosts(session: &Session, upgrade: &mut Upgrade) {
    if waits_for_retire(upgrade) {
        upgrade.gone.extend(in_time(lost_hosts(session, upgrade)).await.unwrap_or_default());
    }
}

/// The next hosts that are gone, as far as that can be seen.
async fn lost_hosts(session: &Session, upgrade: &Upgrade) -> Option<Vec<InstanceId>> {
    let listed = session.world().await.ok()?.compute.instances().await.ok()?;
    let lives = |id: &InstanceId| listed.iter().any(|instance| instance.id == *id && instance.lives());
    // With the wrong region, every host would seem to be gone.
    let lost = upgrade.launched.values().filter(|id| !listed.is_empty() && !lives(id));
    Some(lost.cloned().collect())
}
