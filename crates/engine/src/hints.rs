//! Hints for the operator that several errors share.

/// What a hint says if the same command is to be run again. Whoever prints such a hint adds the command, so hints use this
/// constant and no words of their own.
pub const SAME_COMMAND: &str = "run the same command";

/// What the operator can do when a listing is empty that cannot be.
pub(crate) const WRONG_ACCOUNT: &str = "check the region, and the account of the credentials";

/// What the operator can do when another conductor has taken over.
pub(crate) const SUPERSEDED: &str = "leave the upgrade to that conductor, and follow it with `cutover status`; this \
     one starts nothing more. A call that it had sent before may still arrive: hosts and the zone refuse it, balancers \
     and EC2 do not, so look at `cutover check` too";

/// What the operator can do when the state is gone.
pub(crate) const GONE: &str = "find out who removed it, and restore it from a backup: the journal is the only record \
     of what has happened. This conductor does nothing more; what it knew last is shown above";
