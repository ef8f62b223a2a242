//! Hash maps whose keys are names, with a hash that is quick for short texts.
//!
//! The standard library's hash withstands keys that somebody has chosen in order to collide. Names come from the
//! operator's own deployment file and cloud account, so this is not needed here, and a rehearsal looks up names all the
//! time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from names, or from other short keys that nobody chooses in order to make them collide.
pub type NameMap<K, V> = HashMap<K, V, BuildHasherDefault<NameHasher>>;

/// An odd number whose bits look random: the golden ratio, times 2^64.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Multiplies the state after each word of eight bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameHasher(u64);

impl NameHasher {
    const fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.add(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        // The map takes its position from the low bits, and only the high ones depend on every byte.
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;
    use crate::names::HostName;

    #[test]
    fn names_that_differ_in_one_character_are_spread_over_the_whole_map() {
        let names = (0..4096).map(|number| HostName::from(format!("edx-mitx-production-residential-live-{number}-v4")));
        let hasher = BuildHasherDefault::<NameHasher>::default();
        let hashes: Vec<u64> = names.map(|name| hasher.hash_one(name)).collect();
        let distinct =
            |bits: &dyn Fn(u64) -> u64| hashes.iter().map(|hash| bits(*hash)).collect::<BTreeSet<u64>>().len();
        assert_eq!(distinct(&|hash| hash), 4096);
        // Random numbers would hit 63 of 100 places.
        assert!(distinct(&|hash| hash % 4096) > 2000, "{}", distinct(&|hash| hash % 4096));
        assert_eq!(distinct(&|hash| hash >> 57), 128);
    }
}
