//! What of a phase a conductor does.

use cutover_core::plan::{Action, Step};

/// What of a phase a conductor does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// It only builds the images.
    Images,
}

impl Part {
    /// Whether a step belongs to it.
    pub(crate) fn has(self, step: &Step) -> bool {
        self == Self::Whole || matches!(step.action, Action::BuildImage(_))
    }
}
