//! What is looked at once more right before the call that sends visitors back. The steps before the lift have looked at all of it;
//! a look that is over a minute old does not count any more.

use std::time::Duration;

use cutover_core::journal::{Run, StepRun};
use cutover_core::names::BalancerName;
use cutover_core::observation::any_in_service;
use cutover_core::plan::{Action, Step};
use cutover_core::time::between;
use cutover_core::words::some_of;

use super::named::NAMED_WITH_WORDS;
use super::{StepContext, again, pages, still_running};
use crate::failure::Failure;
use crate::ports::Answer;

/// For how long a look counts. Another one may have taken long, and the site may have failed meanwhile.
const COUNTS_FOR: Duration = Duration::from_secs(60);
/// How often all of it is looked at, if something was waited for so long that the first looks do not count any more.
const ROUNDS: u32 = 3;
/// How often what is wrong right before visitors come back is looked at again: one lost answer is no reason to stop.
const ASKED_AGAIN: u32 = 6;
/// After how long.
const ASKED_AFTER: Duration = Duration::from_secs(10);

/// Refuses to send visitors back to what does not serve them any more, or while old code runs.
pub(super) async fn may_come_back(context: &StepContext<'_>) -> Answer<()> {
    for _ in 0..ROUNDS {
        let begin = context.clock.moment();
        look_again(context).await?;
        if begin.at_least_until(context.clock.moment()) <= COUNTS_FOR {
            break;
        }
    }
    // The last looks were all good. Where they take long by themselves, more of them would not make them younger, and visitors would
    // wait for nothing.
    Ok(())
}

/// Looks at what was looked at too long ago, and at the balancers last, which need one call each.
async fn look_again(context: &StepContext<'_>) -> Answer<()> {
    for look in outdated(context) {
        match &look {
            Action::CheckSite(check) => {
                patiently(context, "although it was verified before", async || pages::wrong_now(context, check).await)
                    .await?;
            }
            Action::ConfirmRunning { hosts } => {
                let look = async || still_running::not_running_now(context, hosts).await;
                patiently(context, "although it ran before", look).await?;
            }
            Action::ConfirmStopped { hosts, .. } => {
                let running = again::running_again(context, hosts, &[]).await.map_err(Failure::for_good)?;
                if !running.is_empty() {
                    let why = format!("old code runs: {}", some_of(&running, NAMED_WITH_WORDS));
                    return Err(refused(&why).with_hint("run the phase again, which stops it"));
                }
            }
            _ => {}
        }
    }
    serves(context).await
}

/// Nobody may send visitors back to a balancer without any host in service. Its hosts were healthy when the window waited for that,
/// and people may have decided about the lift for hours since.
async fn serves(context: &StepContext<'_>) -> Answer<()> {
    for balancer in balancers(context) {
        let members = context.ask(async |_| context.readings.health(&balancer).await).await?;
        if !any_in_service(&members) {
            return Err(refused(&format!("no host of {balancer} is in service")));
        }
    }
    Ok(())
}

/// Looks again and again until nothing is wrong, for a minute. A host that does not answer is waited for as at other steps.
async fn patiently(context: &StepContext<'_>, but: &str, look: impl AsyncFn() -> Answer<Option<String>>) -> Answer<()> {
    let mut left = ASKED_AGAIN;
    // A look that has failed leaves no doubt about the lift, which was not begun.
    while let Some(words) = look().await.map_err(Failure::for_good)? {
        if left == 0 {
            return Err(refused(&format!("{words}, {but}")));
        }
        left -= 1;
        context.mention(&words);
        context.clock.sleep(ASKED_AFTER).await;
    }
    Ok(())
}

fn refused(why: &str) -> Failure {
    Failure::permanent(format!("{why}; visitors stay on the maintenance page"))
        .with_hint("see to the next hosts, and run the phase again")
}

/// The balancers whose hosts the window waits for before it sends the visitors of this step's fleet back.
fn balancers(context: &StepContext<'_>) -> Vec<BalancerName> {
    let upgrade = context.journal.upgrade();
    let steps = upgrade.current_run().into_iter().flat_map(|run| &run.plan.steps);
    let healthy = |step: &Step| match &step.action {
        Action::AwaitHealthy(members) if step.lane == context.step.lane => Some(members.balancer.clone()),
        _ => None,
    };
    steps.filter_map(healthy).collect()
}

/// The looks of this step's fleet that were made longer ago than they count.
fn outdated(context: &StepContext<'_>) -> Vec<Action> {
    let upgrade = context.journal.upgrade();
    let now = context.clock.now();
    let is_old = |run: &StepRun| run.ended_at.is_none_or(|at| between(at, now) > COUNTS_FOR);
    let steps = upgrade.current_run().into_iter().flat_map(Run::runs);
    let looks = steps.filter(|(step, run)| step.lane == context.step.lane && step.checks_before_lift() && is_old(run));
    looks.map(|(step, _)| step.action.clone()).collect()
}
