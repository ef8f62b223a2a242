//! Requests that still arrive at a current host are counted right before its services stop. It is information: nothing waits for
//! it, and nothing fails because of it.

use cutover_core::journal::{Fact, LateRequests};
use cutover_core::plan::StopServices;
use cutover_hosts::requests;

use super::StepContext;
use super::supervised::Subject;
use crate::halt::WriteError;

/// Counts them once, and puts the number on record, or why it is not known.
pub(super) async fn put_on_record(
    context: &StepContext<'_>,
    stop: &StopServices,
    subject: &Subject<'_>,
) -> Result<(), WriteError> {
    let is_it =
        |fact: &Fact| matches!(fact, Fact::LateRequests(counted) if counted.host == *subject.name).then_some(());
    if stop.count_requests.is_empty() || context.last_learned(is_it).is_some() {
        return Ok(());
    }
    let question = requests::ask(&stop.count_requests);
    // It is asked once, because a host that does not answer is not worth a longer downtime.
    let counted = match context.world.hosts.ask(&subject.id, &context.in_time(&question)).await {
        Ok(said) => requests::count(&said).map_err(|why| why.to_string()),
        Err(failure) => Err(failure.message),
    };
    let (host, requests) = (subject.name.clone(), counted.as_ref().ok().copied());
    Ok(context.learn(Fact::LateRequests(LateRequests { host, requests, unknown_because: counted.err() })).await?)
}
