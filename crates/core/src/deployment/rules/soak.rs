//! The soak after the page is lifted.

use std::time::Duration;

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::{Deployment, Soak};
use crate::time::human;

pub(super) const RULES: &[Rule] = &[it_makes_requests, tasks_can_be_counted];

/// The longest soak: people wait for the message that the upgrade is done.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
/// The shortest time between two requests, so that a soak is no load on the site.
const SHORTEST: Duration = Duration::from_secs(1);

fn it_makes_requests(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(Soak { length, requests_every, .. }) = &deployment.soak else { return Vec::new() };
    let node = file.get("soak");
    let (length_node, every_node) = (node.get("length"), node.get("requests_every"));
    let mut mistakes = Vec::new();
    if length.is_zero() || length.duration() > LONGEST {
        let label = format!("more than 0s, and at most {}; without the table there is no soak", human(LONGEST));
        mistakes.push(Mistake::at(length_node, format!("a soak cannot take {length}"), label));
    }
    if requests_every.duration() < SHORTEST {
        let message = format!("the site cannot be requested every {requests_every}");
        mistakes.push(Mistake::at(every_node, message, format!("at least {}", human(SHORTEST))));
    } else if requests_every > length && !length.is_zero() {
        let message = format!("a soak of {length} ends before its second request");
        let label = format!("at most {}", human(length.duration()));
        mistakes.push(Mistake::at(every_node, message, label));
    }
    mistakes
}

fn tasks_can_be_counted(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let limits = deployment.soak.as_ref().is_some_and(|soak| soak.max_queued_more.is_some());
    let counts = deployment.role.worker.as_ref().is_some_and(|worker| !worker.count_queues.is_empty());
    if !limits || counts {
        return Vec::new();
    }
    let message = "nothing counts the tasks that `max_queued_more` limits";
    let label = "needs `count_queues` of [role.worker]";
    vec![Mistake::at(file.get("soak").get("max_queued_more"), message, label)]
}
