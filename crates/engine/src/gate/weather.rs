//! What a rehearsal makes go wrong with writes.

use std::time::Duration;

use async_trait::async_trait;

use crate::failure::FailureClass;

/// What a rehearsal does to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It is made, and its answer is lost.
    AnswerLost,
    /// Its answer is lost, and it takes effect that much later.
    EffectDelayed(Duration),
    /// It is not made, and fails as of this class.
    Fails(FailureClass),
}

/// What may go wrong with writes in a rehearsal.
#[async_trait(?Send)]
pub trait Weather {
    /// The mishap that meets this attempt, if any. It may take its time: the checks before a write come after it.
    async fn before(&self, call: &'static str) -> Option<Mishap>;
}

/// Weather in which nothing goes wrong by order.
pub struct Fair;

#[async_trait(?Send)]
impl Weather for Fair {
    async fn before(&self, _call: &'static str) -> Option<Mishap> {
        None
    }
}
