//! The window's times as data and in words: when it starts, when it ends, and what a delay does to it.

use std::time::Duration;

use crate::deployment::Deployment;
use crate::journal::{Run, Upgrade, downtime_began, page_was_posted, remaining, way_back, window_length};
use crate::plan::{Phase, Plan, WindowForecast};
use crate::planner::is_announced;
use crate::time::{OffsetTime, between, earlier, human, later, seconds};
use jiff::Timestamp;
use serde::Serialize;

/// When the window starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StartStatus {
    /// The start in the file.
    pub start: Timestamp,
    /// The end in the file.
    pub end: Timestamp,
    /// Whether the dates in the file were announced.
    pub is_announced: bool,
    /// The latest start with which it ends in time; nothing while no plan for the window is recorded.
    pub latest_safe: Option<Timestamp>,
}

impl StartStatus {
    /// When the window starts; nothing once visitors are sent to the maintenance page.
    #[must_use]
    pub fn of(upgrade: &Upgrade, deployment: &Deployment) -> Option<Self> {
        let run = upgrade.run_of(Phase::Window);
        if run.is_some_and(|run| run.finished_at.is_some() || page_was_posted(run)) {
            return None;
        }
        let window = &deployment.window;
        Some(Self {
            start: window.start.timestamp,
            end: window.ends().timestamp,
            is_announced: is_announced(upgrade, deployment),
            latest_safe: run.map(|run| latest_safe_start(run, deployment)),
        })
    }
}

/// How long the sites were not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Downtime {
    /// When visitors were first sent to the maintenance page.
    pub from: Timestamp,
    /// When the last site was served again.
    pub to: Timestamp,
    /// The time between them.
    #[serde(rename = "length_seconds", with = "seconds")]
    pub length: Duration,
    /// The length of the window in the file.
    #[serde(rename = "window_seconds", with = "seconds")]
    pub window: Duration,
    /// Whether the dates in the file were announced.
    pub is_announced: bool,
}

impl Downtime {
    /// The downtime of `run`, which is a run of the window; nothing until all sites are served again.
    pub fn of(run: &Run, upgrade: &Upgrade, deployment: &Deployment) -> Option<Self> {
        let (from, length) = (downtime_began(run)?, window_length(run)?);
        let (window, is_announced) = (deployment.window.whole_length(), is_announced(upgrade, deployment));
        Some(Self { from, to: later(from, length), length, window, is_announced })
    }

    /// `1h 25m less than the 4h announced`, or `5m MORE than the 4h announced`; `in the file` if that was not announced.
    pub fn verdict(&self) -> String {
        let window = format!("{} {}", human(self.window), if self.is_announced { "announced" } else { "in the file" });
        match self.window.checked_sub(self.length) {
            Some(spare) => format!("{} less than the {window}", human(spare)),
            None => format!("{} MORE than the {window}", human(self.length - self.window)),
        }
    }
}

/// `announced until`, or `the file says until` if visitors were told something else or nothing.
#[must_use]
pub const fn until_words(is_announced: bool) -> &'static str {
    if is_announced { "announced until" } else { "the file says until" }
}

/// The window's times.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowStatus {
    /// When visitors were first sent to the maintenance page; nothing before that.
    pub down_since: Option<Timestamp>,
    /// The time since then.
    #[serde(rename = "elapsed_seconds", with = "seconds")]
    pub elapsed: Duration,
    /// How much longer it is expected to take.
    #[serde(rename = "remaining_seconds", with = "seconds")]
    pub remaining: Duration,
    /// When all sites are expected to be served again.
    pub expected_end: Timestamp,
    /// The end in the file.
    pub end: Timestamp,
    /// Whether the dates in the file were announced.
    pub is_announced: bool,
    /// Whether the expected end is not after the end in the file.
    pub in_time: bool,
    /// The last moment to go back and still end in time; nothing if there is no way back.
    pub abort_by: Option<Timestamp>,
}

impl WindowStatus {
    /// The times of `run`, which is a run of the window.
    pub fn of(run: &Run, upgrade: &Upgrade, deployment: &Deployment, now: Timestamp) -> Self {
        let window = &deployment.window;
        let end = window.ends().timestamp;
        let down_since = downtime_began(run);
        let remaining = remaining(run, now);
        // Before the opening, the remaining time counts from the window's start.
        let from = if down_since.is_some() { now } else { now.max(window.start.timestamp) };
        let expected_end = later(from, remaining);
        let back = way_back(run, upgrade);
        Self {
            down_since,
            elapsed: down_since.map_or(Duration::ZERO, |since| between(since, now)),
            remaining,
            expected_end,
            end,
            is_announced: is_announced(upgrade, deployment),
            in_time: expected_end <= end,
            abort_by: back.impossible.is_empty().then(|| earlier(end, back.length)),
        }
    }

    /// `in time by 1h 25m`, or `LATE BY 5m`.
    pub fn verdict(&self) -> String {
        match self.in_time {
            true => format!("in time by {}", human(between(self.expected_end, self.end))),
            false => format!("LATE BY {}", human(between(self.end, self.expected_end))),
        }
    }
}

/// What a step that takes longer than expected means for the window.
pub fn delayed(run: &Run, upgrade: &Upgrade, deployment: &Deployment, now: Timestamp) -> String {
    if page_was_posted(run) {
        return WindowStatus::of(run, upgrade, deployment, now).verdict();
    }
    safe_start(latest_safe_start(run, deployment), now, deployment.window.start)
}

/// `latest safe start 05:25:18` or, after that moment, by how much the window would be late.
pub fn safe_start(latest: Timestamp, now: Timestamp, clock: OffsetTime) -> String {
    match now <= latest {
        true => format!("latest safe start {}", clock.show_beside(now, latest)),
        false => {
            format!("latest safe start was {}: LATE BY {}", clock.show_beside(now, latest), human(between(latest, now)))
        }
    }
}

fn latest_safe_start(run: &Run, deployment: &Deployment) -> Timestamp {
    forecast_now(&run.plan, deployment, deployment.window.start.timestamp).latest_safe_start
}

/// The forecast of a window with this plan that starts now, or at its start in the file if that is later.
#[must_use]
pub fn forecast_now(plan: &Plan, deployment: &Deployment, now: Timestamp) -> WindowForecast {
    let window = &deployment.window;
    WindowForecast::of(plan, now.max(window.start.timestamp), window.ends().timestamp)
}
