//! What a mistake in a deployment file is: its position, what is wrong, what is allowed. `parse`, `shape` and `rules`
//! find mistakes; printing them is the job of the program.

use std::fmt::Display;
use std::ops::Range;

use super::document::Node;
use crate::words::nearest;

/// A mistake in a deployment file, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The byte range of the text that is wrong; empty where something is missing.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// A short note to show at that position: what is allowed there.
    pub label: String,
    /// What was probably meant, or why the mistake matters.
    pub help: Option<String>,
}

impl Mistake {
    /// Line and column of the start in `text`, both counted from 1; columns are characters.
    #[must_use]
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = &text[..text.floor_char_boundary(self.span.start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// A mistake at a value, or at the header of the table in which it is missing.
    pub(super) fn at(node: &Node, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { span: node.span.clone(), message: message.into(), label: label.into(), help: None }
    }

    /// The same mistake with a help text.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same mistake with the word of `known` that `written` was probably meant to be, if one is similar enough.
    pub(super) fn suggest<T: AsRef<str>>(mut self, written: &str, known: impl IntoIterator<Item = T>) -> Self {
        if let Some(near) = nearest(written, known) {
            self.help = Some(format!("did you mean \"{near}\"?"));
        }
        self
    }
}

/// Words listed as in a sentence: `a`, `a or b`, `a, b or c`.
pub(super) fn list<T: Display>(words: impl IntoIterator<Item = T>, joint: &str) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, first)) => format!("{} {joint} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(span: Range<usize>) -> Mistake {
        Mistake { span, message: String::new(), label: String::new(), help: None }
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "a = 1\nb = \"é\" # x\n";
        assert_eq!(at(0..1).position(text), (1, 1));
        assert_eq!(at(6..7).position(text), (2, 1));
        assert_eq!(at(15..16).position(text), (2, 9));
    }

    #[test]
    fn positions_outside_the_text_or_inside_a_character_do_no_harm() {
        assert_eq!(at(99..99).position("a\nb"), (2, 2));
        assert_eq!(at(1..2).position("é"), (1, 1));
        assert_eq!(at(0..0).position(""), (1, 1));
    }

    #[test]
    fn words_are_listed_as_in_a_sentence() {
        assert_eq!(list(["a"], "or"), "a");
        assert_eq!(list(["a", "b", "c"], "or"), "a, b or c");
    }
}
