//! Small tools for text on a terminal: lines that never pass 80 columns, clocks, counts. No domain in here.

use std::time::Duration;

pub(super) use cutover_core::words::count;

use crate::harmless::cut;

/// The width that everything printed keeps to, in columns.
pub(super) const WIDTH: usize = 80;

/// `text` broken at spaces into lines of at most `width` columns. A longer word is broken where it must be.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
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

/// Where a word too long for `width` is broken: after a mark that names have, if there is one in its later half.
fn break_point(word: &str, width: usize) -> usize {
    let end = word.char_indices().nth(width).map_or(word.len(), |(index, _)| index);
    let mark = word[..end].rfind(['-', '.', '/', '_', ':']).map(|index| index + 1);
    mark.filter(|index| *index > end / 2).unwrap_or(end)
}

/// `text` wrapped, with `first` before its first line and as many spaces before the others. It may have come from outside: it
/// is cut to a sensible length.
pub(super) fn hang(first: &str, text: &str, width: usize) -> String {
    let indent = " ".repeat(length(first));
    let lines = wrap(&cut(text), width.saturating_sub(length(first)).max(8));
    let lines = lines.iter().enumerate().map(|(index, line)| {
        let line = format!("{}{line}", if index == 0 { first } else { &indent });
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// `text` on one line of at most `width` columns, with what does not fit left out of its end.
pub(super) fn fit(text: &str, width: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<&str>>().join(" ");
    if length(&text) <= width {
        return text;
    }
    let kept: String = text.chars().take(width.saturating_sub(2)).collect();
    format!("{}..", kept.trim_end())
}

/// The columns that `text` takes.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// A time since a beginning, as `+mm:ss`; minutes go past 59.
pub(super) fn since(length: Duration) -> String {
    let seconds = length.as_secs() + u64::from(length.subsec_millis() >= 500);
    format!("+{:02}:{:02}", seconds / 60, seconds % 60)
}

/// Numbers with runs drawn together: `1, 4-7, 9`. They come in ascending order.
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

/// Marks for `+mm:ss` along an axis of `width` columns that stands for `whole`: as many round times as fit.
pub(super) fn axis(whole: Duration, width: usize) -> String {
    const MINUTES: [u32; 9] = [1, 2, 5, 10, 15, 30, 60, 120, 240];
    let room = u32::try_from(width / 10).unwrap_or(u32::MAX).max(1);
    let fits = |minutes: &u32| Duration::from_secs(60) * *minutes * room >= whole;
    let every = Duration::from_secs(60) * MINUTES.into_iter().find(fits).unwrap_or(1440);
    let mut line = String::new();
    for column in 0..width {
        let (begin, end) = (whole.mul_f64(fraction(column, width)), whole.mul_f64(fraction(column + 1, width)));
        // A mark stands where the part of the time begins in which it lies.
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

/// A number with its thousands set apart: `104,220`.
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
    fn wrapped_lines_keep_to_the_width_whatever_the_words() {
        let text = "register 18 next hosts in edx-residential-live-mitx-produc-and-an-endless-name-without-spaces now";
        for width in [8, 20, 40] {
            assert!(wrap(text, width).iter().all(|line| length(line) <= width), "{width}");
        }
        assert_eq!(wrap(text, 40).concat().replace(' ', ""), text.replace(' ', ""), "no letter is lost");
    }

    #[test]
    fn a_hanging_indent_lines_up_with_the_first_line() {
        assert_eq!(hang("- ", "one two three", 10), "- one two\n  three");
    }

    #[test]
    fn what_does_not_fit_is_left_out_with_a_sign_that_it_was() {
        assert_eq!(fit("stop services on a host", 10), "stop ser..");
        assert_eq!(fit("stop\n it", 10), "stop it");
    }

    #[test]
    fn numbers_are_drawn_together() {
        assert_eq!(ranges([1, 2, 4, 5, 6, 9]), "1, 2, 4-6, 9");
        assert_eq!(ranges([]), "");
    }

    #[test]
    fn an_axis_marks_round_times_where_they_lie() {
        let hour = axis(Duration::from_secs(3600), 60);
        assert_eq!(hour, "+00:00    +10:00    +20:00    +30:00    +40:00    +50:00");
        assert_eq!(axis(Duration::from_secs(2255), 40), "+00:00    +10:00     +20:00    +30:00");
    }

    #[test]
    fn an_axis_of_no_time_does_no_harm() {
        assert!(length(&axis(Duration::ZERO, 60)) <= 60);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([7, 1_000, 1_234_567].map(grouped), ["7", "1,000", "1,234,567"]);
    }
}
