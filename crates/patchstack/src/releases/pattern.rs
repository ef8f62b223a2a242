//! Reads names by the operator's patterns, and says what is wrong with a pattern. Knows nothing of repositories.

use super::release::{Candidate, Codename, Release};
use crate::error::{Error, Result};
use crate::names::RefName;

/// The placeholder for a code name in a pattern.
pub(super) const CODENAME: &str = "{codename}";

/// The placeholder for `rc3`, `master` and the like in a pattern.
pub(super) const CANDIDATE: &str = "{candidate}";

/// `alpha1`, `beta2`, `rc3`, `master`, `1`, `2a`.
fn candidate(text: &str) -> Option<Candidate> {
    let counted = |word: &str| match text.strip_prefix(word)? {
        "" => Some(1),
        digits => number(digits),
    };
    if text == "master" {
        return Some(Candidate::Master);
    }
    let early = counted("alpha").map(Candidate::Alpha).or_else(|| counted("beta").map(Candidate::Beta));
    early.or_else(|| counted("rc").map(Candidate::Rc)).or_else(|| point(text))
}

/// A point number with at most one letter behind it: `2`, `2a`.
fn point(text: &str) -> Option<Candidate> {
    let digits = text.strip_suffix(|letter: char| letter.is_ascii_lowercase()).unwrap_or(text);
    number(digits).map(Candidate::Point)
}

fn number(digits: &str) -> Option<u32> {
    // Rust's own parsing would also take `+1`.
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The release that `name` stands for by one of upstream's patterns.
pub(super) fn release(pattern: &str, name: &str) -> Option<Release> {
    if pattern.contains(CANDIDATE) {
        return with_candidate(pattern, name);
    }
    if let Some(codename) = our_codename(pattern, name) {
        return Some(Release { codename, candidate: Candidate::Master });
    }
    // A branch that is named for the release alone has its points as tags: `release/teak.1`.
    let pointed = with_candidate(&format!("{pattern}.{CANDIDATE}"), name)?;
    matches!(pointed.candidate, Candidate::Point(_)).then_some(pointed)
}

/// The code name that `name` stands for by a pattern without candidate.
pub(super) fn our_codename(pattern: &str, name: &str) -> Option<Codename> {
    let (before, after) = pattern.split_once(CODENAME)?;
    Codename::of(name.strip_prefix(before)?.strip_suffix(after)?)
}

/// The release that `name` stands for by a pattern with both placeholders, in either order.
fn with_candidate(pattern: &str, name: &str) -> Option<Release> {
    let codename_first = pattern.find(CODENAME)? < pattern.find(CANDIDATE)?;
    let (first, second) = if codename_first { (CODENAME, CANDIDATE) } else { (CANDIDATE, CODENAME) };
    let (before, rest) = pattern.split_once(first)?;
    let (between, after) = rest.split_once(second)?;
    let middle = name.strip_prefix(before)?.strip_suffix(after)?;
    middle.match_indices(between).find_map(|(index, between)| {
        let (one, other) = (&middle[..index], &middle[index + between.len()..]);
        let (name, stage) = if codename_first { (one, other) } else { (other, one) };
        Some(Release { codename: Codename::of(name)?, candidate: candidate(stage)? })
    })
}

/// Patterns for `git for-each-ref` under `prefix` (`refs/tags/`) that match all that `pattern` may match, and more.
pub(super) fn globs(pattern: &str, prefix: &str) -> Vec<String> {
    let glob = format!("{prefix}{}", pattern.replace(CODENAME, "*").replace(CANDIDATE, "*"));
    let points = (!pattern.contains(CANDIDATE)).then(|| format!("{glob}.*"));
    std::iter::once(glob).chain(points).collect()
}

pub(super) const HINT: &str = "nothing was changed; write patterns like mitx/{codename} for ours and open-release/{codename}.{candidate} for upstream's";

/// Explains what is wrong with a pattern, of `ours` or of `theirs`.
pub(super) fn check(whose: &str, pattern: &str) -> Result<()> {
    let (codenames, candidates) = (pattern.matches(CODENAME).count(), pattern.matches(CANDIDATE).count());
    if codenames != 1 {
        return Err(mistaken(whose, pattern, &format!("it must contain {CODENAME} exactly once")));
    }
    if candidates > 1 {
        return Err(mistaken(whose, pattern, &format!("it may contain {CANDIDATE} only once")));
    }
    if pattern.contains("}{") {
        return Err(mistaken(whose, pattern, "there is nothing between the code name and the candidate"));
    }
    let example = pattern.replace(CODENAME, "koa").replace(CANDIDATE, "rc1");
    if example.contains(['{', '}']) {
        return Err(mistaken(whose, pattern, &format!("only {CODENAME} and {CANDIDATE} are known in braces")));
    }
    match RefName::branch(&example) {
        Ok(_) => Ok(()),
        Err(error) => Err(mistaken(whose, pattern, &format!("it produces names that git refuses ({error})"))),
    }
}

pub(super) fn mistaken(whose: &str, pattern: &str, why: &str) -> Error {
    Error::refused(format!("the pattern {pattern:?} ({whose}) cannot be used: {why}"), HINT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Conventions;
    use super::*;

    fn read(name: &str) -> Option<String> {
        let release = Conventions::default().release(name)?;
        Some(format!("{} {}", release.codename, release.candidate))
    }

    #[test]
    fn names_of_releases_are_read_and_others_are_not_guessed_at() {
        let releases = [
            ("open-release/koa.master", "koa master"),
            ("open-release/koa.rc3", "koa rc3"),
            ("open-release/koa.rc", "koa rc1"),
            ("open-release/koa.alpha", "koa alpha1"),
            ("open-release/koa.beta12", "koa beta12"),
            ("open-release/koa.3", "koa 3"),
            ("open-release/koa.2a", "koa 2"),
            ("release/teak", "teak master"),
            ("release/teak.1", "teak 1"),
        ];
        for (name, release) in releases {
            assert_eq!(read(name).as_deref(), Some(release), "{name}");
        }
        let others = ["open-release/koa.mistake", "open-release/koa", "open-release/koa.1rc1", "open-release/koa.rc+1"];
        let more = ["mitx/koa", "release/Teak", "release/teak.rc1x", "release/", "open-release/.rc1", "x/release/teak"];
        let huge = ["open-release/koa.99999999999", "open-release/koa.rc3/x", "release/teak/x", "master"];
        for name in others.iter().chain(&more).chain(&huge) {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn a_branch_of_ours_must_match_the_whole_pattern() {
        let conventions = Conventions::default();
        assert_eq!(conventions.codename("mitx/koa"), Some(Codename("koa".to_owned())));
        for name in ["mitx/koa-hotfix", "mitx/koa2", "mitx/", "mitx/koa/x", "open-release/koa.rc3", "origin/mitx/koa"] {
            assert_eq!(conventions.codename(name), None, "{name}");
        }
    }

    #[test]
    fn a_candidate_may_stand_before_the_code_name() {
        let found = release("{candidate}-of-{codename}", "rc2-of-koa").expect("a release");
        assert_eq!((found.codename.0.as_str(), found.candidate), ("koa", Candidate::Rc(2)));
    }

    #[test]
    fn a_branch_is_upstreams_only_under_its_remote_and_points_are_tags() {
        let conventions = Conventions::default();
        let release = |name: &str| conventions.release_of(&RefName::new(name).expect("a name")).is_some();
        assert!(release("refs/remotes/upstream/open-release/koa.rc3"));
        assert!(release("refs/tags/open-release/koa.3"));
        for name in ["origin/open-release/koa.rc3", "upstreamed/open-release/koa.rc3", "upstream/open-release/koa.3"] {
            assert!(!release(&format!("refs/remotes/{name}")), "{name}");
        }
        assert!(!release("refs/heads/open-release/koa.rc3"));
    }

    #[test]
    fn mistakes_in_patterns_are_explained() {
        let with = |ours: &str, theirs: &str| {
            let conventions =
                Conventions { ours: ours.to_owned(), theirs: vec![theirs.to_owned()], ..Conventions::default() };
            conventions.check().map_err(|error| error.to_string())
        };
        assert_eq!(Conventions::default().check().map_err(|error| error.to_string()), Ok(()));
        let good = "open-release/{codename}.{candidate}";
        for (ours, theirs, words) in [
            ("mitx/koa", good, "contain {codename} exactly once"),
            ("{codename}/{codename}", good, "contain {codename} exactly once"),
            ("mitx/{codename}.{candidate}", good, "serves all candidates"),
            ("mitx/{code}/{codename}", good, "in braces"),
            ("mitx/ {codename}", good, "git refuses"),
            ("--{codename}", good, "git refuses"),
            ("mitx/{codename}", "open-release/{candidate}", "contain {codename} exactly once"),
            ("mitx/{codename}", "{codename}.{candidate}.{candidate}", "only once"),
            ("mitx/{codename}", "open-release/{codename}{candidate}", "there is nothing between"),
            ("mitx/{codename}", "mitx/{codename}", "also a pattern of upstream's"),
        ] {
            let said = with(ours, theirs).expect_err(ours);
            assert!(said.contains(words), "{ours} {theirs}: {said}");
        }
        let odd = Conventions { upstream: "--upload-pack=x".to_owned(), ..Conventions::default() };
        assert!(odd.check().is_err());
    }

    fn any_candidate() -> impl Strategy<Value = Candidate> {
        prop_oneof![
            any::<u32>().prop_map(Candidate::Alpha),
            any::<u32>().prop_map(Candidate::Beta),
            any::<u32>().prop_map(Candidate::Rc),
            Just(Candidate::Master),
            any::<u32>().prop_map(Candidate::Point),
        ]
    }

    /// Where upstream gets to first, second, ...: written down apart from the order of the type.
    fn stage(candidate: Candidate) -> (u8, u32) {
        match candidate {
            Candidate::Alpha(number) => (0, number),
            Candidate::Beta(number) => (1, number),
            Candidate::Rc(number) => (2, number),
            Candidate::Master => (3, 0),
            Candidate::Point(number) => (4, number),
        }
    }

    proptest! {
        #[test]
        fn candidates_come_in_the_order_in_which_upstream_gets_there(one in any_candidate(), other in any_candidate()) {
            let read = |candidate: Candidate| {
                let name = format!("open-release/koa.{candidate}");
                Conventions::default().release(&name).map(|release| release.candidate)
            };
            prop_assert_eq!(read(one), Some(one));
            prop_assert_eq!(read(one).cmp(&read(other)), stage(one).cmp(&stage(other)));
        }

        #[test]
        fn a_code_name_makes_a_branch_that_gives_it_back(name in "[a-z]{1,12}", before in "[a-z./-]{0,6}", after in "[a-z./-]{0,6}") {
            let conventions = Conventions { ours: format!("{before}{CODENAME}{after}"), ..Conventions::default() };
            let codename = Codename(name);
            prop_assert_eq!(conventions.codename(&conventions.our_branch(&codename)), Some(codename));
        }
    }
}
