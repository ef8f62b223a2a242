//! `cutover branch watch`: what is new of upstream's, and whether a person is needed for it.

use cutover_patchstack::forecast::Depth;
use cutover_patchstack::repository::Revision;
use cutover_patchstack::watch::{News, Seen, fetch, gone};

use super::forecast::make;
use super::fork::Fork;
use super::needs_a_person;
use super::progress::Progress;
use crate::args::branch::WatchArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::show::branch::{Candidate, NewCandidate, needs_somebody};
use crate::{output, show};

pub(super) fn run(args: &WatchArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    if !args.no_fetch {
        let mut progress = Progress::of("looking for new candidates");
        fetch(&fork.repository, &fork.conventions, &mut |doing| progress.hear(doing))?;
    }
    let branch = fork.choose_to_replay(args.one.branch.as_deref())?;
    let candidates = fork.candidates(&branch)?;
    let file = args.state.clone().unwrap_or_else(|| Seen::file(&fork.repository, &fork.own_name(&branch)));
    let seen = Seen::read(&file)?;
    let gone = if args.no_fetch { None } else { Some(gone(&fork.repository, &fork.conventions, &candidates)?) };
    let removed = gone.as_deref().unwrap_or_default();
    let newly_gone = seen.newly_gone(&fork.conventions, &candidates, removed);
    // What upstream has removed is no news, also where this clone still has it.
    let present: Vec<Revision> = candidates.iter().filter(|candidate| !removed.contains(candidate)).cloned().collect();
    let news = seen.news(&fork.repository, &present)?;
    let mut new = Vec::new();
    for news in news {
        new.push(candidate(&fork, args, &branch, &candidates, news)?);
    }
    let needed = new.iter().any(needs_somebody) || !newly_gone.is_empty();
    if args.common.json {
        output::json(
            &serde_json::json!({ "branch": branch.name, "needs_person": needed, "new": new, "gone": newly_gone }),
        )?;
    } else {
        let typed = fork.typed.with("--branch", args.one.branch.as_deref()).with("--base", args.one.base.as_deref());
        output::result(&show::branch::watch_text(&branch.name, &new, &newly_gone, &typed))?;
    }
    // Last, so that what nobody has been told counts as new the next time.
    seen.after(&fork.conventions, &candidates, gone.as_deref()).write(&file)?;
    Ok(needs_a_person(needed))
}

fn candidate(
    fork: &Fork,
    args: &WatchArgs,
    branch: &Revision,
    candidates: &[Revision],
    news: News,
) -> Result<NewCandidate, CommandError> {
    let onto = candidates.iter().find(|candidate| candidate.name == news.name).unwrap_or(branch);
    let base = fork.base(branch, args.one.base.as_deref(), Some(onto))?;
    let passed = fork.repository.is_ancestor(&onto.commit, &base.commit)?;
    let forecast = if passed {
        None
    } else {
        let stack = fork.stack(branch.clone(), args.one.base.as_deref(), Some(onto))?;
        Some(make(fork, &stack, onto, Depth::Causes)?)
    };
    let News { name, commit, was, forced } = news;
    Ok(NewCandidate { candidate: Candidate { name, commit, forecast }, was, forced })
}
