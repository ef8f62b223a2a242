//! What else would change hosts in the window: cron files and timers that are held back on current hosts, and what the
//! deployment file freezes on all of them. Neither comes back on current hosts unless the upgrade is taken back: it could
//! start old code against a migrated schema.

use std::time::Duration;

use super::Window;
use super::ids::{freeze_id, hold_id, returned_id};
use crate::deployment::{Fleet, Services};
use crate::names::StepId;
use crate::plan::{Action, HeldItems, Host, Line, Purpose, Rule, RunCommands, Step};
use crate::planner::build::{CALL_LIMIT, step};

/// How long it takes to hold back or to freeze, unless a service that a timer has started must be waited for.
const EXPECTED: Duration = Duration::from_secs(5);

impl<'a> Window<'a> {
    /// Holds the cron files and timers of the current hosts back, before their services stop.
    pub(super) fn hold_back(&self, fleet: &'a Fleet) -> Vec<Step> {
        let hosts = self.current.of_fleet(&fleet.name);
        let holds = hosts.filter_map(|(role, host)| {
            let services = self.deployment.role.services(role).filter(|services| !services.hold_back.is_empty())?;
            let held = HeldItems { host: host.clone(), items: services.hold_back.items() };
            let title = format!("hold cron and timers back on {}", host.name);
            Some(
                step(hold_id(host), Line::StopCurrent, title, Action::HoldBack(held.clone()))
                    .of_fleet(&fleet.name)
                    .after(&"window.open".into(), Rule::WindowOpens)
                    .takes(EXPECTED, services.stop_limit.duration() + CALL_LIMIT)
                    .undone_by(Action::PutBack(held), EXPECTED),
            )
        });
        holds.collect()
    }

    /// Freezes what the file says on current and on next hosts.
    pub(super) fn freeze(&self, fleet: &'a Fleet) -> Vec<Step> {
        let hosts = self.current.of_fleet(&fleet.name).chain(self.next.of_fleet(&fleet.name));
        let freezes = hosts.filter_map(|(role, host)| {
            let services = self.deployment.role.services(role).filter(|services| !services.freeze.is_empty())?;
            Some(
                commands(freeze_id(host), Line::StopCurrent, host, services, Purpose::Freeze)
                    .of_fleet(&fleet.name)
                    .after(&"window.open".into(), Rule::WindowOpens),
            )
        });
        freezes.collect()
    }

    /// What a current host's stop waits for.
    pub(super) fn held(&self, services: &Services, host: &Host) -> Vec<StepId> {
        let held = (!services.hold_back.is_empty()).then(|| hold_id(host));
        held.into_iter().chain((!services.freeze.is_empty()).then(|| freeze_id(host))).collect()
    }

    /// The freezes of a fleet's next hosts.
    pub(super) fn frozen_next(&self, fleet: &'a Fleet) -> Vec<StepId> {
        let hosts = self.next.of_fleet(&fleet.name);
        let frozen = hosts.filter(|(role, _)| {
            self.deployment.role.services(*role).is_some_and(|services| !services.freeze.is_empty())
        });
        frozen.map(|(_, host)| freeze_id(host)).collect()
    }

    /// Releases the next hosts once visitors are back.
    pub(super) fn release(&self, fleet: &'a Fleet) -> Vec<Step> {
        let hosts = self.next.of_fleet(&fleet.name);
        let releases = hosts.filter_map(|(role, host)| {
            let services = self.deployment.role.services(role).filter(|services| !services.freeze.is_empty())?;
            let id = format!("window.release.{}", host.name).into();
            Some(
                commands(id, Line::LiftPage, host, services, Purpose::Release)
                    .of_fleet(&fleet.name)
                    .after(&returned_id(fleet), Rule::Follows),
            )
        });
        releases.collect()
    }
}

/// The step that runs the commands of one purpose, and is undone by those of the other.
fn commands(id: StepId, line: Line, host: &Host, services: &Services, purpose: Purpose) -> Step {
    let run = |purpose| {
        let commands = match purpose {
            Purpose::Freeze => services.freeze.clone(),
            Purpose::Release => services.release.clone(),
        };
        Action::RunCommands(RunCommands { host: host.clone(), purpose, commands })
    };
    let back = match purpose {
        Purpose::Freeze => Purpose::Release,
        Purpose::Release => Purpose::Freeze,
    };
    let title = format!("run the commands of `{}` on {}", purpose.as_str(), host.name);
    step(id, line, title, run(purpose)).takes(EXPECTED, CALL_LIMIT).undone_by(run(back), EXPECTED)
}
