//! The report of an upgrade.

mod checks;
mod decisions;
mod document;
mod never;
mod parts;
#[cfg(test)]
mod tests;
mod trouble;

pub use document::{damaged, report};
pub use parts::ReportInputs;
