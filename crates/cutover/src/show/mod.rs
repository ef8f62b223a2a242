//! What people read: pure functions from the domain's values to text and JSON. Nothing here makes decisions or reads a
//! clock, and the commands do the printing; only the screens write by themselves, while an upgrade runs.

mod after;
mod attention;
pub mod branch;
mod calls;
mod check;
mod comparison;
mod dns;
mod dry_run;
mod forecast;
mod found;
mod gantt;
pub mod image;
mod lanes;
mod lines;
mod migrations;
mod mistakes;
mod narrate;
mod note;
mod page;
mod plan;
mod report;
mod rows;
mod soak;
mod status_text;
mod stopping;
mod strip;
mod summary;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod waits;

pub use after::after_failure;
pub use calls::calls;
pub use check::check_text;
pub use comparison::{ComparedLine, Comparison, comparison_text};
pub use dry_run::{DryRun, dry_run, dry_run_json};
pub use lanes::Lanes;
pub use lines::{Json, Lines, Notes, Screen};
pub use mistakes::{mistakes, mistakes_json};
pub use plan::{PlanJson, ToRun, plan, plan_json};
pub use report::{ReportInputs, damaged, report};
pub use status_text::status_text;
pub use stopping::{stopped_at_once, stopping};
pub use strip::VisitorCounts;
pub use summary::{Broken, GateAnswer, LineLength, Outcome, PhaseLength, Rehearsal, summary_text};
