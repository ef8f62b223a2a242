//! The deployment file: everything the runbook needs to know, as types.
//!
//! `parse` reads the file and reports every mistake at once: `syntax` reads TOML into a `document`, `shape` checks it
//! against the `schema` that the types generate, and `rules` checks what types cannot express. `file` is the deployment
//! as a whole, and the other modules are its parts: plain data, without behaviour beyond look-ups.

mod aws;
mod branches;
mod database;
mod disk;
mod document;
mod embedded;
mod file;
mod files;
mod fleet;
mod image;
mod migration;
mod mistake;
mod parse;
mod people;
mod prices;
mod release;
mod rules;
mod schema;
mod shape;
mod site_check;
mod soak;
mod ssh;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod traffic;
mod unrelated;
mod write_check;

pub(crate) use aws::is_region;
pub use aws::{Aws, RoleTags};
pub use branches::Branches;
pub use database::Database;
pub use disk::RootVolume;
pub use embedded::Embedded;
pub use file::{Cloud, Deployment, Expected, State, Window};
pub use files::{NamedFile, files_for_ssh};
pub use fleet::{
    Fleet, HoldBack, HostGroup, PastStopLimit, Role, Roles, Services, SmokeTest, USUAL_STEADY, USUAL_SUPERVISORCTL,
};
pub(crate) use image::BUILD_PLACEHOLDERS;
pub use image::{Base, Builder, Image, PACKER_VARIABLES, Packer};
pub use migration::{Fake, Migration, PastLimit};
pub use mistake::Mistake;
pub use parse::parse;
pub use people::{AnnounceWhen, Announcement, Gate, GateBefore};
pub use prices::{Price, Prices};
pub use release::Release;
pub use schema::schema;
pub use site_check::SiteCheck;
pub use soak::Soak;
pub use ssh::{HostAddress, Ssh};
pub use template::template;
pub use traffic::{Balancer, BalancerKind, Dns, MaintenancePage, Site};
pub use unrelated::{Runs, is_about, runs_anything};
pub use write_check::WriteCheck;
