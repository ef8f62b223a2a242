//! Asks hosts whether a conductor could do its work there: for `check`, and before a window opens.

use std::time::Duration;

use cutover_core::plan::Phase;
use cutover_core::planner::Inputs;
use cutover_core::preflight::{CheckItem, CheckState, left_running, sites, sites_are_served, unready};
use cutover_core::readiness::AskedHost;
use cutover_core::words::some_of;
use cutover_engine::observe::site_answers;
use cutover_engine::readiness::{Waiting, ask_hosts};

use crate::error::CommandError;
use crate::output;
use crate::patience::telling;
use crate::session::Session;

/// How many hosts that have not answered are named.
const NAMED: usize = 3;

/// How long after hosts that were not ready they are asked once more.
const ONCE_MORE: Duration = Duration::from_secs(3);

/// What hosts answer. People are told for which of them it waits.
///
/// # Errors
/// When there is no connection to the cloud.
pub async fn asked(session: &Session, inputs: Inputs<'_>) -> Result<Vec<AskedHost>, CommandError> {
    let (world, waiting) = (session.world().await?, Waiting::default());
    let work = ask_hosts(&*world.hosts, &*session.clock, inputs, &waiting);
    Ok(telling(|| some_of(&waiting.names(), NAMED), work).await)
}

/// What the checks of the sites find on what is served now; empty while visitors may get the maintenance page.
///
/// # Errors
/// When there is no connection to the cloud.
pub async fn of_the_sites(session: &Session, inputs: Inputs<'_>) -> Result<Vec<CheckItem>, CommandError> {
    if !sites_are_served(inputs) {
        return Ok(Vec::new());
    }
    Ok(sites(&site_answers(&session.world().await?, session.deployment()).await))
}

/// What hosts say at which the window would fail; empty if there is nothing.
#[must_use]
pub fn problems(inputs: Inputs<'_>, asked: &[AskedHost]) -> Vec<String> {
    unready(inputs, asked).iter().map(words).collect()
}

/// Refuses a window that would fail at hosts once its page is up.
///
/// # Errors
/// When it would, with all reasons; or when there is no connection to the cloud.
pub async fn refuse_unready(session: &Session, inputs: Inputs<'_>) -> Result<(), CommandError> {
    let hosts = asked(session, inputs).await?;
    let is_amiss = |item: &CheckItem| item.state != CheckState::Ok;
    for warning in
        left_running(&hosts).into_iter().chain(of_the_sites(session, inputs).await?.into_iter().filter(is_amiss))
    {
        output::warn(&words(&warning));
    }
    let mut problems = problems(inputs, &hosts);
    if !problems.is_empty() {
        // It may have been a moment's trouble, and nobody may be there who could run the command again.
        session.clock.sleep(ONCE_MORE).await;
        problems = self::problems(inputs, &asked(session, inputs).await?);
    }
    if problems.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = problems.iter().map(|problem| format!("  - {problem}")).collect();
    Err(CommandError::refused(
        format!("`{}` cannot start, because hosts are not ready:\n{}", Phase::Window, problems.join("\n")),
        format!("nothing was changed; for what to do about each: cutover check {}", session.file()),
    ))
}

fn words(item: &CheckItem) -> String {
    let CheckItem { subject, seen, consequence, remedy, .. } = item;
    let remedy = if remedy.is_empty() { String::new() } else { format!("; {remedy}") };
    format!("{subject}: {seen}: {consequence}{remedy}")
}
