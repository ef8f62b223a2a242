//! `cutover branch forecast`: what a rebase would come to, onto one release or onto each of them.

use cutover_patchstack::forecast::{Depth, Fate, Forecast, Step, forecast_step_by_step};
use cutover_patchstack::repository::Revision;
use cutover_patchstack::stack::Stack;
use cutover_patchstack::withdrawn;

use super::fork::Fork;
use super::needs_a_person;
use super::progress::Progress;
use crate::args::branch::ForecastArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::show::branch::{Candidate, Details, Typed};
use crate::{output, show};

pub(super) fn run(args: &ForecastArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    let branch = fork.choose_to_replay(args.one.branch.as_deref())?;
    if args.all_candidates { all(&fork, args, &branch) } else { one(&fork, args, branch) }
}

fn one(fork: &Fork, args: &ForecastArgs, branch: Revision) -> Result<Exit, CommandError> {
    let onto = fork.onto(&branch, args.onto.as_deref())?;
    let stack = fork.stack(branch, args.one.base.as_deref(), Some(&onto))?;
    let forecast = if args.common.json || args.brief {
        let depth = if args.brief { Depth::Outcomes } else { Depth::Causes };
        let forecast = make(fork, &stack, &onto, depth)?;
        if args.common.json {
            output::json(&forecast)?;
        } else {
            output::result(&show::branch::brief_text(&forecast))?;
        }
        forecast
    } else {
        told(fork, args, &stack, &onto)?
    };
    Ok(needs_a_person(!forecast.is_clean()))
}

/// Makes a forecast, and prints each part of it as soon as it is known.
fn told(fork: &Fork, args: &ForecastArgs, stack: &Stack, onto: &Revision) -> Result<Forecast, CommandError> {
    let details = details(stack, &args.details)?;
    let mut progress = progress(stack, onto);
    let withdrawn = withdrawn::of_stack(&fork.repository, &fork.conventions, stack)?;
    let leaves = fork.conventions.left(&stack.base.found, &onto.name);
    let mut known: Option<Forecast> = None;
    let mut printed = Ok(());
    let forecast = forecast_step_by_step(&fork.repository, stack, onto, Depth::Causes, &mut |step| {
        let text = match (step, &known) {
            (Step::Outcomes(forecast), _) => {
                let forecast =
                    known.insert(Forecast { withdrawn: withdrawn.clone(), leaves: leaves.clone(), ..forecast.clone() });
                (!matches!(details, Details::Of(_))).then(|| show::branch::outcomes_text(forecast))
            }
            (Step::Conflict(patch), Some(forecast)) if details.include(forecast, patch) => {
                Some(format!("\n{}", show::branch::conflict_text(forecast, patch)))
            }
            (step, _) => {
                count(&mut progress, step);
                None
            }
        };
        if let (Some(text), Ok(())) = (text, &printed) {
            printed = progress.aside(|| output::result(&text));
        }
    })?;
    let forecast = Forecast { target: target(fork, &stack.branch, onto), leaves, ..forecast };
    drop(progress);
    printed?;
    match &details {
        Details::Of(patches) => {
            let asked = forecast.patches.iter().filter(|patch| patches.contains(&patch.commit));
            for patch in asked.filter(|patch| patch.fate != Fate::Conflicts) {
                output::result(&show::branch::fate_text(patch))?;
            }
        }
        _ => output::result(&format!("\n{}", show::branch::verdict_text(&forecast, &details, &typed(fork, args))))?,
    }
    Ok(forecast)
}

/// The patches that are meant by what was typed.
fn details(stack: &Stack, asked: &[String]) -> Result<Details, CommandError> {
    if asked.is_empty() {
        return Ok(Details::Few);
    }
    if asked.iter().any(|patch| patch == "all") {
        return Ok(Details::All);
    }
    let patches = asked.iter().map(|patch| stack.find(patch)).collect::<Result<_, _>>()?;
    Ok(Details::Of(patches))
}

fn all(fork: &Fork, args: &ForecastArgs, branch: &Revision) -> Result<Exit, CommandError> {
    // One line each has no room for causes.
    let depth = if args.common.json && !args.brief { Depth::Causes } else { Depth::Outcomes };
    let mut candidates = Vec::new();
    for onto in fork.candidates(branch)? {
        let base = fork.base(branch, args.one.base.as_deref(), Some(&onto))?;
        // Of what the stack stands on already there is nothing to forecast.
        let passed = fork.repository.is_ancestor(&onto.commit, &base.commit)?;
        let forecast = if passed {
            None
        } else {
            let stack = fork.stack(branch.clone(), args.one.base.as_deref(), Some(&onto))?;
            Some(make(fork, &stack, &onto, depth)?)
        };
        candidates.push(Candidate { name: onto.name, commit: onto.commit, forecast });
    }
    if args.common.json {
        output::json(&serde_json::json!({ "branch": branch.name, "candidates": candidates }))?;
    } else {
        output::result(&show::branch::candidates_text(&branch.name, &candidates, &typed(fork, args)))?;
    }
    let clean = candidates.iter().filter_map(|candidate| candidate.forecast.as_ref()).all(Forecast::is_clean);
    Ok(needs_a_person(!clean))
}

/// A forecast as a whole.
pub(super) fn make(fork: &Fork, stack: &Stack, onto: &Revision, depth: Depth) -> Result<Forecast, CommandError> {
    let mut progress = progress(stack, onto);
    let withdrawn = withdrawn::of_stack(&fork.repository, &fork.conventions, stack)?;
    let forecast = forecast_step_by_step(&fork.repository, stack, onto, depth, &mut |step| count(&mut progress, step))?;
    let leaves = fork.conventions.left(&stack.base.found, &onto.name);
    Ok(Forecast { withdrawn, target: target(fork, &stack.branch, onto), leaves, ..forecast })
}

/// Our branch of the target's release, if that is another one than the branch's.
fn target(fork: &Fork, branch: &Revision, onto: &Revision) -> Option<String> {
    let ours = fork.conventions.codename_of(branch.reference.as_ref()?)?;
    let theirs = fork.conventions.release_of(onto.reference.as_ref()?)?.codename;
    (ours != theirs).then(|| fork.conventions.our_branch(&theirs))
}

fn progress(stack: &Stack, onto: &Revision) -> Progress {
    Progress::of(format!("replaying {} onto {}", stack.branch.name, onto.name))
}

fn count(progress: &mut Progress, step: Step<'_>) {
    match step {
        Step::Replayed { done, total } => progress.counted("patch", done, total),
        Step::Explained { done, total } => progress.counted("cause of conflict", done, total),
        Step::Outcomes(_) | Step::Conflict(_) => {}
    }
}

fn typed(fork: &Fork, args: &ForecastArgs) -> Typed {
    fork.typed.with("--branch", args.one.branch.as_deref()).with("--base", args.one.base.as_deref())
}
