//! Forecasts onto all of upstream's candidates of a release, one line each.

use cutover_patchstack::forecast::Forecast;
use cutover_patchstack::names::ObjectId;
use serde::Serialize;

use super::forecast::counts;
use super::typed::{Typed, quoted};
use super::words::plain;
use crate::show::text::{WIDTH, count, hang, length};

/// One of upstream's candidates.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// Its name: `upstream/open-release/koa.rc3`.
    pub name: String,
    /// Its commit.
    pub commit: ObjectId,
    /// The forecast of a rebase onto it; none when the stack is based on it already.
    pub forecast: Option<Forecast>,
}

/// `branch forecast --all-candidates` for people: candidates oldest first.
#[must_use]
pub fn candidates_text(branch: &str, candidates: &[Candidate], typed: &Typed) -> String {
    let widest = candidates.iter().map(|candidate| length(&candidate.name)).max().unwrap_or_default().min(44);
    let lines: Vec<String> = candidates.iter().map(|candidate| line(candidate, widest)).collect();
    let mut text =
        format!("{}\n\n{}\n", hang("", &format!("{} onto each candidate", plain(branch)), WIDTH), lines.join("\n"));
    match candidates.iter().rfind(|candidate| candidate.forecast.is_some()) {
        Some(newest) => {
            let command = typed.command("forecast", &format!("--onto {}", quoted(&newest.name)));
            text.push_str(&format!("\nType:  {command}\n"));
        }
        None => text.push_str("\nThe branch contains all of them: there is nothing to rebase onto.\n"),
    }
    text
}

fn line(candidate: &Candidate, widest: usize) -> String {
    let first = format!("{:<widest$}  {}  ", plain(&candidate.name), candidate.commit.short());
    hang(&first, &outcome(candidate), WIDTH)
}

/// What a rebase onto a candidate would come to.
pub(super) fn outcome(candidate: &Candidate) -> String {
    match &candidate.forecast {
        None => "the branch contains it".to_owned(),
        Some(forecast) if forecast.patches.is_empty() => "no patches".to_owned(),
        Some(forecast) => {
            let lost = if forecast.flattening.lost.is_empty() { "" } else { ", merges LOSE SOMETHING" };
            let behind = match forecast.left_behind.len() {
                0 => String::new(),
                commits => format!(", lacks {} of the base", count(commits, "commit")),
            };
            format!("{}{lost}{behind}", counts(forecast))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::testing::{assert_fits, clean_forecast, conflicting_forecast, id};

    fn candidate(name: &str, forecast: Option<Forecast>) -> Candidate {
        Candidate { name: format!("upstream/open-release/{name}"), commit: id(1), forecast }
    }

    #[test]
    fn each_candidate_has_a_line_and_the_newest_a_command() {
        let candidates = [
            candidate("koa.alpha1", None),
            candidate("koa.rc1", Some(clean_forecast())),
            candidate("koa.master", Some(conflicting_forecast())),
        ];
        let text = candidates_text("mitx/koa", &candidates, &Typed::default());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_branch_that_has_all_candidates_needs_no_command() {
        let text = candidates_text("mitx/koa", &[candidate("koa.rc1", None)], &Typed::default());
        assert!(text.ends_with("there is nothing to rebase onto.\n"), "{text}");
    }
}
