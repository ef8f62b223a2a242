//! Route 53 and the resolvers.

use std::time::Duration;

use cutover_core::names::{ChangeId, DnsName};
use cutover_core::observation::Record;
use cutover_core::plan::RecordTarget;
use cutover_engine::failure::FailureClass;
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::ports::{Answer, ServerAnswer};

use crate::broken::{Broken, Kept, refused_for_good, same, that};
use crate::stage::Stage;

fn zone(stage: &Stage) -> &str {
    &stage.deployment.dns.zone
}

/// The record of that name, if there is one.
async fn read(stage: &Stage, name: &DnsName) -> Result<Option<Record>, Broken> {
    Ok(stage.world.dns.records(zone(stage), std::slice::from_ref(name)).await?.remove(name))
}

/// Changes records and waits until the change is in sync.
async fn made(stage: &Stage, records: &[RecordTarget]) -> Kept {
    let change = stage.change_records(zone(stage), records).await?;
    stage.holds("a change is in sync", async || Ok(stage.world.dns.in_sync(&change).await?)).await
}

async fn is_read(stage: &Stage, record: &RecordTarget) -> Kept {
    let wanted = Record { target: record.target.clone(), ttl: record.ttl };
    let what = format!("{} is read as it was made", record.name);
    stage.holds(&what, async || Ok(read(stage, &record.name).await?.as_ref() == Some(&wanted))).await
}

pub(crate) async fn records_that_do_not_exist_are_left_out(stage: &Stage) -> Kept {
    let site = stage.deployment.sites[0].host.clone();
    let found = stage.world.dns.records(zone(stage), &[stage.name("nobody"), site.clone()]).await?;
    same("the names with a record", found.into_keys().collect(), vec![site])
}

pub(crate) async fn no_names_give_no_records(stage: &Stage) -> Kept {
    let found = stage.world.dns.records(zone(stage), &[]).await?;
    that(found.is_empty(), || format!("no names gave {found:?}"))
}

pub(crate) async fn sites_point_at_their_balancers_with_the_ttl_of_the_file(stage: &Stage) -> Kept {
    for site in &stage.deployment.sites {
        let balancer = stage.deployment.balancer(&site.balancer);
        let target = balancer.map(|balancer| balancer.domain.clone()).unwrap_or_else(|| "".into());
        let wanted = Record { target, ttl: stage.deployment.dns.ttl.duration() };
        same(site.host.as_str(), read(stage, &site.host).await?, Some(wanted))?;
    }
    Ok(())
}

pub(crate) async fn a_changed_record_is_read_as_it_was_made(stage: &Stage) -> Kept {
    let first = stage.record("changed");
    stage.change_records(zone(stage), std::slice::from_ref(&first)).await?;
    is_read(stage, &first).await?;
    let second = RecordTarget { target: "elsewhere.example".into(), ttl: stage.deployment.dns.ttl.duration(), ..first };
    stage.change_records(zone(stage), std::slice::from_ref(&second)).await?;
    is_read(stage, &second).await
}

pub(crate) async fn changing_a_record_twice_is_changing_it_once(stage: &Stage) -> Kept {
    let record = stage.record("twice");
    made(stage, std::slice::from_ref(&record)).await?;
    made(stage, std::slice::from_ref(&record)).await?;
    is_read(stage, &record).await
}

pub(crate) async fn records_of_one_batch_are_all_changed(stage: &Stage) -> Kept {
    let records = ["batch-1", "batch-2", "batch-3"].map(|word| stage.record(word));
    stage.change_records(zone(stage), &records).await?;
    for record in &records {
        is_read(stage, record).await?;
    }
    Ok(())
}

pub(crate) async fn a_refused_batch_changes_nothing(stage: &Stage) -> Kept {
    let inside = stage.record("beside-a-wrong-one");
    let outside = RecordTarget { name: "www.another-zone.example".into(), ..inside.clone() };
    let answer = stage.change_records(zone(stage), &[inside.clone(), outside]).await;
    refused_for_good("a name that is not of the zone", answer)?;
    same("the other record of the batch", read(stage, &inside.name).await?, None)
}

/// A fence as a conductor would write it.
fn written(value: &str) -> FenceRecord {
    FenceRecord { values: vec![value.to_owned()], ttl: Duration::from_secs(60) }
}

/// Changes a record in one batch with a fence.
async fn fenced(stage: &Stage, record: &RecordTarget, fence: &FenceChange) -> Answer<ChangeId> {
    let (dns, records) = (&stage.world.dns, std::slice::from_ref(record));
    stage.write(async |permit| dns.change_records(permit, zone(stage), records, fence).await).await
}

pub(crate) async fn a_fence_is_listed_as_it_was_written(stage: &Stage) -> Kept {
    let name = stage.name("_fence-listed");
    same("a fence that nobody wrote", stage.world.dns.fence(zone(stage), &name).await?, None)?;
    let mut was = None;
    for value in ["cutover koa 1 abc 1", "cutover koa 2 def 1"] {
        let next = written(value);
        let change = FenceChange { name: name.clone(), was, next: next.clone() };
        fenced(stage, &stage.record("fence-listed"), &change).await?;
        let listed = async || Ok(stage.world.dns.fence(zone(stage), &name).await?.as_ref() == Some(&next));
        stage.holds("the fence is listed as it was written", listed).await?;
        was = Some(next);
    }
    Ok(())
}

pub(crate) async fn a_batch_whose_fence_is_not_as_told_changes_nothing(stage: &Stage) -> Kept {
    let (name, record) = (stage.name("_fence-refused"), stage.record("fence-refused"));
    let fence =
        |was: Option<&str>, next: &str| FenceChange { name: name.clone(), was: was.map(written), next: written(next) };
    fenced(stage, &record, &fence(None, "cutover koa 2 def 1")).await?;
    let stale = RecordTarget { target: "stale.example".into(), ..record.clone() };
    for was in [None, Some("cutover koa 1 abc 1")] {
        let answer = fenced(stage, &stale, &fence(was, "cutover koa 1 abc 2")).await;
        let class = answer.as_ref().err().map(|failure| failure.class);
        that(class == Some(FailureClass::Superseded), || format!("a batch on {was:?} was to be refused: {answer:?}"))?;
    }
    is_read(stage, &record).await
}

pub(crate) async fn a_change_comes_in_sync(stage: &Stage) -> Kept {
    made(stage, &[stage.record("in-sync")]).await
}

pub(crate) async fn in_sync_means_that_every_server_answers_so(stage: &Stage) -> Kept {
    let record = stage.record("served");
    for target in ["one.example", "another.example"] {
        let record = RecordTarget { target: target.into(), ..record.clone() };
        made(stage, std::slice::from_ref(&record)).await?;
        let answers = stage.world.dns.ask_servers(zone(stage), &record.name).await?;
        that(!answers.is_empty(), || "the zone has no servers".to_owned())?;
        let wanted = vec![Some(record.target); answers.len()];
        same("what the servers answer", targets(answers), wanted)?;
    }
    Ok(())
}

pub(crate) async fn servers_answer_nothing_for_an_unknown_name(stage: &Stage) -> Kept {
    let answers = stage.world.dns.ask_servers(zone(stage), &stage.name("nobody")).await?;
    that(!answers.is_empty(), || "the zone has no servers".to_owned())?;
    let none = vec![None; answers.len()];
    same("what the servers answer", targets(answers), none)
}

fn targets(answers: Vec<ServerAnswer>) -> Vec<Option<DnsName>> {
    answers.into_iter().map(|answer| answer.target).collect()
}

pub(crate) async fn a_zone_is_known_with_its_dot_and_without(stage: &Stage) -> Kept {
    let site = &stage.deployment.sites[0].host;
    let bare = zone(stage).trim_end_matches('.');
    let record = stage.record("dotted");
    for zone in [bare.to_owned(), format!("{bare}.")] {
        let found = stage.world.dns.records(&zone, std::slice::from_ref(site)).await?;
        that(found.contains_key(site), || format!("{site} was not found in {zone}"))?;
        stage.change_records(&zone, std::slice::from_ref(&record)).await?;
    }
    Ok(())
}

pub(crate) async fn an_unknown_zone_is_refused_for_good(stage: &Stage) -> Kept {
    let (zone, record) = ("another-zone.example.", stage.record("nowhere"));
    let name = record.name.clone();
    refused_for_good("reading", stage.world.dns.records(zone, std::slice::from_ref(&name)).await)?;
    refused_for_good("changing", stage.change_records(zone, &[record]).await)?;
    refused_for_good("asking the servers", stage.world.dns.ask_servers(zone, &name).await)
}

/// An unknown change is refused or not in sync, because a new change may not be known everywhere yet.
pub(crate) async fn an_unknown_change_is_never_in_sync(stage: &Stage) -> Kept {
    let answer = stage.world.dns.in_sync(&ChangeId::from("C0000000000000")).await;
    that(!matches!(answer, Ok(true)), || "a change that nobody made is in sync".to_owned())
}

pub(crate) async fn a_resolver_follows_in_the_end(stage: &Stage) -> Kept {
    let record = stage.record("resolved");
    made(stage, std::slice::from_ref(&record)).await?;
    for resolver in &stage.deployment.dns.resolvers {
        let follows = async || {
            let answer = stage.world.dns.ask_resolver(*resolver, &record.name).await?;
            Ok(answer.as_ref() == Some(&record.target))
        };
        stage.holds(&format!("{resolver} answers with the target"), follows).await?;
    }
    Ok(())
}

pub(crate) async fn a_resolver_answers_nothing_for_an_unknown_name(stage: &Stage) -> Kept {
    for resolver in &stage.deployment.dns.resolvers {
        let answer = stage.world.dns.ask_resolver(*resolver, &stage.name("nobody")).await?;
        same(&resolver.to_string(), answer, None)?;
    }
    Ok(())
}
