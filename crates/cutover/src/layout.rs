//! Lines of at most 80 columns for people, in which commands stay whole so that they can be copied.

use crate::harmless::harmless;

/// The maximum width of everything that is printed, in columns.
pub const WIDTH: usize = 80;

/// A text for people whose lines are broken at spaces where they are longer than [`WIDTH`]; what goes on is indented by
/// two columns more. A command, and whatever else is between backquotes, is never broken: it may be longer than a line,
/// and then has one of its own.
#[must_use]
pub fn laid_out(text: &str) -> String {
    text.split('\n').map(lay_out_line).collect::<Vec<String>>().join("\n")
}

fn lay_out_line(line: &str) -> String {
    if length(line) <= WIDTH {
        return line.to_owned();
    }
    let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
    let further = format!("{indent}  ");
    let lines = fill(whole_pieces(rest), WIDTH - length(indent), WIDTH.saturating_sub(length(&further)));
    format!("{indent}{}", lines.join(&format!("\n{further}")))
}

/// `text` broken at spaces into lines of at most `width` columns, but not within a command that fits on a line. A word is
/// never broken, because it may be the name of a snapshot or an image that somebody copies: a longer one has a line of its
/// own. Control characters are replaced first, because what they are shown as takes more columns.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = harmless(text);
    let pieces = whole_pieces(&text).into_iter().flat_map(|piece| cut_to_fit(piece, width));
    fill(pieces.collect(), width, width)
}

/// Lines of as many pieces as fit on each, but at least one; one empty line if there are none.
fn fill(pieces: Vec<String>, first_width: usize, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in pieces {
        let room = if lines.is_empty() { first_width } else { width };
        if !line.is_empty() && length(&line) + 1 + length(&piece) > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&piece);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// A piece that fits on a line; otherwise its words, and the parts of those that no name is as long as.
fn cut_to_fit(piece: String, width: usize) -> Vec<String> {
    if length(&piece) <= width {
        return vec![piece];
    }
    let mut parts = Vec::new();
    for mut word in piece.split_whitespace() {
        while length(word) > LONGEST_NAME {
            let end = word.char_indices().nth(width).map_or(word.len(), |(index, _)| index);
            let (part, rest) = word.split_at(end);
            parts.push(part.to_owned());
            word = rest;
        }
        parts.push(word.to_owned());
    }
    parts
}

/// The length of the longest names of AWS that are shown, which are those of snapshots.
const LONGEST_NAME: usize = 255;

/// The beginnings of commands that are shown after a colon, or at the beginning of a line. `cutover` alone may begin a
/// sentence too.
const COMMANDS: [&str; 16] = [
    "cutover announce",
    "cutover approve",
    "cutover branch",
    "cutover check",
    "cutover image",
    "cutover look",
    "cutover plan",
    "cutover policy",
    "cutover prepare",
    "cutover rehearse",
    "cutover report",
    "cutover retire",
    "cutover status",
    "cutover window",
    "git config",
    "kill -CONT",
];

/// The words of a line, with all words of a command as one piece: from a backquote to the next one, or from the
/// beginning of a command to the end of the line.
fn whole_pieces(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let begins = |pair: &[&str]| COMMANDS.contains(&pair.join(" ").as_str());
    let is_command = |index: usize| {
        let after_colon = index.checked_sub(1).is_none_or(|before| words[before].ends_with(':'));
        after_colon && words.get(index..index + 2).is_some_and(begins)
    };
    let command = (0..words.len()).find(|index| is_command(*index)).unwrap_or(words.len());
    let (prose, command) = words.split_at(command);
    let mut pieces: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in prose {
        match pieces.last_mut().filter(|_| is_open) {
            Some(last) => last.push_str(&format!(" {word}")),
            None => pieces.push((*word).to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    pieces.extend((!command.is_empty()).then(|| command.join(" ")));
    pieces
}

/// The number of columns of `text`.
pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_are_longer_than_the_width_only_where_a_name_is_because_names_are_copied() {
        let name = "cutover-mitx-production-koa-v4-20210104t0900-window-mitx-rds-mysql";
        let text = format!("register 18 next hosts; restore {name} into a new instance");
        for width in [12, 20, 40] {
            let lines = wrap(&text, width);
            assert!(lines.iter().all(|line| length(line) <= width || line == name), "{lines:?}");
            assert!(lines.iter().any(|line| line == name), "{lines:?}");
        }
        let endless = "e".repeat(1000);
        assert!(wrap(&endless, 40).iter().all(|line| length(line) <= LONGEST_NAME), "this is no name");
        assert_eq!(wrap(&endless, 40).concat(), endless, "no letter is lost");
    }

    #[test]
    fn a_command_that_fits_on_a_line_is_not_broken() {
        let text = "if permissions are missing, `cutover policy qa.toml` prints those that are needed";
        let lines = wrap(text, 44);
        assert!(lines.iter().any(|line| line.contains("`cutover policy qa.toml`")), "{lines:?}");
        assert!(wrap(text, 12).iter().all(|line| length(line) <= 12), "{:?}", wrap(text, 12));
    }

    #[test]
    fn a_text_is_laid_out_in_lines_that_break_no_command() {
        let file = "/srv/upgrades/of-the-residential-site/mitx-production.toml";
        let text = format!(
            "error: the window ends at 2021-01-04 08:00:00 -05:00, and the upgrade needs 40m: it does not fit\n  next: \
             edit `start` and `length` under [window] in the file, then: cutover announce {file} --replan\n  or look at \
             `cutover status {file}` for a while"
        );
        let wanted = format!(
            "error: the window ends at 2021-01-04 08:00:00 -05:00, and the upgrade needs 40m:\n  it does not fit\n  \
             next: edit `start` and `length` under [window] in the file, then:\n    cutover announce {file} \
             --replan\n  or look at\n    `cutover status {file}`\n    for a while"
        );
        assert_eq!(laid_out(&text), wanted);
        let git =
            format!("next: {} If you do: git config --global --add safe.directory '/srv/a b'", "word ".repeat(12));
        assert!(laid_out(&git).ends_with("do:\n  git config --global --add safe.directory '/srv/a b'"), "{git}");
        let prose = format!("{}: cutover cannot reach hosts on AWS yet", "word ".repeat(12).trim_end());
        assert!(laid_out(&prose).lines().all(|line| length(line) <= WIDTH), "{prose}");
        assert_eq!(laid_out("short  as it is\n"), "short  as it is\n");
    }

    #[test]
    fn every_command_of_the_command_line_that_may_be_printed_stays_whole() {
        // The others are not printed after a colon.
        let others = ["completions", "help", "init", "schema"];
        let known: Vec<&str> = COMMANDS.iter().filter_map(|command| command.strip_prefix("cutover ")).collect();
        let command = crate::command();
        let of_program: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        for name in &of_program {
            assert_ne!(known.contains(name), others.contains(name), "{name}");
        }
        assert!(known.iter().all(|name| of_program.contains(name)), "{known:?}");
    }
}
