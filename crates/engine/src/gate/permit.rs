//! The right to write, which only the gate gives.

use std::time::Duration;

/// The right to make one attempt of one port call.
pub struct Permit {
    epoch: u64,
    dry: bool,
    late_by: Option<Duration>,
}

impl Permit {
    /// Only the gate gives it.
    pub(super) const fn new(epoch: u64, dry: bool) -> Self {
        Self { epoch, dry, late_by: None }
    }

    /// The same for a call that takes effect so much later than it was asked for.
    pub(super) const fn late(self, late_by: Option<Duration>) -> Self {
        Self { late_by, ..self }
    }

    /// The epoch of the conductor that acts. Whoever has seen a higher one refuses.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether nothing may be changed: what would be is put down instead.
    #[must_use]
    pub const fn is_dry(&self) -> bool {
        self.dry
    }

    /// How much later than it was asked for the call takes effect, where a rehearsal orders so. Its answer is lost.
    #[must_use]
    pub const fn late_by(&self) -> Option<Duration> {
        self.late_by
    }
}
