//! What a person has to decide about patches, and the reasons that they give.

use crate::error::CommandError;
use crate::exit::Exit;

/// Scripts use it to tell whether a person is needed.
pub(super) const fn needs_a_person(needed: bool) -> Exit {
    if needed { Exit::Person } else { Exit::Done }
}

/// Each patch with why; there must be as many reasons as patches.
pub(super) fn with_reasons(
    option: &str,
    patches: &[String],
    reasons: &[String],
) -> Result<Vec<(String, String)>, CommandError> {
    if patches.len() != reasons.len() {
        return Err(CommandError::refused(
            format!("{option} is given {} times and --because {} times", patches.len(), reasons.len()),
            format!("nothing was changed; give one --because for each {option}"),
        ));
    }
    Ok(patches.iter().cloned().zip(reasons.iter().cloned()).collect())
}
