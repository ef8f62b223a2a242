//! What is new of upstream's since the last look, one line for each candidate.

use std::collections::BTreeSet;

use cutover_patchstack::forecast::Forecast;
use cutover_patchstack::names::ObjectId;
use serde::Serialize;

use super::candidates::{Candidate, outcome};
use super::typed::{Typed, quoted};
use super::words::plain;
use crate::show::text::{WIDTH, hang};

/// A candidate that is new, or is another commit than at the last look.
#[derive(Clone, Debug, Serialize)]
pub struct NewCandidate {
    /// The candidate, with the forecast of a rebase onto it.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Its commit at the last look.
    pub was: Option<ObjectId>,
    /// Whether upstream has forced it to another commit.
    pub forced: bool,
}

/// Whether a person is needed for a candidate: a rebase onto it is not clean, or upstream has taken commits back.
#[must_use]
pub fn needs_somebody(new: &NewCandidate) -> bool {
    let is_clean = |forecast: &Forecast| forecast.is_clean() && forecast.withdrawn.is_empty();
    new.forced || !new.candidate.forecast.as_ref().is_none_or(is_clean)
}

/// `branch watch` for people: candidates oldest first.
#[must_use]
pub fn watch_text(branch: &str, new: &[NewCandidate], gone: &BTreeSet<String>, typed: &Typed) -> String {
    let removed =
        |name: &String| hang("REMOVED: ", &format!("upstream does not have {} any more.", plain(name)), WIDTH) + "\n";
    let removed: String = gone.iter().map(removed).collect();
    let Some(newest) = new.last() else {
        return removed
            + &hang("", &format!("{}: upstream has no new candidate since the last look.", plain(branch)), WIDTH)
            + "\n";
    };
    let mut text = removed + &hang("", &format!("New for {} since the last look:", plain(branch)), WIDTH) + "\n";
    for new in new {
        text.push_str(&line(new));
        text.push('\n');
    }
    let shown = new.iter().rfind(|new| needs_somebody(new)).unwrap_or(newest);
    if shown.candidate.forecast.is_some() {
        let command = typed.command("forecast", &format!("--onto {}", quoted(&shown.candidate.name)));
        text.push_str(&format!("\nType:  {command}\n"));
    }
    text
}

fn line(new: &NewCandidate) -> String {
    let Candidate { name, commit, .. } = &new.candidate;
    let moved = match &new.was {
        Some(was) if new.forced => format!(", FORCED by upstream from {}", was.short()),
        Some(was) => format!(", was {}", was.short()),
        None => String::new(),
    };
    hang("  ", &format!("{} ({}{moved}): {}", plain(name), commit.short(), outcome(&new.candidate)), WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::testing::{assert_fits, clean_forecast, conflicting_forecast, id};

    #[test]
    fn each_new_candidate_has_a_line_and_the_newest_that_needs_somebody_a_command() {
        let new = |name: &str, was, forced, forecast| NewCandidate {
            candidate: Candidate { name: format!("upstream/open-release/{name}"), commit: id(1), forecast },
            was,
            forced,
        };
        let all = [
            new("koa.rc2", Some(id(2)), true, None),
            new("koa.rc3", None, false, Some(conflicting_forecast())),
            new("koa.master", Some(id(3)), false, Some(clean_forecast())),
        ];
        let text = watch_text(
            "mitx/koa",
            &all,
            &BTreeSet::from(["upstream/open-release/koa.rc1".to_owned()]),
            &Typed::default(),
        );
        assert_fits(&text);
        insta::assert_snapshot!(text);
        assert_eq!(all.iter().map(needs_somebody).collect::<Vec<_>>(), [true, true, false]);
        let text = watch_text("mitx/koa", &[], &BTreeSet::new(), &Typed::default());
        assert_eq!(text, "mitx/koa: upstream has no new candidate since the last look.\n");
    }
}
