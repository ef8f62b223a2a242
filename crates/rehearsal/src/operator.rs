//! The scripted operator of a rehearsal: approves every gate after the time that a person is expected to take.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Decision;
use cutover_core::names::GateName;
use cutover_core::plan::Decide;
use cutover_engine::ports::{Clock, Decided, Operator};

/// Approves every gate after a given time, which is part of the window like the time that a person takes.
pub struct ScriptedOperator {
    clock: Rc<dyn Clock>,
    /// How long the answer at each gate takes; a gate that is not listed is approved immediately.
    answer_after: BTreeMap<GateName, Duration>,
}

impl ScriptedOperator {
    /// An operator who takes the time at each gate that the deployment expects.
    #[must_use]
    pub fn new(deployment: &Deployment, clock: Rc<dyn Clock>) -> Self {
        let answer_after = deployment.gates.iter().map(|gate| (gate.name.clone(), gate.expected.duration())).collect();
        Self { clock, answer_after }
    }
}

#[async_trait(?Send)]
impl Operator for ScriptedOperator {
    async fn decide(&self, question: &Decide) -> Decided {
        let length = self.answer_after.get(&question.gate).copied().unwrap_or_default();
        self.clock.sleep(length).await;
        let decision = Decision {
            gate: question.gate.clone(),
            approved: true,
            by: "scripted operator".to_owned(),
            at: self.clock.now(),
            note: None,
            plan: None,
        };
        Decided { decision, object: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_gate_is_approved_after_the_time_that_the_file_expects() {
        let deployment = testing::deployment();
        let clock = crate::SimulatedClock::new(deployment.window.start.timestamp);
        let operator = ScriptedOperator::new(&deployment, clock.clone());
        let question = Decide { gate: "go".into(), question: "Go?".to_owned(), checklist: Vec::new() };
        let decision = crate::run(&clock, operator.decide(&question)).decision;
        assert!(decision.approved);
        assert_eq!(decision.at.duration_since(deployment.window.start.timestamp).as_secs(), 120);
    }
}
