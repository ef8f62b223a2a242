//! What a step has found out about its migrations, so that nothing is asked twice.

use std::collections::BTreeMap;

use cutover_core::names::{JobName, MigrationName};

/// What is known of migrations that are pending, and of the schema.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The migrations that are pending, once they were listed.
    pub(super) pending: Option<Vec<MigrationName>>,
    /// Why the statements of some of them could not be read.
    pub(super) unread: BTreeMap<MigrationName, String>,
    /// What the database has shown of the migration at which each job has failed, in words.
    pub(super) shown: BTreeMap<JobName, String>,
}
