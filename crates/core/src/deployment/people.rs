//! The parts of the file about people: announcements and gates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{AnnouncementName, GateName};
use crate::time::Span;

/// A message to people. It is sent when the upgrade reaches a state, never at a time of day alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// A short name, such as `3down`.
    pub name: AnnouncementName,
    /// The state that sends it.
    pub when: AnnounceWhen,
    /// The address that it is sent to, such as `mailto:3down@mit.edu`.
    pub to: String,
    /// The text. `{start}`, `{end}`, `{length}` and `{sites}` are filled in.
    pub text: String,
}

/// The state of the upgrade that sends an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum AnnounceWhen {
    /// The downtime is scheduled: in the announce phase.
    Scheduled,
    /// The maintenance page is about to go up.
    Started,
    /// All sites are served again.
    Done,
}

/// A point where a person decides. The journal records the decision with the person's name and the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// A short name, such as `go`.
    pub name: GateName,
    /// What waits for the decision.
    pub before: GateBefore,
    /// The question to decide.
    pub question: String,
    /// Manual checks to make before deciding.
    #[serde(default)]
    pub checklist: Vec<String>,
    /// How long an answer usually takes. It is part of the window's expected time.
    #[serde(default = "default_answer")]
    pub expected: Span,
}

fn default_answer() -> Span {
    Span::seconds(60)
}

/// The action that waits for a gate's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum GateBefore {
    /// Launching next hosts.
    Launch,
    /// Putting the maintenance page up: the start of the window.
    Window,
    /// The first migration: the point of no return.
    Migrate,
    /// Pointing DNS back at the balancers: the moment for manual checks.
    Lift,
    /// Terminating the old hosts.
    Terminate,
}
