//! What migrations are about to do, read before the maintenance page goes up: each question starts all of edx-platform.

use std::time::Duration;

use super::Window;
use crate::deployment::Fleet;
use crate::names::StepId;
use crate::observation::PendingNames;
use crate::plan::{Action, Line, ReadStatements, Step};
use crate::planner::build::{CALL_LIMIT, step};

/// How long it usually takes for one migration.
const EACH: Duration = Duration::from_secs(10);

impl Window<'_> {
    /// Reads the statements of a fleet's pending migrations. Once the page may be up by a plan that had no such step, it is too late.
    pub(super) fn read_statements(&self, fleet: &Fleet) -> Vec<Step> {
        let mut steps = Vec::new();
        for (name, migration, migrate) in self.migrations(fleet) {
            let Some(read) = ReadStatements::before(&migrate) else { continue };
            let title = format!("read what {} {} will change in {}", read.service, read.database, migrate.schema);
            let pending = match self.pending(fleet, migration) {
                Some(PendingNames::Known(names)) => names.len(),
                _ => 1,
            };
            let expected = EACH.saturating_mul(u32::try_from(pending).unwrap_or(u32::MAX)).min(ReadStatements::LIMIT);
            let step = step(format!("window.statements.{name}"), Line::Open, title, Action::ReadStatements(read))
                .of_fleet(&fleet.name)
                .takes(expected, ReadStatements::LIMIT + CALL_LIMIT);
            steps.extend((!self.was_posted_without(fleet, &step.id)).then_some(step));
        }
        steps
    }

    /// The ids of these steps.
    pub(super) fn statements_read(&self, fleet: &Fleet) -> Vec<StepId> {
        self.read_statements(fleet).into_iter().map(|step| step.id).collect()
    }
}
