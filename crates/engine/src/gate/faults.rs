//! The faults that a rehearsal injects into writes.

use std::time::Duration;

use async_trait::async_trait;

use crate::failure::FailureClass;

/// A fault that a rehearsal injects into a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectedFault {
    /// The call is made, and its answer is lost.
    AnswerLost,
    /// The answer is lost, and the call takes effect after this delay.
    EffectDelayed(Duration),
    /// The call is not made, and fails with this class.
    Fails(FailureClass),
}

/// The source of faults that a rehearsal injects into writes.
#[async_trait(?Send)]
pub trait FaultSource {
    /// The fault to inject into this attempt, if any. It may wait first: the checks before a write come after it.
    async fn before(&self, call: &'static str) -> Option<InjectedFault>;
}

/// Injects no faults.
pub struct NoFaults;

#[async_trait(?Send)]
impl FaultSource for NoFaults {
    async fn before(&self, _call: &'static str) -> Option<InjectedFault> {
        None
    }
}
