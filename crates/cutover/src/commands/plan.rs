//! `cutover plan`: what a phase would do, and whether it fits.

use std::collections::BTreeMap;

use cutover_core::journal::Upgrade;
use cutover_core::plan::{Phase, lint};
use cutover_core::planner::{Inputs, forecast, plan};
use cutover_engine::inbox::keep_plan;

use crate::args::PlanArgs;
use crate::commands_to_type::GivenArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::{output, show};

pub(super) fn run(args: &PlanArgs) -> Result<Exit, CommandError> {
    let (loaded, given) = (Loaded::read(&args.file)?, GivenArguments::file(&args.file));
    super::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let upgrade = session.read().await?.upgrade;
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
                output::result(&show::plan(&plan, deployment, &session.file(), &findings, args.steps))?;
                output::result(&ahead_of_time(&blocked))?;
            }
        }
        if args.json {
            // On one line: indented, plans of a thousand hosts are half as large again.
            output::result(&output::json_line(&BTreeMap::from([("plans", shown)]))?)?;
        }
        Ok(Exit::Done)
    })
}

/// The reasons why this plan cannot be run now; empty if there are none.
fn ahead_of_time(blocked: &[String]) -> String {
    if blocked.is_empty() {
        return String::new();
    }
    let reasons: Vec<String> = blocked.iter().map(|blocked| format!("  - {blocked}")).collect();
    format!("This is a preview; the phase cannot start yet:\n{}\n\n", reasons.join("\n"))
}

/// The phase that was asked for, or all that have not ended yet.
fn phases(args: &PlanArgs, upgrade: &Upgrade) -> Vec<Phase> {
    match args.phase {
        Some(phase) => vec![phase.into()],
        None => Phase::ALL.into_iter().filter(|phase| !upgrade.finished(*phase)).collect(),
    }
}
