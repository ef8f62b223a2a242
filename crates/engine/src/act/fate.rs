//! What has become of an instance. Nothing else decides whether one is gone: what is gone counts as stopped, is launched
//! again, is left out, and is terminated or taken out of balancers whatever its tags were.

use cutover_core::names::InstanceId;
use cutover_core::observation::InstanceState;

use super::StepContext;
use crate::failure::Failure;
use crate::hints::WRONG_ACCOUNT;
use crate::ports::Answer;

/// What has become of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may still run.
    Lives,
    /// It exists, and is not listed: its tags were removed.
    Unlisted,
    /// It is being stopped in EC2, and its programs may still run.
    Stopping,
    /// It is stopped in EC2: it runs nothing, and may be started again.
    Stopped,
    /// It is being terminated.
    Going,
    /// It is terminated.
    Gone,
}

/// The fate of an instance according to a recent list. One that is not listed is looked up by its id. So is one that
/// `is_silent`: it does not answer, so it may have been terminated since.
///
/// # Errors
/// When it could not be found out. If no host of the deployment is listed at all, that says nothing about this one.
pub(super) async fn fate(context: &StepContext<'_>, id: &InstanceId, is_silent: bool) -> Answer<Fate> {
    let listed = context.listed().await?;
    let state = listed.get(id).map(|instance| instance.state);
    Ok(match state {
        Some(InstanceState::Terminated) => Fate::Gone,
        Some(InstanceState::ShuttingDown) => Fate::Going,
        Some(InstanceState::Stopping) if !is_silent => Fate::Stopping,
        Some(InstanceState::Stopped) if !is_silent => Fate::Stopped,
        Some(_) if !is_silent => Fate::Lives,
        // With the wrong region or account, every host would seem to be gone.
        None if listed.is_empty() => return Err(nothing_is_listed(id)),
        _ if context.ask(async |world| world.compute.lives(id).await).await? => match state {
            Some(InstanceState::Stopping) => Fate::Stopping,
            Some(InstanceState::Stopped) => Fate::Stopped,
            Some(_) => Fate::Lives,
            None => Fate::Unlisted,
        },
        Some(_) => Fate::Going,
        None => Fate::Gone,
    })
}

/// Whether an instance is known to be terminated.
pub(super) async fn is_gone(context: &StepContext<'_>, id: &InstanceId) -> bool {
    fate(context, id, true).await == Ok(Fate::Gone)
}

fn nothing_is_listed(id: &InstanceId) -> Failure {
    let why = format!("no host of this deployment is listed at all, so it is not known whether {id} is gone");
    Failure::permanent(why).with_hint(WRONG_ACCOUNT)
}
