//! `cutover branch forecast`: what a rebase would come to, onto one release or onto each of them.

use cutover_patchstack::forecast::{Forecast, forecast};
use cutover_patchstack::repository::Revision;

use super::needs_a_person;
use super::place::Place;
use super::progress::Progress;
use crate::args::branch::ForecastArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::show::branch::{Candidate, Typed};
use crate::{output, show};

pub(super) fn run(args: &ForecastArgs) -> Result<Exit, CommandError> {
    let place = Place::open(&args.place)?;
    let branch = place.choose_to_replay(args.one.branch.as_deref())?;
    if args.all_candidates { all(&place, args, &branch) } else { one(&place, args, branch) }
}

fn one(place: &Place, args: &ForecastArgs, branch: Revision) -> Result<Exit, CommandError> {
    let onto = place.onto(&branch, args.onto.as_deref())?;
    let forecast = make(place, args, branch, &onto)?;
    if args.place.json {
        output::json(&forecast)?;
    } else {
        output::result(&show::branch::forecast_text(&forecast, &typed(place, args)))?;
    }
    Ok(needs_a_person(!forecast.is_clean()))
}

fn all(place: &Place, args: &ForecastArgs, branch: &Revision) -> Result<Exit, CommandError> {
    let mut candidates = Vec::new();
    for (_, onto) in place.candidates(branch)? {
        let base = place.base(branch, args.one.base.as_deref(), Some(&onto))?;
        // Of what the stack stands on already there is nothing to forecast.
        let passed = place.repository.is_ancestor(&onto.commit, &base.commit)?;
        let forecast = if passed { None } else { Some(make(place, args, branch.clone(), &onto)?) };
        candidates.push(Candidate { name: onto.name, commit: onto.commit, forecast });
    }
    if args.place.json {
        output::json(&serde_json::json!({ "branch": branch.name, "candidates": candidates }))?;
    } else {
        output::result(&show::branch::candidates_text(&branch.name, &candidates, &typed(place, args)))?;
    }
    let clean = candidates.iter().filter_map(|candidate| candidate.forecast.as_ref()).all(Forecast::is_clean);
    Ok(needs_a_person(!clean))
}

fn make(place: &Place, args: &ForecastArgs, branch: Revision, onto: &Revision) -> Result<Forecast, CommandError> {
    let mut progress = Progress::of(format!("replaying {} onto {}", branch.name, onto.name));
    let stack = place.stack(branch, args.one.base.as_deref(), Some(onto))?;
    Ok(forecast(&place.repository, &stack, onto, &mut |done, total| progress.patches(done, total))?)
}

fn typed(place: &Place, args: &ForecastArgs) -> Typed {
    place.typed.with("--branch", args.one.branch.as_deref()).with("--base", args.one.base.as_deref())
}
