//! Which steps can begin: those for which nothing is left to wait.

use std::collections::HashMap;

use super::Plan;
use crate::names::StepId;

/// The front between what is done and what waits. Built once for a run; each step's end moves it on.
#[derive(Clone, Debug)]
pub struct Frontier {
    places: HashMap<StepId, usize>,
    followers: Vec<Vec<usize>>,
    unmet: Vec<usize>,
}

impl Frontier {
    /// The frontier of `plan` before any step has ended.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let places: HashMap<StepId, usize> =
            plan.steps.iter().enumerate().map(|(place, step)| (step.id.clone(), place)).collect();
        let mut followers = vec![Vec::new(); plan.steps.len()];
        let mut unmet = vec![0; plan.steps.len()];
        for (place, step) in plan.steps.iter().enumerate() {
            for before in step.waits_for.iter().filter_map(|edge| places.get(&edge.step)) {
                followers[*before].push(place);
                unmet[place] += 1;
            }
        }
        Self { places, followers, unmet }
    }

    /// The positions of steps that wait for nothing.
    #[must_use]
    pub fn first(&self) -> Vec<usize> {
        (0..self.unmet.len()).filter(|place| self.unmet[*place] == 0).collect()
    }

    /// Takes note that a step has ended well, and says which steps can begin for it. To be called once a step.
    pub fn done(&mut self, step: &StepId) -> Vec<usize> {
        let Some(place) = self.places.get(step) else { return Vec::new() };
        let mut free = Vec::new();
        for follower in &self.followers[*place] {
            self.unmet[*follower] -= 1;
            if self.unmet[*follower] == 0 {
                free.push(*follower);
            }
        }
        free
    }
}
