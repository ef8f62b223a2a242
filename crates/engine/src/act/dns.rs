//! Records of the zone: changing them, and checking that servers and resolvers have the change.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};

use cutover_core::journal::{DnsServer, Fact, Run, StepRun};
use cutover_core::names::{BalancerName, DnsName};
use cutover_core::observation::any_in_service;
use cutover_core::plan::{Action, AwaitResolvers, ChangeRecords, CheckSite, RecordTarget, Step};
use cutover_core::time::{between, human};
use cutover_core::words::some_of;

use super::dns_evidence::{self, Answers};
use super::{Seen, StepContext, pages};
use crate::failure::Failure;
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

/// Refuses to send visitors back to a balancer without any host in service. Its hosts were healthy when the window waited for
/// that, and people may have decided about the lift for hours since.
async fn serves(context: &StepContext<'_>) -> Answer<()> {
    for balancer in balancers(context) {
        let members = context.ask(async |_| context.readings.health(&balancer).await).await?;
        if !any_in_service(&members) {
            let why = format!("no host of {balancer} is in service, so visitors stay on the maintenance page");
            return Err(Failure::permanent(why).with_hint("see to its next hosts, and run the phase again"));
        }
    }
    Ok(())
}

/// The balancers whose hosts the window waits for before it sends the visitors of this step's fleet back.
fn balancers(context: &StepContext<'_>) -> Vec<BalancerName> {
    let upgrade = context.journal.upgrade();
    let steps = upgrade.current_run().into_iter().flat_map(|run| &run.plan.steps);
    let healthy = |step: &Step| match &step.action {
        Action::AwaitHealthy(members) if step.lane == context.step.lane => Some(members.balancer.clone()),
        _ => None,
    };
    steps.filter_map(healthy).collect()
}

/// How long a verification counts. People decide about the lift for minutes to hours, and the site may fail meanwhile.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

/// Refuses to send visitors back to a site that was verified some time ago and fails now.
async fn answers_still(context: &StepContext<'_>) -> Answer<()> {
    for check in verified_before(context) {
        let mut left = ASKED_AGAIN;
        while let Some(words) = pages::wrong_now(context, &check).await? {
            if left == 0 {
                let why = format!("{words}, although it was verified before; visitors stay on the maintenance page");
                return Err(Failure::permanent(why).with_hint("see to its next hosts, and run the phase again"));
            }
            left -= 1;
            context.mention(&words);
            context.clock.sleep(ASKED_AFTER).await;
        }
    }
    Ok(())
}

/// How often a site that fails right before its visitors come back is asked again: one lost answer is no reason to stop.
const ASKED_AGAIN: u32 = 6;
/// After how long.
const ASKED_AFTER: Duration = Duration::from_secs(10);

/// The checks of this step's fleet that were made longer ago than they count.
fn verified_before(context: &StepContext<'_>) -> Vec<CheckSite> {
    let upgrade = context.journal.upgrade();
    let now = context.clock.now();
    let is_old = |run: &StepRun| run.ended_at.is_none_or(|at| between(at, now) > VERIFIED_FOR);
    let steps = upgrade.current_run().into_iter().flat_map(Run::runs);
    let verified =
        steps.filter(|(step, run)| step.lane == context.step.lane && step.checks_before_lift() && is_old(run));
    let checks = verified.filter_map(|(step, _)| match &step.action {
        Action::CheckSite(check) => Some(check.clone()),
        _ => None,
    });
    checks.collect()
}

pub(super) async fn change(context: &StepContext<'_>, change: &ChangeRecords) -> Result<(), WriteError> {
    if context.step.lifts_page() {
        serves(context).await?;
        answers_still(context).await?;
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
