//! The two names that supervisor has for a program.

use cutover_core::names::ProgramName;

/// A program's group and name. One without a group is in a group of the same name.
pub(super) fn split(program: &ProgramName) -> (&str, &str) {
    program.as_str().split_once(':').unwrap_or((program.as_str(), program.as_str()))
}
