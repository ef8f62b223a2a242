//! What people see: the maintenance page, messages, and the sites from outside.

use cutover_core::deployment::SiteCheck;
use cutover_core::journal::Fact;
use cutover_core::names::InvalidationId;
use cutover_core::plan::{Announce, CheckSite, PublishPage, Via};
use cutover_core::time::between;

use super::{Scene, Seen};
use crate::ports::{Answer, Page};

/// How long a site may fail its checks before it has failed them: a balancer may send the first requests to a
/// host that is still warming up.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) async fn announced(scene: &Scene<'_>, message: &Announce) -> Answer<Seen> {
    if scene.world.announcer.announced(&scene.token()).await? {
        return Ok(Seen::Holds(vec![Fact::Announced { announcement: message.announcement.clone() }]));
    }
    Ok(Seen::NotYet)
}

/// The object has the page's text, and the distribution has forgotten what it had before.
pub(super) async fn published(scene: &Scene<'_>, page: &PublishPage) -> Answer<Seen> {
    // Whatever the object holds, only an invalidation of this upgrade shows that no edge has an older page.
    if !scene.begun.get() {
        return Ok(Seen::NotYet);
    }
    let there = scene.world.pages.page(&page.bucket, &page.key).await?;
    if there.as_deref() != Some(page.body.as_str()) {
        return Ok(Seen::NotYet);
    }
    let invalidation = invalidation(scene, page).await?;
    if scene.world.pages.invalidated(&page.distribution, &invalidation).await? {
        return Ok(Seen::holds());
    }
    Ok(Seen::UnderWay("the distribution is forgetting the old page".to_owned()))
}

pub(super) async fn publish(scene: &Scene<'_>, page: &PublishPage) -> Answer<()> {
    scene.world.pages.put_page(&page.bucket, &page.key, &page.body).await?;
    invalidation(scene, page).await.map(|_| ())
}

/// The invalidation of this step, asked for once. Where its answer was lost, or another process asked, asking again
/// gives the same one back.
async fn invalidation(scene: &Scene<'_>, page: &PublishPage) -> Answer<InvalidationId> {
    let known = scene.invalidation.borrow().clone();
    if let Some(invalidation) = known {
        return Ok(invalidation);
    }
    let invalidation = scene.world.pages.invalidate(&page.distribution, &reference(scene)).await?;
    scene.invalidation.replace(Some(invalidation.clone()));
    Ok(invalidation)
}

/// One for each time that the step was begun anew: an older invalidation is complete, and says nothing.
fn reference(scene: &Scene<'_>) -> String {
    format!("cutover-{}-{}", &scene.token()[..12], scene.since.as_millisecond())
}

pub(super) async fn answers(scene: &Scene<'_>, check: &CheckSite) -> Answer<Seen> {
    let pinned = match &check.via {
        Via::PublicDns => None,
        Via::Balancer(domain) => Some(domain),
    };
    let mut wrong = Vec::new();
    for wanted in &check.checks {
        let page = scene.world.outside.fetch(&check.host, &wanted.path, pinned).await?;
        wrong.extend(what_is_wrong(wanted, &page));
    }
    if wrong.is_empty() {
        return Ok(Seen::Holds(vec![Fact::SiteChecked { site: check.site.clone() }]));
    }
    let words = format!("https://{}: {}", check.host, wrong.join("; "));
    let patient = between(scene.taken_up, scene.clock.now()) < PATIENCE;
    Ok(if patient { Seen::UnderWay(words) } else { Seen::Never(words) })
}

fn what_is_wrong(wanted: &SiteCheck, page: &Page) -> Option<String> {
    if page.status != wanted.status {
        return Some(format!("{} answers {} instead of {}", wanted.path, page.status, wanted.status));
    }
    let text = wanted.contains.as_ref().filter(|text| !page.body.contains(text.as_str()))?;
    Some(format!("{} lacks the text `{text}`", wanted.path))
}
