//! What is said while an operator waits for an answer: on standard error, what is still waited for.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::output;
use crate::wall::sleep;

/// How long nothing is said. Most answers have come by then.
const SILENCE: Duration = Duration::from_secs(5);

/// The result of `work`. Until it is there, `waits_for` says every few seconds what is waited for.
pub async fn telling<T>(waits_for: impl Fn() -> String, work: impl Future<Output = T>) -> T {
    let tell = async {
        loop {
            sleep(SILENCE).await;
            output::note(&format!("still waiting for {}", waits_for()));
        }
    };
    match select(pin!(work), pin!(tell)).await {
        Either::Left((result, _)) => result,
        Either::Right((never, _)) => match never as Infallible {},
    }
}
