//! What a step has found out about its migrations, so that nothing is asked twice.

use std::collections::BTreeMap;

use cutover_core::names::{JobName, MigrationName};
use cutover_hosts::django::sql::Statement;

/// What is known of the statements of migrations, and of the schema.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The statements of migrations, from before they were begun.
    pub(super) statements: BTreeMap<MigrationName, Vec<Statement>>,
    /// What the database has shown of the migration at which each job has failed, in words.
    pub(super) shown: BTreeMap<JobName, String>,
}
