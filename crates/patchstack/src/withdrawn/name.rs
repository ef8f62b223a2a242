//! The name of a base that upstream had withdrawn when somebody named it: `SHA, withdrawn: it was in ...`.

const WITHDRAWN: &str = ", withdrawn: ";

/// The name of such a base, by what was given and how it is known.
pub(super) fn withdrawn(given: &str, known_from: &str) -> String {
    format!("{given}{WITHDRAWN}{known_from}")
}

/// Whether somebody named this base although upstream had withdrawn it.
pub(crate) fn is_named_all_the_same(name: &str) -> bool {
    name.contains(WITHDRAWN)
}
