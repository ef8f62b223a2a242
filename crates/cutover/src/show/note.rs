//! An entry of the log of an upgrade.

use jiff::Timestamp;

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Begins,
    Waits,
    Done,
    Trouble,
    Failed,
    Gate,
    Decided,
    Phase,
    Date,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Begins => "begins",
            Self::Waits => "now",
            Self::Done => "done",
            Self::Trouble => "trouble",
            Self::Failed => "FAILED",
            Self::Gate => "DECIDE",
            Self::Decided => "decided",
            Self::Phase => "phase",
            Self::Date => "date",
        }
    }
}

/// An entry of the log. Its text may have several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) at: Timestamp,
    pub(super) lane: String,
    pub(super) kind: Kind,
    pub(super) text: String,
}
