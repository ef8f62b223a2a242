//! Patterns as in a shell: `*` stands for any letters, `?` for one. Slashes are letters like others.

/// Whether all of `name` fits `pattern`.
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
            (_, Some((place, taken))) => {
                star = Some((place, taken + 1));
                at = place + 1;
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
    fn a_star_is_any_letters_and_a_question_mark_is_one() {
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
