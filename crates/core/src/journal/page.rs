//! Whether visitors may see the maintenance page. After a conductor that ended before the answer to its call was on record,
//! only the zone tells.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Acted, Fact, Run, RunKind, StepRun, Upgrade};
use crate::plan::{Action, Lane, Phase, RecordTarget, Step};

/// Whether something says that a step has put the maintenance page up: it has succeeded, the id of its change is known, or
/// an attempt at it may have worked.
pub(super) fn may_have_posted(run: &StepRun) -> bool {
    run.acted == Acted::Perhaps || run.facts.iter().any(|fact| matches!(fact, Fact::RecordsChanged { .. }))
}

/// Whether a step was started and nothing else is known of it.
fn is_in_question(run: &StepRun) -> bool {
    run.acts_since().is_some() && !may_have_posted(run)
}

fn records(step: &Step) -> &[RecordTarget] {
    match &step.action {
        Action::ChangeRecords(change) if step.posts_page() => &change.records,
        _ => &[],
    }
}

/// Since when visitors may see the maintenance page: when the first change of DNS was started of which something says that
/// it may have been made. That a change was started says nothing yet: its conductor may have ended before the call.
#[must_use]
pub fn downtime_began(run: &Run) -> Option<Timestamp> {
    posts_page(run).filter(|(_, run)| may_have_posted(run)).filter_map(|(_, run)| run.acts_since()).min()
}

/// Whether the journal says that visitors may see the maintenance page, or have seen it.
#[must_use]
pub fn page_was_posted(run: &Run) -> bool {
    downtime_began(run).is_some()
}

/// Whether visitors of at least one fleet are sent to the maintenance page now.
#[must_use]
pub fn page_is_up(run: &Run) -> bool {
    let lifted = run.runs().filter(|(step, run)| step.lifts_page() && run.status.is_done());
    let lifted: BTreeSet<&Lane> = lifted.map(|(step, _)| &step.lane).collect();
    let mut posted = posts_page(run).filter(|(_, run)| may_have_posted(run) && run.acts_since().is_some());
    posted.any(|(step, _)| !lifted.contains(&step.lane))
}

/// The steps that put the maintenance page up.
pub(super) fn posts_page(run: &Run) -> impl Iterator<Item = (&Step, &StepRun)> {
    let steps = run.plan.steps.iter().filter(|step| step.posts_page());
    steps.map(|step| (step, run.run(&step.id)))
}

impl Upgrade {
    /// The records that the window under way may have pointed to the maintenance page: a conductor has started that, and nothing
    /// says whether its call was made.
    #[must_use]
    pub fn pages_in_question(&self) -> Vec<&RecordTarget> {
        let window = self.run_of(Phase::Window).filter(|run| run.is_under_way());
        let steps = window.into_iter().flat_map(Run::runs).filter(|(_, run)| is_in_question(run));
        steps.flat_map(|(step, _)| records(step)).collect()
    }

    /// Learns from the zone, which `shows` some of the records in question, that visitors may see the maintenance page. It does
    /// so for a reader of the journal; the next conductor looks by itself, and records what it finds.
    pub fn see_pages(&mut self, shows: impl Fn(&RecordTarget) -> bool) {
        let window = self.runs.iter_mut().rev().find(|run| run.kind == RunKind::Window);
        let Some(run) = window.filter(|run| run.is_under_way()) else { return };
        for step in &run.plan.steps {
            if let Some(step_run) = run.steps.get_mut(&step.id)
                && is_in_question(step_run)
                && records(step).iter().any(&shows)
            {
                step_run.acted = Acted::Perhaps;
            }
        }
    }
}
