//! `cutover branch forecast`: what a rebase would come to, onto one release or onto each of them.

use cutover_patchstack::forecast::{Forecast, forecast};
use cutover_patchstack::repository::Revision;
use cutover_patchstack::withdrawn;

use super::fork::Fork;
use super::needs_a_person;
use super::progress::Progress;
use crate::args::branch::ForecastArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::show::branch::{Candidate, Typed};
use crate::{output, show};

pub(super) fn run(args: &ForecastArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    let branch = fork.choose_to_replay(args.one.branch.as_deref())?;
    if args.all_candidates { all(&fork, args, &branch) } else { one(&fork, args, branch) }
}

fn one(fork: &Fork, args: &ForecastArgs, branch: Revision) -> Result<Exit, CommandError> {
    let onto = fork.onto(&branch, args.onto.as_deref())?;
    let forecast = make(fork, args.one.base.as_deref(), branch, &onto)?;
    if args.common.json {
        output::json(&forecast)?;
    } else {
        output::result(&show::branch::forecast_text(&forecast, &typed(fork, args)))?;
    }
    Ok(needs_a_person(!forecast.is_clean()))
}

fn all(fork: &Fork, args: &ForecastArgs, branch: &Revision) -> Result<Exit, CommandError> {
    let mut candidates = Vec::new();
    for onto in fork.candidates(branch)? {
        let base = fork.base(branch, args.one.base.as_deref(), Some(&onto))?;
        // Of what the stack stands on already there is nothing to forecast.
        let passed = fork.repository.is_ancestor(&onto.commit, &base.commit)?;
        let forecast = if passed { None } else { Some(make(fork, args.one.base.as_deref(), branch.clone(), &onto)?) };
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

/// The forecast of a rebase of `branch`, whose patches begin at `base` if that is given.
pub(super) fn make(
    fork: &Fork,
    base: Option<&str>,
    branch: Revision,
    onto: &Revision,
) -> Result<Forecast, CommandError> {
    let mut progress = Progress::of(format!("replaying {} onto {}", branch.name, onto.name));
    let stack = fork.stack(branch, base, Some(onto))?;
    let mut forecast = forecast(&fork.repository, &stack, onto, &mut |done, total| progress.patches(done, total))?;
    forecast.withdrawn = withdrawn::of_stack(&fork.repository, &fork.conventions, &stack)?;
    Ok(forecast)
}

fn typed(fork: &Fork, args: &ForecastArgs) -> Typed {
    fork.typed.with("--branch", args.one.branch.as_deref()).with("--base", args.one.base.as_deref())
}
