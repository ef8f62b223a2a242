//! `cutover rehearse`: the whole upgrade on an embedded cloud in memory, in simulated time.

use std::path::Path;
use std::rc::Rc;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::plan::{Order, Phase};
use cutover_core::time::human;
use cutover_rehearsal::{RehearsalEnding, Rehearsed, rehearse};

use crate::args::RehearseArgs;
use crate::commands_to_type::GivenArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::Loaded;
use crate::show::{Comparison, Outcome, Rehearsal};
use crate::watch::{Watch, Watcher};
use crate::{output, show, wall};

/// What is rehearsed when no file is named.
const BUILT_IN_NAME: &str = "mitx-production.toml";
const BUILT_IN: &str = include_str!("../../../../examples/mitx-production.toml");

pub(super) fn run(args: &RehearseArgs) -> Result<Exit, CommandError> {
    let loaded = match &args.file {
        Some(file) => Loaded::read(file)?,
        None => Loaded::parse(Path::new(BUILT_IN_NAME), BUILT_IN)?,
    };
    if args.compare_orders { compare(args, &loaded.deployment) } else { one(args, &loaded.deployment) }
}

fn one(args: &RehearseArgs, deployment: &Deployment) -> Result<Exit, CommandError> {
    let order = args.order.into();
    let (rehearsed, took) = wall::timed(|| carry_out(args, deployment, order));
    let rehearsed = rehearsed?;
    let mut rehearsal = told(args, deployment, order, &rehearsed);
    rehearsal.failure = failure(&rehearsed.ending).or(rehearsal.failure);
    if let Some(path) = &args.report {
        let text = show::report(show::ReportInputs {
            records: &rehearsed.records,
            upgrade: &rehearsed.upgrade,
            deployment,
            visitors: Some(&rehearsed.visitors),
            violations: Some(&rehearsed.violations),
        });
        output::file(path, &text)?;
    }
    if args.json {
        output::json(&rehearsal)?;
    } else {
        output::result(&show::summary_text(&rehearsal, &rehearsed.upgrade, deployment, &rehearsed.visitors))?;
        output::note(&format!("Rehearsed in {} with seed {}.", human(took), args.seed));
        args.report.iter().for_each(|path| output::note(&format!("The report is in {}.", path.display())));
    }
    Ok(exit(&rehearsal))
}

fn compare(args: &RehearseArgs, deployment: &Deployment) -> Result<Exit, CommandError> {
    let overlapped = carry_out(args, deployment, Order::Overlapped)?;
    let runbook = carry_out(args, deployment, Order::Runbook)?;
    for (order, rehearsed) in [(Order::Overlapped, &overlapped), (Order::Runbook, &runbook)] {
        let rehearsal = told(args, deployment, order, rehearsed);
        if rehearsal.outcome != Outcome::Completed {
            let given = args.file.as_deref().map(GivenArguments::file).unwrap_or_default();
            let advice = given.complete(&format!("see `cutover rehearse --order {order}`"));
            output::note(&format!("the {order} order did not succeed; {advice}"));
            return Ok(exit(&rehearsal));
        }
    }
    let windows = [&overlapped, &runbook].map(|rehearsed| rehearsed.upgrade.run_of(Phase::Window));
    let [Some(first), Some(second)] = windows else { return Ok(Exit::Failed) };
    let Some(comparison) = Comparison::of(first, second) else { return Ok(Exit::Failed) };
    if args.json {
        output::json(&comparison)?;
    } else {
        output::result(&show::comparison_text(&comparison))?;
    }
    Ok(Exit::Done)
}

fn told(args: &RehearseArgs, deployment: &Deployment, order: Order, rehearsed: &Rehearsed) -> Rehearsal {
    let Rehearsed { upgrade, visitors, violations, .. } = rehearsed;
    Rehearsal::of(upgrade, deployment, args.seed, order, visitors, violations)
}

fn carry_out(args: &RehearseArgs, deployment: &Deployment, order: Order) -> Result<Rehearsed, CommandError> {
    // Decisions are scripted here: nobody types any.
    if !args.verbose {
        return Ok(rehearse(deployment, args.seed, order, |_| {}, Rc::new(|_| {}))?);
    }
    let watch = if args.json { Watch::JsonBeside } else { Watch::Lines };
    let watcher = Watcher::begin(watch, &Upgrade::default(), deployment, None);
    let rehearsed = rehearse(deployment, args.seed, order, |_| {}, watcher.listener());
    wall::block_on(async { watcher.end(&wall::interrupted()).await }).map_err(CommandError::Output)?;
    Ok(rehearsed?)
}

/// Why a rehearsal did not reach its end, if no failed step explains it.
fn failure(ending: &RehearsalEnding) -> Option<String> {
    match ending {
        RehearsalEnding::Completed | RehearsalEnding::Failed(..) => None,
        RehearsalEnding::Refused(phase) => Some(format!("the plan of `{phase}` is not safe; `cutover plan` shows why")),
        RehearsalEnding::Blocked(phase, blocked) => {
            let reasons: Vec<String> = blocked.iter().map(ToString::to_string).collect();
            Some(format!("`{phase}` cannot start: {}", reasons.join("; ")))
        }
    }
}

fn exit(rehearsal: &Rehearsal) -> Exit {
    match rehearsal.outcome {
        Outcome::Completed => Exit::Done,
        Outcome::Failed => Exit::StepFailed,
        Outcome::Violated => Exit::Violated,
    }
}
