//! Small pieces of text that plans, statuses and reports share.

/// `1 next host`, `2 next hosts`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The one of `known` that `written` was probably meant to be: at most a third of its letters differ.
#[must_use]
pub fn nearest<T: AsRef<str>>(written: &str, known: impl IntoIterator<Item = T>) -> Option<String> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(written, word.as_ref()), word.as_ref().to_owned()))
        .filter(|(distance, word)| *distance <= word.chars().count().max(written.chars().count()).div_ceil(3))
        .min()
        .map(|(_, word)| word)
}
