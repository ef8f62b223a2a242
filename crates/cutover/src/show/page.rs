//! Which rows of a plan keep the maintenance page up when they fail. This depends on the graph and not only on the
//! step: a step that may run at the same time as a migration may fail when the schema is half migrated.

use std::collections::{BTreeMap, HashMap};

use cutover_core::journal::migrations_beside;
use cutover_core::names::StepId;
use cutover_core::plan::{Lane, PageMayLift, Plan};

/// For each step of `plan`, whether the page stays up when it fails. It does, unless the step must end before the first
/// migration of its databases starts.
pub(super) fn stays(plan: &Plan) -> Vec<bool> {
    let indices: HashMap<&StepId, usize> =
        plan.steps.iter().enumerate().map(|(index, step)| (&step.id, index)).collect();
    let mut by_migration: HashMap<&StepId, Vec<bool>> = HashMap::new();
    // Which migrations concern a step depends only on its lane, and plans have many steps but few lanes.
    let mut by_lane: BTreeMap<&Lane, Vec<bool>> = BTreeMap::new();
    for step in &plan.steps {
        by_lane.entry(&step.lane).or_insert_with(|| {
            let mut all = vec![true; plan.steps.len()];
            for migration in migrations_beside(plan, step) {
                let before =
                    by_migration.entry(&migration.id).or_insert_with(|| ended_before(plan, &indices, &migration.id));
                all.iter_mut().zip(before).for_each(|(all, before)| *all &= *before);
            }
            all
        });
    }
    let steps = plan.steps.iter().enumerate();
    steps.map(|(index, step)| step.page_may_lift != PageMayLift::Yes || !by_lane[&step.lane][index]).collect()
}

/// For each step, whether it must end before `step` starts.
fn ended_before(plan: &Plan, indices: &HashMap<&StepId, usize>, step: &StepId) -> Vec<bool> {
    let mut before = vec![false; plan.steps.len()];
    let mut left: Vec<usize> = indices.get(step).copied().into_iter().collect();
    while let Some(index) = left.pop() {
        for edge in &plan.steps[index].waits_for {
            if let Some(earlier) = indices.get(&edge.step).copied().filter(|earlier| !before[*earlier]) {
                before[earlier] = true;
                left.push(earlier);
            }
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use cutover_core::plan::{Order, Phase};

    use super::*;
    use crate::show::testing;

    fn stays_up(start: &str) -> bool {
        let plan = testing::plan(&testing::deployment(), Phase::Window, Order::Overlapped);
        let step = testing::step_id(&plan, start);
        stays(&plan)[plan.steps.iter().position(|other| other.id == step).expect("it is there")]
    }

    #[test]
    fn steps_that_must_end_before_migrations_let_the_page_lift() {
        for step in ["window.open", "window.stop.", "window.snapshot.mitx"] {
            assert!(!stays_up(step), "{step}");
        }
    }

    #[test]
    fn steps_that_may_run_during_migrations_keep_the_page() {
        for step in ["window.drained.", "window.deregister.", "window.register.", "window.migrate.", "window.verify."] {
            assert!(stays_up(step), "{step}");
        }
    }

    #[test]
    fn without_such_migrations_each_step_decides_for_itself() {
        let plan = testing::plan(&testing::deployment(), Phase::Prepare, Order::Overlapped);
        assert!(stays(&plan).iter().all(|stays| !stays));
    }
}
