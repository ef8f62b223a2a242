//! What is on a host: a small Django project (`crates/e2e/site`) under gunicorn and celery, started by supervisor, behind
//! nginx, in the places where Open edX has them.
//!
//! - `fleet`: what the hosts of a fleet have in common;
//! - `project`: the files of the Django project, in two releases;
//! - `furnish`: what is put on a host. What it does at its first boot, as cloud-init would, is in `crates/e2e/host`.

mod fleet;
mod furnish;
mod project;

pub use fleet::{Fleet, Release, Role};
pub use furnish::Site;
pub use project::files;

/// The header in which the site says its release.
pub const RELEASE_HEADER: &str = "X-Release";
/// What every page of the site contains.
pub const WORDS: &str = "Powered by Open edX";
