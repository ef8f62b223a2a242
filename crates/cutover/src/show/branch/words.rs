//! Text from outside on a terminal: subjects, names, paths and lines of code, which may contain anything.

use cutover_patchstack::names::ObjectId;

use crate::show::text::{count, fit, length};

/// `text` without characters that a terminal acts on; tabs become blanks.
pub(super) fn plain(text: &str) -> String {
    let safe = |letter: char| match letter {
        '\t' => "    ".to_owned(),
        // Marks that change the direction of writing can hide text.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "?".to_owned(),
        letter if letter.is_control() => "?".to_owned(),
        letter => letter.to_string(),
    };
    text.chars().map(safe).collect()
}

/// A subject, a name or a path on one line of at most `width` columns.
pub(super) fn fitted(text: &str, width: usize) -> String {
    fit(&plain(text), width)
}

/// A line of code in at most `width` columns, with its indentation.
pub(super) fn clipped(line: &str, width: usize) -> String {
    let line = plain(line.trim_end());
    if length(&line) <= width {
        return line;
    }
    let kept: String = line.chars().take(width.saturating_sub(2)).collect();
    format!("{}..", kept.trim_end())
}

/// The first `most` lines of `text`, each after `margin` and in at most `width` columns, and how many are left out.
pub(super) fn excerpt(text: &str, margin: &str, most: usize, width: usize) -> (Vec<String>, usize) {
    let lines: Vec<&str> = text.lines().collect();
    let room = width.saturating_sub(length(margin));
    let shown = lines.iter().take(most).map(|line| format!("{margin}{}", clipped(line, room)).trim_end().to_owned());
    (shown.collect(), lines.len().saturating_sub(most))
}

/// A base with how it was found, which begins with `is` where it is a sentence about it.
pub(super) fn base(commit: &ObjectId, found: &str) -> String {
    let joint =
        if found.starts_with("is ") { format!(", which {}", plain(found)) } else { format!(" ({})", plain(found)) };
    format!("{}{joint}", commit.short())
}

/// `1 patch`, `2 patches`.
pub(super) fn patches(number: usize) -> String {
    if number == 1 { "1 patch".to_owned() } else { format!("{number} patches") }
}

/// A line that says how much is left out; nothing when everything is shown.
pub(super) fn left_out(margin: &str, number: usize, noun: &str) -> Option<String> {
    (number > 0).then(|| format!("{margin}({} not shown: --json lists all)", count(number, &format!("more {noun}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_not_passed_on() {
        assert_eq!(plain("a\u{1b}[2Jb\r\tc\u{202e}d\u{fffd}"), "a?[2Jb?    c?d\u{fffd}");
        assert_eq!(fitted("a\nb", 10), "a?b");
    }

    #[test]
    fn code_keeps_its_indentation_and_fits_the_width() {
        assert_eq!(clipped("    if a:  ", 20), "    if a:");
        assert_eq!(clipped("\tlong line of code", 10), "    long..");
    }

    #[test]
    fn an_excerpt_says_how_much_it_leaves_out() {
        let (lines, more) = excerpt("a\nb\nc\n", "| ", 2, 80);
        assert_eq!((lines, more), (vec!["| a".to_owned(), "| b".to_owned()], 1));
        assert_eq!(left_out("  ", 1, "line").as_deref(), Some("  (1 more line not shown: --json lists all)"));
        assert_eq!(left_out("  ", 0, "line"), None);
    }
}
