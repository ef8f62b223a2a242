//! Tells of conflicts in the order of the stack, each as soon as it and those before it are explained.

use super::{Fate, PatchForecast, Step};

pub(super) struct Order<'a> {
    patches: &'a mut [PatchForecast],
    /// The conflicting ones by index, and whether they are explained.
    conflicts: Vec<(usize, bool)>,
    /// How many of these are told.
    told: usize,
    hear: &'a mut dyn FnMut(Step<'_>),
}

impl<'a> Order<'a> {
    pub(super) fn new(patches: &'a mut [PatchForecast], hear: &'a mut dyn FnMut(Step<'_>)) -> Self {
        let conflicts = patches.iter().enumerate().filter(|(_, patch)| patch.fate == Fate::Conflicts);
        let conflicts = conflicts.map(|(index, _)| (index, false)).collect();
        Self { patches, conflicts, told: 0, hear }
    }

    /// The conflict of the patch at `index` is explained once `explain` has been called.
    pub(super) fn complete(&mut self, index: usize, explain: impl FnOnce(&mut PatchForecast)) {
        explain(&mut self.patches[index]);
        if let Ok(place) = self.conflicts.binary_search_by_key(&index, |(index, _)| *index) {
            self.conflicts[place].1 = true;
        }
        while let Some((index, true)) = self.conflicts.get(self.told) {
            (self.hear)(Step::Conflict(&self.patches[*index]));
            self.told += 1;
        }
        let done = self.conflicts.iter().filter(|(_, explained)| *explained).count();
        (self.hear)(Step::Explained { done, total: self.conflicts.len() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ObjectId;
    use crate::stack::Author;

    fn patch(number: usize, fate: Fate) -> PatchForecast {
        let author = Author { name: String::new(), email: String::new(), date: String::new() };
        PatchForecast {
            commit: ObjectId::parse(&format!("{number:040}")).expect("an id"),
            subject: String::new(),
            author,
            fate,
            becomes: None,
            files: Vec::new(),
            because: String::new(),
            hunks: Vec::new(),
            upstream: Vec::new(),
            depends_on: Vec::new(),
        }
    }

    #[test]
    fn conflicts_are_told_in_the_order_of_the_stack_however_they_become_known() {
        let fates = [Fate::Conflicts, Fate::Applies, Fate::Conflicts, Fate::Conflicts];
        let mut patches: Vec<PatchForecast> = fates.into_iter().enumerate().map(|(n, fate)| patch(n, fate)).collect();
        let mut told = Vec::new();
        let mut hear = |step: Step<'_>| match step {
            Step::Conflict(patch) => told.push(patch.because.clone()),
            Step::Explained { done, total } => told.push(format!("{done} of {total}")),
            _ => {}
        };
        let mut order = Order::new(&mut patches, &mut hear);
        for index in [3, 0, 2] {
            order.complete(index, |patch| patch.because = format!("patch {index}"));
        }
        assert_eq!(told, ["1 of 3", "patch 0", "2 of 3", "patch 2", "patch 3", "3 of 3"]);
    }
}
