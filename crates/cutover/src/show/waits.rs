//! What steps under way wait for, and when that gets a line of the log. A report is kept until it has had its line, since a
//! wait that does not change is reported only once.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::journal::{Run, StepRun};
use cutover_core::names::{HostName, StepId};
use cutover_core::plan::{Step, StepGroup, StepGroups, host_of};
use cutover_core::time::between;
use cutover_core::words::some_of;
use jiff::Timestamp;

/// Waits are shown at most this often for each group of steps.
const BETWEEN_WAITS: Duration = Duration::from_secs(30);
/// How often it is looked which lines are due.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// So many hosts that wait for the same are named.
const NAMED: usize = 3;

/// What the steps of a phase wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    /// What each step waits for, as it last reported.
    details: BTreeMap<StepId, String>,
    /// Since when each step has a report without a line.
    untold: BTreeMap<StepId, Timestamp>,
    /// When each group had its last line, by its index.
    told: BTreeMap<usize, Timestamp>,
    looked: Option<Timestamp>,
}

impl Waits {
    /// Keeps a report of what a step waits for.
    pub(super) fn hear(&mut self, at: Timestamp, step: &StepId, detail: &str) {
        self.details.insert(step.clone(), detail.to_owned());
        self.untold.entry(step.clone()).or_insert(at);
    }

    /// The reports that get a line at `at`, each with the index of its group: at most one of each group, that which was kept
    /// for the longest time. Those of steps that do not wait any more are dropped.
    pub(super) fn due(
        &mut self,
        at: Timestamp,
        run: &Run,
        groups: &StepGroups,
        waits: impl Fn(&StepId) -> bool,
    ) -> Vec<(usize, String)> {
        if self.untold.is_empty() || self.looked.is_some_and(|looked| between(looked, at) < BETWEEN_LOOKS) {
            return Vec::new();
        }
        self.looked = Some(at);
        self.untold.retain(|step, _| waits(step));
        let mut oldest: BTreeMap<usize, (Timestamp, &StepId)> = BTreeMap::new();
        for (step, since) in &self.untold {
            let Some(group) = groups.index_of(step) else { continue };
            let quiet_since = self.told.get(&group).copied().or(run.run(step).started_at).unwrap_or(*since);
            let is_older = oldest.get(&group).is_none_or(|(other, _)| since < other);
            if is_older && between(quiet_since, at) >= BETWEEN_WAITS {
                oldest.insert(group, (*since, step));
            }
        }
        let due: Vec<(usize, StepId)> = oldest.into_iter().map(|(group, (_, step))| (group, step.clone())).collect();
        due.into_iter().filter_map(|(index, step)| Some((index, self.tell(at, run, groups, index, &step)?))).collect()
    }

    /// The words for a report, which counts as told from now on, with those of other steps that say the same.
    fn tell(&mut self, at: Timestamp, run: &Run, groups: &StepGroups, index: usize, step: &StepId) -> Option<String> {
        let group = groups.list.get(index)?;
        let words = self.words(run, group, step)?;
        let detail = self.details.get(step)?;
        let says_the_same =
            |other: &StepId| groups.index_of(other) == Some(index) && self.details.get(other) == Some(detail);
        self.untold.retain(|other, _| !says_the_same(other));
        self.told.insert(index, at);
        Some(words)
    }

    /// What a step of a group waits for, with the hosts for which the same was reported where the group has several.
    pub(super) fn words(&self, run: &Run, group: &StepGroup, step: &StepId) -> Option<String> {
        let detail = self.details.get(step)?;
        let same = |step: &&Step| self.details.get(&step.id) == Some(detail) && !run.status(&step.id).is_done();
        let hosts = members(run, group).map(|(step, _)| step).filter(same).filter_map(|step| host_of(&step.action));
        let hosts: Vec<&HostName> = hosts.filter(|host| !detail.contains(host.as_str())).collect();
        match hosts.is_empty() || group.steps.len() < 2 {
            true => Some(detail.clone()),
            false => Some(format!("{}: {detail}", some_of(&hosts, NAMED))),
        }
    }

    /// What a step waits for, as it last reported.
    pub(super) fn of(&self, step: &StepId) -> Option<&str> {
        self.details.get(step).map(String::as_str)
    }
}

/// The steps of a group, with their states.
pub(super) fn members<'a>(run: &'a Run, group: &'a StepGroup) -> impl Iterator<Item = (&'a Step, &'a StepRun)> {
    group.steps.iter().filter_map(|position| {
        let step = run.plan.steps.get(*position)?;
        Some((step, run.run(&step.id)))
    })
}
