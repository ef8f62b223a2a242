//! `branch rebase --onto REF`: starts a rebase, or continues one that was started with the same arguments.

use std::path::{Path, PathBuf};

use super::advance::{advance, worked_out};
use super::state::{Accepted, Ran, Skip, State, VERSION, committer, hold};
use super::{Request, Standing, exec, folder, refusals};
use crate::error::{Error, Result};
use crate::left_behind::{self, left_behind};
use crate::names::{ObjectId, RefName};
use crate::repository::Repository;
use crate::withdrawn;

/// Starts a rebase and replays up to the first conflict. `progress` hears how many patches are done, and how
/// many there are. Called again with the same request, it continues that rebase.
///
/// # Errors
/// When another rebase of the branch is under way, here or by the operator's own git; when flattening merges would
/// lose something; when the result is for a branch of upstream's; and when git breaks off.
pub fn begin(repository: &Repository, request: Request, progress: &mut dyn FnMut(usize, usize)) -> Result<Standing> {
    refusals::target(&request)?;
    let _hold = hold(repository, &request.target)?;
    let onto = withdrawn::by_its_ref(repository, &request.conventions, request.onto)?;
    let request = Request { onto, ..request };
    let state = match State::load(repository, &request.target)? {
        Some(state) if is_the_same(&state, &request) => asked_again(repository, &state, request)?,
        Some(state) => {
            refuse_unless_safe_elsewhere(repository, &state)?;
            prepare(repository, request, Some(&state))?
        }
        None => prepare(repository, request, None)?,
    };
    advance(repository, &state, progress)
}

/// Checks the request, and records it in place of an earlier rebase.
fn prepare(repository: &Repository, request: Request, earlier: Option<&State>) -> Result<State> {
    let heads = [request.stack.branch.reference.clone(), Some(RefName::branch(&request.target)?)];
    refusals::operators_own_rebase(repository, heads.iter().flatten())?;
    let by = || -> Result<String> { Ok(name_of(&committer(repository)?).to_owned()) };
    let loss_accepted = match refusals::loss(repository, &request)? {
        Some(because) => Some(Accepted { because, by: by()? }),
        None => None,
    };
    let left_behind = left_behind(repository, &request.stack.base.commit, &request.onto.commit)?;
    let leaves = request.conventions.left(&request.stack.base.found, &request.onto.name);
    left_behind::refuse(
        &left_behind,
        &request.stack.branch.name,
        &request.onto.name,
        leaves.as_ref(),
        request.backwards,
    )?;
    let mut skips = Vec::new();
    for (patch, because) in request.skip {
        refusals::skip(&request.stack, &patch, &because)?;
        skips.push(Skip { patch, because, by: by()? });
    }
    let folder = conflict_folder(repository, &request.target, request.folder)?;
    folder::refuse_if_taken(repository, &folder)?;
    let withdrawn = withdrawn::of_stack(repository, &request.conventions, &request.stack)?;
    let state = State {
        version: VERSION,
        target: request.target,
        branch: request.stack.branch.name,
        reference: request.stack.branch.reference,
        old: request.stack.branch.commit,
        base: request.stack.base.commit,
        base_found: request.stack.base.found,
        onto: request.onto.commit,
        onto_name: request.onto.name,
        skips,
        resolutions: Vec::new(),
        folder,
        loss_accepted,
        backwards: !left_behind.is_empty(),
        leaves,
        withdrawn,
        exec: request.exec.map(|command| Ran::new(command, earlier.and_then(|state| state.exec.as_ref()))),
        result: None,
    };
    exec::refuse_if_taken(repository, &state)?;
    state.save(repository)?;
    Ok(state)
}

/// Whether a rebase was started with this request.
fn is_the_same(state: &State, request: &Request) -> bool {
    let commits = (&state.old, &state.base, &state.onto);
    commits == (&request.stack.branch.commit, &request.stack.base.commit, &request.onto.commit)
        && request.skip.iter().all(|(patch, _)| state.skips.iter().any(|skip| skip.patch == *patch))
}

/// The same rebase with what is asked otherwise this time: another command for its result, or a better reason for a decision.
fn asked_again(repository: &Repository, earlier: &State, request: Request) -> Result<State> {
    // Another name for the same commit: a candidate may have moved since, and the commit itself is meant now.
    let mut state = State { onto_name: request.onto.name.clone(), ..earlier.clone() };
    refuse_another_folder(repository, &state, request.folder)?;
    let by = || -> Result<String> { Ok(name_of(&committer(repository)?).to_owned()) };
    for (patch, because) in request.skip {
        let skip = state.skips.iter_mut().find(|skip| skip.patch == patch && skip.because != because);
        if let Some(skip) = skip {
            refusals::skip(&request.stack, &patch, &because)?;
            *skip = Skip { patch, because, by: by()? };
        }
    }
    if let (Some(accepted), Some(because)) = (&mut state.loss_accepted, request.accept_loss)
        && accepted.because != because
        && !because.trim().is_empty()
    {
        *accepted = Accepted { because, by: by()? };
    }
    let is_other = |command: &String| state.exec.as_ref().is_none_or(|exec| exec.command != *command);
    if let Some(command) = request.exec.filter(is_other) {
        state.exec = Some(Ran::new(command, state.exec.as_ref()));
        exec::refuse_if_taken(repository, &state)?;
    }
    if state != *earlier {
        state.save(repository)?;
    }
    Ok(state)
}

/// Refuses another folder for the conflicts of a rebase that has begun: a person may be at work in the first.
fn refuse_another_folder(repository: &Repository, state: &State, named: Option<PathBuf>) -> Result<()> {
    let Some(named) = named else { return Ok(()) };
    let wanted = conflict_folder(repository, &state.target, Some(named))?;
    if wanted == state.folder {
        return Ok(());
    }
    let (branch, folder) = (&state.target, state.folder.display());
    Err(Error::refused(
        format!("the rebase of {branch} has begun, and shows its conflicts in {folder}, not in {}", wanted.display()),
        "nothing was changed; omit --folder, or abort the rebase with --abort and start again",
    ))
}

/// A finished rebase may be followed by another one, unless decisions of people would be lost with it.
fn refuse_unless_safe_elsewhere(repository: &Repository, state: &State) -> Result<()> {
    let branch = &state.target;
    let worked = worked_out(repository, state, &mut |_, _| {})?;
    let (done, total) = (worked.done(), worked.stack.patches.len());
    if done < total {
        return Err(Error::refused(
            format!("a rebase of {branch} onto {} is under way: {done} of {total} patches are done", state.onto_name),
            "nothing was changed; continue it with --continue, or abort it with --abort",
        ));
    }
    let nothing_decided = state.skips.is_empty() && state.resolutions.is_empty();
    if nothing_decided || is_held_elsewhere(repository, branch, &worked.replayed.head)? {
        return Ok(());
    }
    Err(Error::refused(
        format!(
            "a rebase of {branch} onto {} is done, and the decisions made in it exist only in its work ref",
            state.onto_name
        ),
        "nothing was changed; verify and publish it first, or abort it with --abort",
    ))
}

/// Whether a ref other than the work ref has a commit.
fn is_held_elsewhere(repository: &Repository, branch: &str, commit: &ObjectId) -> Result<bool> {
    let work = State::work_ref(branch)?;
    let call = repository
        .call("for-each-ref", format!("list the refs that contain {}", commit.short()))
        .options(&["--format=%(refname)"])
        .option("--contains=", commit.as_str());
    let text = repository.git().text(&call)?;
    Ok(text.lines().any(|name| name != work.as_str()))
}

/// The folder to show a conflict in, beside the repository when none is named.
fn conflict_folder(repository: &Repository, target: &str, named: Option<PathBuf>) -> Result<PathBuf> {
    let folder = named.unwrap_or_else(|| {
        let beside = repository.folder();
        let name = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = name.strip_suffix(".git").unwrap_or(&name);
        beside.with_file_name(format!("{name}.{}.rebase", target.replace('/', "-")))
    });
    // Git records where it really is.
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = std::fs::canonicalize(parent).map_err(|source| Error::File {
        path: parent.to_owned(),
        done: "entered",
        source,
    })?;
    match folder.file_name() {
        Some(name) => Ok(real.join(name)),
        None => Err(Error::refused(
            format!("{} is not a name for a new folder", folder.display()),
            "nothing was changed; name a folder that does not exist yet with --folder",
        )),
    }
}

/// `Alice <alice@mit.edu>` of a committer line.
pub(super) fn name_of(committer: &str) -> &str {
    committer.rfind('>').map_or(committer, |end| &committer[..=end])
}
