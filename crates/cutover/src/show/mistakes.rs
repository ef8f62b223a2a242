//! Mistakes in a deployment file, shown at their positions. `cutover_core` finds them.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use cutover_core::deployment::Mistake;
use serde_json::{Value, json};

use super::text::{WIDTH, count, length, wrap};

/// The columns before a note below a snippet, for files of less than 10,000 lines.
const BELOW: usize = "9999 = help: ".len();

/// The mistakes found in `text`, each with file, line, column, the line itself, a mark under it, and a help text.
/// `file` is the path as the operator named it; with `color`, marks are coloured.
#[must_use]
pub fn mistakes(file: &str, text: &str, mistakes: &[Mistake], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let shown = mistakes.iter().map(|mistake| renderer.render(&[report(file, text, mistake)]));
    let end = format!("{} in {file}\n", count(mistakes.len(), "mistake"));
    shown.chain(std::iter::once(end)).collect::<Vec<String>>().join("\n\n")
}

/// The mistakes with line and column, both counted from 1.
#[must_use]
pub fn mistakes_json(file: &str, text: &str, mistakes: &[Mistake]) -> Value {
    let mistakes = mistakes.iter().map(|mistake| {
        let (line, column) = mistake.position(text);
        json!({
            "file": file,
            "line": line,
            "column": column,
            "message": mistake.message,
            "label": mistake.label,
            "help": mistake.help,
        })
    });
    mistakes.collect()
}

fn report<'a>(file: &'a str, text: &'a str, mistake: &'a Mistake) -> Group<'a> {
    let mark = AnnotationKind::Primary.span(span(text, mistake));
    let (beside, below) = label(text, mistake);
    let mark = if beside.is_empty() { mark } else { mark.label(beside) };
    let snippet = Snippet::source(text).path(file).annotation(mark);
    let group = Level::ERROR.primary_title(mistake.message.as_str()).element(snippet);
    let group = below.into_iter().fold(group, |group, below| group.element(Level::NOTE.message(below)));
    match &mistake.help {
        Some(help) => group.element(Level::HELP.message(wrap(help, WIDTH - BELOW).join("\n"))),
        None => group,
    }
}

/// The text beside the mark or, if it is too long for that, below the snippet.
fn label<'a>(text: &str, mistake: &'a Mistake) -> (&'a str, Option<String>) {
    let marked = span(text, mistake);
    let line = text[..marked.start].rfind('\n').map_or(0, |newline| newline + 1);
    let gutter = mistake.position(text).0.to_string().len() + 3;
    let columns = length(&text[line..marked.end]) + 1 + length(&mistake.label);
    if gutter + columns <= WIDTH {
        return (&mistake.label, None);
    }
    ("", Some(wrap(&mistake.label, WIDTH - BELOW).join("\n")))
}

/// The mistake's byte range, moved inside the text, to character boundaries, and to one line: a mark over half the file
/// is less useful than one at its beginning.
fn span(text: &str, mistake: &Mistake) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(mistake.span.start.min(text.len()));
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let end = text.ceil_char_boundary(mistake.span.end.clamp(start, line_end));
    start..end
}

#[cfg(test)]
mod tests {
    use cutover_core::deployment::parse;

    use super::*;
    use crate::show::testing::SMALL;

    fn broken() -> String {
        SMALL
            .replace(
                "balancer = \"edx-residential-draft-mitx-produ\"",
                "balancr = \"edx-residential-draft-mitx-produ\"",
            )
            .replace("length = \"2h\"", "length = \"two hours\"")
    }

    #[test]
    fn every_mistake_is_shown_at_its_position() {
        let text = broken();
        let found = parse(&text).expect_err("two mistakes");
        insta::assert_snapshot!(mistakes("mitx.toml", &text, &found, false));
    }

    #[test]
    fn long_labels_are_wrapped() {
        let text = SMALL.replacen("name =", "clowd = 1\nname =", 1);
        let found = parse(&text).expect_err("a mistake");
        let shown = mistakes("mitx.toml", &text, &found, false);
        assert!(shown.lines().all(|line| length(line) <= WIDTH), "{shown}");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn the_json_has_line_and_column() {
        let text = broken();
        let found = parse(&text).expect_err("two mistakes");
        let json = mistakes_json("mitx.toml", &text, &found);
        let line = text.lines().position(|line| line.contains("two hours")).expect("the line") + 1;
        assert_eq!(json[0]["line"], line);
        assert_eq!(json.as_array().map(Vec::len), Some(found.len()));
    }

    #[test]
    fn a_span_outside_the_text_does_not_panic() {
        let text = "name = \"é";
        for span in [0..99, 99..99, 8..9, 9..10] {
            let odd = Mistake { span, message: "odd".to_owned(), label: String::new(), help: None };
            assert!(mistakes("f.toml", text, &[odd], false).contains("1 mistake in f.toml"));
        }
    }
}
