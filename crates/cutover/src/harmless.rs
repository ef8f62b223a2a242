//! Text from outside, made harmless before people see it.
//!
//! Names, notes, questions, errors and listings come from files, clouds, hosts, git and the command line. A control
//! character in them could move the cursor, change colours or forge a line of a log, and a very long text could push
//! important lines off the screen. [`harmless`] is called at the one place that prints; [`one_line`] and [`cut`] are
//! called where a text from outside becomes part of a sentence or a paragraph.

use std::borrow::Cow;

/// How many characters of a text from outside are shown on one line.
const LINE: usize = 300;
/// How many characters of a text from outside are shown as a paragraph.
const PARAGRAPH: usize = 2000;

/// `text` with every character that a terminal would interpret written as in JSON: `\u001b`. Line ends and tabs stay,
/// and JSON text keeps its meaning.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_harmful(letter) {
            true => shown.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// The same, except that colours (sequences such as `ESC [ 1 ; 31 m`) stay, for text that cutover itself coloured.
#[must_use]
pub fn harmless_but_coloured(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut shown = harmless(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let end = part.find(|letter: char| !letter.is_ascii_digit() && letter != ';').unwrap_or(part.len());
        let is_colour = part[end..].starts_with('m');
        shown.push_str(if is_colour { "\u{1b}[" } else { "\\u001b[" });
        shown.push_str(&harmless(part));
    }
    shown
}

/// `text` on one line, cut to 300 characters.
#[must_use]
pub fn one_line(text: &str) -> String {
    shortened(&text.split_whitespace().collect::<Vec<&str>>().join(" "), LINE).into_owned()
}

/// `text` with its lines, cut to 2,000 characters.
#[must_use]
pub fn cut(text: &str) -> Cow<'_, str> {
    shortened(text, PARAGRAPH)
}

fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let left_out = text[end..].chars().count();
            Cow::Owned(format!("{} .. ({left_out} more characters)", text[..end].trim_end()))
        }
    }
}

fn is_harmful(letter: char) -> bool {
    let is_laid_out = matches!(letter, '\n' | '\t');
    // Marks that change the direction of text, and separators that some terminals treat as line ends.
    let turns =
        matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (letter.is_control() && !is_laid_out) || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_direction_marks_are_shown_as_escapes() {
        let evil = "a\u{1b}[2Jb\rc\u{9b}31md\u{7f}e\u{202e}f\u{2028}g\u{7}";
        assert_eq!(harmless(evil), r"a\u001b[2Jb\u000dc\u009b31md\u007fe\u202ef\u2028g\u0007");
        assert_eq!(harmless("Zoë\t\u{200d}\n"), "Zoë\t\u{200d}\n");
    }

    #[test]
    fn json_keeps_its_meaning_when_it_is_made_harmless() {
        let said = serde_json::json!({ "by": "ada\u{1b}\u{9b}\u{202e}\u{7f}" });
        let shown = harmless(&said.to_string()).into_owned();
        assert!(!shown.contains(is_harmful), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), said);
    }

    #[test]
    fn only_colours_stay_in_coloured_text() {
        let text = "\u{1b}[1;31merror\u{1b}[0m: \u{1b}[2J\u{1b}]0;title\u{7}";
        assert_eq!(harmless_but_coloured(text), "\u{1b}[1;31merror\u{1b}[0m: \\u001b[2J\\u001b]0;title\\u0007");
    }

    #[test]
    fn long_texts_are_cut_and_end_with_the_number_of_characters_left_out() {
        let long = "é".repeat(5000);
        assert_eq!(one_line(&long).chars().count(), LINE + " .. (4700 more characters)".len());
        assert!(cut(&long).ends_with("é .. (3000 more characters)"));
        assert_eq!(one_line("two\n lines\u{b}"), "two lines");
    }
}
