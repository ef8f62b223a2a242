//! Whether the deployment file still says what was announced, or what the phase under way was planned from.

use jiff::Timestamp;
use serde::Serialize;

use crate::deployment::Deployment;
use crate::journal::{BegunMigration, Upgrade, page_was_posted};
use crate::names::HostName;
use crate::plan::Phase;
use crate::planner::{
    added_migrations, counts_left, is_announced_otherwise, migrations_left, snapshots_left, unprepared_hosts,
    would_post_again,
};
use crate::time::OffsetTime;
use crate::words::some_of;

/// The file was edited, and the journal follows what it said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edited {
    /// The phase that has to be planned again.
    pub phase: Phase,
    /// What has to be put back instead: visitors may see the maintenance page, so that it is too late for the edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_back: Option<PutBack>,
    /// The hosts in the file that `prepare` has not launched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unprepared: Vec<HostName>,
    /// The migrations that were begun, may still run or have failed, and are not in the file any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub migrations_left: Vec<BegunMigration>,
}

/// An edit that cannot be applied any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PutBack {
    /// The start of the window, which was this.
    Start(Timestamp),
    /// The number of hosts.
    Hosts,
    /// Migrations that were begun.
    Migrations,
    /// Snapshots that lack something.
    Snapshots,
    /// How tasks are counted.
    Count,
    /// The migrations as they were before some were added, after next services had been started.
    WithoutAdded,
    /// Everything that was edited: visitors are being sent back to the sites, or are there already, and another plan would send
    /// them to the maintenance page again.
    Everything,
}

/// How many hosts or migrations are named.
const SHOWN: usize = 3;

impl Edited {
    /// Which phase has to be planned again; nothing if the file still says the same.
    #[must_use]
    pub fn of(upgrade: &Upgrade, deployment: &Deployment) -> Option<Self> {
        let window = upgrade.run_of(Phase::Window);
        let is_over = window.is_some_and(|run| !run.is_under_way());
        let unprepared = if is_over { Vec::new() } else { unprepared_hosts(upgrade, deployment) };
        let down = window.filter(|run| run.is_under_way() && page_was_posted(run));
        let phase = if is_announced_otherwise(upgrade, deployment) {
            Phase::Announce
        } else if !unprepared.is_empty() && down.is_none() {
            Phase::Prepare
        } else {
            let run = upgrade.run_under_way().filter(|run| !run.was_planned_from(deployment))?;
            run.kind.phase()?
        };
        let migrations_left = if is_over { Vec::new() } else { migrations_left(upgrade, deployment) };
        let edited = Self { phase, put_back: None, unprepared, migrations_left };
        let put_back = edited.too_late_for(upgrade, deployment).filter(|_| phase == Phase::Window);
        Some(Self { put_back, ..edited })
    }

    /// What the window under way does not allow to be edited any more.
    fn too_late_for(&self, upgrade: &Upgrade, deployment: &Deployment) -> Option<PutBack> {
        let window = upgrade.run_of(Phase::Window).filter(|run| run.is_under_way())?;
        let is_down = page_was_posted(window);
        let start = window.plan.window_start().filter(|start| *start != deployment.window.start.timestamp);
        match start {
            Some(start) if is_down => Some(PutBack::Start(start)),
            // Until visitors may see the page, `prepare` is planned again instead.
            _ if !self.unprepared.is_empty() => Some(PutBack::Hosts),
            _ if !self.migrations_left.is_empty() => Some(PutBack::Migrations),
            _ if !snapshots_left(upgrade, deployment).is_empty() => Some(PutBack::Snapshots),
            _ if is_down && !counts_left(upgrade, deployment, |worker| !upgrade.gone.contains(worker)).is_empty() => {
                Some(PutBack::Count)
            }
            _ if !added_migrations(upgrade, deployment).is_empty() => Some(PutBack::WithoutAdded),
            _ if is_down && would_post_again(upgrade, deployment, window) => Some(PutBack::Everything),
            _ => None,
        }
    }

    /// What was edited, and what that means for everything that is shown.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.phase, self.put_back) {
            (Phase::Announce, _) => {
                "the dates, the maintenance page or a message in the file were edited since `announce`: \
                                visitors were told something else"
                    .to_owned()
            }
            (_, Some(PutBack::Start(_))) => {
                "`start` under [window] was edited after the maintenance page went up, or may have".to_owned()
            }
            (_, Some(PutBack::Hosts)) => format!(
                "the file asks for {}, not prepared when the maintenance page went up, or may have",
                self.hosts()
            ),
            (_, Some(PutBack::Migrations)) => {
                let names: Vec<String> = self.migrations_left.iter().map(BegunMigration::name).collect();
                format!("the file does not migrate {} any more, which was begun", some_of(&names, SHOWN))
            }
            (_, Some(PutBack::WithoutAdded)) => {
                "a migration was added to the file after next services of its fleet had been started".to_owned()
            }
            (_, Some(PutBack::Snapshots)) => {
                "a snapshot was taken out of the file that may lack something, to which nobody has consented".to_owned()
            }
            (_, Some(PutBack::Count)) => {
                "`count_queues` was taken out of the file before the count of the tasks that are left has ended".to_owned()
            }
            (_, Some(PutBack::Everything)) => {
                "the file has changed since visitors are being sent back to the sites; the plan from before is shown here"
                    .to_owned()
            }
            (Phase::Prepare, None) if !self.unprepared.is_empty() => {
                format!("the file asks for {}, not launched by `prepare`", self.hosts())
            }
            (phase, None) => {
                format!("the file has changed since `{phase}` was started; the plan from before is shown here")
            }
        }
    }

    /// What has to be put back and why, if it is too late for the edit. `clock` shows moments.
    #[must_use]
    pub fn put_back_words(&self, clock: OffsetTime) -> Option<String> {
        let words = match self.put_back? {
            PutBack::Start(start) => format!(
                "Put it back to {}: with another start, what was done would be done again, and the snapshot to go back \
                 to would be taken again.",
                clock.show(start)
            ),
            PutBack::Everything => {
                "Put the file back: another plan would send visitors to the maintenance page again.".to_owned()
            }
            PutBack::Hosts => "Put the file back: no host is launched while visitors may see the page.".to_owned(),
            PutBack::WithoutAdded => {
                "Put the file back, and run that migration by hand: new code must not run meanwhile.".to_owned()
            }
            PutBack::Snapshots => {
                "Put the file back, and give your consent with `--retry` first, as it is then said under FAILED."
                    .to_owned()
            }
            PutBack::Count => {
                "Put the file back: the tasks are counted, and left to the next hosts only with your consent (`--retry`)."
                    .to_owned()
            }
            PutBack::Migrations => {
                let jobs: Vec<String> = self.migrations_left.iter().map(ToString::to_string).collect();
                format!("Put the file back, because new code must not run beside it: {}.", some_of(&jobs, SHOWN))
            }
        };
        Some(format!("{}. {words}", self.words()))
    }

    fn hosts(&self) -> String {
        let names: Vec<String> = self.unprepared.iter().map(ToString::to_string).collect();
        format!("more hosts ({})", some_of(&names, SHOWN))
    }
}
