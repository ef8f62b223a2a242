//! Small pieces of text that plans, statuses and reports share.

/// `1 next host`, `2 next hosts`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first `shown` of these names, and how many more there are: `edx-1, edx-2 and 7 more`.
#[must_use]
pub fn some_of(names: &[String], shown: usize) -> String {
    let first = names.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(shown) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
