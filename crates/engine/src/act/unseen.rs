//! Hosts that cannot be looked at, although nothing may run there, or everything must: what people can do about them, and what
//! an operator lets a step go on without. Only the looks before visitors come back can go on: old code that ran before the
//! migrations would write to databases that are about to be migrated.

use std::collections::BTreeSet;

use cutover_core::journal::{Fact, Run};
use cutover_core::names::{HostName, InstanceId};
use cutover_core::plan::{Action, Step};
use cutover_core::words::some_of;

use super::StepContext;
use super::gone::stop_in_ec2;
use super::named::NAMED_WITH_WORDS;
use crate::failure::Failure;

/// A host that could not be looked at.
pub(super) struct Unseen<'a> {
    pub(super) host: &'a HostName,
    pub(super) id: Option<InstanceId>,
    pub(super) why: Failure,
}

/// What was found on the hosts that could be seen, and the hosts that could not.
pub(super) fn found_and_unseen<'a, Found: IntoIterator>(
    looked: impl IntoIterator<Item = Result<Found, Unseen<'a>>>,
) -> (Vec<Found::Item>, Vec<Unseen<'a>>) {
    let (mut all, mut unseen) = (Vec::new(), Vec::new());
    for looked in looked {
        match looked {
            Ok(found) => all.extend(found),
            Err(host) => unseen.push(host),
        }
    }
    (all, unseen)
}

impl Unseen<'_> {
    fn fact(&self) -> Fact {
        Fact::Unseen { host: self.host.clone(), why: self.why.message.clone() }
    }

    fn words(&self, context: &StepContext<'_>) -> String {
        let message = context.named(self.why.clone()).message;
        if message.contains(self.host.as_str()) { message } else { format!("{}: {message}", self.host) }
    }

    /// The instance, if nobody needs it for the new site.
    fn old(&self, context: &StepContext<'_>) -> Option<&InstanceId> {
        let upgrade = context.journal.upgrade();
        let id = self.id.as_ref()?;
        upgrade.captured.iter().flatten().any(|current| current.instance == *id).then_some(id)
    }
}

/// Why a step is not done: hosts could not be looked at, and no operator lets it go on without that. Nothing if there are no
/// such hosts. Both are kept for the record.
pub(super) fn refused(context: &StepContext<'_>, unseen: &[Unseen<'_>]) -> Option<Failure> {
    if context.step.looks_before_lift() {
        unseen.iter().for_each(|unseen| context.note(unseen.fact()));
    }
    let goes_without = goes_without(context);
    let left: Vec<&Unseen<'_>> = unseen.iter().filter(|unseen| !goes_without.contains(unseen.host)).collect();
    let first = left.first()?;
    let words: Vec<String> = left.iter().map(|unseen| unseen.words(context)).collect();
    let old: Vec<&InstanceId> = left.iter().filter_map(|unseen| unseen.old(context)).collect();
    let reach = first.why.hint.as_deref().unwrap_or("let it answer again");
    let mut hint = format!("{reach}, and run `cutover window` again");
    let them = if left.len() == 1 { "it" } else { "them" };
    if !old.is_empty() {
        hint += &format!("; or {}", stop_in_ec2(context, them, &old));
    }
    let harmless = match &context.step.action {
        Action::ConfirmRunning { .. } => format!("if the site can do without {them}"),
        _ => "if old code there can do no harm".to_owned(),
    };
    if context.step.looks_before_lift() {
        let id = &context.step.id;
        hint += &format!("; or, {harmless}, let visitors back without a look at {them}: --retry {id}");
    }
    Some(Failure::new(first.why.class, some_of(&words, NAMED_WITH_WORDS)).with_hint(hint))
}

/// The same for hosts that must run, where waiting may help: one that is being restarted needs nobody's decision.
pub(super) fn refused_for_now(context: &StepContext<'_>, unseen: &[Unseen<'_>]) -> Option<Failure> {
    let goes_without = goes_without(context);
    let left = unseen.iter().filter(|unseen| !goes_without.contains(unseen.host));
    let passes_within = left.map(|unseen| unseen.why.passes_within).min().unwrap_or_default();
    refused(context, unseen).map(|failure| failure.passes_within(passes_within))
}

/// The hosts that an operator lets visitors come back without a look at: this look, or those that the lift has waited for.
fn goes_without(context: &StepContext<'_>) -> BTreeSet<HostName> {
    let upgrade = context.journal.upgrade();
    let is_meant = |step: &Step| {
        let is_waited_for = context.step.lifts_page() && step.lane == context.step.lane;
        step.looks_before_lift() && (is_waited_for || step.id == context.step.id)
    };
    let looks = upgrade.current_run().into_iter().flat_map(Run::runs).filter(|(step, _)| is_meant(step));
    looks.flat_map(|(_, run)| run.goes_without.iter().cloned()).collect()
}
