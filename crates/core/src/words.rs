//! Small pieces of text that plans, statuses and reports share, and what a misspelt word was probably meant to be.

use std::net::IpAddr;

/// `1 next host`, `2 next hosts`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first `shown` of these names, and how many more there are: `edx-1, edx-2 and 7 more`.
#[must_use]
pub fn some_of<T: ToString>(names: &[T], shown: usize) -> String {
    let first = names.iter().take(shown).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(shown) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// A number with thousands separators: `104,220`.
#[must_use]
pub fn grouped(number: u64) -> String {
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

/// The last line of a text with anything on it, without the blanks around it.
#[must_use]
pub fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

/// A text about a host without what differs between hosts: `...` stands for IP addresses and for words with its name, so that
/// hosts of which the same is said can be told together.
#[must_use]
pub fn without_addresses(text: &str, name: &str) -> String {
    let is_around = |letter: char| "[](){},;:'\"".contains(letter);
    let differs = |word: &str| word.contains(name) || word.parse::<IpAddr>().is_ok();
    let words = text.split(' ').map(|word| match word.trim_matches(is_around) {
        bare if !bare.is_empty() && differs(bare) => word.replacen(bare, "...", 1),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Adds a number with at least so many digits. It does without the formatter, for text of which rehearsals make a lot.
pub fn push_number(text: &mut String, number: u64, digits: usize) {
    let mut buffer = itoa::Buffer::new();
    let written = buffer.format(number);
    text.extend(std::iter::repeat_n('0', digits.saturating_sub(written.len())));
    text.push_str(written);
}

/// The one of `known` that `written` was probably meant to be: at most a third of its letters differ.
#[must_use]
pub fn nearest<T: AsRef<str>>(written: &str, known: impl IntoIterator<Item = T>) -> Option<String> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(written, word.as_ref()), word.as_ref().to_owned()))
        .filter(|(distance, word)| *distance <= word.chars().count().max(written.chars().count()).div_ceil(3))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_formatter_does() {
        for (number, digits) in [(0, 1), (7, 2), (10, 1), (59, 2), (1203, 2), (u64::MAX, 4), (12, 4)] {
            let mut text = "at ".to_owned();
            push_number(&mut text, number, digits);
            assert_eq!(text, format!("at {number:0digits$}"));
        }
    }

    #[test]
    fn the_last_line_is_one_with_anything_on_it() {
        assert_eq!(last_line("one\n  two \r\n \n\n"), Some("two"));
        assert_eq!([last_line(""), last_line(" \n")], [None; 2]);
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!([7, 1_000, 1_234_567].map(grouped), ["7", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_differs_between_hosts_is_left_out_and_nothing_else() {
        let of = |text: &str| without_addresses(text, "edx-1");
        let refused = "connect to host 10.0.0.7 port 22: Connection refused";
        assert_eq!(of(refused), "connect to host ... port 22: Connection refused");
        assert_eq!(of("connect to [fd00::7]: 1 s"), "connect to [...]: 1 s");
        assert_eq!(of("cannot resolve edx-1.example.org: no"), "cannot resolve ...: no");
        assert_eq!(of("not within 10 s: a  b"), "not within 10 s: a  b");
    }

    #[test]
    fn a_suggestion_is_made_only_for_what_is_near() {
        let known = ["balancer", "check", "host", "name", "program"];
        assert_eq!(nearest("balancr", known).as_deref(), Some("balancer"));
        assert_eq!(nearest("hots", known).as_deref(), Some("host"));
        assert_eq!(nearest("wallpaper", known), None);
    }
}
