//! Patterns as in a shell: `*` matches any characters, `?` one. A slash is a character like any other.

/// Whether `pattern` matches all of `name`.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // The last star, and how much of the name it has taken: what to come back to when the rest does not fit.
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match (pattern.get(at), star) {
            (Some('*'), _) => {
                star = Some((at, seen));
                at += 1;
            }
            (Some(&letter), _) if letter == '?' || letter == name[seen] => {
                at += 1;
                seen += 1;
            }
            (_, Some((position, taken))) => {
                star = Some((position, taken + 1));
                at = position + 1;
                seen = taken + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|&letter| letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_characters_and_a_question_mark_one() {
        for (pattern, name) in [
            ("*", ""),
            ("open-release/koa.*", "open-release/koa.rc3"),
            ("*koa*", "open-release/koa.rc3"),
            ("open-release/*.rc?", "open-release/koa.rc3"),
            ("a*b*c", "abbcbc"),
            ("koa", "koa"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("", "a"), ("koa", "koala"), ("koa.rc?", "koa.rc10"), ("?", ""), ("a*b", "abc")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
