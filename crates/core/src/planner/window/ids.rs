//! The ids of the window's steps, which are the same in every plan and wherever steps wait for them.

use crate::deployment::{Fleet, Site, WriteCheck};
use crate::names::{BalancerName, DatabaseName, StepId};
use crate::plan::Host;
use crate::rows::CountedWhen;

pub(super) fn page_id(fleet: &Fleet) -> StepId {
    format!("window.page.{}", fleet.name).into()
}

pub(super) fn baseline_id(fleet: &Fleet) -> StepId {
    format!("window.baseline.{}", fleet.name).into()
}

pub(super) fn soak_id(fleet: &Fleet) -> StepId {
    format!("window.soak.{}", fleet.name).into()
}

pub(super) fn diverted_id(fleet: &Fleet) -> StepId {
    format!("window.diverted.{}", fleet.name).into()
}

pub(super) fn stop_id(host: &Host) -> StepId {
    format!("window.stop.{}", host.name).into()
}

pub(super) fn hold_id(host: &Host) -> StepId {
    format!("window.hold.{}", host.name).into()
}

pub(super) fn freeze_id(host: &Host) -> StepId {
    format!("window.freeze.{}", host.name).into()
}

pub(super) fn returned_id(fleet: &Fleet) -> StepId {
    format!("window.returned.{}", fleet.name).into()
}

pub(super) fn stopped_id(fleet: &Fleet) -> StepId {
    format!("window.stopped.{}", fleet.name).into()
}

pub(super) fn still_stopped_id(fleet: &Fleet) -> StepId {
    format!("window.still-stopped.{}", fleet.name).into()
}

pub(super) fn still_running_id(fleet: &Fleet) -> StepId {
    format!("window.still-running.{}", fleet.name).into()
}

pub(super) fn tasks_id(fleet: &Fleet) -> StepId {
    format!("window.tasks.{}", fleet.name).into()
}

pub(super) fn start_id(host: &Host) -> StepId {
    format!("window.start.{}", host.name).into()
}

pub(super) fn confirm_id(fleet: &Fleet) -> StepId {
    format!("window.confirm.{}", fleet.name).into()
}

pub(super) fn sessions_id(database: &DatabaseName) -> StepId {
    format!("window.sessions.{database}").into()
}

pub(super) fn storage_id(database: &DatabaseName) -> StepId {
    format!("window.storage.{database}").into()
}

pub(super) fn rows_id(database: &DatabaseName, when: CountedWhen) -> StepId {
    match when {
        CountedWhen::Before => format!("window.rows.{database}").into(),
        CountedWhen::After => format!("window.rows-after.{database}").into(),
    }
}

pub(super) fn snapshot_id(which: &str, database: &DatabaseName) -> StepId {
    match which {
        "window" => format!("window.snapshot.{database}").into(),
        _ => format!("window.snapshot.{which}.{database}").into(),
    }
}

pub(super) fn write_check_id(fleet: &Fleet, check: &WriteCheck) -> StepId {
    format!("window.write.{}.{}", fleet.name, check.name).into()
}

pub(super) fn deregister_id(balancer: &BalancerName) -> StepId {
    format!("window.deregister.{balancer}").into()
}

pub(super) fn healthy_id(balancer: &BalancerName) -> StepId {
    format!("window.healthy.{balancer}").into()
}

pub(super) fn verify_id(site: &Site) -> StepId {
    format!("window.verify.{}", site.name).into()
}

pub(super) fn served_id(site: &Site) -> StepId {
    format!("window.served.{}", site.name).into()
}
