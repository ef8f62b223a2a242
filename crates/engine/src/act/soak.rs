//! What visitors get before the window, and whether they get the same once they are back.

use std::time::Duration;

use futures_util::future::join_all;

use cutover_core::deployment::SiteCheck;
use cutover_core::journal::{Answered, Fact};
use cutover_core::plan::{AskedSite, Baseline, CountTasks, Soak, what_is_wrong};
use cutover_core::time::human;
use cutover_hosts::command::{Ask, Command};
use cutover_hosts::queues;

use super::soak_tally::{Answer as Got, Requests};
use super::{Seen, StepContext};
use crate::ports::Answer;

/// How long a baseline may take: nobody waits longer for sites that do not answer, and the page has to go up.
const BASELINE_LIMIT: Duration = Duration::from_secs(60);

/// Records what each site answers now. That it answers badly is no reason not to upgrade it.
pub(super) async fn measured(context: &StepContext<'_>, baseline: &Baseline) -> Answer<Seen> {
    let asked = baseline.sites.iter().map(async |site| {
        let mut requests = Requests::default();
        for nth in 0..baseline.requests {
            if context.in_this_process() >= BASELINE_LIMIT {
                break;
            }
            requests.add(request(context, site, nth).await);
        }
        (site, requests)
    });
    let asked = join_all(asked).await;
    let queued = queued(context, baseline.count.as_ref()).await;
    let answered: Vec<Answered> =
        asked.into_iter().map(|(site, requests)| requests.answered(&site.site, queued)).collect();
    for site in answered.iter().filter(|answered| answered.mostly_fails()).map(|answered| &answered.site) {
        context.mention(&format!("most requests to {site} fail now, so its soak will pass although they fail"));
    }
    Ok(Seen::Holds(answered.into_iter().map(Fact::Baseline).collect()))
}

/// Requests each site once more, and judges the answers once the length has passed, or when most of them are errors. A conductor
/// that takes over begins the time anew.
pub(super) async fn soaked(context: &StepContext<'_>, soak: &Soak) -> Answer<Seen> {
    let asked = soak.sites.iter().map(async |site| {
        let nth = context.found.soaked.borrow().requests_of(&site.site);
        (site, request(context, site, nth).await)
    });
    for (site, got) in join_all(asked).await {
        context.found.soaked.borrow_mut().of(&site.site).add(got);
    }
    let (passed, length) = (context.in_this_process(), soak.terms.length.duration());
    let answered = answered(context, soak, None);
    // A site that failed as often before is watched for the whole length.
    let fails = |answered: &Answered| {
        let upgrade = context.journal.upgrade();
        answered.mostly_fails() && !answered.beyond(&soak.terms, upgrade.baselines.get(&answered.site)).is_empty()
    };
    if passed < length && !answered.iter().any(fails) {
        let told = format!("{} of {}: {}", human(passed), human(length), words(context, &answered));
        return Ok(Seen::UnderWay(told));
    }
    Ok(judged(context, soak, passed).await)
}

async fn judged(context: &StepContext<'_>, soak: &Soak, passed: Duration) -> Seen {
    let answered = answered(context, soak, queued(context, soak.count.as_ref()).await);
    let beyond = |answered: &Answered| {
        let found = answered.beyond(&soak.terms, context.journal.upgrade().baselines.get(&answered.site));
        let last = context.found.soaked.borrow().last_error_of(&answered.site);
        match last.filter(|_| answered.errors > 0) {
            Some(last) if !found.is_empty() => vec![format!("{}, last: {last}", found.join("; "))],
            _ => found,
        }
    };
    let found: Vec<String> = answered.iter().flat_map(beyond).collect();
    let facts: Vec<Fact> = answered.into_iter().map(Fact::Soaked).collect();
    if found.is_empty() {
        return Seen::Holds(facts);
    }
    facts.into_iter().for_each(|fact| context.note(fact));
    let why = format!(
        "the new site of {} does not do as well as the old one, after {}: {}. Visitors are on the new site, and nothing is put back by \
         itself",
        soak.fleet,
        human(passed),
        found.join("; ")
    );
    let id = &context.step.id;
    let hint = format!(
        "look at the services and logs of its next hosts; then run the phase again with --retry {id} to watch it again, or with \
         --accept {id} --because TEXT if it may stay as it is"
    );
    Seen::never(why, hint)
}

/// What each site has answered so far.
fn answered(context: &StepContext<'_>, soak: &Soak, queued: Option<u64>) -> Vec<Answered> {
    let mut soaked = context.found.soaked.borrow_mut();
    soak.sites.iter().map(|site| soaked.of(&site.site).answered(&site.site, queued)).collect()
}

fn words(context: &StepContext<'_>, answered: &[Answered]) -> String {
    let upgrade = context.journal.upgrade();
    let words = answered.iter().map(|one| {
        let words = one.words(upgrade.baselines.get(&one.site));
        if answered.len() == 1 { words } else { format!("{}: {words}", one.site) }
    });
    words.collect::<Vec<_>>().join("; ")
}

/// Requests the next page of a site as visitors do. That it cannot be requested is an error as well.
async fn request(context: &StepContext<'_>, site: &AskedSite, nth: u32) -> Got {
    let front_page = SiteCheck { path: "/".to_owned(), status: 200, contains: None, heartbeat: None };
    let turn = usize::try_from(nth).unwrap_or_default().checked_rem(site.checks.len()).unwrap_or_default();
    let check = site.checks.get(turn).unwrap_or(&front_page);
    let begin = context.clock.up();
    let answer = context.world.outside.fetch(&site.host, &check.path, None).await;
    let took = context.clock.up().saturating_sub(begin);
    let wrong = match answer {
        Ok(page) => what_is_wrong(check, page.status, &page.body),
        Err(failure) => Some(format!("{}: {failure}", check.path)),
    };
    Got { took, wrong }
}

/// How many tasks wait, if that can be counted. If it should be and cannot, that is put on record.
async fn queued(context: &StepContext<'_>, count: Option<&CountTasks>) -> Option<u64> {
    let CountTasks { host, command } = count?;
    let question = Ask::new(Command::as_root(command.iter().cloned()));
    let counted = match context.instance(host) {
        Ok(id) => match context.world.hosts.ask(&id, &context.in_time(&question)).await {
            Ok(said) => queues::count(&said).map_err(|why| why.to_string()),
            Err(failure) => Err(failure.to_string()),
        },
        Err(failure) => Err(failure.to_string()),
    };
    let note = |why: &String| {
        let text = format!("the tasks that wait could not be counted on {}: {why}", host.name);
        context.note(Fact::Note { text });
    };
    counted.inspect_err(note).ok()
}
