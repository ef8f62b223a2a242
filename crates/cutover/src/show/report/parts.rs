//! What a report is made from, and what its sections are made of.

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Record, Upgrade};
use cutover_core::time::OffsetTime;
use cutover_rehearsal::{Violation, VisitorReport};

use crate::show::text::{WIDTH, hang};

/// What a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct ReportInputs<'a> {
    /// The journal.
    pub records: &'a [Record],
    /// The state after the journal.
    pub upgrade: &'a Upgrade,
    /// The deployment file.
    pub deployment: &'a Deployment,
    /// What visitors saw, if that is known.
    pub visitors: Option<&'a VisitorReport>,
    /// Violations of the invariants, if they are watched. In a real account nobody watches them.
    pub violations: Option<&'a [Violation]>,
}

impl ReportInputs<'_> {
    /// The window's clock, which is used to show moments.
    pub(super) const fn clock(&self) -> OffsetTime {
        self.deployment.window.start
    }
}

/// A section with an item for each line, or with `nothing` if there are none.
pub(super) fn section(title: &str, lines: &[String], nothing: &str) -> String {
    let body = match lines.is_empty() {
        true => nothing.to_owned(),
        false => lines.iter().map(|line| item(line)).collect::<Vec<String>>().join("\n"),
    };
    format!("## {title}\n\n{body}")
}

/// A line of a list.
pub(super) fn item(text: &str) -> String {
    hang("- ", text, WIDTH)
}

/// A text of its own.
pub(super) fn paragraph(text: &str) -> String {
    hang("", text, WIDTH)
}
