//! `cutover plan`: what a phase would do, and whether it fits.

use std::collections::BTreeMap;

use cutover_core::journal::{Upgrade, page_was_posted};
use cutover_core::plan::{Phase, Plan, lint};
use cutover_core::planner::{Inputs, forecast, plan};
use cutover_core::status::{PhaseOptions, phase_command_with};
use cutover_engine::inbox::keep_plan;

use super::world;
use crate::args::PlanArgs;
use crate::commands_to_type::GivenArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::layout::laid_out;
use crate::session::{Access, Loaded, Session};
use crate::{absent, output, planning, show};

pub(super) fn run(args: &PlanArgs) -> Result<Exit, CommandError> {
    let (loaded, given) = (Loaded::read(&args.file)?, GivenArguments::file(&args.file));
    super::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let mut upgrade = session.read().await?.upgrade;
        world::find_pages(&session, &mut upgrade).await;
        let observation = session.observe(&upgrade).await?;
        let deployment = session.deployment();
        let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
        let mut shown = Vec::new();
        let phases = phases(args, &upgrade);
        if phases.is_empty() && !args.json {
            output::result(&format!("Nothing is left to do: all phases of {} have succeeded.", deployment.upgrade()))?;
        }
        for phase in phases {
            let (plan, blocked): (_, Vec<String>) = match plan(inputs, phase, args.order.into()) {
                Ok(plan) => (plan, Vec::new()),
                // A later phase is often blocked now by what the phase before it will do.
                Err(blocked) => {
                    let reasons = blocked.iter().map(|blocked| given.complete(&blocked.to_string()));
                    (forecast(inputs, phase, args.order.into()), reasons.collect())
                }
            };
            keep_plan(&session.store, &plan).await?;
            let findings = lint(&plan, deployment);
            if args.json {
                shown.push(show::plan_json(plan, deployment, findings, blocked));
            } else {
                let absent = absent(&session, &plan);
                let to_run = to_run(&session, &upgrade, &plan).filter(|_| blocked.is_empty() && absent.is_empty());
                output::result(&show::plan(&plan, deployment, to_run.as_ref(), &findings, args.steps))?;
                output::result(&(ahead_of_time(&blocked) + &absent))?;
            }
        }
        if args.json {
            // On one line: indented, plans of a thousand hosts are half as large again.
            output::result(&output::json_line(&BTreeMap::from([("plans", shown)]))?)?;
        }
        Ok(Exit::Done)
    })
}

/// The command that runs exactly this plan, with the options without which it would be refused. Nothing if it would be
/// refused with any.
fn to_run(session: &Session, upgrade: &Upgrade, plan: &Plan) -> Option<show::ToRun> {
    let (phase, hash) = (plan.phase, plan.hash());
    if !planning::unsafe_steps(plan, session.deployment()).is_empty() {
        return None;
    }
    let run = upgrade.run_under_way().filter(|run| run.kind == phase.into());
    let other = run.filter(|run| run.plan.hash() != hash || !run.was_planned_from(session.deployment()));
    let is_down = run.is_some_and(page_was_posted);
    let options = PhaseOptions {
        order: plan.order,
        replan: other.is_some(),
        late: phase == Phase::Window && !is_down && planning::lateness(session, plan).is_some(),
        plan: Some(hash.short()),
    };
    let command = phase_command_with(phase, &session.file(), options);
    Some(show::ToRun { command, instead_of: other.map(|run| run.plan.hash()) })
}

/// What this version of cutover cannot do of the plan on AWS; empty if it can do everything.
fn absent(session: &Session, plan: &Plan) -> String {
    let refused = session.embedded().is_none().then(|| absent::refuse(plan).err()).flatten();
    refused.map_or_else(String::new, |refused| laid_out(&format!("{refused}\n\n")))
}

/// The reasons why this plan cannot be run now; empty if there are none.
fn ahead_of_time(blocked: &[String]) -> String {
    if blocked.is_empty() {
        return String::new();
    }
    let reasons: Vec<String> = blocked.iter().map(|blocked| format!("  - {blocked}")).collect();
    laid_out(&format!("This is a preview; the phase cannot start yet:\n{}\n\n", reasons.join("\n")))
}

/// The phase that was asked for, or all that have not ended yet.
fn phases(args: &PlanArgs, upgrade: &Upgrade) -> Vec<Phase> {
    match args.phase {
        Some(phase) => vec![phase.into()],
        None => Phase::ALL.into_iter().filter(|phase| !upgrade.finished(*phase)).collect(),
    }
}
