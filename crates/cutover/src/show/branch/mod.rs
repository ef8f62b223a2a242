//! What people read of release branches: pure functions from the library's values to text in at most 80 columns.
//! Commands to type stand on lines of their own, whole, so that they can be copied.

mod candidates;
mod causes;
mod conflict;
mod created;
mod forecast;
mod ledger;
mod ledger_markdown;
mod left_behind;
mod mirror;
mod patches;
mod publication;
mod standing;
mod status;
#[cfg(test)]
mod testing;
mod typed;
mod watch;
mod withdrawn;
mod words;

pub use candidates::{Candidate, candidates_text};
pub use conflict::conflict_text;
pub use created::created_text;
pub use forecast::{Details, brief_text, fate_text, outcomes_text, verdict_text};
pub use ledger::ledger_text;
pub use ledger_markdown::ledger_markdown;
pub use mirror::mirror_text;
pub use patches::patches_text;
pub use publication::publication_text;
pub use standing::{aborted_text, no_standing_text, standing_text};
pub use status::status_text;
pub use typed::Typed;
pub use watch::{NewCandidate, needs_somebody, watch_text};
