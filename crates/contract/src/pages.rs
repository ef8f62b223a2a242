//! The maintenance page: the object and the distribution in front of it.

use std::collections::BTreeSet;

use cutover_core::names::{DnsName, InvalidationId};
use cutover_core::observation::Distribution;

use cutover_engine::failure::FailureClass;

use crate::broken::{Broken, Kept, refused_for_good, same, that};
use crate::stage::Stage;

/// A page with characters that a wrong encoding would lose.
const PAGE: &str = "<!doctype html>\n<p title='\"&amp;'>Zurück um 6 – «bald» 🚧</p>\n";

fn bucket(stage: &Stage) -> &str {
    &stage.deployment.maintenance_page.bucket
}

fn id(stage: &Stage) -> &str {
    &stage.deployment.maintenance_page.distribution
}

fn sites(stage: &Stage) -> BTreeSet<&DnsName> {
    stage.deployment.sites.iter().map(|site| &site.host).collect()
}

async fn distribution(stage: &Stage) -> Result<Distribution, Broken> {
    let found = stage.world.pages.distribution(id(stage)).await?;
    found.ok_or_else(|| Broken(format!("distribution {} was not found", id(stage))))
}

pub(crate) async fn the_page_that_was_put_is_the_page_that_is_read(stage: &Stage) -> Kept {
    stage.put_page(bucket(stage), "contract/put.html", PAGE).await?;
    let read = stage.world.pages.page(bucket(stage), "contract/put.html").await?;
    same("the page", read.map(|page| page.text).as_deref(), Some(PAGE))
}

pub(crate) async fn a_page_is_replaced(stage: &Stage) -> Kept {
    for page in [PAGE, "short", ""] {
        stage.put_page(bucket(stage), "contract/replaced.html", page).await?;
        let read = stage.world.pages.page(bucket(stage), "contract/replaced.html").await?;
        same("the page", read.map(|page| page.text).as_deref(), Some(page))?;
    }
    Ok(())
}

pub(crate) async fn a_page_that_was_changed_since_it_was_read_is_left_as_it_is(stage: &Stage) -> Kept {
    let (pages, bucket, key) = (&stage.world.pages, bucket(stage), "contract/changed.html");
    stage.put_page(bucket, key, "read").await?;
    let read = pages.page(bucket, key).await?.map(|page| page.version);
    stage.put_page(bucket, key, "somebody else's").await?;
    for stale in [read.as_ref(), None] {
        let answer = stage.write(async |permit| pages.put_page(permit, bucket, key, "stale", stale).await).await;
        let class = answer.as_ref().err().map(|failure| failure.class);
        that(class == Some(FailureClass::NotApplied), || format!("in the place of {stale:?}: {answer:?}"))?;
    }
    let there = pages.page(bucket, key).await?.map(|page| page.text);
    same("the page", there.as_deref(), Some("somebody else's"))
}

pub(crate) async fn an_object_that_does_not_exist_is_nothing(stage: &Stage) -> Kept {
    same("a missing page", stage.world.pages.page(bucket(stage), "contract/nothing.html").await?, None)
}

pub(crate) async fn the_distribution_shows_the_page_for_every_site(stage: &Stage) -> Kept {
    let found = distribution(stage).await?;
    let page = &stage.deployment.maintenance_page;
    same("its domain", &found.domain, &page.domain)?;
    let shows = (found.enabled, found.deployed, found.errors_show_page);
    same("enabled, deployed, errors show the page", shows, (true, true, true))?;
    same("the names it answers for", found.aliases.iter().collect(), sites(stage))?;
    let origin = found.origins.iter().any(|origin| origin.starts_with(&page.bucket));
    that(origin, || format!("its pages come from {:?}", found.origins))
}

pub(crate) async fn the_certificate_of_the_distribution_covers_every_site(stage: &Stage) -> Kept {
    same("the names certified", distribution(stage).await?.certified.iter().collect(), sites(stage))
}

pub(crate) async fn an_unknown_distribution_is_nothing(stage: &Stage) -> Kept {
    same("an unknown distribution", stage.world.pages.distribution("E0NOBODY").await?, None)
}

pub(crate) async fn invalidating_twice_with_one_reference_is_one_invalidation(stage: &Stage) -> Kept {
    let first =
        stage.write(async |permit| stage.world.pages.invalidate(permit, id(stage), "contract-once").await).await?;
    same(
        "the second invalidation",
        stage.write(async |permit| stage.world.pages.invalidate(permit, id(stage), "contract-once").await).await?,
        first,
    )
}

pub(crate) async fn another_reference_is_another_invalidation(stage: &Stage) -> Kept {
    let first = stage.write(async |permit| stage.world.pages.invalidate(permit, id(stage), "contract-1").await).await?;
    let second =
        stage.write(async |permit| stage.world.pages.invalidate(permit, id(stage), "contract-2").await).await?;
    that(first != second, || format!("both references gave {first}"))
}

pub(crate) async fn an_invalidation_completes(stage: &Stage) -> Kept {
    let invalidation =
        stage.write(async |permit| stage.world.pages.invalidate(permit, id(stage), "contract-completes").await).await?;
    let complete = async || Ok(stage.world.pages.invalidated(id(stage), &invalidation).await?);
    stage.holds("an invalidation completes", complete).await
}

pub(crate) async fn an_unknown_distribution_is_not_invalidated(stage: &Stage) -> Kept {
    refused_for_good(
        "invalidating",
        stage.write(async |permit| stage.world.pages.invalidate(permit, "E0NOBODY", "contract-nobody").await).await,
    )
}

/// An unknown invalidation is refused or not complete, because a new invalidation may not be known everywhere yet.
pub(crate) async fn an_unknown_invalidation_is_never_complete(stage: &Stage) -> Kept {
    let answer = stage.world.pages.invalidated(id(stage), &InvalidationId::from("I0000000000000")).await;
    that(!matches!(answer, Ok(true)), || "an invalidation that nobody asked for is complete".to_owned())
}
