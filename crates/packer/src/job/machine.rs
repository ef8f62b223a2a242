//! Which machine this is, and which boot of it.

use serde::{Deserialize, Serialize};

/// A boot of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The id that an installation gets (`/etc/machine-id`). Empty if it has none, as in some containers.
    pub id: String,
    /// What people call it.
    pub host: String,
    /// The boot of its kernel.
    pub boot: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let word = |file| std::fs::read_to_string(file).unwrap_or_default().trim().to_owned();
        Self {
            id: word("/etc/machine-id"),
            host: word("/proc/sys/kernel/hostname"),
            boot: word("/proc/sys/kernel/random/boot_id"),
        }
    }

    /// Whether it is the same machine, in whatever boot. Without ids, the same name is taken for the same machine.
    #[must_use]
    pub fn is_same_machine(&self, other: &Self) -> bool {
        if self.id.is_empty() || other.id.is_empty() { self.host == other.host } else { self.id == other.id }
    }
}
