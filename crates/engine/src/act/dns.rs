//! Records of the zone: changing them, and checking that servers and resolvers have the change.

use std::pin::pin;

use futures_util::{StreamExt, stream};

use cutover_core::journal::Fact;
use cutover_core::names::{BalancerName, DnsName};
use cutover_core::observation::any_in_service;
use cutover_core::plan::{Action, AwaitResolvers, ChangeRecords, RecordTarget, Step};
use cutover_core::time::human;

use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::halt::WriteError;
use crate::ports::Answer;

/// How many queries to DNS servers are made at the same time, each for one site's name.
const QUESTIONS: usize = 64;

/// Whether the records have the wanted values, and the change is in sync. If the id of the change is not known, because
/// its answer was lost or another process made it, the zone's servers are asked instead.
pub(super) async fn changed(context: &StepContext<'_>, change: &ChangeRecords) -> Answer<Seen> {
    // This is cheaper than reading the records, which matter only once the change is in sync.
    let asked_for = context.found.change.borrow().clone();
    if let Some(id) = asked_for
        && !context.ask(async |world| world.dns.in_sync(&id).await).await?
    {
        return Ok(Seen::UnderWay(format!("change {id} is pending on the zone's servers")));
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
    match servers_behind(context, &change.zone, &change.records).await? {
        Some(behind) => Ok(Seen::UnderWay(format!("{behind} of the zone's servers still answer with the old target"))),
        None => Ok(Seen::holds()),
    }
}

async fn servers_behind(context: &StepContext<'_>, zone: &str, records: &[RecordTarget]) -> Answer<Option<usize>> {
    let behind = records.iter().map(|record| async move {
        let answers = context.ask(async |world| world.dns.ask_servers(zone, &record.name).await).await?;
        let behind = answers.iter().filter(|answer| !is_target(answer.as_ref(), record)).count();
        Ok((behind > 0).then_some(behind))
    });
    first(behind).await
}

/// The first answer that is not `None`, or the first failure, with [`QUESTIONS`] queries at the same time.
async fn first<T>(questions: impl Iterator<Item = impl Future<Output = Answer<Option<T>>>>) -> Answer<Option<T>> {
    let mut answers = pin!(stream::iter(questions).buffered(QUESTIONS).filter_map(async |answer| answer.transpose()));
    answers.next().await.transpose()
}

fn is_target(answer: Option<&DnsName>, record: &RecordTarget) -> bool {
    answer.is_some_and(|answer| answer.is_same(&record.target))
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

pub(super) async fn change(context: &StepContext<'_>, change: &ChangeRecords) -> Result<(), WriteError> {
    if context.step.lifts_page() {
        serves(context).await?;
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
    let questions =
        wait.resolvers.iter().flat_map(|resolver| wait.records.iter().map(move |record| (resolver, record)));
    let old = questions.map(|(resolver, record)| async move {
        let answer = context.ask(async |world| world.dns.ask_resolver(*resolver, &record.name).await).await?;
        Ok((!is_target(answer.as_ref(), record)).then_some((resolver, record)))
    });
    if let Some((resolver, record)) = first(old).await? {
        context.found.seen_since.set(None);
        return Ok(Seen::UnderWay(format!("{resolver} still has the old answer for {}", record.name)));
    }
    let settled = context.has_lasted();
    if settled < wait.settle {
        let left = human(wait.settle - settled);
        return Ok(Seen::UnderWay(format!("connections that browsers hold open have {left} to close")));
    }
    let names = wait.records.len();
    let text = format!("{} resolvers and the zone's servers agree on {names} names", wait.resolvers.len());
    Ok(Seen::Holds(vec![Fact::Note { text }]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_balancer_named_with_capitals_is_the_target_that_servers_tell_without_them() {
        let target = "MITx-LMS-123.us-east-1.elb.amazonaws.com".into();
        let record = RecordTarget { name: "lms.mitx.mit.edu".into(), target, ttl: Duration::from_secs(60) };
        assert!(is_target(Some(&"mitx-lms-123.us-east-1.elb.amazonaws.com".into()), &record));
        assert!(!is_target(Some(&"mitx-lms-124.us-east-1.elb.amazonaws.com".into()), &record));
        assert!(!is_target(None, &record));
    }
}
