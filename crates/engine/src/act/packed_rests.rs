//! The end of a build by Packer that has failed: Packer is told to give up, and what it has left in the account is removed.

use std::time::Duration;

use cutover_core::packing::{PackerBuild, PackerRest, PackerState};

use super::StepContext;
use super::packed::{output, token};
use crate::failure::{Failure, FailureClass};
use crate::halt::{Halt, WriteError};
use crate::ports::Answer;
use crate::retry;

/// How long Packer may take to remove what it has made. It waits for its instance to be gone.
const CLEANS_UP_WITHIN: Duration = Duration::from_secs(300);
/// How long an instance may take to be terminated, before the rest is left.
const ENDS_WITHIN: Duration = Duration::from_secs(300);
/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(5);

/// Leaves nothing of this attempt behind. What could not be removed is told in the reason.
pub(crate) async fn without_packer(context: &StepContext<'_>, why: Failure) -> Result<Failure, Halt> {
    let token = token(context, context.failures);
    match given_up(context, &token).await {
        Ok(Some(left)) => Ok(Failure { message: format!("{}; {left}", why.message), ..why }),
        Ok(None) => Ok(why),
        Err(WriteError::Failed(failure)) if failure.class != FailureClass::Superseded => {
            let more = format!(
                "what Packer has made may still be there, because it could not be removed: {}",
                failure.message
            );
            Ok(Failure { message: format!("{}; {more}", why.message), ..why })
        }
        Err(WriteError::Failed(failure)) => Err(Halt::Superseded(failure)),
        Err(WriteError::Halt(halt)) => Err(halt),
    }
}

/// Ends the build and removes its rests. Gives words for what was left alone.
async fn given_up(context: &StepContext<'_>, token: &str) -> Result<Option<String>, WriteError> {
    let packed = look(context, token).await?;
    let packed = match packed.state {
        PackerState::Running => ended(context, token).await?,
        // It may go on there.
        PackerState::Elsewhere { .. } => return Ok(None),
        _ => packed,
    };
    if let Some(output) = output(token, &packed) {
        context.learn(output).await?;
    }
    let begin = context.clock.moment();
    loop {
        let rests = context.ask(async |world| world.packers.packer_rests(token, &packed.made).await).await?;
        let Some(rest) = rests.first() else { return Ok(None) };
        if let PackerRest::Ending(id) = rest {
            if begin.at_least_until(context.clock.moment()) > ENDS_WITHIN {
                let names: Vec<String> = rests.iter().map(ToString::to_string).collect();
                return Ok(Some(format!("{id} has not ended yet, so that these are left: {}", names.join(", "))));
            }
            context.mention(&format!("Packer's instance {id} is being terminated"));
            context.clock.sleep(INTERVAL).await;
            continue;
        }
        let mention = |failure: &Failure| context.mention(&format!("{rest} is removed: {failure}"));
        let remove = async || {
            let attempt = async |permit: &_| context.world.packers.remove_packer_rest(permit, token, rest).await;
            context.gate.write(REMOVE, attempt).await
        };
        retry::write(context.clock, REMOVE, mention, remove).await?;
    }
}

/// Interrupts Packer, which removes what it has made, and kills it if it does not end.
async fn ended(context: &StepContext<'_>, token: &str) -> Result<PackerBuild, WriteError> {
    let packers = &context.world.packers;
    let interrupt = async |permit: &_| packers.interrupt_packer(permit, token).await;
    context.gate.write("interrupt_packer", interrupt).await?;
    let begin = context.clock.moment();
    loop {
        let packed = look(context, token).await?;
        if packed.state != PackerState::Running {
            return Ok(packed);
        }
        if begin.at_least_until(context.clock.moment()) > CLEANS_UP_WITHIN {
            context.mention("Packer does not end, so it is killed");
            context.gate.write("kill_packer", async |permit: &_| packers.kill_packer(permit, token).await).await?;
        } else {
            context.mention("Packer was told to give up, and removes what it has made");
        }
        context.clock.sleep(INTERVAL).await;
    }
}

async fn look(context: &StepContext<'_>, token: &str) -> Answer<PackerBuild> {
    retry::reading(retry::CALL, context.clock, |_| {}, async || context.world.packers.packed(token).await).await
}

const REMOVE: &str = "remove_packer_rest";
