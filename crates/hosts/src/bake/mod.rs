//! What is done on a builder, an instance that an image is made of: the commands of the deployment file, one after the other until
//! one fails, and then the removal of what belongs to one host only. All of it is one job.
//!
//! The host keys of SSH are removed at the very end. After that, nobody can sign in to the builder any more.

#[cfg(test)]
mod tests;

use crate::command::{Command, RunAs};
use crate::sequence::{self, Part};

const SEAL: &str = include_str!("seal.sh");
/// The title of the last part.
const SEALS: &str = "the removal of what belongs to one host";

/// The command that does all of it, as root. `identity` are the file's own paths that belong to one host only.
#[must_use]
pub fn command(provision: &[Vec<String>], identity: &[String]) -> Command {
    let parts = provision.iter().enumerate().map(|(nth, words)| {
        let program = words.first().map_or("", |program| program.rsplit('/').next().unwrap_or_default());
        Part::command(format!("command {} ({program})", nth + 1), words)
    });
    let seal = Part::command(SEALS, &seal("", identity));
    let parts: Vec<Part> = parts.chain([seal]).collect();
    Command { run_as: RunAs::root(), ..Command::new(sequence::arguments(&parts)) }
}

fn seal(root: &str, identity: &[String]) -> Vec<String> {
    let head = ["/bin/sh", "-c", SEAL, "seal", root].map(str::to_owned);
    head.into_iter().chain(identity.iter().cloned()).collect()
}

/// The titles of the parts, if the command is one of these, for a simulation.
#[must_use]
pub fn titles(command: &Command) -> Option<Vec<String>> {
    let script = command.arguments.last().filter(|script| script.contains(SEALS))?;
    let title = |line: &str| Some(line.strip_prefix("part '")?.split('\'').next()?.to_owned());
    Some(script.lines().filter_map(title).collect())
}

/// The part that began last, according to the output of the job, such as `command 2 (ansible-playbook)`.
#[must_use]
pub fn last_begun(output: &str) -> Option<&str> {
    sequence::last_begun(output)
}

/// Whether a line is a mark of a part that begins.
#[must_use]
pub fn is_mark(line: &str) -> bool {
    sequence::last_begun(line).is_some()
}
