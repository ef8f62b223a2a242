//! Every command of cutover that an output, a document or an example shows is one that cutover understands: each is parsed with the
//! real argument parser. Outputs are what the snapshots of all crates have.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

/// The top folder of the project.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below a folder whose names end with one of these.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let wanted = |path: &PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
    let found = entries.flat_map(|path| if path.is_dir() { files(&path, endings) } else { vec![path] });
    found.filter(wanted).collect()
}

/// The commands in a text: between backquotes, where they may be broken over lines, and at the end of a line.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for quoted in text.split('`').skip(1).step_by(2) {
        let words: Vec<&str> = quoted.split_whitespace().collect();
        if words.first() == Some(&"cutover") && !quoted.contains("\n\n") {
            found.push(words.join(" "));
        }
    }
    for line in text.lines().filter(|line| !line.contains('`')) {
        let begin = line.trim_start_matches(|letter: char| letter.is_whitespace() || "$│|".contains(letter));
        let begin = begin.strip_prefix("Type:").unwrap_or(begin).trim_start();
        if begin.starts_with("cutover ") {
            found.push(begin.trim_end().to_owned());
        }
    }
    found
}

/// The words of a command as a shell splits them; none if a quote does not end.
fn words(command: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in command.chars() {
        match (quote, letter) {
            (Some(end), letter) if letter == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#' | '|' | ';' | '&' | '>') if word.is_none() => break,
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Whether this is a command and not a sentence or a line of help that begins with the program's name.
fn is_a_command(words: &[String]) -> bool {
    let program = cutover::command();
    let verb = words.get(1).map(String::as_str).unwrap_or_default();
    let synopsis = words.iter().any(|word| word.starts_with('[') || word.starts_with('<') || word == "COMMAND");
    program.find_subcommand(verb).is_some() && !synopsis
}

/// The commands of a text that are refused. `named` are kinds of errors that do not count there.
fn refused(path: &Path, text: &str, named: &[ErrorKind], seen: &mut Vec<String>) -> Vec<String> {
    let mut refused = Vec::new();
    for command in commands(text) {
        let Some(words) = words(&command).filter(|words| is_a_command(words)) else { continue };
        // A hash is left out of snapshots, and the help of a command is no mistake.
        let typed = words.iter().map(|word| if word == "HASH" { "0123456789abcdef" } else { word.as_str() });
        if let Err(error) = cutover::command().try_get_matches_from(typed)
            && error.use_stderr()
            && !named.contains(&error.kind())
        {
            let place = path.strip_prefix(top()).unwrap_or(path).display().to_string();
            refused.push(format!("{place}: {command}\n{error}"));
        }
        seen.push(command);
    }
    refused
}

#[test]
fn every_command_in_a_recorded_output_is_understood_as_typed() {
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    for path in files(&top().join("crates"), &[".snap"]) {
        let text = std::fs::read_to_string(&path).expect("a snapshot");
        // Behind the second line of dashes is what was printed.
        let printed = text.splitn(3, "---\n").nth(2).unwrap_or_default();
        wrong.extend(refused(&path, printed, &[], &mut seen));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.iter().filter(|command| command.contains(" branch ")).count() > 10, "{seen:#?}");
    assert!(seen.len() > 30, "{}: {seen:#?}", seen.len());
}

/// Documents also name a command without its arguments.
const NAMED: [ErrorKind; 2] = [ErrorKind::MissingRequiredArgument, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];

#[test]
fn every_command_in_the_documents_and_examples_is_understood_as_typed() {
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    let mut documents = files(&top().join("docs"), &[".md"]);
    documents.extend(files(&top().join("examples"), &[".toml", ".yml", ".yaml", ".md", ".sh"]));
    documents.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| top().join(name)));
    for path in documents {
        let text = std::fs::read_to_string(&path).expect("a document");
        wrong.extend(refused(&path, &text, &NAMED, &mut seen));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 60, "{}: {seen:#?}", seen.len());
}
