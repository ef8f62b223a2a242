//! Small tools for text on a terminal: lines of at most 80 columns, clocks, counts. They know nothing about upgrades.

use std::time::Duration;

pub(super) use cutover_core::words::count;

use crate::harmless::{cut, harmless};

/// The maximum width of everything that is printed, in columns.
pub(super) const WIDTH: usize = 80;

/// `text` broken at spaces into lines of at most `width` columns, but not within a command that fits on a line. Longer
/// words are broken too. Control characters are replaced first, because what they are shown as takes more columns.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = harmless(text);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for mut word in pieces(&text).into_iter().flat_map(|piece| parts(piece, width)) {
        if !line.is_empty() && length(&line) + 1 + length(&word) > width {
            lines.push(std::mem::take(&mut line));
        }
        while length(&word) > width {
            let index = break_point(&word, width);
            let rest = word.split_off(index);
            lines.push(std::mem::replace(&mut word, rest));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// A text for people whose lines are broken at spaces where they are longer than [`WIDTH`]; what goes on is indented by
/// two columns more. A command, and whatever else is between backquotes, is never broken, so that it can be copied: it
/// may be longer than a line, and then has one of its own.
#[must_use]
pub fn laid_out(text: &str) -> String {
    text.split('\n').map(broken).collect::<Vec<String>>().join("\n")
}

fn broken(line: &str) -> String {
    if length(line) <= WIDTH {
        return line.to_owned();
    }
    let indent = length(line) - length(line.trim_start());
    let mut lines: Vec<String> = Vec::new();
    let mut last = " ".repeat(indent);
    let mut is_empty = true;
    for piece in pieces(line) {
        if !is_empty && length(&last) + 1 + length(&piece) > WIDTH {
            lines.push(std::mem::replace(&mut last, " ".repeat(indent + 2)));
            is_empty = true;
        }
        if !is_empty {
            last.push(' ');
        }
        last.push_str(&piece);
        is_empty = false;
    }
    lines.push(last);
    lines.join("\n")
}

/// A piece that fits on a line, or its words.
fn parts(piece: String, width: usize) -> Vec<String> {
    match length(&piece) <= width {
        true => vec![piece],
        false => piece.split_whitespace().map(str::to_owned).collect(),
    }
}

/// The beginnings of commands that are shown after a colon, or at the beginning of a line. `cutover` alone may begin a
/// sentence too.
const COMMANDS: [&str; 14] = [
    "cutover announce",
    "cutover approve",
    "cutover branch",
    "cutover check",
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
fn pieces(line: &str) -> Vec<String> {
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

/// Where a word too long for `width` is broken: after a separator as in names, if there is one in its later half.
fn break_point(word: &str, width: usize) -> usize {
    let end = word.char_indices().nth(width).map_or(word.len(), |(index, _)| index);
    let mark = word[..end].rfind(['-', '.', '/', '_', ':']).map(|index| index + 1);
    mark.filter(|index| *index > end / 2).unwrap_or(end)
}

/// `text` wrapped, with `first` before its first line and as many spaces before the others. It may come from outside,
/// so it is cut to a sensible length.
pub(super) fn hang(first: &str, text: &str, width: usize) -> String {
    let indent = " ".repeat(length(first));
    let lines = wrap(&cut(text), width.saturating_sub(length(first)).max(8));
    let lines = lines.iter().enumerate().map(|(index, line)| {
        let line = format!("{}{line}", if index == 0 { first } else { &indent });
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// `text` on one line of at most `width` columns; the rest is left out.
pub(super) fn fit(text: &str, width: usize) -> String {
    let text = harmless(text).split_whitespace().collect::<Vec<&str>>().join(" ");
    if length(&text) <= width {
        return text;
    }
    let kept: String = text.chars().take(width.saturating_sub(2)).collect();
    format!("{}..", kept.trim_end())
}

/// The number of columns of `text`.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// A time since a start, as `+mm:ss`; minutes may be more than 59.
pub(super) fn since(length: Duration) -> String {
    let seconds = length.as_secs() + u64::from(length.subsec_millis() >= 500);
    format!("+{:02}:{:02}", seconds / 60, seconds % 60)
}

/// Numbers with consecutive ones joined: `1, 4-7, 9`. They must be in ascending order.
pub(super) fn ranges(numbers: impl IntoIterator<Item = usize>) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let runs = runs.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}-{last}"),
    });
    runs.collect::<Vec<String>>().join(", ")
}

/// Marks `+mm:ss` along an axis of `width` columns that covers the time `whole`: as many round times as fit.
pub(super) fn axis(whole: Duration, width: usize) -> String {
    const MINUTES: [u32; 9] = [1, 2, 5, 10, 15, 30, 60, 120, 240];
    let room = u32::try_from(width / 10).unwrap_or(u32::MAX).max(1);
    let fits = |minutes: &u32| Duration::from_secs(60) * *minutes * room >= whole;
    let every = Duration::from_secs(60) * MINUTES.into_iter().find(fits).unwrap_or(1440);
    let mut line = String::new();
    for column in 0..width {
        let (begin, end) = (whole.mul_f64(fraction(column, width)), whole.mul_f64(fraction(column + 1, width)));
        // A mark is at the column whose part of the time contains it.
        let past = begin.as_nanos().div_ceil(every.as_nanos());
        let moment = every * u32::try_from(past).unwrap_or(u32::MAX);
        let mark = since(moment);
        if moment < end && column + length(&mark) <= width && length(&line) <= column {
            line.push_str(&" ".repeat(column - length(&line)));
            line.push_str(&mark);
            line.push(' ');
        }
    }
    line.trim_end().to_owned()
}

/// A number with thousands separators: `104,220`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "columns are few")]
pub(super) fn fraction(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_are_never_longer_than_the_width() {
        let text = "register 18 next hosts in edx-residential-live-mitx-produc-and-an-endless-name-without-spaces now";
        for width in [8, 20, 40] {
            assert!(wrap(text, width).iter().all(|line| length(line) <= width), "{width}");
        }
        assert_eq!(wrap(text, 40).concat().replace(' ', ""), text.replace(' ', ""), "no letter is lost");
    }

    #[test]
    fn a_command_that_fits_on_a_line_is_not_broken() {
        let text = "if permissions are missing, `cutover policy qa.toml` prints those that are needed";
        let lines = wrap(text, 44);
        assert!(lines.iter().any(|line| line.contains("`cutover policy qa.toml`")), "{lines:?}");
        assert!(wrap(text, 12).iter().all(|line| length(line) <= 12));
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
    fn a_hanging_indent_lines_up_with_the_first_line() {
        assert_eq!(hang("- ", "one two three", 10), "- one two\n  three");
    }

    #[test]
    fn text_that_does_not_fit_is_cut_and_marked() {
        assert_eq!(fit("stop services on a host", 10), "stop ser..");
        assert_eq!(fit("stop\n it", 10), "stop it");
    }

    #[test]
    fn consecutive_numbers_are_joined() {
        assert_eq!(ranges([1, 2, 4, 5, 6, 9]), "1, 2, 4-6, 9");
        assert_eq!(ranges([]), "");
    }

    #[test]
    fn an_axis_marks_round_times_at_their_columns() {
        let hour = axis(Duration::from_secs(3600), 60);
        assert_eq!(hour, "+00:00    +10:00    +20:00    +30:00    +40:00    +50:00");
        assert_eq!(axis(Duration::from_secs(2255), 40), "+00:00    +10:00     +20:00    +30:00");
    }

    #[test]
    fn an_axis_of_no_time_does_not_panic() {
        assert!(length(&axis(Duration::ZERO, 60)) <= 60);
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!([7, 1_000, 1_234_567].map(grouped), ["7", "1,000", "1,234,567"]);
    }
}
