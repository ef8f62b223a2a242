//! Small pieces of text that plans, statuses and reports share.

/// `1 next host`, `2 next hosts`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
