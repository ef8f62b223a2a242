//! Reads TOML as far as possible, and turns its syntax errors into mistakes.

use toml::de::{DeTable, Error};

use super::document::{Node, Value};
use super::mistake::Mistake;

/// Reads TOML as far as possible. Returns the tree, and the syntax errors ordered by position.
pub(super) fn read(text: &str) -> (Node, Vec<Mistake>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let root = Node::root(root.get_ref());
    let mistakes = syntax_mistakes(text, &root, &errors);
    (root, mistakes)
}

/// At most one mistake per line: later ones on the same line are mostly consequences of the first.
fn syntax_mistakes(text: &str, root: &Node, errors: &[Error]) -> Vec<Mistake> {
    let unclosed = errors.iter().filter_map(|error| unclosed_list(root, error)).min_by_key(|list| list.span.start);
    let mut mistakes: Vec<Mistake> = errors.iter().map(|error| syntax_mistake(text, error)).collect();
    if let Some(list) = unclosed {
        // A list that is never closed contains the rest of the file; every error in there is a consequence of it.
        let start = list.span.start;
        mistakes.retain(|mistake| mistake.span.start < start);
        let message = "this list is never closed";
        let label = "expected `]` at its end";
        mistakes.push(Mistake { span: start..start + 1, message: message.into(), label: label.into(), help: None });
    }
    mistakes.sort_by_key(|mistake| mistake.span.start);
    mistakes.dedup_by_key(|mistake| mistake.position(text).0);
    mistakes
}

/// The list that is never closed. The parser reports it at the end of the file, but the mistake is at its beginning.
fn unclosed_list<'a>(node: &'a Node, error: &Error) -> Option<&'a Node> {
    if !error.message().starts_with("unclosed array,") {
        return None;
    }
    let end = error.span()?.start;
    match &node.value {
        Value::List(_) if node.span.end >= end && !node.span.is_empty() => Some(node),
        Value::List(items) => items.iter().find_map(|item| unclosed_list(item, error)),
        Value::Table(table) => table.values().find_map(|entry| unclosed_list(entry, error)),
        _ => None,
    }
}

fn syntax_mistake(text: &str, error: &Error) -> Mistake {
    let span = error.span().unwrap_or(0..0);
    let span = text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end);
    let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
    let label = match (message, expected) {
        ("duplicate key", _) => "already given above".to_owned(),
        ("string values must be quoted", _) => format!("write \"{}\"", &text[span.clone()]),
        (_, "") => "not valid TOML".to_owned(),
        _ => format!("expected {expected}"),
    };
    let message = message.to_owned();
    Mistake { span, message, label, help: None }
}
