//! Which steps can start: those whose predecessors are all done.

use super::Step;
use crate::name_map::NameMap;
use crate::names::StepId;

/// The boundary between the steps that are done and those that wait. It is built once for a run, and updated when a
/// step ends. Steps are given by their positions in the list.
#[derive(Clone, Debug)]
pub struct Frontier {
    followers: Vec<Vec<usize>>,
    unmet: Vec<usize>,
}

impl Frontier {
    /// The frontier of `steps` before any of them has ended.
    #[must_use]
    pub fn new(steps: &[Step]) -> Self {
        Self::of(&earlier_positions(steps))
    }

    /// The frontier of steps each of which waits for those at the positions `before` it.
    pub(super) fn of(before: &[Vec<usize>]) -> Self {
        let mut followers = vec![Vec::new(); before.len()];
        for (position, before) in before.iter().enumerate() {
            before.iter().for_each(|before| followers[*before].push(position));
        }
        Self { followers, unmet: before.iter().map(Vec::len).collect() }
    }

    /// The positions of steps that wait for nothing.
    #[must_use]
    pub fn first(&self) -> Vec<usize> {
        (0..self.unmet.len()).filter(|position| self.unmet[*position] == 0).collect()
    }

    /// Records that a step has succeeded, and returns the positions of steps that can start because of it. Call this
    /// once for each step.
    pub fn done(&mut self, position: usize) -> Vec<usize> {
        let mut free = std::mem::take(&mut self.followers[position]);
        free.retain(|follower| {
            self.unmet[*follower] -= 1;
            self.unmet[*follower] == 0
        });
        free
    }
}

/// For each step, the positions of the steps that it waits for. Edges that do not lead to an earlier step of the list
/// are left out; the linter refuses plans that have such edges.
pub(super) fn earlier_positions(steps: &[Step]) -> Vec<Vec<usize>> {
    let positions: NameMap<&StepId, usize> =
        steps.iter().enumerate().map(|(position, step)| (&step.id, position)).collect();
    let before = |(position, step): (usize, &Step)| {
        let known = step.waits_for.iter().filter_map(|edge| positions.get(&edge.step).copied());
        known.filter(|before| *before < position).collect()
    };
    steps.iter().enumerate().map(before).collect()
}
