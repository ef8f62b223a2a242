//! Which steps can start: those whose predecessors are all done.

use super::Plan;
use crate::name_map::NameMap;
use crate::names::StepId;

/// The boundary between the steps that are done and those that wait. It is built once for a run, and updated when a
/// step ends.
#[derive(Clone, Debug)]
pub struct Frontier {
    indices: NameMap<StepId, usize>,
    followers: Vec<Vec<usize>>,
    unmet: Vec<usize>,
}

impl Frontier {
    /// The frontier of `plan` before any step has ended.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let indices: NameMap<StepId, usize> =
            plan.steps.iter().enumerate().map(|(index, step)| (step.id.clone(), index)).collect();
        let mut followers = vec![Vec::new(); plan.steps.len()];
        let mut unmet = vec![0; plan.steps.len()];
        for (index, step) in plan.steps.iter().enumerate() {
            for before in step.waits_for.iter().filter_map(|edge| indices.get(&edge.step)) {
                followers[*before].push(index);
                unmet[index] += 1;
            }
        }
        Self { indices, followers, unmet }
    }

    /// The positions of steps that wait for nothing.
    #[must_use]
    pub fn first(&self) -> Vec<usize> {
        (0..self.unmet.len()).filter(|index| self.unmet[*index] == 0).collect()
    }

    /// Records that a step has succeeded, and returns the positions of steps that can start because of it. Call this
    /// once for each step.
    pub fn done(&mut self, step: &StepId) -> Vec<usize> {
        let Some(index) = self.indices.get(step) else { return Vec::new() };
        let mut free = Vec::new();
        for follower in &self.followers[*index] {
            self.unmet[*follower] -= 1;
            if self.unmet[*follower] == 0 {
                free.push(*follower);
            }
        }
        free
    }
}
