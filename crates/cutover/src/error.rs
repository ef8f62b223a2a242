//! Why a command could not do what was asked: few kinds, each with an exit code, what is known, and what to do.

use cutover_aws::operations::Effect;
use cutover_aws::storage;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::halt::Halt;
use cutover_engine::journal::JournalError;
use cutover_engine::lease::{LeaseError, LeaseLost};
use cutover_engine::store::StoreError;
use cutover_patchstack::error::Error as PatchstackError;
use cutover_rehearsal::CloudError;

use crate::exit::Exit;
use crate::harmless::cut;

/// Why a command could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A file could not be read or written.
    #[error("{path} could not be {done}")]
    File {
        /// The file.
        path: String,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The deployment file has mistakes; they are rendered already.
    #[error("{0}")]
    Mistakes(String),
    /// Refused, with nothing changed.
    #[error("{message}")]
    Refused {
        /// What was refused, and why.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The lease could not be claimed.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// This conductor stopped at once.
    #[error(transparent)]
    Halted(Box<Halt>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedded cloud's file cannot be used.
    #[error("the embedded cloud cannot be used")]
    Cloud(#[from] CloudError),
    /// The world could not be observed.
    #[error("the deployment could not be observed")]
    Observation(#[from] Failure),
    /// AWS cannot be used: no credentials, the wrong ones, or no way to it.
    #[error("{0}")]
    Aws(Failure),
    /// A rehearsal could not be carried through.
    #[error("the rehearsal could not be carried through")]
    Rehearsal(#[from] cutover_rehearsal::RehearsalError),
    /// Something of release branches could not be done.
    #[error(transparent)]
    Branch(#[from] PatchstackError),
    /// The terminal or a pipe could not be written to.
    #[error("the output could not be written")]
    Output(#[source] std::io::Error),
}

impl CommandError {
    /// Refused, with nothing changed.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }

    /// The exit code of this kind.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Mistakes(_) => Exit::File,
            Self::Refused { .. } | Self::Branch(PatchstackError::Refused { .. }) => Exit::Refused,
            Self::Lease(LeaseError::Held { .. } | LeaseError::OtherHolder { .. })
            | Self::Journal(JournalError::Fenced { .. }) => Exit::Held,
            Self::Halted(halt) if is_superseded(halt) => Exit::Held,
            _ => Exit::Failed,
        }
    }

    /// The error with its whole chain and what to do next, for people.
    #[must_use]
    pub fn render(&self) -> String {
        if let Self::Mistakes(rendered) = self {
            return rendered.clone();
        }
        let mut text = paragraph("error: ", &self.to_string());
        if let Some(why) = self.of_state().and_then(of_bucket) {
            text.push_str(&paragraph("  because: ", &why));
        } else {
            let mut source = std::error::Error::source(self);
            while let Some(error) = source {
                text.push_str(&paragraph("  because: ", &error.to_string()));
                source = error.source();
            }
        }
        let hint = self.hint();
        if !hint.is_empty() {
            text.push_str(&paragraph("  next: ", hint));
        }
        text
    }

    /// The store's error, when it is one.
    fn of_state(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) | Self::Journal(JournalError::Store(error)) | Self::Lease(LeaseError::Store(error)) => {
                Some(error)
            }
            Self::Halted(halt) => match &**halt {
                Halt::Journal(JournalError::Store(error)) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }

    fn hint(&self) -> &str {
        match self {
            Self::Refused { hint, .. } => hint,
            Self::Branch(error) => error.hint(),
            Self::Lease(LeaseError::Held { .. }) => {
                "`cutover status` shows what that conductor is doing; nothing was changed from here"
            }
            Self::Lease(LeaseError::OtherHolder { .. }) => {
                "nothing was changed; make sure that the holder is dead, and name it as it is named above"
            }
            Self::Halted(halt) => of_halt(halt),
            Self::Journal(error) => of_journal(error),
            Self::Store(error) | Self::Lease(LeaseError::Store(error)) => of_store(error),
            Self::Cloud(_) => {
                "make the file named above readable and writable, or put it back from a copy; nothing was changed"
            }
            Self::Observation(failure) if failure.class == FailureClass::Permanent => {
                "nothing was changed; see to that, then run the same command again"
            }
            Self::Observation(_) => "nothing was changed; run the same command again",
            Self::Aws(_) => {
                "nothing was changed; once `aws sts get-caller-identity` works with profile and region of `[aws]` in \
                 the deployment file, run the same command again"
            }
            Self::File { .. } | Self::Mistakes(_) | Self::Rehearsal(_) | Self::Output(_) => "",
        }
    }
}

/// One part of an error. What goes on over several lines is indented, so that nothing in it passes for another part.
fn paragraph(label: &str, text: &str) -> String {
    format!("{label}{}\n", cut(text).trim_end().replace('\n', "\n    "))
}

/// What an error of a store says when a bucket is the store: S3's words, and not those of the library in between.
pub fn of_bucket(error: &StoreError) -> Option<String> {
    let StoreError::Object { done, place, source, .. } = error else { return None };
    let (effect, request) = match *done {
        "written" => (Effect::Write, "PutObject"),
        "listed" => (Effect::Read, "ListObjects"),
        _ => (Effect::Read, "GetObject"),
    };
    let in_bucket = place.starts_with("s3://");
    in_bucket.then(|| storage::failure(effect, &format!("{request} of {place}"), &storage::cause(source)).message)
}

/// Whether a conductor has stopped because another one conducts the upgrade.
const fn is_superseded(halt: &Halt) -> bool {
    matches!(
        halt,
        Halt::Journal(JournalError::Fenced { .. })
            | Halt::Lease(LeaseLost::Superseded { .. })
            | Halt::Zone(_)
            | Halt::Superseded(_)
    )
}

const fn of_halt(halt: &Halt) -> &'static str {
    match halt {
        Halt::Journal(error) => of_journal(error),
        Halt::Lease(LeaseLost::Gone { .. }) => GONE,
        Halt::Lease(LeaseLost::NotRenewed { .. }) => {
            "nothing new was begun since; make the state's place readable and writable, then run the same command"
        }
        Halt::Lease(LeaseLost::Superseded { .. }) | Halt::Superseded(_) => SUPERSEDED,
        Halt::Zone(_) => {
            "nothing more is begun from here. If `cutover status` shows another conductor, leave the upgrade to it. If not, \
             find out who wrote the record: somebody by hand, or this upgrade with another state. Once that is settled, \
             delete the record and run the same command, which writes it anew"
        }
    }
}

const SUPERSEDED: &str = "leave the upgrade to that conductor, and follow it with `cutover status`; nothing more is begun from here. A call \
     that had left before may still have arrived: hosts and the zone refuse it, balancers and EC2 do not, so look at \
     `cutover check` too";

const GONE: &str = "find out who has removed it, and put it back from a backup: the journal is the only record of what has happened. \
     Nothing more is done from here; what this conductor knew last is shown above";

const fn of_journal(error: &JournalError) -> &'static str {
    match error {
        JournalError::Store(error) => of_store(error),
        JournalError::Fenced { .. } => SUPERSEDED,
        JournalError::Gone { .. } => GONE,
        JournalError::LostTail { .. } => {
            "restore the state from a backup that has all records; do not go on without them: nobody can tell what has \
             happened since the last one that is there"
        }
        JournalError::Illegal(_) => {
            "the journal was written by another version of cutover, or edited: use the version that wrote it, or \
             restore the state folder from a backup; do not delete records"
        }
        JournalError::Broken => UNREACHABLE_STATE,
    }
}

const UNREACHABLE_STATE: &str =
    "what was on record stays so; make the state's place readable and writable, then run the same command";

const fn of_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::Damaged { .. } => {
            "restore what is named above from a backup of the state folder, or use the version of cutover that wrote \
             it; do not delete records: without them nobody can tell what has happened"
        }
        StoreError::Folder { .. } | StoreError::Object { .. } | StoreError::Contended { .. } => UNREACHABLE_STATE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fenced() -> CommandError {
        JournalError::Fenced { number: 7, whose: "bob's".to_owned() }.into()
    }

    fn damaged() -> StoreError {
        let (what, place) = ("journal/00000007.json".to_owned(), "state".to_owned());
        StoreError::Damaged { what, place, because: "it has gone".to_owned() }
    }

    #[test]
    fn a_conductor_that_was_fenced_off_is_not_told_that_nothing_was_changed() {
        assert!(!fenced().render().contains("nothing was changed"), "{}", fenced().render());
        assert_eq!(fenced().exit(), Exit::Held);
    }

    #[test]
    fn damage_is_to_be_restored_wherever_it_was_met() {
        let met: [CommandError; 3] =
            [damaged().into(), JournalError::from(damaged()).into(), LeaseError::from(damaged()).into()];
        for error in met {
            let text = error.render();
            assert!(text.contains("journal/00000007.json in state is damaged"), "{text}");
            assert!(text.contains("next: restore") && text.contains("do not delete records"), "{text}");
        }
    }
}
