//! Progress of a replay, on standard error: one line that is rewritten at a terminal, a line every few seconds
//! elsewhere, and nothing for what ends in a moment.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::harmless::harmless;
use crate::output;
use crate::wall::Stopwatch;

/// Work that ends sooner is not reported: at a terminal, and elsewhere.
const A_MOMENT: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
/// How long a message stays before the next: at a terminal, and elsewhere.
const STANDS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Shows how far a replay is.
pub(super) struct Progress {
    doing: String,
    started: Stopwatch,
    said: Option<Duration>,
    bar: Option<ProgressBar>,
    /// What is counted now, and since when.
    counting: Option<(String, Duration)>,
}

impl Progress {
    /// Of `doing`, such as `replaying mitx/koa`.
    pub(super) fn of(doing: impl Into<String>) -> Self {
        let bar = output::progress_is_watched().then(ProgressBar::new_spinner);
        if let (Some(bar), Ok(style)) = (&bar, ProgressStyle::with_template("{wide_msg}")) {
            bar.set_style(style);
        }
        Self { doing: doing.into(), started: Stopwatch::start(), said: None, bar, counting: None }
    }

    /// Shows that `done` of `total` patches are done, if it is time to.
    pub(super) fn patches(&mut self, done: usize, total: usize) {
        self.counted("patch", done, total);
    }

    /// Shows that `done` of `total` of something are done, and how long the rest will take, if it is time to.
    pub(super) fn counted(&mut self, what: &str, done: usize, total: usize) {
        let elapsed = self.started.elapsed();
        let since = match &self.counting {
            Some((counted, since)) if counted == what => *since,
            _ => self.counting.insert((what.to_owned(), elapsed)).1,
        };
        let left = left(elapsed.saturating_sub(since), done, total);
        self.hear(&format!("{what} {done} of {total}{left}"));
    }

    /// Prints something else, without the line of progress in between.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Shows what is being done, if it is time to.
    pub(super) fn hear(&mut self, step: &str) {
        let elapsed = self.started.elapsed();
        if !is_time(elapsed, self.said, self.bar.is_some()) {
            return;
        }
        self.said = Some(elapsed);
        let line = format!("{}: {step}", self.doing);
        match &self.bar {
            Some(bar) => {
                bar.set_message(harmless(&line).into_owned());
                bar.tick();
            }
            None => output::note(&line),
        }
    }
}

impl Drop for Progress {
    /// Takes the line off the screen, on every way out, before anything else is printed.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How long the rest takes, if it goes on as it did for the first `done`; nothing while that says little.
fn left(elapsed: Duration, done: usize, total: usize) -> String {
    let (Ok(done), Ok(rest)) = (u32::try_from(done), u32::try_from(total.saturating_sub(done))) else {
        return String::new();
    };
    if done < 3 || rest == 0 {
        return String::new();
    }
    let seconds = (elapsed * rest / done).as_secs();
    if seconds == 0 { String::new() } else { format!(", about {seconds} s left") }
}

fn is_time(elapsed: Duration, said: Option<Duration>, watched: bool) -> bool {
    let index = usize::from(!watched);
    elapsed >= said.map_or(A_MOMENT[index], |said| said + STANDS[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(watched: bool, length: Duration) -> usize {
        let (mut said, mut times) = (None, 0);
        for tick in 0..length.as_millis() / 10 {
            let elapsed = Duration::from_millis(u64::try_from(tick).expect("short") * 10);
            if is_time(elapsed, said, watched) {
                (said, times) = (Some(elapsed), times + 1);
            }
        }
        times
    }

    #[test]
    fn the_rest_is_expected_to_go_on_as_the_first_did() {
        assert_eq!(left(Duration::from_secs(4), 20, 77), ", about 11 s left");
        assert_eq!(left(Duration::from_secs(4), 1, 77), "", "one says little");
        assert_eq!(left(Duration::from_secs(4), 77, 77), "");
        assert_eq!(left(Duration::from_millis(4), 20, 77), "");
    }

    #[test]
    fn nothing_is_said_of_what_is_over_in_a_moment() {
        assert_eq!(said(true, Duration::from_millis(450)), 0);
        assert_eq!(said(false, Duration::from_secs(3)), 0);
    }

    #[test]
    fn a_log_gets_a_line_every_few_seconds_and_a_terminal_one_live_line() {
        assert_eq!(said(false, Duration::from_secs(60)), 12);
        assert!(said(true, Duration::from_secs(10)) > 50);
    }
}
