//! Tells of patches in the order of the stack, each as soon as it and those before it are known.

use super::{Fate, PatchForecast, Step};

pub(super) struct Order<'a> {
    patches: Vec<PatchForecast>,
    /// Which patches are known.
    known: Vec<bool>,
    /// How many are told.
    told: usize,
    hear: &'a mut dyn FnMut(Step<'_>),
}

impl<'a> Order<'a> {
    /// All is known of these patches; if it `waits` for causes, all but of those that conflict.
    pub(super) fn new(patches: Vec<PatchForecast>, waits: bool, hear: &'a mut dyn FnMut(Step<'_>)) -> Self {
        let known = patches.iter().map(|patch| !waits || patch.fate != Fate::Conflicts).collect();
        let mut order = Self { patches, known, told: 0, hear };
        order.tell();
        order
    }

    /// All is known of the patch at `index` once `complete` has completed it.
    pub(super) fn complete(&mut self, index: usize, complete: impl FnOnce(&mut PatchForecast)) {
        complete(&mut self.patches[index]);
        self.known[index] = true;
        self.tell();
        let known = self.known.iter().filter(|known| **known).count();
        (self.hear)(Step::Explained { done: known, total: self.patches.len() });
    }

    pub(super) fn patches(self) -> Vec<PatchForecast> {
        self.patches
    }

    fn tell(&mut self) {
        while self.known.get(self.told) == Some(&true) {
            (self.hear)(Step::Known { index: self.told, patch: &self.patches[self.told] });
            self.told += 1;
        }
    }
}
