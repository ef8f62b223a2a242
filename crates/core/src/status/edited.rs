//! Whether the deployment file still says what was announced, or what the phase under way was planned from.

use jiff::Timestamp;
use serde::Serialize;

use crate::deployment::Deployment;
use crate::digest::Digest;
use crate::journal::{Upgrade, downtime_began};
use crate::plan::Phase;
use crate::planner::is_announced_otherwise;

/// The file was edited, and the journal follows what it said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Edited {
    /// The phase that has to be planned again.
    pub phase: Phase,
    /// The start of the window that has to be put back instead: visitors may see the maintenance page, so that it is too
    /// late for another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_back: Option<Timestamp>,
}

impl Edited {
    /// Which phase has to be planned again; nothing if the file still says the same.
    #[must_use]
    pub fn of(upgrade: &Upgrade, deployment: &Deployment) -> Option<Self> {
        let phase = match is_announced_otherwise(upgrade, deployment) {
            true => Phase::Announce,
            false => {
                let run = upgrade.run_under_way().filter(|run| run.deployment != Digest::of_json(deployment))?;
                run.kind.phase()?
            }
        };
        let window = upgrade.run_of(Phase::Window).filter(|_| phase == Phase::Window);
        let begun = window.filter(|run| downtime_began(run).is_some()).and_then(|run| run.plan.window_start());
        let put_back = begun.filter(|start| *start != deployment.window.start.timestamp);
        Some(Self { phase, put_back })
    }

    /// What was edited, and what that means for everything that is shown.
    #[must_use]
    pub fn words(self) -> String {
        match self.phase {
            Phase::Announce => {
                "the dates, the maintenance page or a message in the file were edited since `announce`: \
                                visitors were told something else"
                    .to_owned()
            }
            _ if self.put_back.is_some() => {
                "`start` under [window] was edited after the maintenance page went up, or may have".to_owned()
            }
            phase => format!("the file has changed since `{phase}` was started; the plan from before is shown here"),
        }
    }
}
