//! What Packer's refusal of a template means.

use std::collections::BTreeSet;

use cutover_core::{shell, words};

use super::{Language, Template};
use crate::error::{Error, SAME_COMMAND};
use crate::output::line;
use crate::program::{Outcome, Program, Version};

/// What Packer says when a plugin is missing. The first three: 1.10 and later. The fourth: 1.7 to 1.9 (hashicorp/packer#11402).
/// The last: JSON templates of 1.6.
const NO_PLUGIN: [&str; 5] = [
    "Missing plugins",
    "is likely part of a plugin that is not installed",
    "Did you run packer init",
    "Error: Unknown source ",
    "builder type not found",
];

/// How many lines of Packer's words are told.
const LINES: usize = 16;

impl Template {
    /// The error for a call of Packer that did not end with 0.
    pub(super) fn refused(&self, program: &Program, outcome: &Outcome) -> Error {
        let said = said(outcome);
        let path = self.path.display();
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if NO_PLUGIN.iter().any(|phrase| words.contains(phrase)) {
            return Error::refused(
                format!("Packer {} lacks a plugin that the template {path} needs: {words}", program.version()),
                format!("nothing was started; {}, then {SAME_COMMAND} again", self.install(program)),
            );
        }
        let hint = format!("nothing was started; correct the template, then {SAME_COMMAND} again");
        Error::refused(format!("Packer {} refuses the template {path}:\n{said}", program.version()), hint)
    }

    /// How to install what the template needs.
    fn install(&self, program: &Program) -> String {
        let packer = program.path().to_string_lossy();
        let init = shell::line(&[&packer, "init", &self.path.to_string_lossy()]);
        match self.language {
            Language::Hcl2 if self.text.contains("required_plugins") => format!("type `{init}`"),
            Language::Hcl2 => {
                format!(
                    "name the plugin in required_plugins, as examples/packer/edxapp.pkr.hcl does, and type `{init}`"
                )
            }
            // `packer init` reads no JSON templates.
            Language::Json => {
                format!("type `{}`", shell::line(&[&packer, "plugins", "install", "github.com/hashicorp/amazon"]))
            }
        }
    }

    /// # Errors
    /// When this Packer is too old for the template.
    pub(super) fn check_version(&self, program: &Program) -> crate::error::Result<()> {
        let version = program.version();
        if self.language == Language::Hcl2 && self.text.contains("required_plugins") && version < Version::WITH_PLUGINS
        {
            return Err(Error::refused(
                format!(
                    "the Packer template {} names required_plugins, which {} {version} does not know: {} or later is needed",
                    self.path.display(),
                    program.path().display(),
                    Version::WITH_PLUGINS
                ),
                "nothing was started; install a newer Packer, or take required_plugins out of the template",
            ));
        }
        Ok(())
    }
}

/// Packer's words without repetitions: it says some things for each of its two passes.
fn said(outcome: &Outcome) -> String {
    let mut said = line::errors(&outcome.stdout);
    if said.is_empty() {
        let stderr = String::from_utf8_lossy(&outcome.stderr);
        said = words::last_line(&stderr).unwrap_or("it printed no reason").to_owned();
    }
    let mut seen = BTreeSet::new();
    let is_new = |line: &&str| line.trim().len() < 8 || seen.insert(line.trim().to_owned());
    let lines: Vec<&str> = said.lines().filter(is_new).filter(|line| !line.trim().is_empty()).collect();
    let more = lines.len().saturating_sub(LINES);
    let mut told = lines[..lines.len() - more].join("\n");
    if more > 0 {
        told.push_str(&format!("\n({more} more lines: `packer validate` prints them)"));
    }
    told
}
