//! `cutover approve`: a decision at a gate, dropped into the inbox from anywhere that reaches the state.

use cutover_core::journal::Decision;
use cutover_core::plan::Action;
use cutover_engine::inbox::drop_in;
use cutover_engine::lease::Machine;

use crate::args::ApproveArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output;
use crate::session::{Access, Loaded, Session};

pub(super) fn run(args: &ApproveArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    let gates: Vec<&str> = loaded.deployment.gates.iter().map(|gate| gate.name.as_str()).collect();
    if !gates.contains(&args.gate.as_str()) {
        let known =
            if gates.is_empty() { "the file has none".to_owned() } else { format!("it has: {}", gates.join(", ")) };
        return Err(CommandError::refused(format!("{} has no gate `{}`", args.file.display(), args.gate), known));
    }
    if args.by.trim().is_empty() {
        return Err(CommandError::refused("a decision needs a name", "say who decides: --by NAME"));
    }
    let session = Session::open(loaded, Access::Look)?;
    super::block_on(async {
        let upgrade = session.read().await?.upgrade;
        let plan = upgrade.phases.values().rev().find(|run| {
            let asks = |action: &Action| matches!(action, Action::Decide(gate) if gate.gate.as_str() == args.gate);
            run.plan.steps.iter().any(|step| asks(&step.action))
        });
        let Some(plan) = plan else {
            return Err(CommandError::refused(
                format!("the phase of gate `{}` has not begun, so there is no plan to decide on", args.gate),
                "begin the phase; it asks at the gate",
            ));
        };
        let decision = Decision {
            gate: args.gate.as_str().into(),
            approved: !args.refuse,
            by: args.by.clone(),
            at: session.clock.now(),
            note: args.note.clone(),
            plan: Some(plan.plan.hash()),
        };
        drop_in(&session.store, &decision, &session.machine.nonce()).await?;
        let word = if args.refuse { "refused" } else { "approved" };
        let waits = match upgrade.waiting_gates.contains_key(&decision.gate) {
            true => "the conductor takes note of it within a second",
            false => "the gate does not wait yet; the decision is there when it does",
        };
        output::note(&format!("{} {word} by {}; {waits}", args.gate, args.by));
        Ok(Exit::Done)
    })
}
