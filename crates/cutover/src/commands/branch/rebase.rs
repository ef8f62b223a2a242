//! `cutover branch rebase`: starts one, continues after a stop, leaves a patch out, aborts it, or shows its state.

use std::path::{Path, PathBuf};

use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::publish::obstacles;
use cutover_patchstack::rebase::exec::ExecState;
use cutover_patchstack::rebase::{self, Request, Standing};
use cutover_patchstack::repository::Revision;
use cutover_patchstack::stack::Stack;
use serde_json::json;

use super::fork::{Fork, own};
use super::progress::Progress;
use super::{exec, needs_a_person, taken_back, with_reasons};
use crate::args::branch::RebaseArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &RebaseArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    let skips = with_reasons("--skip", &args.skip, &args.because)?;
    if let Some(onto) = &args.onto {
        return begin(&fork, args, onto, &skips);
    }
    let branch = fork.ours(args.one.branch.as_deref())?;
    if args.abort {
        return abort(&fork, args, &branch);
    }
    let mut progress = Progress::of(format!("replaying {branch}"));
    let mut hear = |done, total| progress.patches(done, total);
    let mut standing = None;
    if args.continue_ {
        standing = Some(rebase::proceed(&fork.repository, &branch, &mut hear)?);
    } else if skips.is_empty() && args.unskip.is_empty() {
        standing = rebase::standing(&fork.repository, &branch)?;
    }
    for (patch, because) in &skips {
        standing = Some(rebase::skip(&fork.repository, &branch, patch, because, &mut hear)?);
    }
    for patch in &args.unskip {
        standing = Some(rebase::unskip(&fork.repository, &branch, patch, &mut hear)?);
    }
    drop(progress);
    let acts = args.continue_ || !skips.is_empty() || !args.unskip.is_empty();
    if let Some(done) = standing.take_if(|_| acts) {
        standing = Some(exec::run_if_due(&fork, &branch, done)?);
    }
    tell(&fork, args, &branch, standing.as_ref())
}

fn begin(fork: &Fork, args: &RebaseArgs, onto: &str, skips: &[(String, String)]) -> Result<Exit, CommandError> {
    let branch = fork.choose_to_replay(args.one.branch.as_deref())?;
    let target = args.target.as_deref().map_or_else(|| Ok(fork.own_name(&branch)), own)?;
    let onto = fork.repository.revision(onto)?;
    let mut progress = Progress::of(format!("replaying {} onto {}", branch.name, onto.name));
    let mut skip = Vec::new();
    for (patch, because) in skips {
        skip.push((fork.repository.revision(patch)?.commit, because.clone()));
    }
    if let Some(base) = &args.one.base {
        tell_what_is_below(fork, &branch, base, &onto);
    }
    let request = Request {
        stack: fork.stack(branch, args.one.base.as_deref(), Some(&onto))?,
        conventions: fork.conventions.clone(),
        onto,
        target: target.clone(),
        skip,
        folder: args.folder.as_deref().map(from_here).transpose()?,
        accept_loss: args.accept_loss.clone(),
        backwards: args.backwards,
        exec: args.exec.clone(),
    };
    let standing = rebase::begin(&fork.repository, request, &mut |done, total| progress.patches(done, total))?;
    drop(progress);
    tell_what_would_refuse(fork, &target);
    let standing = exec::run_if_due(fork, &target, standing)?;
    tell(fork, args, &target, Some(&standing))
}

/// Tells of patches that are below a base that was given, for they are not taken along. Where upstream's refs tell of
/// no base, nothing can be said.
fn tell_what_is_below(fork: &Fork, branch: &Revision, given: &str, onto: &Revision) {
    let below = || -> Result<usize, CommandError> {
        let found = fork.base(branch, None, Some(onto))?;
        Ok(Stack::list(&fork.repository, fork.repository.revision(given)?, found)?.patches.len())
    };
    match below() {
        Ok(0) | Err(_) => {}
        Ok(count) => output::note(&format!(
            "note: {count} patches of {} are below {given} and are not rebased; without --base all of them are",
            branch.name
        )),
    }
}

/// Tells what would refuse to publish the result, before anybody resolves conflicts for it.
fn tell_what_would_refuse(fork: &Fork, target: &str) {
    for obstacle in obstacles(&fork.repository, &fork.conventions, &fork.protected, &[target]) {
        let would = if obstacle.certain { "would" } else { "may" };
        output::note(&format!(
            "note: publishing the result {would} be refused: {}; to do: {}",
            obstacle.what, obstacle.hint
        ));
    }
}

fn abort(fork: &Fork, args: &RebaseArgs, branch: &str) -> Result<Exit, CommandError> {
    rebase::abort(&fork.repository, branch)?;
    if args.common.json {
        output::json(&json!({ "branch": branch, "aborted": true }))?;
    } else {
        output::result(&show::branch::aborted_text(branch))?;
    }
    Ok(Exit::Done)
}

/// A folder as the operator means it, wherever git will run.
fn from_here(folder: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(folder).map_err(|source| CommandError::File {
        path: folder.display().to_string(),
        done: "found",
        source,
    })
}

fn tell(fork: &Fork, args: &RebaseArgs, branch: &str, standing: Option<&Standing>) -> Result<Exit, CommandError> {
    taken_back::tell(fork, branch);
    // What comes next concerns the branch that the result is for.
    let typed = fork.typed.with("--branch", Some(branch));
    match standing {
        Some(standing) if args.common.json => output::json(standing)?,
        Some(standing) => {
            let ledger = Ledger::complete(&fork.repository, &standing.head)?;
            output::result(&show::branch::standing_text(standing, ledger.as_ref(), &typed))?;
        }
        None if args.common.json => output::json(&json!({ "branch": branch, "standing": null }))?,
        None => output::result(&show::branch::no_standing_text(branch, &typed))?,
    }
    Ok(needs_a_person(standing.is_some_and(|standing| standing.stop.is_some() || failed(standing))))
}

/// Whether the command that is to be run on the result has failed, or was broken off.
fn failed(standing: &Standing) -> bool {
    standing.exec.as_ref().is_some_and(|exec| matches!(exec.state, ExecState::Failed | ExecState::BrokenOff))
}
