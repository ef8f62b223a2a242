//! Pushing a verified branch: the old head is saved first, the push has an explicit lease on it, and the remote is read
//! back afterwards.
//!
//! The branch and the ledgers go in one push, all or nothing (`delivery`). No branch of this repository is touched, nor
//! its index and work trees; of its refs only the notes, `refs/cutover/notes/` and the remote-tracking branch change.

mod checks;
mod delivery;
mod head;
mod obstacles;
mod publication;
mod request;

pub use head::{head, replaced};
pub use obstacles::{Obstacle, obstacles};
pub use publication::{Publication, publish};
pub use request::Request;
