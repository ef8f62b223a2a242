//! Seeded random numbers: a pure function of the seed and some words, so that the order of calls does not matter, and
//! every platform gives the same world.

use std::time::Duration;

use jiff::Timestamp;

/// A number that looks random, for this seed and these words.
pub(crate) fn hash(seed: u64, words: &[&str]) -> u64 {
    // FNV-1a over the words, each followed by a byte that occurs in no text, and then splitmix64 to spread the bits.
    let mut state = seed ^ 0xcbf2_9ce4_8422_2325;
    let add = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    for word in words {
        state = add(word.bytes().fold(state, add), 0xff);
    }
    splitmix(state)
}

fn splitmix(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number from 0 up to, and without, `bound`; 0 when `bound` is 0.
pub(crate) fn below(seed: u64, words: &[&str], bound: u64) -> u64 {
    hash(seed, words).checked_rem(bound).unwrap_or(0)
}

/// A duration of whole milliseconds from `shortest` to `longest`.
pub(crate) fn from_to(seed: u64, words: &[&str], shortest: Duration, longest: Duration) -> Duration {
    let (shortest, longest) = (milliseconds(shortest), milliseconds(longest));
    Duration::from_millis(shortest + below(seed, words, longest.saturating_sub(shortest) + 1))
}

/// A seed of its own for each moment, for what varies from moment to moment.
pub(crate) fn seed_at(seed: u64, moment: Timestamp) -> u64 {
    splitmix(seed ^ moment.as_millisecond().cast_unsigned())
}

/// About `expected`, in whole milliseconds: at most `per_mille` shorter or longer.
pub(crate) fn varied(seed: u64, words: &[&str], expected: Duration, per_mille: u32) -> Duration {
    let either_way = expected.saturating_mul(per_mille) / 1000;
    from_to(seed, words, expected.saturating_sub(either_way), expected.saturating_add(either_way))
}

/// That many hexadecimal digits, for ids and commits.
pub(crate) fn hexadecimal(seed: u64, words: &[&str], digits: usize) -> String {
    let mut text = String::new();
    let mut state = hash(seed, words);
    while text.len() < digits {
        text.push_str(&format!("{state:016x}"));
        state = splitmix(state);
    }
    text.truncate(digits);
    text
}

/// Whole milliseconds.
pub(crate) fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_depends_on_the_seed_and_on_every_word() {
        let one = hash(1, &["boot", "a"]);
        assert_eq!(one, hash(1, &["boot", "a"]));
        for other in [hash(2, &["boot", "a"]), hash(1, &["boot", "b"]), hash(1, &["boota", ""]), hash(1, &["boot"])] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn durations_vary_within_their_bounds_and_do_vary() {
        let expected = Duration::from_secs(100);
        let lengths: Vec<Duration> = (0..50).map(|n: u32| varied(7, &["x", &n.to_string()], expected, 100)).collect();
        assert!(lengths.iter().all(|length| (90..=110).contains(&length.as_secs())), "{lengths:?}");
        assert!(lengths.iter().any(|length| *length < expected) && lengths.iter().any(|length| *length > expected));
        assert_eq!(varied(7, &["x"], expected, 0), expected);
    }

    #[test]
    fn every_moment_has_a_seed_of_its_own() {
        let at = |millisecond| seed_at(1, Timestamp::from_millisecond(millisecond).expect("a moment"));
        assert_eq!(at(7), at(7));
        assert!(at(7) != at(8) && at(7) != at(-7) && at(0) != 1);
    }

    #[test]
    fn ids_have_the_digits_that_were_asked_for() {
        assert_eq!(hexadecimal(1, &["commit"], 40).len(), 40);
        assert_eq!(hexadecimal(1, &["instance"], 17).len(), 17);
    }
}
