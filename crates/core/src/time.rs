//! Lengths of time and moments as people write them. Nothing here reads a clock.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::Offset};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::words::push_number;

/// A length of time in the deployment file: `90s`, `15m`, `1h30m`, `3d` (a day is 24 hours). At most [`LONGEST_SPAN`]
/// can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

impl Span {
    /// A span of whole seconds, for defaults.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whether it takes no time.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// The same length as a [`Duration`].
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

/// The longest length of time that can be written. It is far beyond any upgrade, and still short enough that no sum of
/// the lengths in a file leads to a moment that cannot be represented.
pub const LONGEST_SPAN: Duration = Duration::from_secs(1000 * 86_400);

/// A text that is not a length of time for a deployment file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotASpan {
    /// It is no length of time at all.
    #[error("`{0}` is not a length of time; write for example \"90s\", \"15m\", \"1h30m\" or \"3d\"")]
    Unreadable(String),
    /// It is longer than [`LONGEST_SPAN`].
    #[error("`{0}` is longer than any part of an upgrade; at most 1000d")]
    TooLong(String),
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let refuse = || NotASpan::Unreadable(text.to_owned());
        let too_long = || NotASpan::TooLong(text.to_owned());
        // A day is always 24 hours here. jiff does not assume that, so days are parsed separately.
        let (days, rest) = match text.trim().split_once('d') {
            Some((days, rest)) if !days.is_empty() => (days.trim().parse::<u64>().map_err(|_| refuse())?, rest.trim()),
            _ => (0, text.trim()),
        };
        let rest = if rest.is_empty() && days > 0 {
            Duration::ZERO
        } else {
            let parsed: SignedDuration = rest.parse().map_err(|_| refuse())?;
            Duration::try_from(parsed).map_err(|_| refuse())?
        };
        let days = Duration::from_secs(days.checked_mul(86_400).ok_or_else(too_long)?);
        days.checked_add(rest).filter(|length| *length <= LONGEST_SPAN).map(Self).ok_or_else(too_long)
    }
}

impl TryFrom<String> for Span {
    type Error = NotASpan;

    fn try_from(text: String) -> Result<Self, NotASpan> {
        text.parse()
    }
}

/// Exact, so that the written value is read back unchanged; `Display` is for people.
impl From<Span> for String {
    fn from(span: Span) -> Self {
        match span.0.subsec_nanos() {
            0 => format!("{}s", span.0.as_secs()),
            nanos if nanos % 1_000_000 == 0 => format!("{}ms", span.0.as_millis()),
            _ => format!("{}ns", span.0.as_nanos()),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&human(self.0))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "span" })
    }
}

/// A moment with the zone offset it was written with, so that it is shown with the same offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OffsetTime {
    /// The moment.
    pub timestamp: Timestamp,
    /// The zone offset that the operator wrote.
    pub offset: Offset,
}

/// A text that is not a moment with a zone offset.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a moment with a zone offset; write for example 2021-01-04T04:00:00-05:00")]
pub struct NotAMoment(String);

impl OffsetTime {
    /// `moment`, shown with this zone offset: `2021-01-04 04:00:00 -05:00`.
    #[must_use]
    pub fn show(&self, moment: Timestamp) -> String {
        let local = self.offset.to_datetime(moment);
        let seconds = self.offset.seconds();
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.unsigned_abs() / 60;
        format!("{} {sign}{:02}:{:02}", local.strftime("%Y-%m-%d %H:%M:%S"), minutes / 60, minutes % 60)
    }

    /// `moment` for a reader who knows that the day is that of `day`: `04:00:00`, and on another day with its date, as
    /// `2021-01-05 04:00:00`.
    #[must_use]
    pub fn show_beside(&self, day: Timestamp, moment: Timestamp) -> String {
        let local = self.offset.to_datetime(moment);
        match local.date() == self.offset.to_datetime(day).date() {
            true => self.show_time(moment),
            false => local.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        }
    }

    /// Only the time of day of `moment`, `04:00:00`, for rows where the date is clear.
    #[must_use]
    pub fn show_time(&self, moment: Timestamp) -> String {
        self.offset.to_datetime(moment).strftime("%H:%M:%S").to_string()
    }
}

impl FromStr for OffsetTime {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let refuse = || NotAMoment(text.to_owned());
        let timestamp: Timestamp = text.parse().map_err(|_| refuse())?;
        let offset = jiff::fmt::temporal::Pieces::parse(text)
            .ok()
            .and_then(|pieces| pieces.to_numeric_offset())
            .ok_or_else(refuse)?;
        Ok(Self { timestamp, offset })
    }
}

impl TryFrom<String> for OffsetTime {
    type Error = NotAMoment;

    fn try_from(text: String) -> Result<Self, NotAMoment> {
        text.parse()
    }
}

impl From<OffsetTime> for String {
    fn from(time: OffsetTime) -> Self {
        time.timestamp.display_with_offset(time.offset).to_string()
    }
}

impl fmt::Display for OffsetTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.show(self.timestamp))
    }
}

impl JsonSchema for OffsetTime {
    fn schema_name() -> Cow<'static, str> {
        "OffsetTime".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A length of time for people, in its two largest units: `850ms`, `45s`, `2m 05s`, `3h 09m`, `2d 04h`.
#[must_use]
pub fn human(length: Duration) -> String {
    if length < Duration::from_secs(1) && !length.is_zero() {
        return format!("{}ms", length.as_millis());
    }
    let seconds = length.as_secs() + u64::from(length.subsec_millis() >= 500);
    let (large, unit, small, small_unit) = match seconds {
        0..60 => (seconds, "s", 0, ""),
        60..3600 => (seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => (seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => (seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    };
    let mut text = String::with_capacity(8);
    push_number(&mut text, large, 1);
    text.push_str(unit);
    if small > 0 {
        text.push(' ');
        push_number(&mut text, small, 2);
        text.push_str(small_unit);
    }
    text
}

/// The time from `start` to `end`, or nothing when `end` comes first.
#[must_use]
pub fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

/// The moment `length` after `start`, or the last moment there is.
#[must_use]
pub fn later(start: Timestamp, length: Duration) -> Timestamp {
    start.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// The moment `length` before `end`, or the first moment there is.
#[must_use]
pub fn earlier(end: Timestamp, length: Duration) -> Timestamp {
    end.checked_sub(length).unwrap_or(Timestamp::MIN)
}

/// Lengths of time as JSON numbers of seconds, for fields whose names end in `seconds`.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes whole milliseconds, as a number of seconds: `20`, or `20.5`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        match length.subsec_millis() {
            0 => serializer.serialize_u64(length.as_secs()),
            _ => serializer.serialize_f64(super::rounded_seconds(*length)),
        }
    }

    /// Reads a number of seconds.
    ///
    /// # Errors
    /// When it is negative or not finite.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// `length` in seconds, rounded to whole milliseconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "milliseconds of any upgrade are far below 2^53")]
pub fn rounded_seconds(length: Duration) -> f64 {
    length.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown_in_the_operators_units() {
        for (text, seconds, shown) in [
            ("90s", 90, "1m 30s"),
            ("15m", 900, "15m"),
            ("1h30m", 5400, "1h 30m"),
            ("1h 30m", 5400, "1h 30m"),
            ("3d", 259_200, "3d"),
            ("1d 12h", 129_600, "1d 12h"),
            ("0s", 0, "0s"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!((span.duration().as_secs(), span.to_string().as_str()), (seconds, shown), "{text}");
        }
    }

    #[test]
    fn a_span_that_is_written_is_read_back_exactly() {
        for text in ["1h2m3s", "250ms", "1ms 500us", "3d", "90s"] {
            let span: Span = text.parse().expect(text);
            assert_eq!(Span::try_from(String::from(span)), Ok(span), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_length_of_time_are_refused() {
        for text in ["", "soon", "10", "-5m", "d", "5 minuts", "99999999999999999999d"] {
            assert_eq!(text.parse::<Span>(), Err(NotASpan::Unreadable(text.to_owned())));
        }
    }

    #[test]
    fn a_span_longer_than_any_upgrade_is_refused_before_anything_is_computed_with_it() {
        assert_eq!("1000d".parse::<Span>().map(Span::duration), Ok(LONGEST_SPAN));
        for text in ["1000d 1s", "1001d", "40000d", "24001h", "300000000000000d"] {
            assert_eq!(text.parse::<Span>(), Err(NotASpan::TooLong(text.to_owned())));
        }
    }

    #[test]
    fn seconds_in_json_are_whole_numbers_where_they_can_be_and_are_read_back_exactly() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Limit(#[serde(with = "seconds")] Duration);
        for (milliseconds, text) in [(0, "0"), (20_000, "20"), (20_500, "20.5"), (1, "0.001"), (86_400_000, "86400")] {
            let limit = Limit(Duration::from_millis(milliseconds));
            assert_eq!(serde_json::to_string(&limit).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<Limit>(text).expect("a limit"), limit);
        }
        // As earlier programs wrote it.
        assert_eq!(serde_json::from_str::<Limit>("20.0").expect("a limit"), Limit(Duration::from_secs(20)));
    }

    #[test]
    fn a_moment_keeps_the_offset_it_was_written_in() {
        let moment: OffsetTime = "2021-01-04T04:00:00-05:00".parse().expect("a moment");
        assert_eq!(moment.to_string(), "2021-01-04 04:00:00 -05:00");
        assert_eq!(moment.timestamp.to_string(), "2021-01-04T09:00:00Z");
        assert_eq!(String::from(moment), "2021-01-04T04:00:00-05:00");
        assert!("2021-01-04T04:00:00".parse::<OffsetTime>().is_err());
    }
}
