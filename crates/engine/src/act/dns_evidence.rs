//! Puts on record who answers what for the names of a change, and when: once for each change of an answer.

use std::collections::BTreeMap;

use cutover_core::journal::{DnsAnswer, DnsServer, Fact};
use cutover_core::names::DnsName;
use cutover_core::plan::RecordTarget;

use super::StepContext;

/// How many changes of one server's answers are recorded for a step. A resolver of several machines may never agree with itself.
const MOST: usize = 20;

/// What one server has answered for each name of a step.
pub(super) struct Answers<'a> {
    pub(super) by: DnsServer,
    /// The wanted records with the targets that were answered.
    pub(super) targets: Vec<(&'a RecordTarget, Option<DnsName>)>,
}

impl Answers<'_> {
    /// The first name that still has an old answer.
    pub(super) fn old(&self) -> Option<&DnsName> {
        self.targets.iter().find(|(record, answer)| !is_target(answer.as_ref(), record)).map(|(record, _)| &record.name)
    }
}

/// Whether an answer is the record's target.
pub(super) fn is_target(answer: Option<&DnsName>, record: &RecordTarget) -> bool {
    answer.is_some_and(|answer| answer.is_same(&record.target))
}

/// Notes that a server answers with all new targets, or does not any more.
pub(super) fn note(context: &StepContext<'_>, answers: &Answers<'_>) {
    let is_new = answers.old().is_none();
    let was_new = context.last_learned(|fact| match fact {
        Fact::DnsAnswer(answer) if answer.by == answers.by => Some(answer.is_new),
        _ => None,
    });
    if is_new == was_new.unwrap_or(false) || is_recorded_enough(context, &answers.by) {
        return;
    }
    let mut targets = BTreeMap::new();
    for (_, answer) in &answers.targets {
        *targets.entry(answer.as_ref().map_or_else(String::new, ToString::to_string)).or_default() += 1;
    }
    context.note(Fact::DnsAnswer(DnsAnswer { by: answers.by.clone(), at: context.clock.now(), targets, is_new }));
}

fn is_recorded_enough(context: &StepContext<'_>, by: &DnsServer) -> bool {
    let run = context.run();
    run.facts.iter().filter(|fact| matches!(fact, Fact::DnsAnswer(answer) if answer.by == *by)).count() >= MOST
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_balancer_named_with_capitals_is_the_target_that_servers_tell_without_them() {
        let target = "MITx-LMS-123.us-east-1.elb.amazonaws.com".into();
        let record = RecordTarget { name: "lms.mitx.mit.edu".into(), target, ttl: Duration::from_secs(60) };
        assert!(is_target(Some(&"mitx-lms-123.us-east-1.elb.amazonaws.com".into()), &record));
        assert!(!is_target(Some(&"mitx-lms-124.us-east-1.elb.amazonaws.com".into()), &record));
        assert!(!is_target(None, &record));
    }
}
