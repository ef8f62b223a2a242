//! What is said about a mistyped command or option. clap suggests whatever resembles it a little, such as `window` to
//! somebody who typed `undo`, and shows a usage that it has made up; here only what was probably meant is suggested.

use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use cutover_core::words::nearest;

/// `error` about these `arguments` of the program, with the suggestion and the usage that are right for it.
#[must_use]
pub fn explained(mut error: clap::Error, mut program: Command, arguments: &[String]) -> clap::Error {
    program.build();
    let command = subcommand_of(&program, arguments);
    let suggestion = match (error.kind(), mistyped(&error)) {
        (ErrorKind::InvalidSubcommand, Some(word)) => for_command(command, &word),
        (ErrorKind::UnknownArgument, Some(word)) => for_option(command, &word),
        _ => return error,
    };
    for misleading in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::Suggested] {
        error.remove(misleading);
    }
    let usage = ContextValue::StyledStr(command.clone().render_usage());
    error.insert(ContextKind::Usage, usage);
    if let Some(tip) = suggestion {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// The word that clap does not know.
fn mistyped(error: &clap::Error) -> Option<String> {
    let words =
        [ContextKind::InvalidSubcommand, ContextKind::InvalidArg].into_iter().find_map(|kind| error.get(kind))?;
    match words {
        ContextValue::String(word) => Some(word.clone()),
        _ => None,
    }
}

/// The command that the arguments begin with, as far as it is known. `help` explains other commands, and counts for them.
fn subcommand_of<'a>(program: &'a Command, arguments: &[String]) -> &'a Command {
    let mut command = program;
    for argument in arguments.iter().skip_while(|argument| *argument == "help") {
        match command.find_subcommand(argument) {
            Some(known) => command = known,
            None => break,
        }
    }
    command
}

fn for_command(command: &Command, word: &str) -> Option<String> {
    let known = || command.get_subcommands().map(Command::get_name);
    if let Some(name) = nearest(&word.to_lowercase(), known()) {
        return Some(format!("a similar command exists: '{name}'"));
    }
    if let Some(option) = nearest_option(command, word) {
        return Some(format!("a similar option exists: '--{option}'"));
    }
    let is_file = Path::new(word).extension().is_some_and(|extension| extension == "toml");
    let takes_file = is_file && known().any(|name| name == "status");
    takes_file.then(|| format!("a command comes first, for example: {} status {word}", command.get_name()))
}

fn for_option(command: &Command, word: &str) -> Option<String> {
    if let Some(option) = nearest_option(command, word) {
        return Some(format!("a similar option exists: '--{option}'"));
    }
    let file = command.get_positionals().any(|argument| argument.get_id() == "file");
    let asks_for_file = file && matches!(word, "--file" | "-f" | "--deployment");
    asks_for_file.then(|| "the deployment file is given without an option".to_owned())
}

fn nearest_option(command: &Command, word: &str) -> Option<String> {
    let known = command.get_arguments().filter_map(clap::Arg::get_long);
    nearest(&word.trim_start_matches('-').to_lowercase(), known)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed if this is typed.
    fn said(typed: &[&str]) -> String {
        let arguments: Vec<String> = typed.iter().map(|word| (*word).to_owned()).collect();
        let words = std::iter::once("cutover").chain(typed.iter().copied());
        let error = crate::command().try_get_matches_from(words).expect_err("it is mistyped");
        explained(error, crate::command(), &arguments).to_string()
    }

    /// The same word with two letters exchanged, with one letter missing, and with one twice.
    fn mistyped_as(word: &str) -> [String; 3] {
        let middle = word.len() / 2;
        let (before, after) = word.split_at(middle);
        let (one, rest) = after.split_at(1);
        let exchanged = format!("{}{one}{}{rest}", &before[..middle - 1], &before[middle - 1..]);
        [exchanged, format!("{before}{rest}"), format!("{before}{one}{one}{rest}")]
    }

    /// Checks the command at this path, and those beneath it.
    fn check(command: &Command, path: &[&str]) {
        for name in command.get_subcommands().map(Command::get_name) {
            for typed in mistyped_as(name).iter().filter(|typed| command.find_subcommand(typed).is_none()) {
                let said = said(&[path, &[typed]].concat());
                assert!(said.contains(&format!("a similar command exists: '{name}'")), "{path:?} {typed}: {said}");
            }
        }
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            for typed in mistyped_as(option).iter().filter(|typed| *typed != option) {
                let said = said(&[path, &[&format!("--{typed}")]].concat());
                assert!(said.contains(&format!("a similar option exists: '--{option}'")), "{path:?} {typed}: {said}");
            }
        }
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            check(inner, &[path, &[inner.get_name()]].concat());
        }
    }

    #[test]
    fn what_was_probably_meant_is_suggested_for_every_mistyped_command_and_option() {
        let mut program = crate::command();
        program.build();
        check(&program, &[]);
    }

    #[test]
    fn nothing_is_suggested_that_was_hardly_meant() {
        for typed in ["undo", "abort", "upgrade", "resume", "rollback"] {
            let said = said(&[typed, "qa.toml"]);
            assert!(!said.contains("tip:"), "{typed}: {said}");
            assert!(said.contains("Usage: cutover <COMMAND>"), "{said}");
        }
    }

    #[test]
    fn other_tools_habits_lead_to_the_right_form() {
        for typed in ["version", "verison", "--verison"] {
            assert!(said(&[typed]).contains("'--version'"), "{typed}: {}", said(&[typed]));
        }
        assert!(said(&["qa.toml"]).contains("for example: cutover status qa.toml"), "{}", said(&["qa.toml"]));
        assert!(said(&["Status", "qa.toml"]).contains("'status'"));
        assert!(said(&["help", "windo"]).contains("'window'"), "{}", said(&["help", "windo"]));
        let file = said(&["status", "--file", "qa.toml"]);
        assert!(file.contains("without an option") && !file.contains("-- --file"), "{file}");
        let late = said(&["window", "qa.toml", "--lat"]);
        assert!(late.contains("'--late'") && late.contains("Usage: cutover window [OPTIONS] <FILE>"), "{late}");
    }
}
