//! What is retried, when, and how often. This is the only retry policy of the program: ports report the outcome of a
//! call and never repeat it.
//!
//! A reading call is repeated after any failure that may be temporary. A write is repeated only by the code that
//! carries out its step, which knows what is on record, and each attempt passes through the gate.

use std::time::Duration;

use cutover_core::digest::Digest;

use crate::failure::{Failure, FailureClass};
use crate::halt::WriteError;
use crate::ports::{Answer, Clock};

/// How often a call is made, and the waits between the attempts.
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
/// For reading calls while the operator waits for a plan or a check.
pub const LOOK: Policy =
    Policy { attempts: 3, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(4) };
/// For the first call of a command: the operator is waiting for its first output.
pub const FIRST_WORD: Policy =
    Policy { attempts: 2, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(1) };
/// For a record of the journal: a bucket can be unreachable for some seconds.
pub const RECORD: Policy =
    Policy { attempts: 4, first_wait: Duration::from_secs(2), longest_wait: Duration::from_secs(8) };
/// How often an object of the state is read, without waits: reading changes nothing, and the operator is waiting.
const READINGS: u32 = 3;
/// For a resource that is busy: RDS makes no snapshot during a backup, which takes minutes.
const BUSY: Policy =
    Policy { attempts: u32::MAX, first_wait: Duration::from_secs(5), longest_wait: Duration::from_secs(60) };

impl Policy {
    /// The wait before the next attempt after `made` attempts have failed; `None` if there must be no further attempt.
    #[must_use]
    pub fn wait(&self, made: u32) -> Option<Duration> {
        let doubled = self.first_wait.saturating_mul(1 << made.saturating_sub(1).min(16));
        (made < self.attempts).then(|| doubled.min(self.longest_wait))
    }
}

/// How long to wait before repeating a call that was refused, after `made` attempts; `None` if it must not be repeated.
/// Calls that were refused at the same time are spread over the second half of the wait, depending on `whose`.
#[must_use]
pub fn refused(failure: &Failure, made: u32, whose: &str) -> Option<Duration> {
    let policy = match failure.class {
        FailureClass::Throttled | FailureClass::NotApplied => CALL,
        FailureClass::Busy => BUSY,
        FailureClass::InDoubt | FailureClass::Superseded | FailureClass::Permanent => return None,
    };
    Some(policy.wait(made)?.mul_f64(spread(made, whose)))
}

/// Whether to repeat a call whose outcome is unknown and whose effect is not visible, after `made` attempts.
#[must_use]
pub const fn may_repeat_in_doubt(made: u32) -> bool {
    made < CALL.attempts
}

/// Makes a reading call, and repeats it after a temporary failure as often as `policy` says. `mention` is called with
/// each failure that is followed by another attempt.
///
/// # Errors
/// The last failure.
pub async fn reading<T>(
    policy: Policy,
    clock: &dyn Clock,
    mention: impl Fn(&Failure),
    call: impl AsyncFn() -> Answer<T>,
) -> Answer<T> {
    reading_within(policy, || Duration::MAX, clock, mention, call).await
}

/// The same, with no attempt once the time that is `left` is over. The first attempt is made in any case.
///
/// # Errors
/// The last failure.
pub async fn reading_within<T>(
    policy: Policy,
    left: impl Fn() -> Duration,
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
        // Reading changes nothing, so a lost answer leaves no doubt about the world.
        let may_pass = !matches!(failure.class, FailureClass::Permanent | FailureClass::Superseded);
        let Some(wait) = policy.wait(made).filter(|wait| may_pass && *wait < left()) else { return Err(failure) };
        mention(&failure);
        clock.sleep(wait).await;
        made += 1;
    }
}

/// Makes a reading call while the operator waits, and repeats it after a temporary failure.
///
/// # Errors
/// The last failure.
pub async fn read<T>(clock: &dyn Clock, call: impl AsyncFn() -> Answer<T>) -> Answer<T> {
    reading(LOOK, clock, |_| {}, call).await
}

/// Makes a write that succeeds if what it asks for is done already, and repeats it also when its answer was lost. Each attempt passes
/// through the gate. `mention` is called with each failure that is followed by another attempt.
///
/// # Errors
/// The last failure, or why this process may not write any more.
pub(crate) async fn write<T>(
    clock: &dyn Clock,
    call: &'static str,
    mention: impl Fn(&Failure),
    attempt: impl AsyncFn() -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    let mut made = 1;
    loop {
        let failure = match attempt().await {
            Err(WriteError::Failed(failure)) => failure,
            answer => return answer,
        };
        let wait = match failure.class {
            FailureClass::InDoubt if may_repeat_in_doubt(made) => CALL.wait(made),
            _ => refused(&failure, made, call),
        };
        let Some(wait) = wait else { return Err(failure.into()) };
        mention(&failure);
        clock.sleep(wait).await;
        made += 1;
    }
}

/// Reads an object of the state, and repeats that immediately after a failure, unless the failure is `for_good`.
pub(crate) async fn at_once<T, E>(for_good: impl Fn(&E) -> bool, read: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    for _ in 1..READINGS {
        match read().await {
            Err(error) if !for_good(&error) => {}
            answer => return answer,
        }
    }
    read().await
}

/// A factor between 0.5 and 1, always the same for the same call.
fn spread(made: u32, whose: &str) -> f64 {
    let digest = Digest::of(format!("{whose} {made}").as_bytes());
    let part = u32::from_str_radix(&digest.as_str()[..8], 16).unwrap_or(u32::MAX);
    0.5 + f64::from(part) / f64::from(u32::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use cutover_core::time::between;

    use super::*;
    use crate::testing::{HandClock, at, now};

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
    fn only_calls_that_are_known_not_to_have_been_applied_are_repeated_without_observing() {
        for class in [FailureClass::Throttled, FailureClass::NotApplied, FailureClass::Busy] {
            assert!(refused(&failure(class), 1, "s").is_some(), "{class:?}");
        }
        for class in [FailureClass::InDoubt, FailureClass::Superseded, FailureClass::Permanent] {
            assert!(refused(&failure(class), 1, "s").is_none(), "{class:?}");
        }
    }

    #[test]
    fn calls_that_were_refused_together_are_repeated_at_different_times() {
        let throttled = failure(FailureClass::Throttled);
        let waits: Vec<Duration> = (0..20).filter_map(|step| refused(&throttled, 1, &format!("step {step}"))).collect();
        assert!(waits.iter().all(|wait| (500..=1000).contains(&wait.as_millis())), "{waits:?}");
        let different: std::collections::BTreeSet<u128> = waits.iter().map(Duration::as_millis).collect();
        assert!(different.len() > 10, "{waits:?}");
    }

    /// How often a reading call is made that fails in that way, how often that is mentioned, and how long it takes.
    fn readings_of(class: FailureClass, failures: u32) -> (u32, u32, u64) {
        let clock = HandClock::new();
        let (made, mentioned) = (Cell::new(0), Cell::new(0));
        let call = async || {
            made.set(made.get() + 1);
            if made.get() > failures { Ok(()) } else { Err(failure(class)) }
        };
        let mention = |_: &Failure| mentioned.set(mentioned.get() + 1);
        let answer = now(reading(CALL, &*clock, mention, call));
        assert_eq!(answer.is_ok(), made.get() > failures);
        (made.get(), mentioned.get(), between(at(0), clock.now()).as_secs())
    }

    #[test]
    fn a_reading_call_is_made_again_with_longer_and_longer_waits_while_its_failure_may_pass() {
        assert_eq!(readings_of(FailureClass::InDoubt, 0), (1, 0, 0));
        for class in [FailureClass::InDoubt, FailureClass::Throttled, FailureClass::NotApplied, FailureClass::Busy] {
            assert_eq!(readings_of(class, 2), (3, 2, 1 + 2), "{class:?}");
        }
        assert_eq!(readings_of(FailureClass::NotApplied, 99), (5, 4, 1 + 2 + 4 + 8), "attempts come to an end");
        for class in [FailureClass::Permanent, FailureClass::Superseded] {
            assert_eq!(readings_of(class, 99), (1, 0, 0), "{class:?}");
        }
    }

    #[test]
    fn no_attempt_is_waited_for_that_would_begin_after_the_time_that_is_left() {
        let made_within = |left: u64| {
            let clock = HandClock::new();
            let made = Cell::new(0);
            let call = async || {
                made.set(made.get() + 1);
                Err::<(), _>(failure(FailureClass::NotApplied))
            };
            let left = || Duration::from_secs(left).saturating_sub(between(at(0), clock.now()));
            assert!(now(reading_within(CALL, left, &*clock, |_| {}, call)).is_err());
            (made.get(), between(at(0), clock.now()).as_secs())
        };
        // The waits are 1, 2, 4 and 8 seconds.
        assert_eq!([0, 1, 3, 7, 8].map(made_within), [(1, 0), (1, 0), (2, 1), (3, 3), (4, 7)]);
    }

    #[test]
    fn the_state_is_read_again_at_once_unless_it_fails_for_good() {
        let read = |failures: u32, for_good: bool| {
            let made = Cell::new(0);
            let call = async || {
                made.set(made.get() + 1);
                if made.get() > failures { Ok(()) } else { Err("no") }
            };
            let answer = now(at_once(|_| for_good, call));
            (made.get(), answer)
        };
        assert_eq!(read(0, false), (1, Ok(())));
        assert_eq!(read(1, false), (2, Ok(())));
        assert_eq!(read(1, true), (1, Err("no")));
        assert_eq!(read(99, false), (READINGS, Err("no")));
    }
}
