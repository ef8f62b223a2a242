//! Makes a forecast: replays the stack, and finds out the reason for the fate of each patch.

use std::collections::BTreeMap;

use super::conflicts::{Cause, cause};
use super::culprit::Inquiry;
use super::{Fate, Flattening, Forecast, PatchForecast, UpstreamCommit};
use crate::error::Result;
use crate::identity::{Likeness, patch_ids};
use crate::left_behind::left_behind;
use crate::names::{GitPath, ObjectId};
use crate::origin::{Line, Origin};
use crate::replay::{AtConflict, Decisions, Engine, Picked, Replayed, replay};
use crate::repository::{Repository, Revision};
use crate::stack::{Patch, Stack};
use crate::upstream::twins;

/// Forecasts a rebase of `stack` onto `onto`. No ref moves. `progress` hears how many patches are done, of
/// how many.
///
/// # Errors
/// When git fails.
pub fn forecast(
    repository: &Repository,
    stack: &Stack,
    onto: &Revision,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Forecast> {
    let total = stack.patches.len();
    let mut engine = Engine::open(repository, &onto.commit)?;
    let flattening = flattening(repository, stack)?;
    let decisions = Decisions::default();
    let replayed = replay(&mut engine, &stack.patches, &onto.commit, &decisions, AtConflict::Skip, &mut |done| {
        progress(done, total);
    })?;
    let patches = account(&mut engine, repository, stack, onto, &replayed)?;
    Ok(Forecast {
        branch: stack.branch.name.clone(),
        branch_head: stack.branch.commit.clone(),
        base: stack.base.commit.clone(),
        base_found: stack.base.found.clone(),
        onto: onto.commit.clone(),
        onto_name: onto.name.clone(),
        tree: replayed.tree,
        head: replayed.head,
        left_behind: left_behind(repository, &stack.base.commit, &onto.commit)?,
        withdrawn: Vec::new(),
        flattening,
        patches,
    })
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

/// The fate of every patch, and why.
fn account(
    engine: &mut Engine,
    repository: &Repository,
    stack: &Stack,
    onto: &Revision,
    replayed: &Replayed,
) -> Result<Vec<PatchForecast>> {
    let changed = changed(engine, stack, replayed)?;
    let wanting = stack.patches.iter().zip(&replayed.picks);
    let wanting = wanting.filter(|(_, pick)| matches!(pick, Picked::Empty | Picked::Conflict(_)));
    let wanting: Vec<&Patch> = wanting.map(|(patch, _)| patch).collect();
    let range = [onto.commit.as_str().to_owned(), format!("^{}", stack.base.commit)];
    let twins = if wanting.is_empty() { BTreeMap::new() } else { twins(repository, &range, &wanting)? };
    let inquiry = Inquiry::new(repository, stack, &onto.commit, replayed)?;
    let kept = replayed.picks.iter().zip(&stack.patches).map(|(pick, patch)| (patch, pick.commit(patch)));
    let line = Line::new(repository, &stack.base.commit, &onto.commit, kept);
    let mut patches = Vec::new();
    for (index, (patch, pick)) in stack.patches.iter().zip(&replayed.picks).enumerate() {
        let mut forecast = plain(patch, pick, &changed);
        match pick {
            Picked::Conflict(_) => {
                let cause = cause(engine, &inquiry, index)?;
                conflicting(&mut forecast, cause, twins.get(&patch.commit));
            }
            Picked::Empty => {
                let origin = line.origin(engine, patch, index, twins.get(&patch.commit))?;
                contained(&mut forecast, origin, &stack.patches);
            }
            _ => {}
        }
        patches.push(forecast);
    }
    Ok(patches)
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
    PatchForecast {
        commit: patch.commit.clone(),
        subject: patch.subject.clone(),
        author: patch.author.clone(),
        fate,
        becomes,
        files: Vec::new(),
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

/// The patches whose diff is different on the new base, with the files in which it is. If the blobs of a patch are the
/// same on both bases, so is the patch; text is compared only if they differ.
fn changed(engine: &Engine, stack: &Stack, replayed: &Replayed) -> Result<BTreeMap<ObjectId, Vec<GitPath>>> {
    let pairs = stack.patches.iter().zip(&replayed.picks).filter_map(|(patch, pick)| match pick {
        Picked::Merged { commit, .. } => Some((patch, commit)),
        _ => None,
    });
    let pairs: Vec<(&Patch, &ObjectId)> = pairs.collect();
    let after = changes(engine, pairs.iter().map(|(_, commit)| *commit))?;
    let mut differing = Vec::new();
    for (patch, commit) in pairs {
        let files = differing_files(patch, after.get(commit).map_or(&[][..], Vec::as_slice));
        if !files.is_empty() {
            differing.push((patch, commit, files));
        }
    }
    let call = |name, doing: &str| engine.call(name, doing);
    let commits = differing.iter().flat_map(|(patch, commit, _)| [&patch.commit, *commit]);
    let ids = patch_ids(engine.git(), &call, commits, Likeness::Verbatim)?;
    let changed = differing.into_iter().filter(|(patch, commit, _)| ids.get(&patch.commit) != ids.get(*commit));
    Ok(changed.map(|(patch, _, files)| (patch.commit.clone(), files)).collect())
}

/// A changed file as a line of `diff-tree --raw` without its path, and its path.
type RawChange = (String, GitPath);

fn differing_files(patch: &Patch, after: &[RawChange]) -> Vec<GitPath> {
    let before: Vec<RawChange> = patch
        .changes
        .iter()
        .map(|change| {
            let ((mode_before, before), (mode_after, after)) = (&change.before, &change.after);
            let raw = format!(":{mode_before:06o} {mode_after:06o} {before} {after} {}", change.kind);
            (raw, change.path.clone())
        })
        .collect();
    let only_before = before.iter().filter(|change| !after.contains(change));
    let only_after = after.iter().filter(|change| !before.contains(change));
    let mut files: Vec<GitPath> = only_before.chain(only_after).map(|(_, path)| path.clone()).collect();
    files.sort();
    files.dedup();
    files
}

/// What commits of the scratch repository change, from one `diff-tree`.
fn changes<'a>(
    engine: &Engine,
    commits: impl Iterator<Item = &'a ObjectId>,
) -> Result<BTreeMap<ObjectId, Vec<RawChange>>> {
    let input: String = commits.map(|commit| format!("{commit}\n")).collect();
    let mut changes: BTreeMap<ObjectId, Vec<RawChange>> = BTreeMap::new();
    if input.is_empty() {
        return Ok(changes);
    }
    let call = engine
        .call("diff-tree", "see what the replayed patches change")
        .options(&["--stdin", "-r", "-z", "--raw", "--root", "--no-renames", "--ignore-submodules=none"])
        .input(input);
    let bytes = engine.git().output(&call)?;
    let mut words = bytes.split(|byte| *byte == 0);
    let mut of = None;
    while let Some(word) = words.next() {
        let text = String::from_utf8_lossy(word);
        if text.starts_with(':') {
            let path = GitPath::new(words.next().unwrap_or_default());
            if let Some(commit) = &of {
                changes.entry(ObjectId::clone(commit)).or_default().push((text.into_owned(), path));
            }
        } else {
            of = ObjectId::parse(text.trim());
        }
    }
    Ok(changes)
}
