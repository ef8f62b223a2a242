//! The right to write, which only the gate gives.

use std::time::Duration;

/// The right to make one attempt of one port call.
pub struct Permit {
    epoch: u64,
    dry: bool,
    late_by: Option<Duration>,
}

impl Permit {
    /// Only the gate creates permits.
    pub(super) const fn new(epoch: u64, dry: bool) -> Self {
        Self { epoch, dry, late_by: None }
    }

    /// The same for a call that takes effect this much later.
    pub(super) const fn late(self, late_by: Option<Duration>) -> Self {
        Self { late_by, ..self }
    }

    /// The epoch of the conductor that makes the call. A host that has seen a higher one refuses the call.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether this is a dry run: the call is written down instead of being made.
    #[must_use]
    pub const fn is_dry(&self) -> bool {
        self.dry
    }

    /// The delay after which the call takes effect, if a rehearsal injects one. Its answer is lost then.
    #[must_use]
    pub const fn late_by(&self) -> Option<Duration> {
        self.late_by
    }
}
