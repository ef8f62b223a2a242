//! Small tools for text on a terminal: indented lines, clocks, counts. They know nothing about upgrades.

use std::time::Duration;

pub(super) use cutover_core::words::count;

use crate::harmless::{cut, harmless};
pub(super) use crate::layout::{WIDTH, length, wrap};

/// `text` wrapped, with `first` before its first line and as many spaces before the others. It may come from outside,
/// so it is cut to a sensible length.
pub(super) fn hang(first: &str, text: &str, width: usize) -> String {
    let mut lines = wrap(&cut(text), width.saturating_sub(length(first)).max(8));
    if lines.first().is_some_and(|line| length(first) + length(line) > width) && !first.trim().is_empty() {
        lines.insert(0, String::new());
    }
    let lines = lines.iter().enumerate().map(|(index, line)| match index {
        0 if !line.is_empty() && first.trim().is_empty() => indented(line, length(first), width),
        0 => format!("{first}{line}").trim_end().to_owned(),
        _ => indented(line, length(first), width),
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// A line that begins after `indent` columns, or further to the left if it would be longer than `width` then.
pub(super) fn indented(line: &str, indent: usize, width: usize) -> String {
    format!("{}{line}", " ".repeat(indent.min(width.saturating_sub(length(line)))))
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

#[expect(clippy::cast_precision_loss, reason = "columns are few")]
pub(super) fn fraction(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Text from outside, with characters escaped that Markdown would read as markup.
pub(super) fn prose(text: &str) -> String {
    let text = cut(text).split_whitespace().collect::<Vec<&str>>().join(" ");
    text.replace('\\', "\\\\").replace('<', "&lt;").replace('*', "\\*").replace('[', "\\[")
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
