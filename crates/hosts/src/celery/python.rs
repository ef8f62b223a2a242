//! Dictionaries in Python's notation.

use std::collections::BTreeMap;

/// The values of a dictionary by their keys, as far as both are on the first level and the key is a text. A text is
/// without its quotes, every other value is as it was printed. What is inside of values, such as the arguments of a task,
/// is never taken for a key.
pub(super) fn dictionary(text: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let (mut depth, mut key, mut word, mut rest) = (0_u32, None, String::new(), text.trim().chars());
    while let Some(letter) = rest.next() {
        match (letter, depth) {
            ('\'' | '"', _) => {
                // Python 2 marks texts with a `u`.
                if matches!(word.as_str(), "u" | "b") {
                    word.clear();
                }
                word.push_str(&quoted(letter, &mut rest));
            }
            ('{' | '[' | '(', _) => depth += 1,
            ('}' | ']' | ')', 2..) => depth -= 1,
            (':', 1) if key.is_none() => key = Some(std::mem::take(&mut word)),
            (',' | '}', 1) => {
                if let Some(key) = key.take() {
                    values.insert(key, word.trim().to_owned());
                }
                word.clear();
            }
            (' ', 1) if word.is_empty() => {}
            _ => word.push(letter),
        }
    }
    values
}

/// A text up to its end, without what makes quotes part of it.
fn quoted(quote: char, rest: &mut std::str::Chars<'_>) -> String {
    let mut text = String::new();
    while let Some(letter) = rest.next().filter(|letter| *letter != quote) {
        match letter {
            '\\' => text.extend(rest.next()),
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_of_a_value_is_not_a_key() {
        let text = r#"{'kwargs': {'id': 'inner', 'x': [1, {'name': 2}]}, 'args': "{'id': 'it\'s'}", 'id': '7-f', 'time_start': 1.5}"#;
        let values = dictionary(text);
        assert_eq!(values["id"], "7-f");
        assert_eq!(values["args"], "{'id': 'it's'}");
        assert_eq!(values["time_start"], "1.5");
        assert!(!values.contains_key("name") && !values.contains_key("x"));
    }

    #[test]
    fn python_2_marks_texts_and_other_texts_are_no_dictionaries() {
        let values = dictionary(r"{u'id': u'7-f', u'worker_pid': 71, u'hostname': None}");
        assert_eq!((values["id"].as_str(), values["worker_pid"].as_str()), ("7-f", "71"));
        assert!(dictionary("- empty -").is_empty() && dictionary("{'id'").is_empty());
    }
}
