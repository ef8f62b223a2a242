//! The window as a whole: its lines in the order of the runbook, and how it opens.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Inputs;
use super::super::announce::announcements;
use super::super::build::{GATE_LIMIT, step};
use super::super::gates::gates;
use super::super::hosts::{HostsByGroup, left_out};
use crate::deployment::{AnnounceWhen, Deployment, Fleet, GateBefore};
use crate::names::{FleetName, StepId};
use crate::plan::{Action, Line, Rule, Step};
use crate::time::earlier;

pub(super) const NEW_CODE_ONLY: &str = "the schema may be migrated, and old code must not serve or write on it";

pub(crate) fn steps(inputs: Inputs<'_>) -> Vec<Step> {
    let window = Window::new(inputs);
    let mut steps = window.open();
    for fleet in &window.deployment.fleets {
        steps.extend(window.post_page(fleet));
        steps.extend(window.hold_back(fleet));
        steps.extend(window.freeze(fleet));
        steps.extend(window.stop_current(fleet));
        steps.extend(window.remove_current(fleet));
    }
    steps.extend(window.deployment.databases.iter().filter(|database| database.snapshot).map(|d| window.snapshot(d)));
    steps.extend(window.deployment.databases.iter().filter_map(|database| window.rows_before(database)));
    let gates = gates(window.deployment, GateBefore::Migrate, "window", Line::Migrate);
    let gates: Vec<Step> = gates.into_iter().map(|gate| window.after_stops_and_snapshots(gate)).collect();
    let decided: Vec<StepId> = gates.iter().map(|gate| gate.id.clone()).collect();
    steps.extend(gates);
    steps.extend(window.deployment.fleets.iter().map(|fleet| window.confirm_stopped(fleet, &decided)));
    steps.extend(window.deployment.databases.iter().filter_map(|database| window.confirmed(database).milestone));
    steps.extend(window.deployment.databases.iter().filter_map(|database| window.sessions(database)));
    steps.extend(window.deployment.databases.iter().filter_map(|database| window.storage(database)));
    for fleet in &window.deployment.fleets {
        steps.extend(window.migrate(fleet));
        steps.extend(window.start_next(fleet));
        steps.extend(window.add_next(fleet));
        steps.extend(window.verify(fleet));
        steps.extend(window.write_checks(fleet));
    }
    steps.extend(window.deployment.databases.iter().filter_map(|database| window.rows_after(database)));
    steps.extend(window.lift());
    steps.extend(window.deployment.fleets.iter().flat_map(|fleet| window.release(fleet)));
    steps
}

/// The preliminaries of the window start before it by the time that a snapshot takes, and by this much more.
pub(super) const LEAD: Duration = Duration::from_secs(900);

/// What the code for all lines of the window needs, looked up once.
pub(super) struct Window<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) deployment: &'a Deployment,
    pub(super) current: HostsByGroup,
    /// The next hosts that the window starts services on.
    pub(super) next: HostsByGroup,
    /// All next hosts that were prepared, also those that the window goes on without.
    pub(super) prepared: HostsByGroup,
    pub(super) page_stays: BTreeMap<&'a FleetName, Option<&'static str>>,
}

impl<'a> Window<'a> {
    pub(super) fn new(inputs: Inputs<'a>) -> Self {
        let deployment = inputs.deployment;
        let page_stays = |fleet: &'a Fleet| {
            let compatible = deployment.migrations_of(fleet).all(|migration| migration.backward_compatible);
            if compatible { None } else { Some(NEW_CODE_ONLY) }
        };
        let prepared = HostsByGroup::next(inputs);
        Self {
            inputs,
            deployment,
            current: HostsByGroup::current(inputs),
            next: prepared.without(&left_out(inputs)),
            prepared,
            page_stays: deployment.fleets.iter().map(|fleet| (&fleet.name, page_stays(fleet))).collect(),
        }
    }

    /// What causes no downtime, shortly before the announced start: decisions, and a snapshot that makes the one in the
    /// window quick. Then the wait for the start itself.
    pub(super) fn open(&self) -> Vec<Step> {
        let deployment = self.deployment;
        let (start, snapshot) = (deployment.window.start, deployment.expected.snapshot.duration());
        let late = is_late(self.inputs);
        let mut steps = Vec::new();
        let measured = deployment.fleets.iter().filter_map(|fleet| self.baseline(fleet));
        if !late {
            // If taken days before, a snapshot would not make the next one quick, and a decision would be out of date.
            let moment = earlier(start.timestamp, snapshot + LEAD);
            let title = format!("wait until {}", start.show(moment));
            steps.push(
                step("window.lead", Line::Open, title, Action::WaitUntil { moment, no_later_than: None })
                    .takes(Duration::ZERO, GATE_LIMIT),
            );
        }
        let lead: Vec<StepId> = steps.iter().map(|step: &Step| step.id.clone()).collect();
        // Days before, the old site may have done better or worse.
        let measured: Vec<Step> = measured.map(|step| step.after_all(&lead, Rule::Follows)).collect();
        let warm_up = deployment.databases.iter().filter(|database| database.warm_up_snapshot && !late);
        let warm_up = warm_up.map(|database| self.take_snapshot(database, "warm-up", Line::Open, snapshot));
        let gates = gates(deployment, GateBefore::Window, "window", Line::Open);
        let read = deployment.fleets.iter().flat_map(|fleet| self.read_statements(fleet));
        let read: Vec<Step> = read.map(|step| step.after_all(&lead, Rule::Follows)).collect();
        steps.extend(warm_up.chain(gates).map(|step| step.after_all(&lead, Rule::Follows)));
        let open = step(
            "window.open",
            Line::Open,
            format!("wait until {start}"),
            Action::WaitUntil { moment: start.timestamp, no_later_than: None },
        );
        let open = steps.iter().fold(open.takes(Duration::ZERO, GATE_LIMIT), |open, step| match step.action {
            Action::Decide(_) => open.after(&step.id, Rule::Decision),
            Action::WaitUntil { .. } => open,
            _ => open.after(&step.id, Rule::WarmUpFirst),
        });
        let announced = announcements(deployment, AnnounceWhen::Started, "window", Line::PostPage);
        let announced = announced.into_iter().map(|step| step.after(&open.id, Rule::WindowOpens));
        let announced: Vec<Step> = announced.collect();
        steps.extend(measured.into_iter().chain(read));
        steps.push(open);
        steps.extend(announced);
        steps
    }
}

/// Whether it is too late for the preliminaries: a snapshot started now would not be ready when the window opens.
pub(crate) fn is_late(inputs: Inputs<'_>) -> bool {
    let snapshot = inputs.deployment.expected.snapshot.duration();
    earlier(inputs.deployment.window.start.timestamp, snapshot) < inputs.observation.at
}
