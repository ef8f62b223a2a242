//! Words about images that several texts use.

use cutover_core::inventory::{ListedImage, Use};
use cutover_core::observation::InstanceState;
use cutover_core::time::{between, human};
use jiff::Timestamp;

use crate::harmless::one_line;

/// What texts about images need to know besides the images.
pub struct Around<'a> {
    /// The name of the deployment.
    pub deployment: &'a str,
    /// The deployment file as it is typed.
    pub file: String,
    /// The cloud's time.
    pub now: Timestamp,
    /// The options of an `aws` command that reaches the same account and region, each after a space; nothing on an embedded
    /// cloud.
    pub aws_options: Option<&'a String>,
}

/// The first letters of a commit.
const SHORT: usize = 10;

pub(super) fn called(one: &ListedImage) -> String {
    format!("{} ({})", one_line(one.image.name.as_str()), one.image.id)
}

/// What an image contains, and how old it is, in one sentence.
pub(super) fn contents(one: &ListedImage, now: Timestamp) -> String {
    let image = &one.image;
    let commit = image.commit.as_deref().map(|commit| one_line(commit.get(..SHORT).unwrap_or(commit)));
    let commit = commit.map_or_else(|| "no commit tag".to_owned(), |commit| format!("commit {commit}{}", ledger(one)));
    let (codename, version) = (one_line(&image.codename), one_line(&image.version));
    format!("{codename}, release-version {version}; {commit}; {} old", human(between(image.created, now)))
}

/// Whether a ledger accounts for the commit, as far as that is known.
pub(super) fn ledger(one: &ListedImage) -> &'static str {
    match one.accounted {
        Some(true) => " (accounted for)",
        Some(false) => " (NO LEDGER accounts for it here)",
        None => "",
    }
}

/// The state of an image, unless hosts can be launched from it.
pub(super) fn trouble(one: &ListedImage) -> Option<String> {
    match &one.image.failed {
        Some(why) => Some(format!("FAILED: {}", one_line(why))),
        None => one.is_being_made().then(|| "being made".to_owned()),
    }
}

pub(super) fn used(by: &Use) -> String {
    match by {
        Use::Host { instance, name, state } => {
            format!("host {} ({instance}, {})", one_line(name.as_str()), word(*state))
        }
        Use::Builder { instance } => format!("builder {instance}, which lives"),
        Use::Upgrade { upgrade } => format!("upgrade {upgrade}, whose journal names it"),
        Use::Base { role } => format!("new images for {role}, which are built from it"),
    }
}

pub(super) const fn word(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Pending => "pending",
        InstanceState::Booting => "booting",
        InstanceState::Running => "running",
        InstanceState::Stopping => "stopping",
        InstanceState::Stopped => "stopped",
        InstanceState::ShuttingDown => "shutting down",
        InstanceState::Terminated => "terminated",
    }
}
