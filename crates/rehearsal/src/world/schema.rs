//! The statements of the migrations that the embedded cloud pretends to run, and what a schema shows of them: each migration adds
//! a column of its name to the one table of its app, and an index on it.

use super::parts::{APPS, Work, name_of};
use super::state::WorldState;

/// What `sqlmigrate` prints.
pub(crate) fn statements_of(app: &str, name: &str) -> String {
    format!(
        "--\n-- Add field {name} to thing\n--\nALTER TABLE `{app}_thing` ADD COLUMN `{name}` integer NULL;\n\
         --\n-- Create index {name}_index on field(s) {name} of model thing\n--\n\
         CREATE INDEX `{name}_index` ON `{app}_thing` (`{name}`);\n"
    )
}

impl WorldState {
    /// What the command of the file prints that lists a schema: migrations that were applied, and half of one that has failed.
    pub(crate) fn schema(&self, index: usize) -> String {
        let migrations = &self.migrations[index];
        let codename = &self.deployment.release.codename;
        let mut text = String::new();
        for app in APPS {
            text += &format!(
                "table\t{app}_thing\ncolumn\t{app}_thing\tid\tint(11) NOT NULL\nindex\t{app}_thing\tPRIMARY\n"
            );
        }
        for number in 0..migrations.applied {
            let (app, name) = name_of(number, codename);
            text += &format!("column\t{app}_thing\t{name}\tint(11) NULL\nindex\t{app}_thing\t{name}_index\n");
        }
        let fails = self.migration_fails_after(&migrations.fleet, &migrations.service, &migrations.database);
        let has_failed = self.all_jobs().any(|job| {
            let is_it = matches!(job.work, Work::Migration { migrations: of, .. } if of == index);
            is_it && job.ending.is_some()
        });
        if has_failed && fails.is_some_and(|after| migrations.applied >= after) {
            let (app, name) = name_of(migrations.applied, codename);
            text += &format!("column\t{app}_thing\t{name}\tint(11) NULL\n");
        }
        text + "end\n"
    }
}
