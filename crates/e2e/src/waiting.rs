//! Waiting for what comes true in the end.

use std::time::{Duration, Instant};

/// Asks every 20 ms until there is an answer, for at most `limit`.
pub fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        match ask() {
            None if begin.elapsed() < limit => std::thread::sleep(Duration::from_millis(20)),
            answer => return answer,
        }
    }
}
