//! `cutover branch verify`: the ledger, in which every patch of the old stack is accounted for.

use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::publish;
use cutover_patchstack::repository::Revision;
use cutover_patchstack::stack::Base;
use cutover_patchstack::verify::{Request, verify};

use super::fork::Fork;
use super::progress::Progress;
use super::{needs_a_person, with_reasons};
use crate::args::branch::VerifyArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show, wall};

pub(super) fn run(args: &VerifyArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    let explained = with_reasons("--explain", &args.explain, &args.because)?;
    let branch = fork.ours(args.branch.as_deref())?;
    let given = explained.clone();
    let request = Request {
        conventions: fork.conventions.clone(),
        old: side(&fork, args.old.as_deref(), args.old_base.as_deref())?,
        new: side(&fork, args.new.as_deref(), args.new_base.as_deref())?,
        branch: branch.clone(),
        explained,
        backwards: args.backwards,
    };
    let ledger = {
        let mut progress = Progress::of(format!("verifying {branch}"));
        let mut hear = |done, total| progress.patches(done, total);
        verify(&fork.repository, &request, wall::now(), &mut hear)?
    };
    if args.common.json {
        output::json(&ledger)?;
    } else if args.markdown {
        output::result(&show::branch::ledger_markdown(&ledger))?;
    } else {
        // What comes next is about the same stacks: publishing when nothing is left to say, else verifying again.
        let typed = fork.typed.with("--branch", Some(&branch));
        let rebase = (args.old.is_none() && args.new.is_none()).then(|| typed.clone());
        let typed = if ledger.is_complete() {
            typed.with("--head", args.new.as_deref().or_else(|| to_be_named(&fork, &ledger)))
        } else {
            // They are recorded with a complete ledger only, so the next command repeats them.
            let typed = given.iter().fold(typed, |typed, (patch, because)| {
                typed.with("--explain", Some(patch)).with("--because", Some(because))
            });
            typed
                .with("--old", args.old.as_deref())
                .with("--old-base", args.old_base.as_deref())
                .with("--new", args.new.as_deref())
                .with("--new-base", args.new_base.as_deref())
                .with_flag("--backwards", args.backwards)
        };
        output::result(&show::branch::ledger_text(&ledger, &typed, rebase.as_ref()))?;
    }
    Ok(needs_a_person(!ledger.is_complete()))
}

/// The new head, if `publish` does not choose it by itself.
fn to_be_named<'a>(fork: &Fork, ledger: &'a Ledger) -> Option<&'a str> {
    let chosen = publish::head(&fork.repository, &ledger.branch).ok();
    (chosen.as_ref() != Some(&ledger.new.head)).then(|| ledger.new.head.short())
}

/// A stack that the operator named, and where it begins.
fn side(fork: &Fork, head: Option<&str>, base: Option<&str>) -> Result<Option<(Revision, Base)>, CommandError> {
    let Some(head) = head else { return Ok(None) };
    let head = fork.repository.revision(head)?;
    let base = fork.base(&head, base, None)?;
    Ok(Some((head, base)))
}
