//! Programs of current hosts that must stay down also when their host boots: supervisor must not start them by itself.

use cutover_core::journal::Fact;
use cutover_core::names::{HostName, ProgramName};
use cutover_core::plan::Action;
use cutover_hosts::supervisor::autostart;

use super::first_contact::{started_again, words};
use super::gone::stop_in_ec2;
use super::orders::{OrderState, complaint_in_brackets, state_of_last_order};
use super::output::whole;
use super::supervised::Subject;
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::ports::Answer;

/// Whether the window keeps the programs of this host from starting when it boots.
pub(super) fn must_stay_down(context: &StepContext<'_>, host: &HostName) -> bool {
    let upgrade = context.journal.upgrade();
    let mut steps = upgrade.current_run().into_iter().flat_map(|run| &run.plan.steps);
    steps.any(|step| matches!(&step.action, Action::StopServices(stop) if stop.for_good && stop.host.name == *host))
}

/// Whether supervisor leaves programs stopped that are down, also when it starts again. Somebody may have stopped them who did
/// not see to that, so the order is given in any case.
pub(super) async fn down_for_good(context: &StepContext<'_>, subject: &Subject<'_>) -> Answer<Seen> {
    let automatic = started_again(context, &context.slot, subject).await?;
    if automatic.is_empty() {
        return Ok(Seen::holds());
    }
    if context.found.told_to_stop.get().is_none() {
        return Ok(Seen::NotYet);
    }
    match state_of_last_order(context, &context.slot, &subject.id).await? {
        // Programs may have been down already while the step waited for something else that is left of them.
        OrderState::Unknown => Ok(Seen::NotYet),
        OrderState::Running => Ok(Seen::UnderWay(not_kept_down_yet(subject, &automatic))),
        OrderState::Ended => Ok(Seen::Never(cannot_be_kept_down(context, subject, &automatic).await?)),
    }
}

/// Puts on record in which files the last order has turned `autostart` off, once that is known: people may have to put them back.
/// Each order may have found others.
pub(super) async fn note_held_files(context: &StepContext<'_>, subject: &Subject<'_>) {
    let Some(order) = context.last_order(&subject.id) else { return };
    if context.found.told_files.borrow().contains(&order) {
        return;
    }
    // The stop does not depend on it.
    let files = held_files(context, subject).await.unwrap_or_default();
    if !files.is_empty() {
        context.note(Fact::HeldFiles { host: subject.name.clone(), files });
        context.found.told_files.borrow_mut().insert(order);
    }
}

/// The files in which `autostart` is off, as far as the last order has said it.
pub(super) async fn held_files(context: &StepContext<'_>, subject: &Subject<'_>) -> Answer<Vec<String>> {
    let Some(order) = context.last_order(&subject.id) else { return Ok(Vec::new()) };
    let report = whole(context, &subject.id, &order).await?;
    let printed = report.map(|report| String::from_utf8_lossy(&report.output).into_owned()).unwrap_or_default();
    Ok(autostart::held_files(&printed))
}

/// What is waited for while a host carries the order out.
pub(super) fn not_kept_down_yet(subject: &Subject<'_>, automatic: &[ProgramName]) -> String {
    format!("stopped, and not yet kept from starting when {} boots: {}", subject.name, words(automatic))
}

/// What it means that the order has ended, and supervisor would still start these programs.
pub(super) async fn cannot_be_kept_down(
    context: &StepContext<'_>,
    subject: &Subject<'_>,
    automatic: &[ProgramName],
) -> Answer<Failure> {
    let said = complaint_in_brackets(context, &subject.id).await?;
    let why = format!(
        "{} stopped on {}, and supervisor there would start them again when it starts{said}: old code would run against the \
         migrated schema",
        words(automatic),
        subject.name
    );
    Ok(Failure::permanent(why).with_hint(format!(
        "set `autostart=false` for them in supervisor's files there, run `supervisorctl reread`, and run the phase again; or {}",
        stop_in_ec2(context, "it", &[&subject.id])
    )))
}
