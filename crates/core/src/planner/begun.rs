//! Migrations that a window has begun, and that are missing from the file now.

use crate::deployment::Deployment;
use crate::journal::{BegunMigration, Upgrade, begun_migrations};

/// The migrations that were begun, of which nobody knows that they have ended well, and that the file does not name: no step
/// of a plan would observe them, and new code would run beside them.
#[must_use]
pub fn migrations_left(upgrade: &Upgrade, deployment: &Deployment) -> Vec<BegunMigration> {
    let begun = begun_migrations(upgrade).into_iter();
    begun.filter(|migration| !is_in(deployment, migration)).collect()
}

/// Whether the file has that migration, on the schema on which it was begun.
fn is_in(deployment: &Deployment, begun: &BegunMigration) -> bool {
    let Some(fleet) = deployment.fleet(&begun.fleet) else { return false };
    let same = deployment
        .migrations_of(fleet)
        .any(|migration| migration.service == begun.service && migration.database == begun.database);
    same && fleet.schemas.get(&begun.database) == Some(&begun.schema) && deployment.database_of(&begun.schema).is_some()
}
