//! How long the state may take to answer.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, LocalBoxFuture, select};

use crate::failure::Failure;

/// How long an answer of the state may take, before it counts as failed: a folder on another machine may never answer.
pub const ANSWER: Duration = Duration::from_secs(20);
/// After how long it is said that an answer is waited for.
const WORTH_SAYING: Duration = Duration::from_secs(5);

/// Waits for a length of wall time.
pub type Timer = Rc<dyn Fn(Duration) -> LocalBoxFuture<'static, ()>>;

/// The answer to what was `asked`, within the limit. `say` is called once it takes long.
pub(super) async fn within_limit<T>(
    timer: &Timer,
    say: impl Fn(u64),
    asked: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    let mut asked = pin!(asked);
    if let Either::Left((answer, _)) = select(&mut asked, timer(WORTH_SAYING)).await {
        return answer;
    }
    say(WORTH_SAYING.as_secs());
    match select(asked, timer(ANSWER - WORTH_SAYING)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(object_store::Error::Generic { store: "state", source: Box::new(no_answer()) }),
    }
}

pub(super) fn no_answer() -> Failure {
    Failure::in_doubt(format!("no answer within {} s", ANSWER.as_secs()))
}
