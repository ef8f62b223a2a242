//! Why a command could not do what was asked: few kinds, each with an exit code, what is known, and what to do.

use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::halt::{Halt, WriteError};
use cutover_engine::hints::SAME_COMMAND;
use cutover_engine::journal::JournalError;
use cutover_engine::lease::{LeaseError, LeaseLost};
use cutover_engine::removals::RemovalError;
use cutover_engine::store::StoreError;
use cutover_patchstack::error::Error as PatchstackError;
use cutover_rehearsal::CloudError;

use crate::commands_to_type::GivenArguments;
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
    /// The upgrade has begun, and nothing is on record.
    #[error(
        "the upgrade has begun, because its conductor {epoch} has changed the zone, and its journal is not in this state"
    )]
    JournalMissing {
        /// The epoch of that conductor.
        epoch: u64,
    },
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
    /// AWS cannot be used: there are no credentials, they are wrong, or AWS cannot be reached.
    #[error("{}", .0.message)]
    Aws(Failure),
    /// A rehearsal could not be carried through.
    #[error("the rehearsal could not be carried through")]
    Rehearsal(#[from] cutover_rehearsal::RehearsalError),
    /// Something of release branches could not be done.
    #[error(transparent)]
    Branch(#[from] PatchstackError),
    /// An image, or a snapshot of it, could not be removed.
    #[error("image {image} could not be removed with all its snapshots")]
    Removal {
        /// Its name and id.
        image: String,
        /// Why.
        source: Failure,
    },
    /// The terminal or a pipe could not be written to.
    #[error("the output could not be written")]
    Output(#[source] std::io::Error),
}

impl CommandError {
    /// Refused, with nothing changed.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }

    /// Why an image could not be removed.
    #[must_use]
    pub fn of_removal(image: &str, error: RemovalError) -> Self {
        match error {
            RemovalError::Store(error) => error.into(),
            RemovalError::Write(WriteError::Halt(halt)) => Self::Halted(Box::new(halt)),
            RemovalError::Write(WriteError::Failed(source)) => Self::Removal { image: image.to_owned(), source },
        }
    }

    /// The exit code of this kind.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Mistakes(_) => Exit::File,
            Self::Refused { .. } | Self::Branch(PatchstackError::Refused { .. }) => Exit::Refused,
            Self::Lease(LeaseError::Held { .. } | LeaseError::Suspended { .. } | LeaseError::OtherHolder { .. })
            | Self::Journal(JournalError::Fenced { .. }) => Exit::Held,
            Self::Halted(halt) if is_superseded(halt) => Exit::Held,
            _ => Exit::Failed,
        }
    }

    /// The error with its whole chain and what to do next, for people. Commands in it are completed with what was
    /// `given`.
    #[must_use]
    pub fn render(&self, given: &GivenArguments) -> String {
        if let Self::Mistakes(rendered) = self {
            return rendered.clone();
        }
        let paragraph = |label: &str, text: &str| paragraph(label, &given.complete(text));
        let mut text = paragraph("error: ", &self.to_string());
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            // The hint of a failure is shown below, once.
            let why =
                error.downcast_ref().map_or_else(|| error.to_string(), |failure: &Failure| failure.message.clone());
            text.push_str(&paragraph("  because: ", &why));
            source = error.source();
        }
        let hint = self.hint();
        if !hint.is_empty() {
            // The command comes last, on a line of its own, so that it can be copied.
            let again = given.again.as_ref().filter(|_| asks_for_the_same(&hint));
            let again = again.map_or_else(String::new, |again| format!("\n{again}"));
            text.push_str(&paragraph("  next: ", &(hint + &again)));
        }
        text
    }

    /// What to do next, as the error itself says it where it arose; empty where there is nothing to say.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Refused { hint, .. } => hint.clone(),
            Self::Branch(error) => error.hint(),
            Self::Lease(error) => error.hint(),
            Self::JournalMissing { .. } => {
                "restore the journal, or correct `location` under [state] in the deployment file, before anything else"
                    .to_owned()
            }
            Self::Halted(halt) => halt.hint(),
            Self::Journal(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Cloud(error) => error.hint().to_owned(),
            Self::Rehearsal(error) => error.hint(),
            Self::Observation(failure) => again(failure),
            Self::Aws(failure) if failure.hint.is_none() => format!(
                "make sure that `aws sts get-caller-identity` works with profile and region of `[aws]` in the deployment \
                 file; then {SAME_COMMAND} again. Nothing was changed"
            ),
            Self::Aws(failure) => again(failure),
            Self::Removal { source, .. } => {
                let first = source.hint.as_ref().map(|hint| format!("{hint}; then ")).unwrap_or_default();
                format!("{first}{SAME_COMMAND} again: it goes on where this one has ended")
            }
            Self::File { .. } | Self::Mistakes(_) | Self::Output(_) => String::new(),
        }
    }
}

/// Whether a hint asks for the same command, which is then added to it.
fn asks_for_the_same(hint: &str) -> bool {
    [SAME_COMMAND, cutover_patchstack::error::SAME_COMMAND].iter().any(|words| hint.contains(words))
}

/// One part of an error. What goes on over several lines is indented, so that nothing in it passes for another part.
fn paragraph(label: &str, text: &str) -> String {
    format!("{label}{}\n", cut(text).trim_end().replace('\n', "\n    "))
}

/// What to do when the world could not be observed.
fn again(failure: &Failure) -> String {
    let hint = match (&failure.hint, failure.class) {
        (Some(hint), _) => hint,
        (None, FailureClass::Permanent) => "correct that",
        (None, _) => return format!("nothing was changed; {SAME_COMMAND} again"),
    };
    format!("{hint}; then {SAME_COMMAND} again. Nothing was changed")
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

/// A store's error with its cause, in one line, where it is told but does not end the command.
#[must_use]
pub fn with_cause(error: &StoreError) -> String {
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fenced() -> CommandError {
        JournalError::Fenced { number: 7, whose: "bob's".to_owned() }.into()
    }

    fn damaged() -> StoreError {
        let (what, location) = ("journal/00000007.json".to_owned(), "state".to_owned());
        StoreError::Damaged { what, location, because: "it has gone".to_owned() }
    }

    #[test]
    fn a_conductor_that_was_fenced_off_is_not_told_that_nothing_was_changed() {
        assert!(!fenced().render(&GivenArguments::default()).contains("nothing was changed"), "{:?}", fenced());
        assert_eq!(fenced().exit(), Exit::Held);
    }

    #[test]
    fn the_hint_of_a_failure_is_shown_once_and_not_in_the_reason() {
        let failure = Failure::permanent("ec2 RunInstances was refused").with_hint("add the missing permission");
        let text = CommandError::Observation(failure).render(&GivenArguments::default());
        assert_eq!(
            text,
            "error: the deployment could not be observed\n  because: ec2 RunInstances was refused\n  \
             next: add the missing permission; then run the same command again. Nothing was changed\n"
        );
    }

    #[test]
    fn an_error_that_asks_for_the_same_command_ends_with_it() {
        let given = GivenArguments { again: Some("cutover window qa.toml".to_owned()), ..GivenArguments::default() };
        let (path, source) = ("/srv/clone".into(), std::io::Error::other("full"));
        let of_a_branch = PatchstackError::File { path, done: "written", source };
        for error in [JournalError::Broken.into(), JournalError::Store(full()).into(), of_a_branch.into()] {
            let error: CommandError = error;
            let text = error.render(&given);
            assert!(text.ends_with("\n    cutover window qa.toml\n"), "{text}");
        }
        assert!(!fenced().render(&given).contains("cutover window"));
    }

    fn full() -> StoreError {
        let source = "No space left on device".into();
        let (what, location) = ("journal/00000007.json".to_owned(), "state".to_owned());
        StoreError::Object { what, done: "written", location, source }
    }

    #[test]
    fn damage_is_to_be_restored_wherever_it_was_met() {
        let met: [CommandError; 3] =
            [damaged().into(), JournalError::from(damaged()).into(), LeaseError::from(damaged()).into()];
        for error in met {
            let text = error.render(&GivenArguments::default());
            assert!(text.contains("journal/00000007.json in state is damaged"), "{text}");
            assert!(text.contains("next: restore") && text.contains("do not delete records"), "{text}");
        }
    }
}
