//! What is tried again, when, and how often: the one policy of the program. Ports report what became of a call and never
//! repeat it; whether it is made again is decided here.
//!
//! Reads are made again after anything that may pass. A write is made again only by whoever carries out its step, which
//! knows what is on record, and each time through the gate.

use std::time::Duration;

use cutover_core::digest::Digest;

use crate::failure::{Failure, FailureClass};
use crate::ports::{Answer, Clock};

/// How often, and after which waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How often a call is made, the first time included.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles with each.
    pub first_wait: Duration,
    /// The longest wait between two attempts.
    pub longest_wait: Duration,
}

/// For calls to the world.
pub const CALL: Policy =
    Policy { attempts: 5, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(30) };
/// For reading calls while somebody waits for a plan or a check.
pub const LOOK: Policy =
    Policy { attempts: 3, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(4) };
/// For the first question of all: somebody waits for the first word.
pub const FIRST_WORD: Policy =
    Policy { attempts: 2, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(1) };
/// For a record of the journal: a bucket is out of reach for seconds now and then.
pub const RECORD: Policy =
    Policy { attempts: 4, first_wait: Duration::from_secs(2), longest_wait: Duration::from_secs(8) };
/// How often an object of the state is read, at once: reading changes nothing, and somebody waits for it.
const READINGS: u32 = 3;
/// The waits for something that is busy: RDS makes no snapshot while it makes a backup, which takes minutes.
const BUSY: Policy =
    Policy { attempts: u32::MAX, first_wait: Duration::from_secs(5), longest_wait: Duration::from_secs(60) };

impl Policy {
    /// The wait before the next attempt after `made` attempts have failed; nothing when there is to be none.
    #[must_use]
    pub fn wait(&self, made: u32) -> Option<Duration> {
        let doubled = self.first_wait.saturating_mul(1 << made.saturating_sub(1).min(16));
        (made < self.attempts).then(|| doubled.min(self.longest_wait))
    }
}

/// How long to wait before repeating a call that was refused after `made` attempts; nothing when it is not to be repeated.
/// `whose` spreads calls that were refused together over the second half of the wait.
#[must_use]
pub fn refused(failure: &Failure, made: u32, whose: &str) -> Option<Duration> {
    let policy = match failure.class {
        FailureClass::Throttled | FailureClass::NotApplied => CALL,
        FailureClass::Busy => BUSY,
        FailureClass::InDoubt | FailureClass::Superseded | FailureClass::Permanent => return None,
    };
    Some(policy.wait(made)?.mul_f64(spread(made, whose)))
}

/// Whether a call of which nobody knows whether it has worked, and of which the world shows nothing, is made again after
/// `made` attempts.
#[must_use]
pub const fn may_repeat_in_doubt(made: u32) -> bool {
    made < CALL.attempts
}

/// Makes a reading call, and again after a failure that may pass, as often as `policy` says. `mention` hears of each.
///
/// # Errors
/// The last failure.
pub async fn reading<T>(
    policy: Policy,
    clock: &dyn Clock,
    mention: impl Fn(&Failure),
    call: impl AsyncFn() -> Answer<T>,
) -> Answer<T> {
    let mut made = 1;
    loop {
        let failure = match call().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        // A lost answer to a question leaves no doubt about the world.
        let may_pass = !matches!(failure.class, FailureClass::Permanent | FailureClass::Superseded);
        let Some(wait) = policy.wait(made).filter(|_| may_pass) else { return Err(failure) };
        mention(&failure);
        clock.sleep(wait).await;
        made += 1;
    }
}

/// Makes a reading call while somebody waits, and again after a failure that may pass.
///
/// # Errors
/// The last failure.
pub async fn read<T>(clock: &dyn Clock, call: impl AsyncFn() -> Answer<T>) -> Answer<T> {
    reading(LOOK, clock, |_| {}, call).await
}

/// Reads an object of the state, and again at once where that fails otherwise than `for_good`.
pub(crate) async fn at_once<T, E>(for_good: impl Fn(&E) -> bool, read: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    for _ in 1..READINGS {
        match read().await {
            Err(error) if !for_good(&error) => {}
            answer => return answer,
        }
    }
    read().await
}

/// Between a half and one, the same for the same call each time.
fn spread(made: u32, whose: &str) -> f64 {
    let digest = Digest::of(format!("{whose} {made}").as_bytes());
    let part = u32::from_str_radix(&digest.as_str()[..8], 16).unwrap_or(u32::MAX);
    0.5 + f64::from(part) / f64::from(u32::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: FailureClass) -> Failure {
        Failure::new(class, "no")
    }

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_the_attempts() {
        let waits: Vec<u64> = (1..=4).filter_map(|made| CALL.wait(made)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        assert_eq!(CALL.wait(5), None);
        assert_eq!(BUSY.wait(99), Some(Duration::from_secs(60)));
    }

    #[test]
    fn only_what_is_known_not_to_have_been_applied_is_made_again_without_a_look() {
        for class in [FailureClass::Throttled, FailureClass::NotApplied, FailureClass::Busy] {
            assert!(refused(&failure(class), 1, "s").is_some(), "{class:?}");
        }
        for class in [FailureClass::InDoubt, FailureClass::Superseded, FailureClass::Permanent] {
            assert!(refused(&failure(class), 1, "s").is_none(), "{class:?}");
        }
    }

    #[test]
    fn calls_that_were_refused_together_part() {
        let throttled = failure(FailureClass::Throttled);
        let waits: Vec<Duration> = (0..20).filter_map(|step| refused(&throttled, 1, &format!("step {step}"))).collect();
        assert!(waits.iter().all(|wait| (500..=1000).contains(&wait.as_millis())), "{waits:?}");
        let different: std::collections::BTreeSet<u128> = waits.iter().map(Duration::as_millis).collect();
        assert!(different.len() > 10, "{waits:?}");
    }
}
