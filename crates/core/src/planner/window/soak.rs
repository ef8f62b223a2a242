//! What visitors get before the window, and the comparison with it once they are back.

use std::time::Duration;

use super::Window;
use super::ids::{baseline_id, page_id, served_id, soak_id};
use crate::deployment::{Fleet, Role, Site, SiteCheck};
use crate::names::StepId;
use crate::plan::{Action, AskedSite, Baseline, CountTasks, Line, Phase, Rule, Soak, Step};
use crate::planner::build::{CALL_LIMIT, step};

/// How many requests each site gets before the window.
const REQUESTS: u32 = 20;
/// How long they take together.
const MEASURED: Duration = Duration::from_secs(10);

impl Window<'_> {
    /// Measures what visitors get while they still get the old site. That is done shortly before the start of the window, while the
    /// start is waited for.
    pub(super) fn baseline(&self, fleet: &Fleet) -> Option<Step> {
        self.deployment.soak.as_ref()?;
        let is_too_late = self.was_posted_without(fleet, &baseline_id(fleet));
        let action = Action::Baseline(Baseline {
            fleet: fleet.name.clone(),
            sites: self.asked(fleet, SiteCheck::of_current_release),
            requests: REQUESTS,
            count: self.counted_on_current(fleet),
        });
        let measured = step(baseline_id(fleet), Line::Open, "measure what visitors get before the window", action)
            .of_fleet(&fleet.name)
            .takes(MEASURED, CALL_LIMIT);
        (!is_too_late).then_some(measured)
    }

    /// The id of that step, if there is one.
    pub(super) fn baseline_taken(&self, fleet: &Fleet) -> Option<StepId> {
        self.baseline(fleet).map(|step| step.id)
    }

    /// Watches a fleet's sites once visitors get them again.
    pub(super) fn soak(&self, fleet: &Fleet) -> Option<Step> {
        let terms = self.deployment.soak.clone()?;
        let served: Vec<StepId> = self.deployment.sites_of(fleet).map(served_id).collect();
        let length = terms.length.duration();
        let action = Action::Soak(Soak {
            fleet: fleet.name.clone(),
            sites: self.asked(fleet, SiteCheck::of_release),
            count: self.counted_on_next(fleet),
            terms,
        });
        let soak = step(soak_id(fleet), Line::Soak, "compare what visitors get with the time before", action)
            .of_fleet(&fleet.name)
            .after_all(&served, Rule::Follows)
            .takes(length, length + CALL_LIMIT);
        Some(soak)
    }

    fn asked(&self, fleet: &Fleet, of: fn(&SiteCheck, &crate::deployment::Release) -> SiteCheck) -> Vec<AskedSite> {
        let asked = |site: &Site| AskedSite {
            site: site.name.clone(),
            host: site.host.clone(),
            checks: site.checks.iter().map(|check| of(check, &self.deployment.release)).collect(),
        };
        self.deployment.sites_of(fleet).map(asked).collect()
    }

    fn counted_on_next(&self, fleet: &Fleet) -> Option<CountTasks> {
        let command = self.deployment.role.worker.as_ref()?.count_queues.clone();
        let host = self.next.of(&fleet.name, Role::Worker).first()?.clone();
        (!command.is_empty()).then_some(CountTasks { host, command })
    }

    /// Whether the page may be up by a plan that had no such step, which was to come before it.
    pub(super) fn was_posted_without(&self, fleet: &Fleet, step: &StepId) -> bool {
        let Some(run) = self.inputs.upgrade.run_of(Phase::Window) else { return false };
        !run.status(&page_id(fleet)).is_untouched() && run.plan.step(step).is_none()
    }
}
