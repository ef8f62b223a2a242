//! Commands to type, completed. Most texts that name a command, such as the hint of an error, arise where nobody knows
//! which deployment file this process was given. They write `cutover status` between backquotes, and here the file is
//! added, so that the command works when it is typed.

use std::path::{Path, PathBuf};

use cutover_aws::dry::quoted;
use cutover_core::plan::Phase;
use cutover_core::status::{Status, StatusInputs};

use crate::args::branch::CommonArgs;
use crate::args::{Cli, Command};
use crate::show::branch::Typed;

/// The commands that need a deployment file, or work on another one without it.
const WITH_FILE: [&str; 14] = [
    "announce",
    "check",
    "image build",
    "image list",
    "image prune",
    "look",
    "plan",
    "policy",
    "prepare",
    "rehearse",
    "report",
    "retire",
    "status",
    "window",
];

/// A path as it is typed in a shell.
#[must_use]
pub fn typed(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// The options that all commands of `cutover branch` have, as they were given.
#[must_use]
pub fn branch_options(args: &CommonArgs) -> Typed {
    let path = |path: &PathBuf| path.display().to_string();
    let mut typed = Typed::default();
    typed.add("--deployment", args.deployment.as_ref().map(path).as_deref());
    typed.add("--repository", args.repository.as_ref().map(path).as_deref());
    typed.add("--upstream", args.upstream.as_deref());
    typed.add("--origin", args.origin.as_deref());
    typed.add("--ours", args.ours.as_deref());
    args.theirs.iter().for_each(|pattern| typed.add("--theirs", Some(pattern)));
    typed
}

/// What this process was given, to be repeated in commands to type.
#[derive(Clone, Debug, Default)]
pub struct GivenArguments {
    /// The deployment file as it is typed; nothing if there was none.
    pub file: Option<String>,
    /// The options of `cutover branch`.
    pub branch: Typed,
    /// This process's own command, to be run again.
    pub again: Option<String>,
}

/// The options of a phase that say what one operator has decided once. They are not repeated without thought. Other
/// commands have options of the same names, and need them again.
const ONCE: [&str; 4] = ["--retry", "--accept", "--because", "--take-over"];

/// A command with these `arguments` as it is typed again: without what is decided for each run of a phase anew.
#[must_use]
pub fn again(arguments: &[String]) -> String {
    let is_phase = |verb: &String| Phase::ALL.iter().any(|phase| phase.to_string() == *verb);
    let once: &[&str] = if arguments.first().is_some_and(is_phase) { &ONCE } else { &[] };
    let mut typed = "cutover".to_owned();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if once.contains(&argument.as_str()) {
            arguments.next();
        } else if !once.iter().any(|once| argument.strip_prefix(once).is_some_and(|rest| rest.starts_with('='))) {
            typed.push_str(&format!(" {}", quoted(argument)));
        }
    }
    typed
}

impl GivenArguments {
    /// Only a deployment file was given.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self { file: Some(typed(path)), ..Self::default() }
    }

    /// What a command line gives.
    #[must_use]
    pub fn of(cli: &Cli) -> Self {
        let file = match &cli.command {
            Command::Check(args) | Command::Status(args) => Some(&args.file),
            Command::Plan(args) => Some(&args.file),
            Command::Look(args) => Some(&args.file),
            Command::Rehearse(args) => args.file.as_ref(),
            Command::Announce(args) | Command::Prepare(args) | Command::Window(args) | Command::Retire(args) => {
                Some(&args.file)
            }
            Command::Approve(args) => Some(&args.file),
            Command::Report(args) => Some(&args.file),
            Command::Policy(args) => Some(&args.file),
            Command::Image(args) => return Self::file(args.command.file()),
            Command::Branch(args) => {
                let common = args.command.common();
                let file = common.deployment.as_deref().map(typed);
                return Self { file, branch: branch_options(common), again: None };
            }
            Command::Init(_) | Command::Schema | Command::Completions { .. } => None,
        };
        file.map(|file| Self::file(file)).unwrap_or_default()
    }

    /// `text`, in which each command of cutover between backquotes is completed. A command that already names a file
    /// stays as it is.
    #[must_use]
    pub fn complete(&self, text: &str) -> String {
        let mut parts = text.split("`cutover ");
        let mut shown = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (command, rest) = part.split_at(part.find('`').unwrap_or(part.len()));
            shown.push_str(&format!("`cutover {}{rest}", self.command(command)));
        }
        shown
    }

    /// A command without its first word.
    fn command(&self, command: &str) -> String {
        let words = if command.starts_with("image ") { 2 } else { 1 };
        let end = command.match_indices(' ').nth(words - 1).map_or(command.len(), |(index, _)| index);
        let (verb, rest) = (&command[..end], command[end..].trim_start());
        let names_a_file = !rest.is_empty() && !rest.starts_with('-');
        match &self.file {
            _ if verb == "branch" => self.branch.complete(command),
            Some(file) if WITH_FILE.contains(&verb) && !names_a_file => {
                format!("{verb} {file} {rest}").trim_end().to_owned()
            }
            _ => command.to_owned(),
        }
    }
}

/// A status in whose texts the commands are complete, as they are in its fields.
#[must_use]
pub fn status(inputs: StatusInputs<'_>) -> Status {
    let given = GivenArguments { file: Some(inputs.file.to_owned()), ..GivenArguments::default() };
    let mut status = Status::of(inputs);
    let errors = status.failed.iter_mut().map(|failed| &mut failed.error);
    let troubles = status.running.iter_mut().filter_map(|running| running.trouble.as_mut());
    errors.chain(troubles).for_each(|text| *text = given.complete(text));
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program;

    fn given() -> GivenArguments {
        let branch = Typed::default().with("--repository", Some("my clone"));
        GivenArguments { branch, ..GivenArguments::file(Path::new("our sites/qa.toml")) }
    }

    #[test]
    fn commands_get_the_file_and_the_options_that_this_process_was_given() {
        let texts = [
            (
                "look at `cutover status`, or `cutover prepare --replan`",
                "look at `cutover status 'our sites/qa.toml'`, or `cutover prepare 'our sites/qa.toml' --replan`",
            ),
            ("`cutover image list`", "`cutover image list 'our sites/qa.toml'`"),
            ("`cutover image show other.toml ami-1`", "`cutover image show other.toml ami-1`"),
            ("`cutover check other.toml`", "`cutover check other.toml`"),
            ("`cutover schema` and `cutover`", "`cutover schema` and `cutover`"),
            ("`cutover branch rebase --continue`", "`cutover branch rebase --repository 'my clone' --continue`"),
        ];
        for (text, wanted) in texts {
            assert_eq!(given().complete(text), wanted);
        }
        assert_eq!(GivenArguments::default().complete("`cutover status`"), "`cutover status`");
    }

    #[test]
    fn a_command_is_typed_again_without_what_was_decided_once() {
        let typed = |arguments: &[&str]| again(&arguments.iter().map(|&word| word.to_owned()).collect::<Vec<String>>());
        assert_eq!(typed(&["window", "our qa.toml", "--replan"]), "cutover window 'our qa.toml' --replan");
        let once = ["window", "qa.toml", "--retry", "step", "--accept=other", "--because", "I saw it", "--late"];
        assert_eq!(typed(&once), "cutover window qa.toml --late");
        assert_eq!(typed(&["window", "--take-over", "ada@left", "qa.toml"]), "cutover window qa.toml");
        let skip = ["branch", "rebase", "--skip", "1a2b3c4d", "--because", "upstream"];
        assert_eq!(typed(&skip), "cutover branch rebase --skip 1a2b3c4d --because upstream", "refused without it");
    }

    #[test]
    fn what_is_decided_once_is_an_option_with_a_value_of_every_phase() {
        let command = program::command();
        for phase in Phase::ALL {
            let phase = command.find_subcommand(phase.to_string()).expect("a command for each phase");
            for once in ONCE {
                let mut options = phase.get_arguments().filter_map(|option| Some((option.get_long()?, option)));
                let (_, option) = options.find(|(long, _)| once == format!("--{long}")).expect(once);
                assert!(option.get_action().takes_values() && option.get_short().is_none(), "{once}");
                assert!(option.get_all_aliases().is_none(), "{once}");
            }
        }
    }

    #[test]
    fn the_commands_that_take_a_file_are_those_of_the_command_line() {
        let command = program::command();
        let takes_file = |command: &&clap::Command| {
            let mut positionals = command.get_positionals();
            positionals.next().is_some_and(|first| first.get_id() == "file") && positionals.next().is_none()
        };
        let of_image = command.find_subcommand("image").expect("it is there").get_subcommands();
        let of_image = of_image.filter(takes_file).map(|command| format!("image {}", command.get_name()));
        let named = command.get_subcommands().filter(takes_file).map(|command| command.get_name().to_owned());
        // What `init` writes is not what this process was given.
        let mut named: Vec<String> = named.filter(|name| name != "init").chain(of_image).collect();
        named.sort_unstable();
        assert_eq!(named, WITH_FILE);
    }

    #[test]
    fn a_hint_asks_for_the_same_command_only_in_the_words_that_add_it() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let is_of_a_program = |path: &PathBuf| {
            path.components().any(|part| part.as_os_str() == "src")
                && !path.components().any(|part| part.as_os_str() == "tests")
        };
        let mut found = Vec::new();
        for source in sources(&crates).into_iter().filter(is_of_a_program) {
            let text = std::fs::read_to_string(&source).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
            let words: String = lines.map(|line| format!("{} ", line.trim_end_matches('\\').trim_end())).collect();
            if words.to_lowercase().contains("run the same command") {
                found.push(source.strip_prefix(&crates).expect("below it").display().to_string());
            }
        }
        found.sort();
        assert_eq!(
            found,
            ["engine/src/hints.rs", "packer/src/error.rs", "patchstack/src/error.rs"],
            "use `SAME_COMMAND` in hints"
        );
    }

    /// All source files, without those that only contain tests.
    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let is_source = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
        let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
        files
            .filter(is_source)
            .filter(|path| !path.ends_with("tests.rs") && !path.ends_with("commands_to_type.rs"))
            .collect()
    }

    /// The commands in the strings of a source file: those between backquotes, and those that end with their string.
    fn commands(source: &str) -> Vec<String> {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let lines =
            code.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with("#[command"));
        // A string that goes on in the next line ends with a backslash.
        let code: String =
            lines.map(|line| line.strip_suffix('\\').map_or(format!("{line}\n"), str::to_owned)).collect();
        let in_backquotes = code.split("`cutover ").skip(1).map(|rest| rest.split('`').next());
        let is_verb = |word: &str| WITH_FILE.contains(&word) || ["{}", "{phase}", "approve"].contains(&word);
        let is_command = |rest: &&str| rest.split(' ').next().is_some_and(is_verb);
        // The command of a phase, to which options are added.
        let code = code.replace("{again}", "cutover {phase} {file}");
        let at_the_end = [": cutover ", "\"cutover {phase}", "  cutover "].into_iter().flat_map(|begin| {
            let verb = begin.split_once("cutover ").map_or("", |(_, verb)| verb);
            code.split(begin).skip(1).map(move |rest| format!("{verb}{rest}"))
        });
        let at_the_end = at_the_end.filter(|rest| is_command(&rest.as_str()));
        let at_the_end = at_the_end.filter_map(|rest| rest.split(['"', '\\', '\n']).next().map(str::to_owned));
        in_backquotes.flatten().map(str::to_owned).chain(at_the_end).collect()
    }

    /// A command with something in the place of each `{}` in it.
    fn filled(command: &str) -> String {
        let mut filled = String::new();
        for (index, part) in command.split('{').enumerate() {
            let Some((name, rest)) = part.split_once('}').filter(|_| index > 0) else {
                filled.push_str(part);
                continue;
            };
            let example = match name {
                _ if filled.is_empty() => "window",
                // Options, as many as there may be.
                "options" => " --order runbook --replan --late --plan 0123456789abcdef",
                "retries" => " --retry one --retry two",
                "sides" => " --old one --new two",
                "order" => "runbook",
                _ if filled.ends_with("--phase ") => "window",
                _ if filled.ends_with("--plan ") => "0123456789abcdef",
                _ => "koa",
            };
            filled.push_str(&format!("{example}{rest}"));
        }
        filled
    }

    #[test]
    fn every_command_that_is_printed_anywhere_is_understood_as_typed() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (mut seen, mut refused) = (Vec::new(), String::new());
        for source in
            sources(&crates).into_iter().filter(|path| path.components().any(|part| part.as_os_str() == "src"))
        {
            for command in commands(&std::fs::read_to_string(&source).expect("a source file")) {
                let given = GivenArguments::file(Path::new("qa.toml"));
                let typed = given.complete(&format!("`cutover {}`", filled(&command)));
                let words = typed.trim_matches('`').split_whitespace();
                if let Err(error) = program::command().try_get_matches_from(words) {
                    refused.push_str(&format!("{}: {typed}\n{error}\n", source.display()));
                }
                seen.push(typed);
            }
        }
        assert!(refused.is_empty(), "{refused}");
        assert!(seen.len() > 40, "{}", seen.len());
        for option in ["--take-over", "--replan --late", "--retry", "--accept", "--old"] {
            assert!(seen.iter().any(|typed| typed.contains(option)), "no command with {option} was seen: {seen:#?}");
        }
    }
}
