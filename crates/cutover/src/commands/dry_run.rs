//! `--dry-run` of the four phases: makes all reads and no writes, and prints each write that the phase would make.
//!
//! Nothing is recorded, and no lease is claimed: it may run while a conductor is at work, and read access is enough.

use std::collections::BTreeMap;

use cutover_core::journal::Upgrade;
use cutover_core::names::InstanceId;
use cutover_core::plan::{Phase, Plan};
use cutover_core::planner::{Inputs, forecast, is_down, plan};
use cutover_core::status::Edited;
use cutover_engine::dry::{Writes, walk};
use cutover_engine::readiness::silent;

use super::phase::status::again;
use super::world;
use crate::args::PhaseArgs;
use crate::commands_to_type::GivenArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::patience::telling;
use crate::session::{Access, Loaded, Session};
use crate::{absent, output, planning, ready, show};

pub(super) fn run(args: &PhaseArgs, phase: Phase) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    super::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let mut upgrade = session.read().await?.upgrade;
        // `reach` connects to AWS. The connection is set to refuse writes before anything else is asked.
        let world = session.world().await?;
        let connection = session.connection();
        if let Some(connection) = connection {
            connection.run_dry();
        }
        world::find_pages(&session, &mut upgrade).await;
        let Planned { plans, obstacles, silent } = plans(args, &session, &upgrade, phase).await?;
        let take = || connection.map(|connection| connection.take_writes()).unwrap_or_default();
        let writes = if connection.is_some() { Writes::PutDown(&take) } else { Writes::InWords };
        let steps = walk(&world, &session.clock, session.deployment(), &upgrade, &plans, writes, &silent);
        let steps = telling(|| "the cloud and hosts, for what each step would find".to_owned(), steps).await?;
        let Some(plan) = plans.last() else { return Ok(Exit::Done) };
        let file = session.file();
        let dry = show::DryRun { plan, steps: &steps, obstacles: &obstacles, file: &file };
        if args.json {
            output::json(&show::dry_run_json(&dry))?;
        } else {
            output::result(&show::dry_run(&dry))?;
        }
        Ok(Exit::Done)
    })
}

/// What a dry run goes through.
struct Planned {
    /// The plans of the phases that have not ended, up to the one that is asked for.
    plans: Vec<Plan>,
    /// The reasons why the last of them cannot be run now.
    obstacles: Vec<String>,
    /// The hosts that do not answer, each with the reason.
    silent: BTreeMap<InstanceId, String>,
}

/// The plan of the phase, made as if the phases before it had ended, with what is in its way. Hosts are asked for a window
/// only: the other phases look at none that exists already.
async fn plans(args: &PhaseArgs, session: &Session, upgrade: &Upgrade, phase: Phase) -> Result<Planned, CommandError> {
    let observation = session.observe(upgrade).await?;
    let inputs = Inputs { deployment: session.deployment(), observation: &observation, upgrade };
    let started =
        |phase: Phase| upgrade.run_of(phase).filter(|run| run.is_under_way()).map(|run| Plan::clone(&run.plan));
    let before = Phase::ALL.into_iter().filter(|other| *other < phase && !upgrade.finished(*other));
    let mut plans: Vec<Plan> =
        before.map(|other| started(other).unwrap_or_else(|| forecast(inputs, other, args.order.into()))).collect();
    let (wanted, mut obstacles) = match started(phase).filter(|_| !args.replan) {
        Some(plan) => {
            let edited = Edited::of(upgrade, session.deployment());
            let command = |edited: &Edited| again(session, upgrade, edited.phase);
            let words = |edited: Edited| match edited.put_back_words(session.deployment().window.start) {
                Some(words) => words,
                None => format!("{}; to apply the edit: {}", edited.words(), command(&edited)),
            };
            (plan, edited.map(words).into_iter().collect())
        }
        None => match plan(inputs, phase, args.order.into()) {
            Ok(plan) => (plan, Vec::new()),
            Err(blocked) => {
                let reasons = blocked
                    .iter()
                    .map(|blocked| GivenArguments::file(&args.file).complete(&blocked.to_string()))
                    .collect();
                (forecast(inputs, phase, args.order.into()), reasons)
            }
        },
    };
    is_asked_for(args, session, &wanted)?;
    obstacles.extend(planning::unsafe_steps(&wanted, session.deployment()));
    if session.embedded().is_none() {
        let absent = absent::reasons(&wanted);
        obstacles.extend(absent.iter().map(|reason| format!("it cannot be run on AWS yet: {reason}")));
    }
    let asked = if phase == Phase::Window { ready::asked(session, inputs).await? } else { Vec::new() };
    if phase == Phase::Window && !is_down(inputs) {
        obstacles.extend(planning::lateness(session, &wanted));
        obstacles.extend(ready::problems(inputs, &asked));
    }
    plans.push(wanted);
    Ok(Planned { plans, obstacles, silent: silent(&asked) })
}

/// Refuses a plan if `--plan` names another one.
fn is_asked_for(args: &PhaseArgs, session: &Session, plan: &Plan) -> Result<(), CommandError> {
    let Some(hash) = args.plan.as_ref().filter(|hash| !plan.hash().as_str().starts_with(hash.as_str())) else {
        return Ok(());
    };
    Err(CommandError::refused(
        format!("the current plan is {}, not {hash}", plan.hash().short()),
        format!("to see it: cutover plan {} --phase {}", session.file(), plan.phase),
    ))
}
