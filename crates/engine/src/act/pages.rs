//! What people see: the maintenance page, messages, and the sites from outside.

use futures_util::future::try_join_all;
use jiff::Timestamp;

use cutover_core::deployment::SiteCheck;
use cutover_core::journal::{Fact, PageSeen};
use cutover_core::names::{DnsName, InvalidationId};
use cutover_core::plan::{Announce, CheckSite, PublishPage, Via, what_is_wrong};

use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::ports::{Answer, World};

/// How long the checks of a site may fail before the step fails: a balancer may send the first requests to a host that
/// is still warming up.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) async fn announced(context: &StepContext<'_>, message: &Announce) -> Answer<Seen> {
    let token = token_of_message(context);
    Ok(match context.ask(async |world| world.announcer.announced(&token).await).await? {
        Some(true) => Seen::Holds(vec![sent(message)]),
        Some(false) => Seen::NotYet,
        None => Seen::CannotTell,
    })
}

pub(super) async fn announce(context: &StepContext<'_>, message: &Announce) -> Result<(), WriteError> {
    let (announcer, token) = (&context.world.announcer, token_of_message(context));
    context.write("announce", async |permit| announcer.announce(permit, message, &token).await).await?;
    Ok(context.learn(sent(message)).await?)
}

/// The token of a message. It is another one each time that the message has changed in a new plan, so that people are told
/// again if a window was moved and moved back: the last message that they got was another one.
fn token_of_message(context: &StepContext<'_>) -> String {
    let upgrade = context.journal.upgrade();
    let planned = upgrade.runs.iter().filter_map(|run| run.plan.step(&context.step.id));
    let mut messages: Vec<_> = planned.map(|step| &step.action).collect();
    messages.dedup();
    match messages.len() {
        0 | 1 => context.token().to_owned(),
        versions => format!("{}-{versions}", context.token()),
    }
}

fn sent(message: &Announce) -> Fact {
    Fact::Announced { announcement: message.announcement.clone() }
}

/// Whether the object has the page's text, and the distribution's cache no longer has an older one.
pub(super) async fn published(context: &StepContext<'_>, page: &PublishPage) -> Answer<Seen> {
    // Whatever the object contains, only an invalidation by this upgrade shows that no edge cache has an older page.
    if !context.was_started.get() {
        return Ok(Seen::NotYet);
    }
    let there = context.ask(async |world| world.pages.page(&page.bucket, &page.key).await).await?;
    if there.is_none_or(|there| there.text != page.body) {
        return Ok(Seen::NotYet);
    }
    let Some(invalidation) = invalidation(context) else { return Ok(Seen::NotYet) };
    if context.ask(async |world| world.pages.invalidated(&page.distribution, &invalidation).await).await? {
        return Ok(Seen::holds());
    }
    Ok(Seen::UnderWay("the distribution is clearing its cache of the old page".to_owned()))
}

/// Replaces the page only if it is still the version just read, then invalidates the distribution's cache. Repeating
/// the call with the same reference has no further effect.
pub(super) async fn publish(context: &StepContext<'_>, page: &PublishPage) -> Result<(), WriteError> {
    let (pages, reference) = (&context.world.pages, reference(context));
    let there = context.ask(async |world| world.pages.page(&page.bucket, &page.key).await).await?;
    if there.as_ref().is_none_or(|there| there.text != page.body) {
        let version = there.map(|there| there.version);
        let put =
            async |permit: &Permit| pages.put_page(permit, &page.bucket, &page.key, &page.body, version.as_ref()).await;
        context.write("put_page", put).await?;
    }
    let invalidate = async |permit: &Permit| pages.invalidate(permit, &page.distribution, &reference).await;
    let invalidation = context.write("invalidate", invalidate).await?;
    Ok(context.learn(Fact::Invalidated { invalidation, reference: reference.clone() }).await?)
}

/// The invalidation that this step has requested, in this process or an earlier one.
fn invalidation(context: &StepContext<'_>) -> Option<InvalidationId> {
    let wanted = reference(context);
    context.run().facts.iter().rev().find_map(|fact| match fact {
        Fact::Invalidated { invalidation, reference } if *reference == wanted => Some(invalidation.clone()),
        _ => None,
    })
}

/// The reference for the invalidation. It is a new one after each failure of the step, because an older invalidation
/// that is complete says nothing about the page of today.
fn reference(context: &StepContext<'_>) -> String {
    format!("cutover-{}-{}", &context.token()[..12], context.since.as_millisecond())
}

pub(super) async fn answers(context: &StepContext<'_>, check: &CheckSite) -> Answer<Seen> {
    let (seen, wrong) = asked(context, check).await?;
    if wrong.is_empty() {
        let (site, certificate_until) = (check.site.clone(), certificate_until(context, check, pinned(check)).await);
        return Ok(Seen::Holds(vec![Fact::SiteChecked { site, pages: seen, certificate_until }]));
    }
    let words = in_words(check, &wrong);
    let patient = context.in_this_process() < PATIENCE;
    Ok(if patient { Seen::UnderWay(words) } else { Seen::Never(Failure::permanent(words)) })
}

/// What is wrong with a site now; nothing if it is as it should be.
pub(super) async fn wrong_now(context: &StepContext<'_>, check: &CheckSite) -> Answer<Option<String>> {
    let (_, wrong) = asked(context, check).await?;
    Ok((!wrong.is_empty()).then(|| in_words(check, &wrong)))
}

fn in_words(check: &CheckSite, wrong: &[String]) -> String {
    format!("https://{}: {}", check.host, wrong.join("; "))
}

/// The balancer that a site is asked at; nothing if it is asked where public DNS says.
fn pinned(check: &CheckSite) -> Option<&DnsName> {
    match &check.via {
        Via::PublicDns => None,
        Via::Balancer(domain) => Some(domain),
    }
}

/// The pages that are as they should be, and what is wrong with the others.
async fn asked(context: &StepContext<'_>, check: &CheckSite) -> Answer<(Vec<PageSeen>, Vec<String>)> {
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    for wanted in &check.checks {
        match page_seen(context, check, wanted, pinned(check)).await? {
            Ok(page) => seen.push(page),
            Err(words) => wrong.push(words),
        }
    }
    Ok((seen, wrong))
}

/// When the certificate of a site ends. It was accepted already, so that this is not known is no failure.
async fn certificate_until(
    context: &StepContext<'_>,
    check: &CheckSite,
    pinned: Option<&DnsName>,
) -> Option<Timestamp> {
    let presented = context.world.outside.certificate(&check.host, pinned.unwrap_or(&check.host)).await;
    presented.ok().flatten().map(|certificate| certificate.expires)
}

/// A page whose answers are all as they must be, or what is wrong with the first that is not. The requests are made side by side,
/// since visitors wait meanwhile.
async fn page_seen(
    context: &StepContext<'_>,
    check: &CheckSite,
    wanted: &SiteCheck,
    pinned: Option<&DnsName>,
) -> Answer<Result<PageSeen, String>> {
    let fetch = async |world: &World| {
        try_join_all((0..check.requests).map(|_| world.outside.fetch(&check.host, &wanted.path, pinned))).await
    };
    let pages = context.ask(fetch).await?;
    let wrong = (1..).zip(pages).find_map(|(request, page)| {
        let wrong = what_is_wrong(wanted, page.status, &page.body)?;
        Some((request, wrong))
    });
    Ok(match (wrong, check.requests) {
        (None, requests) => {
            let (path, status, text) = (wanted.path.clone(), wanted.status, wanted.contains.clone());
            Ok(PageSeen { path, status, requests, text })
        }
        (Some((_, wrong)), 1) => Err(wrong),
        (Some((request, wrong)), requests) => Err(format!("{wrong} (request {request} of {requests})")),
    })
}
