//! What the tests of parity stand on: random histories and contested stacks, and what git's own rebase makes of them.

pub(crate) mod changes;
pub(crate) mod contested;
pub(crate) mod histories;
pub(crate) mod imported;
pub(crate) mod messages;
pub(crate) mod oracle;
pub(crate) mod project;
pub(crate) mod sandbox;
pub(crate) mod tree;
