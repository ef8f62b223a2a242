//! Records of the zone: changing them, and checking that servers and resolvers have the change.

use std::collections::BTreeMap;
use std::net::IpAddr;

use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};

use cutover_core::journal::{DnsServer, Fact};
use cutover_core::names::DnsName;
use cutover_core::plan::{AwaitResolvers, ChangeRecords, RecordTarget};
use cutover_core::time::human;
use cutover_core::words::some_of;

use super::dns_evidence::{self, Answers};
use super::{Seen, StepContext, before_lift};
use crate::halt::WriteError;
use crate::ports::{Answer, ServerAnswer};

/// How many queries to DNS servers are made at the same time, each for one site's name.
const QUESTIONS: usize = 64;
/// How many servers are named that still have the old answer.
const SHOWN: usize = 2;

/// Whether the records have the wanted values, and the change is in sync. If the id of the change is not known, because
/// its answer was lost or another process made it, the zone's servers are asked instead.
pub(super) async fn changed(context: &StepContext<'_>, change: &ChangeRecords) -> Answer<Seen> {
    // This is cheaper than reading the records, which matter only once the change is in sync.
    let asked_for = context.found.change.borrow().clone();
    if let Some(id) = asked_for {
        if !context.ask(async |world| world.dns.in_sync(&id).await).await? {
            return Ok(Seen::UnderWay(format!("change {id} is pending on the zone's servers")));
        }
        context.note(Fact::InSync { change: id });
    }
    let names: Vec<DnsName> = change.records.iter().map(|record| record.name.clone()).collect();
    let records = context.ask(async |world| world.dns.records(&change.zone, &names).await).await?;
    let as_wanted = |wanted: &RecordTarget| {
        let record = records.get(&wanted.name);
        record.is_some_and(|record| record.target.is_same(&wanted.target) && record.ttl == wanted.ttl)
    };
    if !change.records.iter().all(as_wanted) {
        return Ok(Seen::NotYet);
    }
    let answers = servers_answers(context, &change.zone, &change.records).await?;
    answers.iter().for_each(|answers| dns_evidence::note(context, answers));
    let behind: Vec<String> =
        answers.iter().filter(|answers| answers.old().is_some()).map(|answers| answers.by.to_string()).collect();
    match behind.is_empty() {
        true => Ok(Seen::holds()),
        false => Ok(Seen::UnderWay(format!(
            "{} of the zone's servers still answer with the old target: {}",
            behind.len(),
            some_of(&behind, SHOWN)
        ))),
    }
}

/// What each of the zone's servers answers for the names of these records, or the first failure.
async fn servers_answers<'a>(
    context: &StepContext<'_>,
    zone: &str,
    records: &'a [RecordTarget],
) -> Answer<Vec<Answers<'a>>> {
    let questions = records.iter().map(async |record| {
        let answers = context.ask(async |world| world.dns.ask_servers(zone, &record.name).await).await?;
        Ok((record, answers))
    });
    let asked: Vec<(&RecordTarget, Vec<ServerAnswer>)> =
        stream::iter(questions).buffered(QUESTIONS).try_collect().await?;
    let mut by_server: BTreeMap<String, Vec<(&RecordTarget, Option<DnsName>)>> = BTreeMap::new();
    for (record, answers) in asked {
        for ServerAnswer { server, target } in answers {
            by_server.entry(server).or_default().push((record, target));
        }
    }
    Ok(by_server.into_iter().map(|(name, targets)| Answers { by: DnsServer::NameServer(name), targets }).collect())
}

/// What a resolver answers for the names of these records, or the first failure.
async fn resolver_answers<'a>(
    context: &StepContext<'_>,
    resolver: IpAddr,
    records: &'a [RecordTarget],
) -> Answer<Answers<'a>> {
    let questions = records.iter().map(async |record| {
        let answer = context.ask(async |world| world.dns.ask_resolver(resolver, &record.name).await).await?;
        Ok((record, answer))
    });
    let targets = stream::iter(questions).buffered(QUESTIONS).try_collect().await?;
    Ok(Answers { by: DnsServer::Resolver(resolver), targets })
}

pub(super) async fn change(context: &StepContext<'_>, change: &ChangeRecords) -> Result<(), WriteError> {
    if context.step.lifts_page() {
        before_lift::may_come_back(context).await?;
    }
    let in_time = || context.too_late().map_or(Ok(()), Err);
    let id = context.gate.change_records_while(&in_time, &change.zone, &change.records).await?;
    context.learn(Fact::RecordsChanged { change: id.clone() }).await?;
    context.found.change.replace(Some(id));
    Ok(())
}

/// Whether every resolver answers with the new target, and has done so long enough for open connections to close.
pub(super) async fn forgotten(context: &StepContext<'_>, wait: &AwaitResolvers) -> Answer<Seen> {
    // Visitors' resolvers, which are not asked, may keep the old answer for a whole TTL. That an earlier process began
    // to wait is on record with its date alone. Its clock may have been wrong, so the whole time is waited for again.
    let elapsed = context.in_this_process();
    if elapsed < wait.forget {
        let left = human(wait.forget - elapsed);
        return Ok(Seen::UnderWay(format!("resolvers may keep the old answer for {left} more")));
    }
    context.note(Fact::TtlPassed { ttl: wait.forget });
    let asked =
        join_all(wait.resolvers.iter().map(|resolver| resolver_answers(context, *resolver, &wait.records))).await;
    let answers = || asked.iter().filter_map(|asked| asked.as_ref().ok());
    answers().for_each(|answers| dns_evidence::note(context, answers));
    if let Some((by, name)) = answers().find_map(|answers| Some((&answers.by, answers.old()?))) {
        context.found.seen_since.set(None);
        return Ok(Seen::UnderWay(format!("{by} still has the old answer for {name}")));
    }
    asked.into_iter().collect::<Answer<Vec<_>>>()?;
    let settled = context.has_lasted();
    if settled < wait.settle {
        let left = human(wait.settle - settled);
        return Ok(Seen::UnderWay(format!("connections that browsers hold open have {left} to close")));
    }
    let names = wait.records.len();
    let text = format!("{} resolvers and the zone's servers agree on {names} names", wait.resolvers.len());
    Ok(Seen::Holds(vec![Fact::Note { text }]))
}
