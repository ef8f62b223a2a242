//! Makes a forecast: replays the stack, and finds out the reason for the fate of each patch.

use std::collections::BTreeMap;

use super::case::{Case, files};
use super::changed::changed;
use super::conflicts::Cause;
use super::culprit::Inquiry;
use super::explain::{Explainers, Queue};
use super::order::Order;
use super::twins::twins;
use super::{Depth, Fate, Flattening, Forecast, PatchForecast, Step, UpstreamCommit};
use crate::error::Result;
use crate::ledger::Named;
use crate::left_behind::left_behind;
use crate::names::{GitPath, ObjectId};
use crate::origin::{Line, Origin};
use crate::replay::{AtConflict, Decisions, Engine, Picked, Replayed, replay, replay_hearing};
use crate::repository::{Repository, Revision};
use crate::stack::{Patch, Stack};
use crate::threads::joined;

/// Forecasts a rebase of `stack` onto `onto`, with the cause of each conflict. No ref moves. `progress` hears how many
/// patches are done, of how many.
///
/// # Errors
/// When git fails.
pub fn forecast(
    repository: &Repository,
    stack: &Stack,
    onto: &Revision,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Forecast> {
    forecast_step_by_step(repository, stack, onto, Depth::Causes, &mut |step| {
        if let Step::Replayed { done, total } = step {
            progress(done, total);
        }
    })
}

/// Forecasts a rebase of `stack` onto `onto`. No ref moves. `hear` gets what is known, as soon as it is.
///
/// # Errors
/// When git fails.
pub fn forecast_step_by_step(
    repository: &Repository,
    stack: &Stack,
    onto: &Revision,
    depth: Depth,
    hear: &mut dyn FnMut(Step<'_>),
) -> Result<Forecast> {
    let mut engine = Engine::open(repository, &onto.commit)?;
    let spare = engine.spare();
    let (inquiry, queue) = (Inquiry::new(repository, stack, &onto.commit), Queue::default());
    std::thread::scope(|scope| {
        let explainers = (depth == Depth::Causes).then(|| Explainers::start(scope, &inquiry, &queue, &spare));
        let flattening = scope.spawn(|| flattening(repository, stack));
        let left_behind = scope.spawn(|| left_behind(repository, &stack.base.commit, &onto.commit));
        let work = || {
            let replayed = replayed(&mut engine, stack, onto, explainers.is_some().then_some(&queue), hear)?;
            let account = Account { repository, stack, onto, inquiry: &inquiry, replayed: &replayed };
            let twins = account.twins(explainers.is_some())?;
            let patches = account.but_for_causes(&mut engine, &twins)?;
            let mut forecast = account.forecast(patches, joined(flattening)?, joined(left_behind)?);
            hear(Step::Outcomes(&forecast));
            if let Some(explainers) = explainers {
                let mut order = Order::new(&mut forecast.patches, hear);
                explainers.all(&mut engine, &mut |index, cause| {
                    let twin = twins.get(&stack.patches[index].commit);
                    order.complete(index, |forecast| conflicting(forecast, cause, twin));
                })?;
            }
            Ok(forecast)
        };
        let forecast = work();
        queue.abandon();
        forecast
    })
}

/// Replays the stack. What conflicts is put in the queue at once, if there is one, which is complete then.
fn replayed(
    engine: &mut Engine,
    stack: &Stack,
    onto: &Revision,
    queue: Option<&Queue>,
    hear: &mut dyn FnMut(Step<'_>),
) -> Result<Replayed> {
    let total = stack.patches.len();
    let decisions = Decisions::default();
    let replayed = replay_hearing(engine, &stack.patches, &onto.commit, &decisions, AtConflict::Skip, &mut |picks| {
        if let (Some(queue), Some(case)) = (queue, Case::of_last(stack, picks)) {
            queue.add(case);
        }
        hear(Step::Replayed { done: picks.len(), total });
    })?;
    if let Some(queue) = queue {
        queue.complete();
    }
    Ok(replayed)
}

/// What the merges of the branch change beyond its patches: the patches alone, on their own base, should give its tree.
///
/// # Errors
/// When git fails.
pub fn flattening(repository: &Repository, stack: &Stack) -> Result<Flattening> {
    if stack.is_linear() {
        return Ok(Flattening { merges: 0, lost: Vec::new() });
    }
    let mut engine = Engine::open(repository, &stack.base.commit)?;
    let decisions = Decisions::default();
    let flat = replay(&mut engine, &stack.patches, &stack.base.commit, &decisions, AtConflict::Skip, &mut |_| {})?;
    let branch = engine.tree_of(&stack.branch.commit)?;
    let lost = if flat.tree == branch { Vec::new() } else { engine.difference(&flat.tree, &branch)? };
    Ok(Flattening { merges: stack.merges.len(), lost })
}

/// A replay that is accounted for.
struct Account<'a> {
    repository: &'a Repository,
    stack: &'a Stack,
    onto: &'a Revision,
    inquiry: &'a Inquiry<'a>,
    replayed: &'a Replayed,
}

impl Account<'_> {
    fn forecast(&self, patches: Vec<PatchForecast>, flattening: Flattening, left_behind: Vec<Named>) -> Forecast {
        let Self { stack, onto, replayed, .. } = self;
        Forecast {
            branch: stack.branch.name.clone(),
            branch_head: stack.branch.commit.clone(),
            base: stack.base.commit.clone(),
            base_found: stack.base.found.clone(),
            onto: onto.commit.clone(),
            onto_name: onto.name.clone(),
            tree: replayed.tree.clone(),
            head: replayed.head.clone(),
            left_behind,
            leaves: None,
            withdrawn: Vec::new(),
            target: None,
            flattening,
            patches,
        }
    }

    /// Upstream's own commits of patches of which it may have one.
    fn twins(&self, of_conflicts: bool) -> Result<BTreeMap<ObjectId, UpstreamCommit>> {
        let wanting = self.stack.patches.iter().zip(&self.replayed.picks).filter(|(_, pick)| match pick {
            Picked::Empty => true,
            Picked::Conflict(_) => of_conflicts,
            _ => false,
        });
        let wanting: Vec<&Patch> = wanting.map(|(patch, _)| patch).collect();
        if wanting.is_empty() {
            return Ok(BTreeMap::new());
        }
        twins(self.repository, &*self.inquiry.upstream()?, &wanting)
    }

    /// Everything but the causes of conflicts.
    fn but_for_causes(
        &self,
        engine: &mut Engine,
        twins: &BTreeMap<ObjectId, UpstreamCommit>,
    ) -> Result<Vec<PatchForecast>> {
        let (stack, picks) = (self.stack, &self.replayed.picks);
        let changed = changed(engine, stack, picks)?;
        let kept = picks.iter().zip(&stack.patches).map(|(pick, patch)| (patch, pick.commit(patch)));
        let line = Line::new(self.repository, &stack.base.commit, &self.onto.commit, kept);
        let mut known = Vec::new();
        for (index, (patch, pick)) in stack.patches.iter().zip(picks).enumerate() {
            let mut forecast = plain(patch, pick, &changed);
            if matches!(pick, Picked::Empty) {
                let origin = line.origin(engine, patch, index, twins.get(&patch.commit))?;
                contained(&mut forecast, origin, &stack.patches);
            }
            known.push(forecast);
        }
        Ok(known)
    }
}

/// What is known of a patch before the reason is looked for.
fn plain(patch: &Patch, pick: &Picked, changed: &BTreeMap<ObjectId, Vec<GitPath>>) -> PatchForecast {
    let (fate, becomes, because) = match pick {
        Picked::AsItWas => (Fate::Applies, Some(patch.commit.clone()), String::new()),
        Picked::Merged { commit, .. } | Picked::Resolved { commit, .. } => match changed.get(&patch.commit) {
            Some(files) => (Fate::Changed, Some(commit.clone()), around(files)),
            None if patch.changes.is_empty() => {
                (Fate::Applies, Some(commit.clone()), "it was empty from the start".to_owned())
            }
            None => (Fate::Applies, Some(commit.clone()), String::new()),
        },
        Picked::Empty | Picked::Skipped => (Fate::Empty, None, String::new()),
        Picked::Conflict(_) => (Fate::Conflicts, None, String::new()),
    };
    let files = match pick {
        Picked::Conflict(conflict) => files(conflict),
        _ => Vec::new(),
    };
    PatchForecast {
        commit: patch.commit.clone(),
        subject: patch.subject.clone(),
        author: patch.author.clone(),
        fate,
        becomes,
        files,
        because,
        hunks: Vec::new(),
        upstream: Vec::new(),
        depends_on: Vec::new(),
    }
}

fn around(files: &[GitPath]) -> String {
    let names: Vec<String> = files.iter().take(3).map(ToString::to_string).collect();
    let more = if files.len() > 3 { format!(" and {} more", files.len() - 3) } else { String::new() };
    format!("the lines around it have changed in {}{more}", names.join(", "))
}

fn conflicting(forecast: &mut PatchForecast, cause: Cause, twin: Option<&UpstreamCommit>) {
    (forecast.files, forecast.hunks, forecast.upstream) = (cause.files, cause.hunks, cause.upstream);
    (forecast.because, forecast.depends_on) = (cause.because, cause.depends_on);
    if let Some(twin) = twin {
        forecast.because = format!(
            "upstream has this patch as {} ({}), and has changed or reverted it since: find out which before leaving it out",
            twin.commit.short(),
            twin.subject
        );
        forecast.upstream.retain(|other| other.commit != twin.commit);
        forecast.upstream.insert(0, UpstreamCommit { culprit: false, ..twin.clone() });
    }
}

/// Why nothing is left of a patch.
fn contained(forecast: &mut PatchForecast, origin: Origin, stack: &[Patch]) {
    let named = |commit: &ObjectId, subject: &str| format!("{} ({subject})", commit.short());
    forecast.because = match &origin {
        Origin::Same(twin) => format!("it is upstream's {}", named(&twin.commit, &twin.subject)),
        Origin::Upstream(by) => format!("upstream has its content since {}", named(&by.commit, &by.subject)),
        Origin::Ours { index, is_same } => {
            let ours = &stack[*index];
            let number = index + 1;
            let what = if *is_same { "it is the same change as" } else { "its content is in" };
            format!("{what} patch {number} of ours, {}", named(&ours.commit, &ours.subject))
        }
        Origin::Before => "the release had its content before our patches".to_owned(),
        Origin::Unknown => {
            "the new base has its content, and none of upstream's commits is known to bring it".to_owned()
        }
    };
    forecast.fate = match origin {
        Origin::Same(_) => Fate::Upstreamed,
        Origin::Ours { .. } => Fate::Included,
        Origin::Upstream(_) | Origin::Before | Origin::Unknown => Fate::Empty,
    };
    if let Origin::Same(by) | Origin::Upstream(by) = origin {
        forecast.upstream = vec![by];
    }
}
