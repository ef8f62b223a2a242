//! `cutover approve`: puts a decision at a gate into the inbox, from any machine that can reach the state.

use std::path::Path;

use cutover_core::digest::Digest;
use cutover_core::journal::{Decision, Upgrade};
use cutover_core::names::GateName;
use cutover_core::plan::Action;
use cutover_core::status::{ConductorState, Edited};
use cutover_engine::inbox::{drop_in, undelivered};

use crate::args::ApproveArgs;
use crate::commands_to_type::typed;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::harmless::one_line;
use crate::output;
use crate::session::{Access, Loaded, Session};

pub(super) fn run(args: &ApproveArgs) -> Result<Exit, CommandError> {
    refuse_exchanged(args)?;
    let loaded = Loaded::read(&args.file)?;
    let gates: Vec<&str> = loaded.deployment.gates.iter().map(|gate| gate.name.as_str()).collect();
    if !gates.contains(&args.gate.as_str()) {
        let known =
            if gates.is_empty() { "the file has none".to_owned() } else { format!("it has: {}", gates.join(", ")) };
        return Err(CommandError::refused(format!("{} has no gate `{}`", args.file.display(), args.gate), known));
    }
    // Printed commands say `--by NAME`.
    if args.by.trim().is_empty() || args.by == "NAME" {
        return Err(CommandError::refused("a decision needs a name", "say who decides, such as: --by ada"));
    }
    super::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let upgrade = session.read().await?.upgrade;
        let gate = GateName::from(args.gate.as_str());
        let plan = plan_that_asks(&upgrade, &gate)?;
        let waiting = undelivered(&session.store, &upgrade).await?;
        // A decision on another plan is void and blocks nobody. The last one counts, so people can change their minds.
        let stands = |other: &&Decision| other.gate == gate && other.plan.as_ref().is_none_or(|other| *other == plan);
        let last = waiting.iter().rev().map(|one| &one.decision).find(stands);
        if let Some(other) = last.filter(|other| other.approved != args.refuse) {
            return Err(CommandError::refused(
                format!("{} has just decided on `{gate}`; the conductor has not read that decision yet", other.by),
                "a running conductor reads it within a second; `cutover status` shows whether there is one",
            ));
        }
        let decision = Decision {
            gate,
            approved: !args.refuse,
            by: args.by.clone(),
            at: session.clock.now(),
            note: args.note.clone(),
            plan: Some(plan),
        };
        drop_in(&session.store, &upgrade, &decision).await?;
        let word = if args.refuse { "refused" } else { "approved" };
        let with_status = |words: &str| format!("{words}; for what to type: cutover status {}", session.file());
        let what_follows = match session.conductor().await? {
            ConductorState::AtWork | ConductorState::Unknown => "the conductor reads it within a second".to_owned(),
            ConductorState::Gone => with_status("nobody conducts the upgrade now"),
            ConductorState::Stopping => with_status("the conductor is stopping, and may not read it any more"),
            ConductorState::Suspended { .. } => with_status("the conductor is suspended, and does not read it"),
        };
        let void = match Edited::of(&upgrade, session.deployment()) {
            Some(_) => "; the file was edited meanwhile, and once that is applied, this decision is void",
            None => "",
        };
        output::note(&format!("{} {word} by {}; {what_follows}{void}", args.gate, one_line(&args.by)));
        Ok(Exit::Done)
    })
}

/// Refuses arguments in the wrong order, which would only be called a file that does not exist.
fn refuse_exchanged(args: &ApproveArgs) -> Result<(), CommandError> {
    let gate = Path::new(&args.gate);
    if args.file.exists() || !gate.is_file() {
        return Ok(());
    }
    let why = format!("there is no file {}, and {} is not a gate but a file", args.file.display(), gate.display());
    let command = format!("cutover approve {} {}", typed(gate), typed(&args.file));
    Err(CommandError::refused(why, format!("the file comes before the gate: {command}")))
}

/// The hash of the plan that waits at the gate. A question can be answered only once it is asked: before that, what
/// should be checked first may not even exist.
fn plan_that_asks(upgrade: &Upgrade, gate: &GateName) -> Result<Digest, CommandError> {
    let asks = |action: &Action| matches!(action, Action::Decide(question) if question.gate == *gate);
    let run = upgrade.current_run().filter(|run| run.plan.steps.iter().any(|step| asks(&step.action)));
    if let (Some(run), true) = (run, upgrade.waiting_gates.contains_key(gate)) {
        return Ok(run.plan.hash());
    }
    let approved = upgrade.decisions.get(gate).filter(|decision| decision.approved);
    Err(match approved {
        Some(decision) => CommandError::refused(
            format!("{} has already approved `{gate}`", decision.by),
            "`cutover status` shows what waits",
        ),
        None => CommandError::refused(
            format!("`{gate}` does not wait for a decision yet"),
            "run its phase, and decide when the gate asks; `cutover status` shows what waits",
        ),
    })
}
