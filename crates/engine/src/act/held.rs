//! Cron files and systemd timers: held back, and put back as they were.

use std::collections::BTreeMap;

use cutover_core::plan::HeldItems;
use cutover_hosts::hold::{self, State, Verb};

use super::orders::{OrderState, complaint, give, state_of_last_order};
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::halt::WriteError;
use crate::ports::{Answer, World};

pub(super) async fn held(context: &StepContext<'_>, held: &HeldItems) -> Answer<Seen> {
    let states = states(context, held).await?;
    if let Some(missing) = missing(held, &states) {
        return Ok(missing);
    }
    if let Some(why) = hold::would_be_lost(&states) {
        return Ok(Seen::never(format!("{}: {why}", held.host.name), hold::GIVE_IT_A_FILE));
    }
    if states.values().any(|state| *state == State::NotHeld) {
        return refused(context, held, &|state| *state == State::NotHeld, "held back").await;
    }
    let busy = states.iter().filter_map(|(item, state)| match state {
        State::Busy(service) | State::Masked(Some(service)) => Some(format!("{service} of {item}")),
        _ => None,
    });
    let busy: Vec<String> = busy.collect();
    if busy.is_empty() {
        return Ok(Seen::holds());
    }
    Ok(Seen::UnderWay(format!("held back; still running: {}", busy.join(", "))))
}

pub(super) async fn put_back(context: &StepContext<'_>, held: &HeldItems) -> Answer<Seen> {
    let states = states(context, held).await?;
    if let Some(missing) = missing(held, &states) {
        return Ok(missing);
    }
    match states.values().all(is_put_back) {
        true => Ok(Seen::holds()),
        false => refused(context, held, &|state| !is_put_back(state), "put back").await,
    }
}

/// Whether an item is as it was. What somebody has masked stays masked, and what would be lost is never held.
fn is_put_back(state: &State) -> bool {
    matches!(state, State::NotHeld | State::Masked(_) | State::Transient)
}

/// What it means that some items are not as they were ordered to be, such as `held back`: there was no order, the host still
/// carries it out, or it has said why it could not. Two orders at once would be in each other's way.
async fn refused(
    context: &StepContext<'_>,
    held: &HeldItems,
    is_wrong: &dyn Fn(&State) -> bool,
    ordered: &str,
) -> Answer<Seen> {
    let host = context.instance(&held.host)?;
    if state_of_last_order(context, &context.slot, &host).await? == OrderState::Running {
        return Ok(Seen::UnderWay("the host carries out the order".to_owned()));
    }
    let Some(said) = complaint(context, &host).await? else { return Ok(Seen::NotYet) };
    // The order may have ended since the items were looked at.
    let states = states(context, held).await?;
    let wrong: Vec<&str> = states.iter().filter(|(_, state)| is_wrong(state)).map(|(item, _)| item.as_str()).collect();
    if wrong.is_empty() {
        return Ok(Seen::NotYet);
    }
    let why = format!("{} on {} could not be {ordered}: {said}", wrong.join(", "), held.host.name);
    Ok(Seen::never(why, "remove the cause there, and run the phase again"))
}

pub(super) async fn order(context: &StepContext<'_>, held: &HeldItems, verb: Verb) -> Result<(), WriteError> {
    let (host, order) = (context.instance(&held.host)?, hold::Order { verb, items: held.items.clone() });
    let call = match verb {
        Verb::Hold => "hold",
        Verb::PutBack => "put_back",
    };
    give(context, call, &host, context.name_of_order(), order.command()).await
}

/// What does not exist on the host: a mistake in the file must not pass for something that is held back.
fn missing(held: &HeldItems, states: &BTreeMap<String, State>) -> Option<Seen> {
    let missing = states.iter().filter(|(_, state)| **state == State::Missing).map(|(item, _)| item.as_str());
    let missing: Vec<&str> = missing.collect();
    let why = || format!("{} has no {}", held.host.name, missing.join(", and no "));
    (!missing.is_empty()).then(|| Seen::never(why(), "correct `hold_back` in the deployment file, and plan again"))
}

async fn states(context: &StepContext<'_>, held: &HeldItems) -> Answer<BTreeMap<String, State>> {
    let (host, question) = (context.instance(&held.host)?, hold::ask(&held.items));
    let ask = async |world: &World| {
        let said = world.hosts.ask(&host, &question).await?;
        hold::read(&held.items, &said).map_err(|why| Failure::not_applied(format!("{}: {why}", held.host.name)))
    };
    context.ask(ask).await
}
